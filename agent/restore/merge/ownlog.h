/*
 * ownlog: merging into the database that this data directory captures asks its log which rows are newer
 * there.
 */
#ifndef PGSTRAND_OWNLOG_H
#define PGSTRAND_OWNLOG_H

#include "agent/restore/restore.h"

/* Waits until the log has what is committed. When it does not get there: a failure if the answer decides
 * which rows are replaced, else it is said. Any other database, any other mode: nothing. */
MUST_CHECK status ownlog_complete(struct datadir *d, const struct restore_request *request,
                                  const struct progress *progress, err *e);

#endif
