/*
 * seal: turns the log, or staged table bases, into the next snapshot of the chain. One sealer at a time
 * (DATA/seal.lock), in the daemon or in a command.
 *
 * Threads: any one; takes its own datadir and its own log reader. Memory: a few frames.
 */
#ifndef PGSTRAND_SEAL_H
#define PGSTRAND_SEAL_H

#include "agent/datadir.h"
#include "agent/pg/pgconn.h"
#include "agent/pg/tables.h"
#include "agent/progress.h"
#include "store/chain.h"

struct seal_request {
    Pgstrand__SnapshotType type;
    const char *name;        /* may be NULL */
    const char *description; /* may be NULL */
    const uuid *snapshot;    /* its UUID; NULL: any. An INCREMENTAL on the way to it has another one */
    const char *conninfo;    /* of the database; NULL: config's */
    bool offline;            /* the database cannot be reached: schema and sequences as in the parent */
    const uint32_t *tables;  /* OIDs: an INCREMENTAL that has new bases of these, too */
    size_t table_count;
};

struct seal_result {
    bool nothing_new;
    uuid snapshot;
    Pgstrand__SnapshotType type;
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t rows;
    uint64_t actions;
    uint64_t size;
    char *file; /* NAME; malloc'ed */
};
void seal_result_fini(struct seal_result *r);
OWN_VALUE(seal_result, seal_result_fini);

/*
 * INCREMENTAL: every visible action since the parent; with new bases of single tables it is made even when
 * there is none. FULL: a new base under a temporary slot's snapshot; before it, an INCREMENTAL up to the same
 * point, so that the chain stays complete. DIFFERENTIAL: net changes since the last FULL, behind an
 * INCREMENTAL in the same way: a short cut for restores, nothing else. A snapshot cut short earlier is tidied
 * up first; the catalogue is brought up to the commits on disk.
 */
MUST_CHECK status seal_snapshot(struct datadir *d, const struct seal_request *request,
                                const struct progress *progress, struct seal_result *out, err *e);

/* The same in two calls: the chain is read and checked once, and belongs to the caller from then on
 * (sealrun_fini), the seal lock with it; what is sealed is added to it. `request` and `progress` live as
 * long. One call of seal_run. */
struct sealrun;
MUST_CHECK status seal_begin(struct datadir *d, const struct seal_request *request,
                             const struct progress *progress, struct sealrun *out, err *e);
MUST_CHECK status seal_run(struct sealrun *run, struct seal_result *out, err *e);

/* The first FULL, from bases staged by init (base_copy). `c`: the database. */
MUST_CHECK status seal_first_full(struct datadir *d, struct pgconn *c, const char *conninfo,
                                  const struct table_list *tables, struct seal_result *out, err *e);

/* Commits on disk are the truth: removes leftovers and brings the catalogue's snapshot records up to them.
 * Takes the seal lock itself. */
MUST_CHECK status seal_reconcile(struct datadir *d, err *e);

#endif
