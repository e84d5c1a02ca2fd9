#include "agent/restore/parallel.h"

#include "agent/restore/hooks.h"
#include "agent/restore/load/agenda.h"
#include "agent/restore/load/analyze.h"
#include "agent/restore/load/dblike.h"
#include "agent/restore/load/ddltext.h"
#include "agent/restore/load/newdbswap.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/pieces.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/schemasql.h"
#include "agent/restore/load/setsequences.h"
#include "agent/restore/load/tablespaces.h"
#include "agent/restore/load/targetdb.h"
#include "agent/restore/load/workpool.h"
#include "proto/base/array.h"
#include "proto/sqlsplit.h"

#define DEADLOCK "40P01"
#define DEADLOCK_TRIES 20

struct parallel {
    struct job *job;
    struct newdbswap *swap;
    struct targetdb facts;
    struct pgconn *worker[WORKPOOL_MAX]; /* connections, used by one phase after the other */
    struct pieces pieces;
    struct agenda agenda;
    size_t *late; /* foreign keys that come after the agenda: numbers of their statements */
    size_t late_count;
    struct orphans orphans;
    pthread_mutex_t lock;                      /* over no_statistics */
    err no_statistics;                         /* why a table has none; class NONE: all have */
    struct bytes *statement[SCHEMASQL_PHASES]; /* of post-data */
    struct bytes *space[SCHEMASQL_PHASES];     /* the tablespace for each */
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
    agenda_fini(&p->agenda);
    orphans_fini(&p->orphans);
    free(p->late);
    (void)pthread_mutex_destroy(&p->lock);
    for (int phase = 0; phase < SCHEMASQL_PHASES; phase++) {
        free(p->statement[phase]);
        free(p->space[phase]);
    }
}
OWN_VALUE(parallel, parallel_fini);

status parallel_check(struct pgconn *c, err *e)
{
    return dblike_check(c, e);
}

/* ---- what there is to do ---- */

static status append_view(struct bytes **list, size_t count, struct bytes view, err *e)
{
    TRY(array_one_more(list, count, sizeof **list, e));
    (*list)[count] = view;
    return DONE;
}

static status list_statements(struct parallel *p, err *e)
{
    const char *text = p->job->plan->schema->post_data;
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    struct bytes s, space = {0};
    while (sqlsplit_next(&rest, &s)) {
        if (tablespaces_is_set(s, &space))
            continue;
        enum schemasql_phase phase = schemasql_phase_of(s);
        TRY(append_view(&p->statement[phase], p->statements[phase], s, e));
        TRY(append_view(&p->space[phase], p->statements[phase], space, e));
        p->statements[phase]++;
    }
    return DONE;
}

/* What concerns a table that is not found waits for all tables. */
static size_t rank_of(const struct parallel *p, struct bytes name)
{
    for (size_t rank = 0; rank < p->pieces.tables; rank++) {
        const Pgstrand__Table *t = p->job->plan->table[p->pieces.table[rank]].message;
        if (ddltext_names(name, t->schema, t->name))
            return rank;
    }
    return AGENDA_NO_TABLE;
}

/* A large table's key is made as an index, while the table is proven, and then given to the constraint, which
 * takes a moment. */
static bool in_two_steps(const struct parallel *p, size_t rank, struct bytes statement,
                         struct ddltext_unique *key)
{
    return rank < p->pieces.large && ddltext_unique(statement, key);
}

static status list_indexes(struct parallel *p, err *e)
{
    for (size_t i = 0; i < p->statements[SCHEMASQL_INDEX]; i++) {
        const struct bytes statement = p->statement[SCHEMASQL_INDEX][i];
        struct ddltext_unique key;
        struct bytes name;
        bool locks = false;
        size_t rank = ddltext_index(statement, &name, &locks) ? rank_of(p, name) : AGENDA_NO_TABLE;
        if (!locks || in_two_steps(p, rank, statement, &key))
            TRY(agenda_add(&p->agenda, AGENDA_INDEX, rank, i, e));
        if (locks)
            TRY(agenda_add(&p->agenda, AGENDA_CONSTRAINT, rank, i, e));
    }
    return DONE;
}

/* A partitioned root is loaded when its partitions are, and its keys are whole when their indexes are
 * attached. */
static bool is_plain(const struct parallel *p, size_t rank)
{
    return rank != AGENDA_NO_TABLE && !p->job->plan->table[p->pieces.table[rank]].message->partition_root;
}

static status list_keys(struct parallel *p, err *e)
{
    const size_t count = p->statements[SCHEMASQL_FOREIGN];
    p->late = calloc(count + 1, sizeof *p->late);
    if (p->late == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < count; i++) {
        struct ddltext_key key;
        bool known = ddltext_foreign_key(p->statement[SCHEMASQL_FOREIGN][i], &key);
        size_t table = known ? rank_of(p, key.table) : AGENDA_NO_TABLE;
        size_t parent = known ? rank_of(p, key.parent) : AGENDA_NO_TABLE;
        if (is_plain(p, table) && is_plain(p, parent))
            TRY(agenda_add_key(&p->agenda, table, parent, i, e));
        else
            p->late[p->late_count++] = i;
    }
    return DONE;
}

