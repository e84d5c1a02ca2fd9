/*
 * board: what the agent's threads tell each other: capture writes on it and goes on at once, the keeper and
 * the sealer read.
 *
 * Threads: any. Lock is held for moments only, never over I/O.
 */
#ifndef PGSTRAND_BOARD_H
#define PGSTRAND_BOARD_H

#include <pthread.h>

#include "agent/capture/capture.h"

struct board_break {
    uint64_t seq;
    lsn at;
    char what[160];
};

struct board_table { /* owned copies */
    struct relation *shape;
    char *rule;
    enum tier tier;
    uint64_t since_seq;
};

struct board_facts {
    uint64_t last_seq;
    lsn durable;
    uint64_t log_bytes; /* appended since the agent began */
    bool connected;
    char problem[ERR_TEXT];      /* of capture; empty: none */
    char seal_problem[ERR_TEXT]; /* of sealing; empty: none */
    char near[200];              /* the slot's WAL limit is near; empty: it is not */
    char lacks[ERR_TEXT];        /* what the database lacks for capture; empty: nothing */
    uint64_t sealed_seq;
    uint64_t breaks; /* changes of the schema recorded in the catalogue so far */
    uint64_t tables; /* that came for the first time, so far */
};

struct board {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct board_facts facts;
    struct board_break *pending_break; /* not recorded in the catalogue yet */
    size_t break_count;
    size_t break_cap;
    struct board_table *pending_table;
    size_t table_count;
    size_t table_cap;
    bool stopping;
    bool healing; /* a new incarnation is being begun: a snapshot in progress gives up */
};

void board_init(struct board *b);
void board_fini(struct board *b);

/* What capture calls; the board must outlive it. */
struct capture_observer board_observer(struct board *b);

void board_facts(struct board *b, struct board_facts *out);

/* Takes what is pending; the caller frees with the functions below. */
size_t board_take_breaks(struct board *b, struct board_break **out);
size_t board_take_tables(struct board *b, struct board_table **out);
/* What could not be recorded, to be taken again. */
void board_put_back(struct board *b, const struct board_break *list, size_t count);
void board_free_tables(struct board_table *list, size_t count);

/* So many changes of the schema are in the catalogue now. */
void board_recorded(struct board *b, size_t breaks);
/* `problem` NULL: none. */
void board_sealed(struct board *b, uint64_t seq, const char *problem);

/* What the caretaker found missing; empty: nothing. */
void board_lacks(struct board *b, const char *problem);

/* The slot's WAL limit is near; empty: it is not. */
void board_near(struct board *b, const char *problem);

/* Waits up to `ms` for news (a break, a table, the end); true when stopping. */
bool board_wait(struct board *b, int64_t ms);
/* While healing, `what` is the problem that is shown. NULL: it is over. */
void board_heal(struct board *b, const char *what);
bool board_is_busy(struct board *b); /* stopping or healing */
void board_stop(struct board *b);

#endif
