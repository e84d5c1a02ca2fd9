/*
 * sealheader: the facts that a new snapshot's header states, and its place behind the last link of the chain.
 */
#ifndef PGSTRAND_SEALHEADER_H
#define PGSTRAND_SEALHEADER_H

#include "agent/seal/seal.h"
#include "store/chain.h"

/* The range of actions a snapshot stands for. */
struct seal_range {
    uint64_t first_seq;
    uint64_t last_seq;
    lsn first_lsn;
    lsn last_lsn;
    pgtime first_time;
    pgtime last_time;
};

/* A header with the memory that its pointers need. */
struct sealheader {
    Pgstrand__SnapshotHeader message;
    uuid snapshot;
    uint8_t parent_hash[SHA256_LEN];
    char hostname[256];
    char platform[256];
    char server_version[32];
};

/* The header of the next snapshot of `chain`. Borrows from d, request and chain; server_version 0: unknown.
 */
MUST_CHECK status sealheader_fill(const struct datadir *d, const struct seal_request *request,
                                  const struct chain *chain, const struct seal_range *range,
                                  int server_version, struct sealheader *out, err *e);

/* The newest FULL of the chain, or NULL. */
const struct chain_link *sealheader_base(const struct chain *chain);

#endif
