#include "agent/restore/load/replayed.h"

#include <inttypes.h>

#include "agent/restore/load/newdb.h"
#include "agent/setup/objects.h"
#include "proto/pbmem.h"

#define ORIGIN_TOLD_SINCE 150000 /* server version: then a transaction begins with its first change */

#define LOCK_NUMBER INT64_C(0x7067737472616e64) /* "pgstrand" */

status replayed_lock(struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    buf_printf(&sql, "SELECT pg_catalog.pg_try_advisory_lock(%" PRId64 ")", LOCK_NUMBER);
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    if (pgrows_bool(rows, 0, 0))
        return newdb_check_none(c, e);
    return err_set(e, ERR_REFUSED, "another restore into database %s is at work: wait until it has ended",
                   pgconn_database(c));
}

const char *replayed_origin(const uuid *node, char out[static REPLAYED_ORIGIN_TEXT])
{
    char text[UUID_TEXT];
    (void)snprintf(out, REPLAYED_ORIGIN_TEXT, "pgstrand_%s", uuid_format(node, text));
    return out;
}

status replayed_source(const struct job *job, uuid *node, uuid *incarnation, err *e)
{
    const Pgstrand__SnapshotHeader *h = job->plan->chain->link[0].commit->header;
    TRY(uuid_from_bytes(pbmem_view(h->node), "node", node, e));
    return uuid_from_bytes(pbmem_view(h->incarnation), "incarnation", incarnation, e);
}

status replayed_check(struct pgconn *c, err *e)
{
    return objects_check_replay(c, e);
}

/* What else decides what a restore does: another scope is another restore. One that left rows out is like
 * none that is asked for: the same again is done again. */
static void scope_of(const struct job *job, struct buf *out)
{
    const struct restore_request *r = job->request;
    static const char *const modes[] = {"fresh", "replace", "merge"};
    buf_text(out, job->left_out_count > 0 ? "partial " : "");
    buf_text(out, modes[r->mode]);
    if (r->mode == RESTORE_MERGE)
        buf_printf(out, " newer=%s conflicts=%s deleted=%s", r->newer == MERGE_TAKE ? "replace" : "keep",
                   r->conflicts == MERGE_TAKE ? "replace" : "keep",
                   r->deleted == MERGE_TAKE ? "delete" : "keep");
    buf_printf(out, " as=%s", job->same_device ? "same" : "other");
    if (r->tiers != 0)
        buf_printf(out, " tiers=%u", r->tiers);
    if (r->tables != NULL)
        buf_printf(out, " tables=%s", r->tables);
    if (r->business != NULL)
        buf_printf(out, " business=%s", r->business);
    if (r->no_demo)
        buf_text(out, " no-demo");
}

static bool is_whole(const struct job *job)
{
    return job->request->tables == NULL && job->request->tiers == 0 && job->plan->filter == NULL &&
           job->left_out_count == 0;
}

status replayed_read(struct job *job, struct pgconn *c, struct replayed *out, err *e)
{
    OWNED(pgrows) struct pgrows *there = NULL;
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf scope = {0};
    uuid node, incarnation;
    char n[UUID_TEXT], i[UUID_TEXT], seq[24];
    *out = (struct replayed){0};
    TRY(pgconn_query(
        c,
        "SELECT coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('pgstrand.replay'),"
        " 'SELECT'), false), coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass("
        "'pgstrand.conflict'), 'SELECT'), false)",
        0, NULL, &there, e));
    out->there = pgrows_bool(there, 0, 0);
    if (out->there || pgrows_bool(there, 0, 1))
        TRY(objects_check_replay(c, e)); /* another role's view or trigger would run with our rights */
    if (!out->there)
        return DONE;
    TRY(replayed_source(job, &node, &incarnation, e));
    scope_of(job, &scope);
    TRY(buf_done(&scope, e));
    (void)snprintf(seq, sizeof seq, "%" PRIu64, job->plan->seq);
    const char *const params[] = {uuid_format(&node, n), uuid_format(&incarnation, i), seq,
                                  buf_cstring(&scope)};
    TRY(pgconn_query(
        c,
        "SELECT coalesce(max(whole_seq), 0), coalesce(bool_or(incarnation = $2::uuid AND seq = $3::bigint"
        " AND scope = $4), false) FROM pgstrand.replay WHERE node = $1::uuid",
        4, params, &rows, e));
    out->seq = (uint64_t)pgrows_int(rows, 0, 0);
    out->before = pgrows_bool(rows, 0, 1);
    return DONE;
}

