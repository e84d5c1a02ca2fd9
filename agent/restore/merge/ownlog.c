#include "agent/restore/merge/ownlog.h"

#include "agent/agentstate.h"
#include "agent/pg/server.h"
#include "agent/waiting.h"

#define PATIENCE_S 10.0

/* `target` as waiting_run has it. Nobody writes the log of an agent that is not running. */
static status wait_for(struct datadir *d, struct pgconn *c, lsn target, const struct progress *progress,
                       err *e)
{
    struct waited waited;
    const double patience = agentstate_life(d) == AGENT_STOPPED ? 0 : PATIENCE_S;
    return waiting_run(d, c, target, patience, progress, &waited, e);
}

static status not_known(err *e)
{
    return err_wrap(e,
                    "which rows are newer on the target is not known (start the agent, or --newer replace)");
}

status ownlog_complete(struct datadir *d, const struct restore_request *request,
                       const struct progress *progress, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(pgrows) struct pgrows *rows = NULL;
    char line[ERR_TEXT + 96];
    if (request->mode != RESTORE_MERGE || !d->has_identity)
        return DONE;
    const char *const params[] = {d->identity.slot};
    TRY(pgconn_open(request->conninfo, PGCONN_QUERY, &c, e));
    TRY(pgconn_query(c,
                     "SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND database ="
                     " pg_catalog.current_database()",
                     1, params, &rows, e));
    if (pgrows_count(rows) == 0 || wait_for(d, c, LSN_NONE, progress, e).ok)
        return DONE;
    if (e->class == ERR_INTERRUPTED)
        return FAILED;
    if (!request->dry_run && request->newer == MERGE_KEEP)
        return not_known(e);
    (void)snprintf(line, sizeof line, "changes that the log does not have yet do not count as newer: %s",
                   e->message);
    progress->say(progress->context, line);
    *e = ERR_INIT;
    return DONE;
}

status ownlog_catch_up(struct datadir *d, const struct restore_request *request, struct pgconn *c,
                       const struct progress *progress, err *e)
{
    OWNED(pgconn) struct pgconn *other = NULL;
    lsn inserted = LSN_NONE, flushed = LSN_NONE;
    err ignored = ERR_INIT;
    TRY(server_wal(c, &inserted, &flushed, e));
    if (!pgconn_open(request->conninfo, PGCONN_QUERY, &other, &ignored).ok)
        other = NULL; /* then the server's own writer is waited for */
    if (wait_for(d, other, inserted, progress, e).ok)
        return DONE;
    return e->class == ERR_INTERRUPTED ? FAILED : not_known(e);
}
