#include "agent/restore/load/analyze.h"

#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/workpool.h"

/* Even one job may use two: the transaction is over, and samples are read from memory. */
#define CONNECTIONS_LEAST 2

/* As vacuumdb --analyze-in-stages has it for its second stage: a tenth of the default, and of its cost. */
#define QUICK_TARGET "10"

struct sample {
    size_t table; /* of the plan */
    uint64_t rows;
};

struct analyze {
    struct job *job;
    struct sample *sample;
    size_t count;
};

/* The largest first, so that none of them is left for the end. */
static int by_rows(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return (x->rows < y->rows) - (x->rows > y->rows);
}

static status connect_worker(void *context, struct pgconn **out, err *e)
{
    const struct analyze *a = context;
    TRY(pgconn_open(a->job->request->conninfo, PGCONN_QUERY, out, e));
    TRY(analyze_settings(*out, e));
    /* A crash of the server within the next second may take statistics, never rows. */
    return pgconn_exec(*out, "SET synchronous_commit = off", e);
}

status analyze_settings(struct pgconn *c, err *e)
{
    return pgconn_exec(c, "SET default_statistics_target = " QUICK_TARGET, e);
}

status analyze_table(struct pgconn *c, const Pgstrand__Table *t, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "ANALYZE ");
    loadtable_name(&sql, t);
    loadtable_columns(&sql, t);
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

static status analyze_one(void *context, struct pgconn *c, size_t number, err *e)
{
    const struct analyze *a = context;
    return analyze_table(c, a->job->plan->table[a->sample[number].table].message, e);
}

status analyze_tables(struct job *job, err *e)
{
    if (job->request->no_analyze)
        return DONE;
    OWNED(memory) struct sample *sample = calloc(job->plan->count + 1, sizeof *sample);
    struct analyze a = {job, sample, 0};
    err why = ERR_INIT;
    if (sample == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < job->plan->count; i++)
        if (job->plan->table[i].comes && job->proof[i].expected.rows > 0)
            sample[a.count++] = (struct sample){i, job->proof[i].expected.rows};
    qsort(sample, a.count, sizeof *sample, by_rows);
    int workers = job->request->jobs > CONNECTIONS_LEAST ? job->request->jobs : CONNECTIONS_LEAST;
    const struct workpool pool = {.workers = workers,
                                  .tasks = a.count,
                                  .context = &a,
                                  .connect = connect_worker,
                                  .task = analyze_one,
                                  .progress = job->progress,
                                  .what = "analyze"};
    if (workpool_run(&pool, &why).ok)
        return DONE;
    return analyze_warn(job, &why, e);
}

status analyze_warn(struct job *job, const err *why, err *e)
{
    return job_warn(job, e, "restored, but the statistics were not made (run ANALYZE): %s", why->message);
}
