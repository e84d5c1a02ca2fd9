/*
 * retold: the rows of a table that a rewrite changed, as the event trigger tells them again
 * (setup/ADR-rewritten-rows-are-told-again.md): a row of pgstrand.ddl with the event "table_retold", then
 * messages of prefix "pgstrand.retold": 'R', a Relation message; 'N' and a row in record_send's form, each;
 * 'E'. The log gets a TRUNCATE that says why, and each row: UPDATE where a key tells rows apart, else CREATE.
 *
 * Anybody may emit a message, only the triggers write pgstrand.ddl: what does not follow such a row without
 * a gap is a message like any other.
 *
 * Threads: the committer's. Ownership: {0} -> retold_fini.
 */
#ifndef PGSTRAND_RETOLD_H
#define PGSTRAND_RETOLD_H

#include "agent/capture/relmap.h"

struct transaction;

enum retold_place { RETOLD_CLOSED, RETOLD_EXPECTED, RETOLD_ROWS };

struct retold {
    enum retold_place place;
    struct relmap relations; /* apart from those that the server announced: it does not know of these */
    struct rel_entry *rel;   /* whose rows come */
    struct buf row;
};
void retold_fini(struct retold *r);

/* A transaction begins, or a part of it is taken back. */
void retold_forget(struct retold *r);

/* A table's rows follow. */
void retold_expect(struct retold *r);

static inline bool retold_is_open(const struct retold *r)
{
    return r->place != RETOLD_CLOSED;
}

/* The next change of the transaction, while it is open. *taken false: it is something else, and nothing more
 * follows. */
MUST_CHECK status retold_take(struct transaction *t, const struct pgoutput_message *msg, bool *taken, err *e);

#endif
