/*
 * orphans: rows whose foreign key leads to no row: of a device's rows that stayed at home, of tables that
 * were not named. They are refused, kept (the foreign key is NOT VALID then) or deleted, each with its count.
 *
 * A foreign key is added as it is; only when the server refuses it, its orphans are looked for. Deleting goes
 * on until there are none: what leads to a deleted row is an orphan too, or loses its reference where the key
 * says ON DELETE SET NULL. A foreign key of a partitioned table cannot be NOT VALID: its partitions get it
 * instead.
 *
 * Threads: orphans_add_key from several, each with a connection of its own; all else from one.
 */
#ifndef PGSTRAND_ORPHANS_H
#define PGSTRAND_ORPHANS_H

#include <pthread.h>

#include "agent/restore/job.h"
#include "agent/restore/load/targetdb.h"

struct orphans {
    struct job *job;
    const struct targetdb *target;
    struct bytes *failed; /* statements that the server refused; borrowed */
    size_t failed_count;
    pthread_mutex_t lock; /* over failed */
};
void orphans_init(struct orphans *o, struct job *job, const struct targetdb *target);
void orphans_fini(struct orphans *o);
OWN_VALUE(orphans, orphans_fini);

/* Warns of the foreign keys that lead from tables that come to tables that do not: before anything happens.
 */
MUST_CHECK status orphans_foresee(struct job *job, err *e);

/* Runs a statement that adds a foreign key, in the open transaction or in one of its own; it must stay valid
 * until orphans_settle. Orphans are no failure yet. */
enum orphans_where { ORPHANS_IN_TRANSACTION, ORPHANS_ALONE };
MUST_CHECK status orphans_add_key(struct orphans *o, struct pgconn *c, struct bytes statement,
                                  enum orphans_where where, err *e);
/* All statements of a text, in the open transaction. */
MUST_CHECK status orphans_add_keys(struct orphans *o, struct pgconn *c, const char *text, err *e);

/* When all were added, in a transaction: does what was asked for, and puts it into the report. ERR_SCHEMA
 * naming the foreign keys when orphans are refused. */
MUST_CHECK status orphans_settle(struct orphans *o, struct pgconn *c, err *e);

/* The same for foreign keys that stood while rows were exchanged and nobody's triggers fired: those of and
 * into the tables `oids` ("1,2"). */
MUST_CHECK status orphans_settle_standing(struct orphans *o, struct pgconn *c, const char *oids, err *e);

#endif
