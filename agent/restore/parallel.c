#include "agent/restore/parallel.h"

#include "agent/restore/analyze.h"
#include "agent/restore/loadtable.h"
#include "agent/restore/newdb.h"
#include "agent/restore/schemasql.h"
#include "agent/restore/setsequences.h"
#include "agent/restore/targetdb.h"
#include "agent/restore/workpool.h"
#include "proto/sqlsplit.h"

#define DEADLOCK "40P01"
#define DEADLOCK_TRIES 20

struct parallel {
    struct job *job;
    struct newdb *db;
    struct targetdb facts;
    size_t *table; /* tables that come, biggest first */
    size_t tables;
    struct bytes *statement[SCHEMASQL_PHASES]; /* of post-data */
    size_t statements[SCHEMASQL_PHASES];
    enum schemasql_phase phase; /* of the statements that run now */
};

static void parallel_fini(struct parallel *p)
{
    free(p->table);
    for (int phase = 0; phase < SCHEMASQL_PHASES; phase++)
        free(p->statement[phase]);
}
OWN_VALUE(parallel, parallel_fini);

status parallel_check(struct pgconn *c, err *e)
{
    return newdb_check(c, e);
}

/* ---- what there is to do ---- */

static uint64_t weight(const struct plan *p, size_t i)
{
    return p->table[i].base_digest.rows * (p->table[i].message->n_column + 1) + p->table[i].actions;
}

static status list_tables(struct parallel *p, err *e)
{
    const struct plan *plan = p->job->plan;
    p->table = calloc(plan->count + 1, sizeof *p->table);
    if (p->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->table[i].comes)
            continue;
        size_t at = p->tables++;
        for (; at > 0 && weight(plan, p->table[at - 1]) < weight(plan, i); at--)
            p->table[at] = p->table[at - 1];
        p->table[at] = i;
    }
    return DONE;
}

static status list_statements(struct parallel *p, err *e)
{
    const char *text = p->job->plan->schema->post_data;
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    struct bytes s;
    while (sqlsplit_next(&rest, &s)) {
        enum schemasql_phase phase = schemasql_phase_of(s);
        size_t count = p->statements[phase];
        struct bytes *grown = realloc(p->statement[phase], (count + 1) * sizeof *grown);
        if (grown == NULL)
            return err_no_memory(e);
        grown[count] = s;
        p->statement[phase] = grown;
        p->statements[phase]++;
    }
    return DONE;
}

/* ---- in the workers ---- */

static status connect_worker(void *context, struct pgconn **out, err *e)
{
    const struct parallel *p = context;
    TRY(newdb_connect(p->db, out, e));
    return targetdb_settings(*out, &p->facts, e);
}

static status load_one(struct parallel *p, struct pgconn *c, size_t i, err *e)
{
    const Pgstrand__Table *t = p->job->plan->table[i].message;
    OWNED(buf) struct buf sql = {0};
    /* After TRUNCATE in the same transaction COPY needs no WAL where wal_level is minimal. */
    buf_text(&sql, "BEGIN; TRUNCATE ONLY ");
    loadtable_name(&sql, t);
    TRY(buf_done(&sql, e));
    TRY(pgconn_exec(c, buf_cstring(&sql), e));
    TRY(loadtable_load(p->job, c, i, e));
    TRY(loadtable_prove(p->job, c, i, e));
    return pgconn_exec(c, "COMMIT", e);
}

static status load_task(void *context, struct pgconn *c, size_t number, err *e)
{
    struct parallel *p = context;
    return load_one(p, c, p->table[number], e);
}

/* Two foreign keys may lock the same two tables in different order; the server lets one of them fail. */
static status statement_task(void *context, struct pgconn *c, size_t number, err *e)
{
    struct parallel *p = context;
    for (int tries = 1;; tries++) {
        if (schemasql_statement(c, p->statement[p->phase][number], e).ok)
            return DONE;
        if (strcmp(e->sqlstate, DEADLOCK) != 0 || tries == DEADLOCK_TRIES)
            return FAILED;
        *e = ERR_INIT;
    }
}

static status run_pool(struct parallel *p, size_t tasks, const char *what,
                       status (*task)(void *, struct pgconn *, size_t, err *), err *e)
{
    const struct workpool pool = {p->job->request->jobs, tasks, p, connect_worker, task,
                                  p->job->progress,      what};
    return workpool_run(&pool, e);
}

static status run_parallel(struct parallel *p, enum schemasql_phase phase, const char *what, err *e)
{
    p->phase = phase;
    return run_pool(p, p->statements[phase], what, statement_task, e);
}

static status run_in_order(struct parallel *p, struct pgconn *c, enum schemasql_phase phase, err *e)
{
    for (size_t i = 0; i < p->statements[phase]; i++)
        TRY(schemasql_statement(c, p->statement[phase][i], e));
    return DONE;
}

/* ---- the whole ---- */

static status build(struct parallel *p, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    struct job *job = p->job;
    TRY(connect_worker(p, &c, e));
    TRY(pgconn_exec(c, "BEGIN", e));
    TRY(schemasql_run(job, c, job->plan->schema->pre_data, "schema", e));
    TRY(pgconn_exec(c, "COMMIT", e));
    TRY(run_pool(p, p->tables, "load", load_task, e));
    TRY(run_parallel(p, SCHEMASQL_INDEX, "indexes", e));
    TRY(run_in_order(p, c, SCHEMASQL_REST, e));
    TRY(run_parallel(p, SCHEMASQL_FOREIGN, "foreign keys", e));
    TRY(pgconn_exec(c, "BEGIN", e));
    TRY(setsequences_captured(job, c, e));
    TRY(setsequences_pass_columns(c, e));
    TRY(schemasql_refresh(job, c, e));
    TRY(run_in_order(p, c, SCHEMASQL_LAST, e));
    TRY(pgconn_exec(c, "COMMIT", e));
    return analyze_tables(job, p->db->name, e);
}

status parallel_run(struct job *job, struct pgconn **c, err *e)
{
    OWNED(newdb) struct newdb db = {0};
    OWNED(parallel) struct parallel p = {.job = job, .db = &db};
    TRY(targetdb_read(*c, &p.facts, e));
    TRY(list_tables(&p, e));
    TRY(list_statements(&p, e));
    status done = newdb_make(*c, job->request->conninfo, &db, e);
    if (done.ok)
        done = build(&p, e);
    if (done.ok)
        done = targetdb_check_empty(*c, e); /* nobody has used it meanwhile */
    pgconn_close(*c);
    *c = NULL;
    if (done.ok)
        done = newdb_swap(&db, e);
    if (!done.ok) {
        newdb_drop(&db);
        return FAILED;
    }
    err why = ERR_INIT;
    if (!newdb_drop_old(&db, &why).ok)
        return job_warn(job, e, "restored, but the empty database it replaced is still there: %s",
                        why.message);
    return DONE;
}
