/*
 * verdict: what a merge does with each row that the chain and the target do not agree about.
 *
 * Newer:     the target's row was changed there later than the chain's row on its device. The target's own
 * log tells when this data directory captures it, else the row's commit time where the server keeps these
 *            (track_commit_timestamp); what an earlier restore from the same node wrote does not count. Times
 *            are the devices' clocks.
 * Conflict:  both devices made a row of this key, each its own: told by where the first action of each
 * history was made; without a history of the target by the row being made on the source after all that was
 * brought from there before. Conflicts that were kept are remembered in the target.
 *
 * Ownership: of the temporary tables: the transaction. Threads: one.
 */
#ifndef PGSTRAND_VERDICT_H
#define PGSTRAND_VERDICT_H

#include "agent/restore/merge/stage.h"

#define VERDICT_SOURCE "source" /* names of the histories, touches.h */
#define VERDICT_OWN "own"

struct verdict_facts {
    const uuid *source; /* the node that the chain is of */
    const uuid *own;    /* the node that captures the target; NULL: unknown */
    bool own_history;   /* its actions are loaded */
    bool own_chain;     /* chain and target are one node's: nothing was made twice */
    bool commit_times;  /* the server knows them */
    bool filtered;      /* only rows of some businesses come: those of others are not judged */
    bool remembers;     /* pgstrand.conflict is there */
    uint64_t replayed;  /* the source's seq that was brought before, 0: none */
    pgtime base_time;   /* rows that no action is about are not younger */
};

/* Makes the table of verdicts of a stage with a key. */
MUST_CHECK status verdict_make(const struct stage *s, const struct verdict_facts *f, struct pgconn *c,
                               err *e);

void verdict_name(struct buf *out, const struct stage *s); /* the table of verdicts */

/* What would be done; `choices` decide. Without a key: what is missing. */
MUST_CHECK status verdict_count(const struct stage *s, const struct restore_request *choices,
                                struct pgconn *c, struct row_changes *out, err *e);

/* Does it: deletes, then inserts, so that unique values may change places. */
MUST_CHECK status verdict_apply(const struct stage *s, struct job *job, struct pgconn *c, err *e);

/* Remembers the conflicts that were kept, and forgets those that are none any more. */
MUST_CHECK status verdict_remember(const struct stage *s, const struct verdict_facts *f,
                                   const struct restore_request *choices, struct pgconn *c, err *e);

/* Keys of the first few conflicts, "(1), (2)"; malloc'ed, NULL when there are none. */
MUST_CHECK status verdict_name_conflicts(const struct stage *s, struct pgconn *c, char **out, err *e);

#endif
