#include "agent/history/reversalapply.h"

#include <inttypes.h>

#include "agent/pg/pgconn.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/targetdb.h"

/* Another server, or a copy of this one, has other rows. */
static status check_database(const struct datadir *d, struct pgconn *c, err *e)
{
    OWNED(text) char *system = NULL;
    TRY(pgconn_value(c, "SELECT system_identifier FROM pg_catalog.pg_control_system()", &system, e));
    const bool same = d->identity.system_identifier[0] == '\0' ||
                      (system != NULL && strcmp(system, d->identity.system_identifier) == 0);
    if (same && (d->identity.database[0] == '\0' || strcmp(d->identity.database, pgconn_database(c)) == 0))
        return DONE;
    return err_set(e, ERR_REFUSED,
                   "database %s is not the one that is captured here (%s of server %s): nothing was undone",
                   pgconn_database(c), d->identity.database, d->identity.system_identifier);
}

/* In a savepoint: without the right to it the rest still holds. */
static status mark(struct pgconn *c, const struct reversal *r, bool *marked, err *e)
{
    OWNED(pgrows) struct pgrows *said = NULL;
    char what[64];
    err ignored = ERR_INIT;
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_origin", e));
    *marked = replayed_setup_origin(c, REVERSALAPPLY_ORIGIN, &ignored).ok;
    if (!*marked)
        TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_origin", e));
    (void)snprintf(what, sizeof what, "revert %" PRIu64 " to %" PRIu64, r->first, r->last);
    const char *const who[] = {what};
    if (!pgconn_query(c, "SELECT pgstrand.set_context(current_user::text, $1)", 1, who, &said, &ignored).ok)
        TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_origin", e));
    return DONE;
}

static status run_all(struct pgconn *c, const struct reversal *r, const struct progress *progress, err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        OWNED(buf) struct buf sql = {0};
        buf_bytes(&sql, r->statement[i].data, r->statement[i].len);
        TRY(buf_done(&sql, e));
        TRY(pgconn_exec(c, buf_cstring(&sql), e));
        progress->step(progress->context, "undo", i + 1, r->count);
    }
    return pgconn_exec(c, "COMMIT", e);
}

/* What the statements themselves refuse. */
static void classify(err *e)
{
    static const char *const refusals[] = {REVERSAL_CHANGED, REVERSAL_TRIGGERS, REVERSAL_ORPHANS, "23505"};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (strcmp(e->sqlstate, refusals[i]) == 0)
            e->class = ERR_REFUSED;
}

status reversalapply_run(struct datadir *d, const struct reversal *r, const struct progress *progress,
                         bool *marked, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(buf) struct buf begin = {0};
    TRY(pgconn_open(d->config->conninfo, PGCONN_QUERY, &c, e));
    TRY(check_database(d, c, e));
    buf_text(&begin, "BEGIN;");
    buf_bytes(&begin, r->begin.data, r->begin.len);
    TRY(buf_done(&begin, e));
    bool made = false;
    TRY(replayed_make_origin(c, REVERSALAPPLY_ORIGIN, &made, e));
    status done = pgconn_exec(c, buf_cstring(&begin), e);
    if (done.ok)
        done = mark(c, r, marked, e);
    if (done.ok)
        done = run_all(c, r, progress, e);
    if (done.ok)
        return DONE;
    classify(e);
    if (made)
        replayed_drop_origin(c, REVERSALAPPLY_ORIGIN);
    else
        targetdb_rollback(c);
    return FAILED;
}
