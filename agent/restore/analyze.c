#include "agent/restore/analyze.h"

#include "agent/restore/loadtable.h"
#include "agent/restore/workpool.h"

/* Even one job may use two: the transaction is over, and samples are read from memory. */
#define CONNECTIONS_LEAST 2

struct analyze {
    struct job *job;
    const char *database;
    size_t *table;
    size_t count;
};

static status connect_worker(void *context, struct pgconn **out, err *e)
{
    const struct analyze *a = context;
    const char *conninfo = a->job->request->conninfo;
    return a->database == NULL ? pgconn_open(conninfo, PGCONN_QUERY, out, e)
                               : pgconn_open_database(conninfo, a->database, out, e);
}

static status analyze_one(void *context, struct pgconn *c, size_t number, err *e)
{
    const struct analyze *a = context;
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "ANALYZE ");
    loadtable_name(&sql, a->job->plan->table[a->table[number]].message);
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status analyze_tables(struct job *job, const char *database, err *e)
{
    OWNED(memory) size_t *table = calloc(job->plan->count + 1, sizeof *table);
    struct analyze a = {job, database, table, 0};
    err why = ERR_INIT;
    if (table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < job->plan->count; i++)
        if (job->plan->table[i].comes && job->proof[i].expected.rows > 0)
            table[a.count++] = i;
    int workers = job->request->jobs > CONNECTIONS_LEAST ? job->request->jobs : CONNECTIONS_LEAST;
    const struct workpool pool = {workers,     a.count,       &a,       connect_worker,
                                  analyze_one, job->progress, "analyze"};
    if (workpool_run(&pool, &why).ok)
        return DONE;
    return job_warn(job, e, "restored, but the statistics were not made (run ANALYZE): %s", why.message);
}
