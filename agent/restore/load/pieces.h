/*
 * pieces: what several connections load and prove. A table is loaded by one connection, so that its rows keep
 * their order, into an empty file of its own where its rows can then be frozen (loadtable.h).
 *
 * Proving:  a table that is not large is proven by the connection that loaded it; a large one by ranges of
 *           pages, when it is loaded. The ranges' sums, or digests where they are read back, are added up.
 * Threads:  pieces_load and pieces_prove from several, each with a connection of its own. A table must be
 *           loaded before the first of its pieces is proven.
 */
#ifndef PGSTRAND_PIECES_H
#define PGSTRAND_PIECES_H

#include <pthread.h>

#include "agent/restore/job.h"

struct piece {
    size_t rank; /* of its table in pieces.table */
    unsigned part, parts;
};

struct pieces_proof {
    bool later; /* proven by pages, after loading */
    unsigned left;
    struct table_digest found;
    struct rowsum sum; /* instead, where the server adds up */
};

struct pieces {
    struct job *job;
    bool truncates;  /* small ones, too: COPY needs no WAL then, wal_level is minimal */
    uint64_t *bytes; /* by the plan's tables, estimated */
    size_t *table;   /* those that come, largest first */
    size_t tables;
    size_t large; /* so many of them are large */
    struct piece *prove;
    size_t proofs;
    pthread_mutex_t lock; /* over proof */
    struct pieces_proof *proof;
};

/* What the plan's tables take, estimated, and the largest of them. */
MUST_CHECK status pieces_bytes(const struct plan *plan, uint64_t *all, uint64_t *largest, err *e);

/* How a connection makes indexes when its largest table takes so many bytes: alone, or beside others. */
enum pieces_others { PIECES_ALONE, PIECES_BESIDE };
MUST_CHECK status pieces_index_settings(struct pgconn *c, uint64_t largest, enum pieces_others others,
                                        err *e);

/* The plan's fold is complete. `c`: to the server that is restored to. */
MUST_CHECK status pieces_init(struct pieces *p, struct job *job, struct pgconn *c, err *e);
void pieces_fini(struct pieces *p);
OWN_VALUE(pieces, pieces_fini);

/* `rank`: in pieces.table. */
MUST_CHECK status pieces_load(struct pieces *p, struct pgconn *c, size_t rank, err *e);
/* ERR_STORAGE when it is the last of its table and anything differs. */
MUST_CHECK status pieces_prove(struct pieces *p, struct pgconn *c, size_t number, err *e);

#endif
