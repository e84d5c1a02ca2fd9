#include "agent/pg/slot.h"

#include "proto/base/buf.h"

#define VERSION_WITH_OPTION_LIST 150000 /* before: EXPORT_SNAPSHOT as a bare word */
#define VERSION_WITH_FAILOVER 170000    /* a standby that synchronizes slots has it after its promotion */

status slot_create(struct pgconn *replication, const char *name, enum slot_life life, struct slot_export *out,
                   err *e)
{
    OWNED(buf) struct buf command = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    buf_text(&command, "CREATE_REPLICATION_SLOT ");
    pgconn_quote_name(&command, name);
    buf_text(&command, life == SLOT_TEMPORARY ? " TEMPORARY LOGICAL pgoutput" : " LOGICAL pgoutput");
    bool options = pgconn_server_version(replication) >= VERSION_WITH_OPTION_LIST;
    bool failover = life == SLOT_PERMANENT && pgconn_server_version(replication) >= VERSION_WITH_FAILOVER;
    buf_text(&command, failover  ? " (SNAPSHOT 'export', FAILOVER true)"
                       : options ? " (SNAPSHOT 'export')"
                                 : " EXPORT_SNAPSHOT");
    TRY(pgconn_query(replication, buf_cstring(&command), 0, NULL, &rows, e));
    /* Columns: slot_name, consistent_point, snapshot_name, output_plugin. */
    const char *at = pgrows_count(rows) == 1 ? pgrows_text(rows, 0, 1) : NULL;
    const char *snapshot = at == NULL ? NULL : pgrows_text(rows, 0, 2);
    if (snapshot == NULL)
        return err_set(e, ERR_NETWORK, "the server made slot %s without a snapshot", name);
    (void)snprintf(out->snapshot, sizeof out->snapshot, "%s", snapshot);
    return lsn_parse(at, &out->lsn, e);
}
