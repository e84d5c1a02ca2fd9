/*
 * objects: what pgstrand puts into a captured database: schema pgstrand (common.sql), the DDL table and its
 * event triggers (triggers.sql, superuser only), and the publication. All of it may be made again.
 */
#ifndef PGSTRAND_OBJECTS_H
#define PGSTRAND_OBJECTS_H

#include "agent/pg/pgconn.h"
#include "agent/pg/tables.h"

/* The SQL files; made from them by CMake. */
extern const char objects_common_sql[];
extern const char objects_replay_sql[];
extern const char objects_triggers_sql[];

enum objects_mode { OBJECTS_FULL, OBJECTS_REDUCED };

/*
 * Schema, functions and, in full mode, triggers; marks the schema as `node`'s. ERR_REFUSED when it is another
 * node's that still has its slot, when it holds what pgstrand did not make, and when anything in it belongs
 * to another role that is no superuser. In one transaction.
 */
MUST_CHECK status objects_install(struct pgconn *c, const char *node, enum objects_mode mode, err *e);

/* Asked before anything is read from or written to what restores remember: ERR_REFUSED when schema pgstrand
 * is there and is not ours: its owner or that of something in it is neither the current role nor a superuser,
 * or its tables have triggers, rules, defaults or the like that pgstrand did not make. */
MUST_CHECK status objects_check_replay(struct pgconn *c, err *e);

/* What restores remember (replay.sql), also in a database that nobody captures: inside the caller's
 * transaction. ERR_REFUSED when there is a schema pgstrand of somebody else's. */
MUST_CHECK status objects_install_replay(struct pgconn *c, err *e);

/* The publication: FOR ALL TABLES in full mode, otherwise the tables the role owns. Existing: nothing is
 * done. *oid is what capture then knows it by. */
MUST_CHECK status objects_publish(struct pgconn *c, const char *publication, enum objects_mode mode,
                                  uint32_t *oid, err *e);

/* Is there a schema pgstrand, and does it carry this node's mark? */
MUST_CHECK status objects_are_ours(struct pgconn *c, const char *node, bool *out, err *e);

/* Does it remember that its last restore from this node brought all of the chain, in place of what was there?
 */
MUST_CHECK status objects_had_restored(struct pgconn *c, const char *node, bool *out, err *e);

/* Event triggers and publication go; missing is fine, what is not this node's stays. */
MUST_CHECK status objects_retract(struct pgconn *c, const char *node, const char *publication, err *e);

/* Schema pgstrand goes, when it is this node's. */
MUST_CHECK status objects_drop_schema(struct pgconn *c, const char *node, err *e);

#endif