static status list_work(struct parallel *p, err *e)
{
    TRY(agenda_init(&p->agenda, p->pieces.tables, e));
    for (size_t rank = 0; rank < p->pieces.tables; rank++) {
        TRY(agenda_add(&p->agenda, AGENDA_LOAD, rank, rank, e));
        if (!p->job->request->no_analyze)
            TRY(agenda_add(&p->agenda, AGENDA_STATISTICS, rank, rank, e));
    }
    for (size_t i = 0; i < p->pieces.proofs; i++)
        TRY(agenda_add(&p->agenda, AGENDA_PROVE, p->pieces.prove[i].rank, i, e));
    TRY(list_indexes(p, e));
    TRY(list_keys(p, e));
    agenda_ready(&p->agenda);
    return DONE;
}

/* ---- in the workers ---- */

static status connect_worker(void *context, struct pgconn **out, err *e)
{
    const struct parallel *p = context;
    TRY(newdb_connect(&p->swap->db, out, e));
    TRY(targetdb_settings(*out, &p->facts, e));
    /* Nothing here counts before the names are swapped, and that commit makes all before it durable. */
    TRY(pgconn_exec(*out, "SET synchronous_commit = off; SET default_tablespace = ''", e));
    TRY(analyze_settings(*out, e));
    return pieces_index_settings(*out, p->pieces.tables > 0 ? p->pieces.bytes[p->pieces.table[0]] : 0,
                                 PIECES_BESIDE, e);
}

/* Two foreign keys may lock the same two tables in different order; the server lets one of them fail. */
static status run_statement(struct parallel *p, struct pgconn *c, enum schemasql_phase phase,
                            struct bytes space, struct bytes statement, err *e)
{
    for (int tries = 1;; tries++) {
        status done = phase == SCHEMASQL_FOREIGN
                          ? orphans_add_key(&p->orphans, c, statement, ORPHANS_ALONE, e)
                          : schemasql_statement_in(c, space, statement, e);
        if (done.ok)
            return DONE;
        if (strcmp(e->sqlstate, DEADLOCK) != 0 || tries == DEADLOCK_TRIES)
            return FAILED;
        *e = ERR_INIT;
    }
}

static void append(struct buf *out, struct bytes piece)
{
    buf_bytes(out, piece.data, piece.len);
}

static status run_step(struct parallel *p, struct pgconn *c, const struct ddltext_unique *key,
                       enum agenda_kind kind, struct bytes space, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, kind == AGENDA_INDEX ? "CREATE UNIQUE INDEX " : "ALTER TABLE ONLY ");
    append(&sql, kind == AGENDA_INDEX ? key->constraint : key->table);
    buf_text(&sql, kind == AGENDA_INDEX ? " ON ONLY " : " ADD CONSTRAINT ");
    append(&sql, kind == AGENDA_INDEX ? key->table : key->constraint);
    if (kind == AGENDA_INDEX) {
        buf_text(&sql, " (");
        append(&sql, key->columns);
        buf_text(&sql, ")");
    } else {
        buf_text(&sql, key->primary ? " PRIMARY KEY USING INDEX " : " UNIQUE USING INDEX ");
        append(&sql, key->constraint);
    }
    TRY(buf_done(&sql, e));
    return run_statement(p, c, SCHEMASQL_INDEX, space, buf_view(&sql), e);
}

static status run_index(struct parallel *p, struct pgconn *c, const struct agenda_item *item, err *e)
{
    const struct bytes statement = p->statement[SCHEMASQL_INDEX][item->what];
    const struct bytes space = p->space[SCHEMASQL_INDEX][item->what];
    struct ddltext_unique key;
    if (in_two_steps(p, item->table, statement, &key))
        return run_step(p, c, &key, item->kind, space, e);
    return run_statement(p, c, SCHEMASQL_INDEX, space, statement, e);
}

static status run_key(struct parallel *p, struct pgconn *c, size_t number, err *e)
{
    return run_statement(p, c, SCHEMASQL_FOREIGN, (struct bytes){0}, p->statement[SCHEMASQL_FOREIGN][number],
                         e);
}

static bool take(void *context, size_t *number)
{
    struct parallel *p = context;
    return agenda_take(&p->agenda, number);
}

static void ended(void *context, size_t number)
{
    struct parallel *p = context;
    agenda_ended(&p->agenda, number);
}