status replayed_by(struct pgconn *c, const uuid *workflow, bool *out, err *e)
{
    OWNED(pgrows) struct pgrows *there = NULL;
    OWNED(pgrows) struct pgrows *rows = NULL;
    char id[UUID_TEXT];
    err why = ERR_INIT;
    *out = false;
    TRY(pgconn_query(c,
                     "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
                     " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
                     " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                     " WHERE n.nspname = 'pgstrand' AND c.relname = 'replay' AND a.attname = 'workflow'"
                     "  AND NOT a.attisdropped AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
                     "  AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))",
                     0, NULL, &there, e));
    if (!pgrows_bool(there, 0, 0) || !objects_check_replay(c, &why).ok)
        return DONE;
    const char *const params[] = {uuid_format(workflow, id)};
    TRY(pgconn_query(c, "SELECT EXISTS (SELECT FROM pgstrand.replay WHERE workflow = $1::uuid)", 1, params,
                     &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

static status write_row(struct job *job, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf scope = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    uuid node, incarnation;
    char n[UUID_TEXT], i[UUID_TEXT], s[UUID_TEXT], w[UUID_TEXT], seq[24];
    TRY(replayed_source(job, &node, &incarnation, e));
    scope_of(job, &scope);
    TRY(buf_done(&scope, e));
    (void)snprintf(seq, sizeof seq, "%" PRIu64, job->plan->seq);
    const char *const params[] = {uuid_format(&node, n),
                                  uuid_format(&incarnation, i),
                                  uuid_format(&job->out->snapshot, s),
                                  seq,
                                  is_whole(job) ? seq : NULL,
                                  buf_cstring(&scope),
                                  job->workflow != NULL ? uuid_format(job->workflow, w) : NULL};
    return pgconn_query(
        c,
        "INSERT INTO pgstrand.replay AS r (node, incarnation, snapshot, seq, whole_seq, scope, workflow)"
        " VALUES ($1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::bigint, $6, $7::uuid)"
        " ON CONFLICT (node, incarnation) DO UPDATE SET snapshot = excluded.snapshot, seq = excluded.seq,"
        "  whole_seq = coalesce(excluded.whole_seq, r.whole_seq), scope = excluded.scope,"
        "  at = excluded.at, times = r.times + 1, workflow = excluded.workflow",
        7, params, &rows, e);
}

static status make_and_write(struct job *job, struct pgconn *c, err *e)
{
    TRY(objects_install_replay(c, e));
    return write_row(job, c, e);
}

status replayed_write(struct job *job, struct pgconn *c, err *e)
{
    err why = ERR_INIT;
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_replayed", e));
    if (make_and_write(job, c, &why).ok)
        return pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_replayed", e);
    if (why.class == ERR_REFUSED) {
        *e = why;
        return FAILED;
    }
    TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_replayed; RELEASE SAVEPOINT pgstrand_replayed", e));
    return job_warn(job, e, "the target does not remember this restore: %s", why.message);
}

status replayed_make_origin(struct pgconn *c, const char *name, bool *made, err *e)
{
    const char *const params[] = {name};
    OWNED(pgrows) struct pgrows *rows = NULL;
    err ignored = ERR_INIT; /* whoever sets it up is told as well */
    *made = false;
    if (pgconn_server_version(c) >= ORIGIN_TOLD_SINCE)
        return DONE;
    if (pgconn_query(c,
                     "SELECT CASE WHEN pg_catalog.pg_replication_origin_oid($1) IS NULL THEN"
                     " pg_catalog.pg_replication_origin_create($1) END",
                     1, params, &rows, &ignored)
            .ok)
        *made = pgrows_text(rows, 0, 0) != NULL;
    else if (ignored.class == ERR_NETWORK) {
        *e = ignored;
        return FAILED;
    }
    return DONE;
}

status replayed_setup_origin(struct pgconn *c, const char *name, err *e)
{
    const char *const params[] = {name};
    OWNED(pgrows) struct pgrows *rows = NULL;
    if (pgconn_server_version(c) < ORIGIN_TOLD_SINCE)
        return pgconn_query(c, "SELECT pg_catalog.pg_replication_origin_session_setup($1)", 1, params, &rows,
                            e);
    return pgconn_query(c,
                        "SELECT pg_catalog.pg_replication_origin_session_setup($1) FROM"
                        " (SELECT CASE WHEN pg_catalog.pg_replication_origin_oid($1) IS NULL THEN"
                        "  pg_catalog.pg_replication_origin_create($1) END) made",
                        1, params, &rows, e);
}

void replayed_drop_origin(struct pgconn *c, const char *name)
{
    OWNED(buf) struct buf drop = {0};
    err ignored = ERR_INIT; /* the first failure is the one to tell */
    targetdb_rollback(c);
    buf_text(&drop, "SELECT pg_catalog.pg_replication_origin_drop(");
    pgconn_quote_literal(&drop, name);
    buf_text(&drop, ")");
    /* No rollback takes it from the session, and nobody can drop what a session has. */
    if (pgconn_alive(c) && buf_done(&drop, &ignored).ok &&
        targetdb_clean(c,
                       "SELECT pg_catalog.pg_replication_origin_session_reset()"
                       " WHERE pg_catalog.pg_replication_origin_session_is_setup()",
                       &ignored)
            .ok)
        (void)targetdb_clean(c, buf_cstring(&drop), &ignored).ok;
}

status replayed_announce(struct job *job, struct pgconn *c, const struct targetdb *t, err *e)
{
    uuid node, incarnation;
    char name[REPLAYED_ORIGIN_TEXT];
    job->announced = false;
    if (!t->superuser)
        return DONE;
    TRY(replayed_source(job, &node, &incarnation, e));
    return replayed_make_origin(c, replayed_origin(&node, name), &job->announced, e);
}

void replayed_rollback(struct job *job, struct pgconn *c)
{
    uuid node, incarnation;
    char name[REPLAYED_ORIGIN_TEXT];
    err ignored = ERR_INIT;
    if (job->announced && replayed_source(job, &node, &incarnation, &ignored).ok)
        replayed_drop_origin(c, replayed_origin(&node, name));
    else
        targetdb_rollback(c);
    job->announced = false;
}

status replayed_mark(struct job *job, struct pgconn *c, const struct targetdb *t, err *e)
{
    uuid node, incarnation;
    char name[REPLAYED_ORIGIN_TEXT];
    err why = ERR_INIT;
    if (!t->superuser)
        return DONE;
    TRY(replayed_source(job, &node, &incarnation, e));
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_origin", e));
    if (replayed_setup_origin(c, replayed_origin(&node, name), &why).ok) {
        job->marked = true;
        return pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_origin", e);
    }
    TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_origin; RELEASE SAVEPOINT pgstrand_origin", e));
    return job_warn(job, e, "the restore's changes are not marked with their origin: %s", why.message);
}

status replayed_stamp(const struct job *job, struct pgconn *c, err *e)
{
    if (!job->marked)
        return DONE;
    return pgconn_exec(
        c, "SELECT pg_catalog.pg_replication_origin_xact_setup('0/0', pg_catalog.clock_timestamp())", e);
}
