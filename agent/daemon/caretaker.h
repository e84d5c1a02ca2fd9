/*
 * caretaker: the thread that looks after the database while it is captured: replica identities that the
 * triggers left to it, the triggers themselves, what came that cannot be captured, and changes of the schema
 * that no trigger sees (CLUSTER ... USING, roles, REASSIGN OWNED): the schema is dumped again from time to
 * time and compared.
 *
 * At the start it also compares the configuration's tiers with those of the newest version of the schema.
 *
 * It looks at the start, soon after each recorded change of the schema and each table that is new, and every
 * few minutes. A table may come without a change that is recorded: EXPLAIN ANALYZE CREATE TABLE AS calls no
 * event trigger. It has no key, and the identity that it gets here is such a change. Another change that
 * nobody recorded becomes a row of pgstrand.ddl, so that it takes the way of all others; without triggers it
 * is told to the board.
 */
#ifndef PGSTRAND_CARETAKER_H
#define PGSTRAND_CARETAKER_H

#include "agent/daemon/board.h"
#include "agent/datadir.h"

struct caretaker {
    struct datadir *data; /* its own */
    struct board *board;
    bool triggers;        /* the event triggers were installed */
    bool ruled;           /* the triggers know the tier rules of this configuration */
    uint64_t breaks_seen; /* of board_facts.breaks */
    uint64_t tables_seen; /* of board_facts.tables */
    int64_t look_at;      /* milliseconds of the monotonic clock: the next look */
    int64_t looked_at;    /* the last one */
    bool failed;          /* that one */
    int64_t compare_at;   /* the next comparison of the schema */
    pthread_t thread;
    bool started;
};

MUST_CHECK status caretaker_start(struct caretaker *k, err *e);
/* After board_stop; false when it did not end within `seconds` (it waits for the server). */
bool caretaker_join(struct caretaker *k, int seconds);

#endif
