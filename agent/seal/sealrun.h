/*
 * sealrun: one sealing in progress, shared by the kinds of snapshot: lock, chain, database, progress.
 */
#ifndef PGSTRAND_SEALRUN_H
#define PGSTRAND_SEALRUN_H

#include "agent/seal/sealheader.h"
#include "agent/seal/sealschema.h"
#include "agent/seal/sealstaged.h"
#include "store/io.h"

struct sealrun {
    struct datadir *d;
    const struct seal_request *request;
    const struct progress *progress;
    struct io_lock *lock;
    struct chain *chain;
    struct pgconn *conn;       /* NULL: offline */
    struct table_list *tables; /* NULL: offline */
    struct logreader *log;     /* NULL: there is none yet */
    uint64_t version_seq;      /* of the newest version of the schema that the next snapshot has; 0: none */
};
void sealrun_fini(struct sealrun *run);
OWN_VALUE(sealrun, sealrun_fini);

/* Takes the lock, tidies the folder, loads the chain and brings the catalogue up to it. */
MUST_CHECK status sealrun_begin(struct datadir *d, const struct seal_request *request,
                                const struct progress *progress, struct sealrun *out, err *e);

/* Is a query of the database that failed to be asked again, the `tries`-th time? Stopping the agent cancels
 * every connection's statement once a second, and an INCREMENTAL is to be finished all the same. *e is clean
 * then. */
bool sealrun_asks_again(const struct sealrun *run, int tries, err *e);

/* Is an INCREMENTAL or a DIFFERENTIAL to be made without the sequences' values, which it failed to have from
 * the database? Then that is said, and *e is clean. */
bool sealrun_does_without(struct sealrun *run, err *e);

/* The SEQUENCES section, when the database tells, or without it as above. */
MUST_CHECK status sealrun_sequences(struct sealrun *run, struct snapwriter *writer, struct framecoder *coder,
                                    err *e);

/* A writer for the next snapshot, after its number was reserved in the catalogue. */
MUST_CHECK status sealrun_open(struct sealrun *run, const Pgstrand__SnapshotHeader *header,
                               struct snapwriter **out, err *e);

/* Publishes, adds to the chain, records in the catalogue and fills *out. */
MUST_CHECK status sealrun_publish(struct sealrun *run, struct snapwriter *writer, struct seal_result *out,
                                  err *e);

/* What a link of the chain is: all but the file's name. */
void sealrun_tell(const struct chain_link *link, struct seal_result *out);

/* Every action from the chain's end to `last_seq` as the next INCREMENTAL; nothing_new when there is none. */
MUST_CHECK status sealincremental_run(struct sealrun *run, uint64_t last_seq, struct seal_result *out,
                                      err *e);

/* The same with the rows of these tables, exact behind action `last_seq`, which is before `at`; made even
 * when there is no action. */
MUST_CHECK status sealincremental_based(struct sealrun *run, uint64_t last_seq, lsn at,
                                        const struct sealstaged *rows, struct seal_result *out, err *e);

/* New bases of the request's tables under a temporary slot's snapshot, in an INCREMENTAL that ends there. */
MUST_CHECK status sealtables_run(struct sealrun *run, struct seal_result *out, err *e);

/* Waits until the log holds everything that ends before `target`. */
MUST_CHECK status sealrun_wait_for_log(struct sealrun *run, lsn target, err *e);

/* What the actions since the newest FULL come to, up to last_seq; before it an INCREMENTAL when some are not
 * sealed. nothing_new when the last FULL or DIFFERENTIAL already has that state. */
MUST_CHECK status sealdifferential_run(struct sealrun *run, uint64_t last_seq, struct seal_result *out,
                                       err *e);

/* A new base under a temporary slot's snapshot, an INCREMENTAL up to it, and the FULL. */
MUST_CHECK status sealfull_run(struct sealrun *run, struct seal_result *out, err *e);

#endif
