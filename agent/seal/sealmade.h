/*
 * sealmade: what a seal that was killed, or that failed behind its publication, has made: which link of the
 * chain it is, and what comes after a publication.
 *
 * The link itself tells what it has, not the job of the record: programs of before the job was kept for each
 * try went on with the record of another one, and what they were killed at may have other tables than it
 * says.
 *
 * Threads: one, under the seal lock (sealrun_begin).
 */
#ifndef PGSTRAND_SEALMADE_H
#define PGSTRAND_SEALMADE_H

#include "agent/datadir.h"
#include "store/chain.h"

/* The link that this job has published, borrowed from the chain; NULL: none. */
const struct chain_link *sealmade_find(const struct chain *chain, const Pgstrand__SealJob *job);

/* Closes the changes of the schema whose bases the link has, and clears what was staged for it. Done again,
 * it ends the same. */
MUST_CHECK status sealmade_settle(struct datadir *d, const struct chain_link *made, err *e);

#endif
