#include "agent/restore/merge/ownlog.h"

#include "agent/waiting.h"

#define PATIENCE_S 10.0

status ownlog_complete(struct datadir *d, const struct restore_request *request,
                       const struct progress *progress, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(pgrows) struct pgrows *rows = NULL;
    struct waited waited;
    err why = ERR_INIT;
    char line[ERR_TEXT + 96];
    if (request->mode != RESTORE_MERGE || !d->has_identity)
        return DONE;
    const char *const params[] = {d->identity.slot};
    TRY(pgconn_open(request->conninfo, PGCONN_QUERY, &c, e));
    TRY(pgconn_query(c,
                     "SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND database ="
                     " pg_catalog.current_database()",
                     1, params, &rows, e));
    if (pgrows_count(rows) == 0 || waiting_run(d, c, LSN_NONE, PATIENCE_S, progress, &waited, &why).ok)
        return DONE;
    if (!request->dry_run && request->newer == MERGE_KEEP) {
        *e = why;
        return err_wrap(
            e, "which rows are newer on the target is not known (start the agent, or --newer replace)");
    }
    (void)snprintf(line, sizeof line, "changes that the log does not have yet do not count as newer: %s",
                   why.message);
    progress->say(progress->context, line);
    return DONE;
}
