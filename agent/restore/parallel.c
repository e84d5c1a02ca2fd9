#include "agent/restore/parallel.h"

#include "agent/restore/load/analyze.h"
#include "agent/restore/load/newdb.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/pieces.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/schemasql.h"
#include "agent/restore/load/setsequences.h"
#include "agent/restore/load/targetdb.h"
#include "agent/restore/load/workpool.h"
#include "proto/sqlsplit.h"

#define DEADLOCK "40P01"
#define DEADLOCK_TRIES 20
/* An index of a smaller table is faster made by one process (PostgreSQL 15, a million rows: 340 ms against
 * 440), and the processors have other jobs to do. */
#define PARALLEL_INDEX_FROM ((uint64_t)1 << 30)

struct parallel {
    struct job *job;
    struct newdb *db;
    struct targetdb facts;
    struct pgconn *worker[WORKPOOL_MAX]; /* connections, used by one phase after the other */
    struct pieces pieces;
    struct orphans orphans;
    struct bytes *statement[SCHEMASQL_PHASES]; /* of post-data */
    size_t statements[SCHEMASQL_PHASES];
};

static void parallel_close(struct parallel *p)
{
    for (size_t i = 0; i < WORKPOOL_MAX; i++) {
        pgconn_close(p->worker[i]);
        p->worker[i] = NULL;
    }
}

static void parallel_fini(struct parallel *p)
{
    parallel_close(p);
    pieces_fini(&p->pieces);
    orphans_fini(&p->orphans);
    for (int phase = 0; phase < SCHEMASQL_PHASES; phase++)
        free(p->statement[phase]);
}
OWN_VALUE(parallel, parallel_fini);

status parallel_check(struct pgconn *c, err *e)
{
    return newdb_check(c, e);
}

/* ---- what there is to do ---- */

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

/* pg_dump puts names in quotes only where needed. */
static bool names_table(struct bytes s, const Pgstrand__Table *t)
{
    OWNED(buf) struct buf plain = {0};
    OWNED(buf) struct buf quoted = {0};
    buf_printf(&plain, ".%s ", t->name);
    buf_u8(&quoted, '.');
    pgconn_quote_name(&quoted, t->name);
    return memmem(s.data, s.len, plain.data, plain.len) != NULL ||
           memmem(s.data, s.len, quoted.data, quoted.len) != NULL;
}

/* Indexes of large tables come first, so that none of them is left for the end; a wrong guess costs time
 * only. */
static void order_indexes(struct parallel *p)
{
    struct bytes *s = p->statement[SCHEMASQL_INDEX];
    size_t sorted = 0;
    for (size_t k = 0; k < p->pieces.large; k++) {
        const Pgstrand__Table *t = p->job->plan->table[p->pieces.table[k]].message;
        for (size_t i = sorted; i < p->statements[SCHEMASQL_INDEX]; i++) {
            if (!names_table(s[i], t))
                continue;
            struct bytes found = s[i];
            memmove(&s[sorted + 1], &s[sorted], (i - sorted) * sizeof *s);
            s[sorted++] = found;
        }
    }
}

/* ---- in the workers ---- */

static status connect_worker(void *context, struct pgconn **out, err *e)
{
    const struct parallel *p = context;
    TRY(newdb_connect(p->db, out, e));
    TRY(targetdb_settings(*out, &p->facts, e));
    if (p->pieces.tables > 0 && p->pieces.bytes[p->pieces.table[0]] >= PARALLEL_INDEX_FROM)
        return DONE;
    return pgconn_exec(*out, "SET max_parallel_maintenance_workers = 0", e);
}

static status load_task(void *context, struct pgconn *c, size_t number, err *e)
{
    struct parallel *p = context;
    return pieces_load(&p->pieces, c, number, e);
}

/* Two foreign keys may lock the same two tables in different order; the server lets one of them fail. */
static status run_statement(struct parallel *p, struct pgconn *c, enum schemasql_phase phase, size_t number,
                            err *e)
{
    struct bytes statement = p->statement[phase][number];
    for (int tries = 1;; tries++) {
        status done = phase == SCHEMASQL_FOREIGN
                          ? orphans_add_key(&p->orphans, c, statement, ORPHANS_ALONE, e)
                          : schemasql_statement(c, statement, e);
        if (done.ok)
            return DONE;
        if (strcmp(e->sqlstate, DEADLOCK) != 0 || tries == DEADLOCK_TRIES)
            return FAILED;
        *e = ERR_INIT;
    }
}

