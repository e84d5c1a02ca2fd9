/*
 * dbsettings: the settings that ALTER DATABASE ... SET gave a database. pg_dump leaves them out when it does
 * not make the database, and a restore leaves them to whoever made its target; but that they changed is to be
 * seen.
 */
#ifndef PGSTRAND_DBSETTINGS_H
#define PGSTRAND_DBSETTINGS_H

#include "agent/pg/pgconn.h"

/* Appends a comment to a schema's text that names them and has a checksum of their values (some hold
 * secrets); nothing when there are none. Those of single roles count. */
MUST_CHECK status dbsettings_put(struct pgconn *c, struct buf *out, err *e);

#endif
