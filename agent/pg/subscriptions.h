/*
 * subscriptions: those of a database as statements that make them again, switched off and without what is
 * secret: pg_dump would write their connection strings as they are.
 */
#ifndef PGSTRAND_SUBSCRIPTIONS_H
#define PGSTRAND_SUBSCRIPTIONS_H

#include "agent/pg/pgconn.h"

/* Appended, one CREATE SUBSCRIPTION a line: nothing connects, no slot is named, and the connection string has
 * no password; it is empty where the role may not read it (only superusers may). */
MUST_CHECK status subscriptions_put(struct pgconn *c, struct buf *out, err *e);

#endif
