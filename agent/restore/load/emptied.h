/*
 * emptied: the tables of a target that a replace restore empties, and their foreign keys.
 *
 * What changes the target does so in the open transaction of `c`, and appends to `again` the statements that
 * undo it. Threads: one. Ownership: emptied_find -> caller -> emptied_fini.
 */
#ifndef PGSTRAND_EMPTIED_H
#define PGSTRAND_EMPTIED_H

#include "agent/pg/tables.h"
#include "agent/restore/job.h"

struct emptied {
    struct table_list *target; /* all tables of the target */
    struct config *config;     /* of the chain: its tier rules */
    const struct table_info **table;
    size_t count;
    struct buf oids; /* "1,2,3" for queries */
};
void emptied_fini(struct emptied *t);
OWN_VALUE(emptied, emptied_fini);

MUST_CHECK status emptied_find(struct job *job, struct pgconn *c, struct emptied *out, err *e);

/* Warns of tables that have rows and are emptied without getting any: transient ones, and on another device
 * those of the device tier. Only looks. */
MUST_CHECK status emptied_say_lost(struct job *job, struct pgconn *c, err *e);

/* Does a foreign key lead from a table that stays into one that is emptied? */
MUST_CHECK status emptied_is_referenced(const struct emptied *t, struct pgconn *c, bool *out, err *e);

/* The OIDs, "1,2"; "0" when there are none. */
const char *emptied_oids(const struct emptied *t);

/* Takes the foreign keys of and into these tables away. */
MUST_CHECK status emptied_drop_foreign_keys(const struct emptied *t, struct pgconn *c, struct buf *again,
                                            err *e);

/* Switches off those triggers and rules of these tables that would fire, and row security that holds for
 * their owner too. What is off already stays off. */
MUST_CHECK status emptied_silence_triggers(const struct emptied *t, struct pgconn *c, struct buf *again,
                                           err *e);
/* The same of the tables with these OIDs, "1,2". */
MUST_CHECK status emptied_drop_foreign_keys_of(struct pgconn *c, const char *oids, struct buf *again, err *e);
MUST_CHECK status emptied_silence_triggers_of(struct pgconn *c, const char *oids, struct buf *again, err *e);

#endif