/* What is left to prove, then the indexes. */
static status index_task(void *context, struct pgconn *c, size_t number, err *e)
{
    struct parallel *p = context;
    if (number < p->pieces.proofs)
        return pieces_prove(&p->pieces, c, number, e);
    return run_statement(p, c, SCHEMASQL_INDEX, number - p->pieces.proofs, e);
}

static status key_task(void *context, struct pgconn *c, size_t number, err *e)
{
    return run_statement(context, c, SCHEMASQL_FOREIGN, number, e);
}

static status run_pool(struct parallel *p, size_t tasks, const char *what,
                       status (*task)(void *, struct pgconn *, size_t, err *), err *e)
{
    const struct workpool pool = {p->job->request->jobs, tasks, p,        connect_worker, task,
                                  p->job->progress,      what,  p->worker};
    return workpool_run(&pool, e);
}

static status run_in_order(struct parallel *p, struct pgconn *c, enum schemasql_phase phase, err *e)
{
    for (size_t i = 0; i < p->statements[phase]; i++)
        TRY(schemasql_statement(c, p->statement[phase][i], e));
    return DONE;
}

/* ---- the whole ---- */

static status end(struct parallel *p, struct pgconn *c, err *e)
{
    struct job *job = p->job;
    TRY(pgconn_exec(c, "BEGIN", e));
    TRY(orphans_settle(&p->orphans, c, e));
    TRY(run_in_order(p, c, SCHEMASQL_REST, e));
    TRY(setsequences_captured(job, c, e));
    TRY(setsequences_pass_columns(c, e));
    TRY(schemasql_refresh(job, c, e));
    TRY(replayed_write(job, c, e));
    TRY(run_in_order(p, c, SCHEMASQL_LAST, e));
    return pgconn_exec(c, "COMMIT", e);
}

static status build(struct parallel *p, err *e)
{
    struct job *job = p->job;
    TRY(connect_worker(p, &p->worker[0], e));
    struct pgconn *c = p->worker[0];
    TRY(pgconn_exec(c, "BEGIN", e));
    TRY(schemasql_run(job, c, job->plan->schema->pre_data, "schema", e));
    TRY(pgconn_exec(c, "COMMIT", e));
    TRY(run_pool(p, p->pieces.loads, "load", load_task, e));
    TRY(run_pool(p, p->pieces.proofs + p->statements[SCHEMASQL_INDEX], "indexes", index_task, e));
    TRY(run_in_order(p, c, SCHEMASQL_ATTACH, e));
    TRY(run_pool(p, p->statements[SCHEMASQL_FOREIGN], "foreign keys", key_task, e));
    return end(p, c, e);
}

/* The new database is in its place. Statistics are made while the server, dropping the old one, waits for a
 * checkpoint to be written. */
static status tidy(struct job *job, struct newdb *db, err *e)
{
    err why = ERR_INIT;
    bool dropping = newdb_drop_old_start(db, &why).ok;
    TRY(analyze_tables(job, e));
    if (dropping && newdb_drop_old_finish(db, &why).ok)
        return DONE;
    return job_warn(job, e, "restored, but the empty database it replaced is still there: %s", why.message);
}

status parallel_run(struct job *job, struct pgconn **c, err *e)
{
    OWNED(newdb) struct newdb db = {0};
    OWNED(parallel) struct parallel p = {.job = job, .db = &db};
    orphans_init(&p.orphans, job, &p.facts);
    TRY(targetdb_read(*c, &p.facts, e));
    TRY(pieces_init(&p.pieces, job, *c, e));
    TRY(list_statements(&p, e));
    order_indexes(&p);
    status done = newdb_make(*c, job->request->conninfo, &db, e);
    if (done.ok)
        done = build(&p, e);
    parallel_close(&p);
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
    return tidy(job, &db, e);
}
