#include "agent/restore/analyze.h"

#include "agent/restore/loadtable.h"
#include "agent/restore/workpool.h"

/* Even one job may use two: the transaction is over, and samples are read from memory. */
#define CONNECTIONS_LEAST 2

struct analyze {
    struct job *job;
    size_t *table;
    size_t count;
};

static status connect_worker(void *context, struct pgconn **out, err *e)
{
    const struct analyze *a = context;
    return pgconn_open(a->job->request->conninfo, PGCONN_QUERY, out, e);
}

status analyze_table(struct pgconn *c, const Pgstrand__Table *t, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "ANALYZE ");
    loadtable_name(&sql, t);
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status analyze_warn(struct job *job, const err *why, err *e)
{
    return job_warn(job, e, "restored, but the statistics were not made (run ANALYZE): %s", why->message);
}

static status analyze_one(void *context, struct pgconn *c, size_t number, err *e)
{
    const struct analyze *a = context;
    return analyze_table(c, a->job->plan->table[a->table[number]].message, e);
}

status analyze_tables(struct job *job, err *e)
{
    if (job->request->no_analyze)
        return DONE;
    OWNED(memory) size_t *table = calloc(job->plan->count + 1, sizeof *table);
    struct analyze a = {job, table, 0};
    err why = ERR_INIT;
    if (table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < job->plan->count; i++)
        if (job->plan->table[i].comes && job->proof[i].expected.rows > 0)
            table[a.count++] = i;
    int workers = job->request->jobs > CONNECTIONS_LEAST ? job->request->jobs : CONNECTIONS_LEAST;
    const struct workpool pool = {workers,     a.count,       &a,        connect_worker,
                                  analyze_one, job->progress, "analyze", NULL};
    if (workpool_run(&pool, &why).ok)
        return DONE;
    return analyze_warn(job, &why, e);
}
