/*
 * targetdb: what must be known of the database that is restored into, and the transaction in which it
 * happens.
 */
#ifndef PGSTRAND_TARGETDB_H
#define PGSTRAND_TARGETDB_H

#include <snapshot.pb-c.h>

#include "agent/pg/pgconn.h"

struct targetdb {
    bool superuser;
    bool create_database;
    bool replica; /* session_replication_role may be set: nobody's triggers fire */
    char encoding[32];
};
MUST_CHECK status targetdb_read(struct pgconn *c, struct targetdb *out, err *e);

/* ERR_REFUSED naming what is there, when the database has tables, views, sequences, or schemas besides
 * public; pgstrand's own schema does not count. */
MUST_CHECK status targetdb_check_empty(struct pgconn *c, err *e);

/* ERR_SCHEMA naming the roles of the schema's text that the server does not have. */
MUST_CHECK status targetdb_check_roles(struct pgconn *c, const Pgstrand__Schema *schema, err *e);

/* ERR_REFUSED when commands of ours would set off event triggers of the database. */
MUST_CHECK status targetdb_check_event_triggers(struct pgconn *c, const struct targetdb *t, err *e);

/* BEGIN, with triggers off where allowed, row security as an error instead of a filter, and memory for
 * indexes. */
MUST_CHECK status targetdb_begin(struct pgconn *c, const struct targetdb *t, err *e);

/* The settings alone, for a session that commits several times. */
MUST_CHECK status targetdb_settings(struct pgconn *c, const struct targetdb *t, err *e);

/* What interrupts a restore cancels every connection's statement, and may meet the one that cleans up: that
 * one is run again when it was cancelled. */
MUST_CHECK status targetdb_clean(struct pgconn *c, const char *sql, err *e);

/* After a failure: waits until the server has rolled back; keeps *e. */
void targetdb_rollback(struct pgconn *c);

#endif