/* Rows without statistics are better than no rows. */
static status make_statistics(struct parallel *p, struct pgconn *c, size_t rank, err *e)
{
    const size_t i = p->pieces.table[rank];
    err why = ERR_INIT;
    if (p->job->proof[i].expected.rows == 0 || analyze_table(c, p->job->plan->table[i].message, &why).ok)
        return DONE;
    if (!pgconn_alive(c) || why.class == ERR_INTERRUPTED) {
        *e = why;
        return FAILED;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->no_statistics = why;
    (void)pthread_mutex_unlock(&p->lock);
    return DONE;
}

static status work_task(void *context, struct pgconn *c, size_t number, err *e)
{
    struct parallel *p = context;
    const struct agenda_item *item = &p->agenda.item[number];
    switch (item->kind) {
    case AGENDA_LOAD:
        return pieces_load(&p->pieces, c, item->what, e);
    case AGENDA_PROVE:
        return pieces_prove(&p->pieces, c, item->what, e);
    case AGENDA_INDEX:
    case AGENDA_CONSTRAINT:
        return run_index(p, c, item, e);
    case AGENDA_STATISTICS:
        return make_statistics(p, c, item->what, e);
    case AGENDA_KEY:
        return run_key(p, c, item->what, e);
    case AGENDA_KINDS:
        break;
    }
    return DONE;
}

static status key_task(void *context, struct pgconn *c, size_t number, err *e)
{
    struct parallel *p = context;
    return run_key(p, c, p->late[number], e);
}

static status do_work(struct parallel *p, err *e)
{
    const struct workpool pool = {.workers = p->job->request->jobs,
                                  .tasks = p->agenda.count,
                                  .context = p,
                                  .connect = connect_worker,
                                  .task = work_task,
                                  .take = take,
                                  .ended = ended,
                                  .progress = p->job->progress,
                                  .what = "load and index",
                                  .kept = p->worker};
    return workpool_run(&pool, e);
}

static status add_keys(struct parallel *p, err *e)
{
    const struct workpool pool = {.workers = p->job->request->jobs,
                                  .tasks = p->late_count,
                                  .context = p,
                                  .connect = connect_worker,
                                  .task = key_task,
                                  .progress = p->job->progress,
                                  .what = "foreign keys",
                                  .kept = p->worker};
    return workpool_run(&pool, e);
}

static status run_in_order(struct parallel *p, struct pgconn *c, enum schemasql_phase phase, err *e)
{
    for (size_t i = 0; i < p->statements[phase]; i++) {
        bool left = false;
        TRY(schemasql_leave_public(p->job, c, p->statement[phase][i], &left, e));
        if (!left)
            TRY(schemasql_statement(c, p->statement[phase][i], e));
    }
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
    TRY(schemasql_subscriptions(job, c, e));
    TRY(hooks_inside(job, c, e));
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
    TRY(run_in_order(p, c, SCHEMASQL_STATISTICS, e));
    TRY(pgconn_exec(c, "COMMIT", e));
    TRY(do_work(p, e));
    TRY(run_in_order(p, c, SCHEMASQL_ATTACH, e));
    TRY(add_keys(p, e));
    return end(p, c, e);
}

/* The new database is in its place. */
static status tidy(struct job *job, struct newdbswap *swap, err *e)
{
    err why = ERR_INIT;
    if (!swap->keep_old && newdbswap_drop_old(swap, &why).ok)
        return DONE;
    if (swap->holds_more)
        return job_warn(
            job, e,
            "the database that was there holds more than tables (functions, extensions, privileges): "
            "it is kept as %s_pgstrand_old",
            swap->db.target);
    if (swap->keep_old)
        return job_warn(job, e,
                        "the empty database that was there is kept as %s_pgstrand_old: drop it, or restore "
                        "with --drop-old",
                        swap->db.target);
    return job_warn(job, e, "restored, but the database it replaced is still there: %s", why.message);
}

status parallel_run(struct job *job, struct pgconn **c, err *e)
{
    OWNED(newdbswap) struct newdbswap swap = {0};
    OWNED(parallel) struct parallel p = {.job = job, .swap = &swap};
    orphans_init(&p.orphans, job, &p.facts);
    (void)pthread_mutex_init(&p.lock, NULL);
    p.no_statistics = ERR_INIT;
    TRY(targetdb_read(*c, &p.facts, e));
    TRY(pieces_init(&p.pieces, job, *c, e));
    TRY(list_statements(&p, e));
    TRY(list_work(&p, e));
    status done = newdbswap_begin(*c, job->request->conninfo, !job->request->drop_old, &swap, e);
    if (done.ok)
        done = build(&p, e);
    parallel_close(&p);
    if (done.ok)
        done = targetdb_check_empty(*c, e); /* nobody has used it meanwhile */
    if (done.ok)
        done = newdbswap_look_again(&swap, *c, e);
    pgconn_close(*c);
    *c = NULL;
    if (done.ok)
        done = newdbswap_run(&swap, e);
    if (!done.ok) {
        newdb_drop(&swap.db);
        return FAILED;
    }
    if (p.no_statistics.class != ERR_NONE)
        TRY(analyze_warn(job, &p.no_statistics, e));
    return tidy(job, &swap, e);
}
