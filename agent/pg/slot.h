/*
 * slot: makes replication slots together with the snapshot of their consistent point.
 */
#ifndef PGSTRAND_SLOT_H
#define PGSTRAND_SLOT_H

#include "agent/pg/pgconn.h"

struct slot_export {
    lsn lsn; /* consistent point: the stream begins with commits at or after it, the snapshot holds those
                before */
    char snapshot[64]; /* dies with the next command on the replication connection, and with the connection */
};

enum slot_life { SLOT_PERMANENT, SLOT_TEMPORARY };

/*
 * CREATE_REPLICATION_SLOT name LOGICAL pgoutput with an exported snapshot, on a connection opened with
 * PGCONN_REPLICATION. Waits behind transactions that are older; pgconn_cancel ends the wait. Keep the
 * connection open and idle as long as the snapshot is needed.
 */
MUST_CHECK status slot_create(struct pgconn *replication, const char *name, enum slot_life life,
                              struct slot_export *out, err *e);

#endif
