/*
 * dbholds: has anybody put something into a database that a restore wants to take the place of, or drop?
 *
 * Threads: any, each with its own connection.
 */
#ifndef PGSTRAND_DBHOLDS_H
#define PGSTRAND_DBHOLDS_H

#include "agent/pg/pgconn.h"

/* What targetdb_check_empty does not count, but somebody made or granted: functions, types, extensions, ...
 */
MUST_CHECK status dbholds_more(struct pgconn *c, bool *more, err *e);

/* ERR_REFUSED when the database of this name holds anything at all. `conninfo`: its database is another one.
 */
MUST_CHECK status dbholds_nothing(const char *conninfo, const char *name, err *e);

#endif
