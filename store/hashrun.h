/*
 * hashrun: a sorted, immutable file of (hash, number) pairs: which actions, or which frames, are about an
 * entity. Derived from log and chain, and made again from them when it is lost or damaged.
 *
 *   HEAD       "PGSRUN1\n", node, incarnation, first, last, LSN, pairs, offset of the directory, blocks;
 * CRC32C BLOCK*     the pairs in order: for each hash its difference to the one before (the first in a block:
 * to the block's in the directory), how many numbers, the first one, then differences, as varints; CRC32C
 *   DIRECTORY  per block its first hash and its offset, 8 bytes little-endian each; then CRC32C
 *
 * What `first` .. `last` and the LSN mean is the caller's: the seqs that the run covers, and the last
 * commit's.
 *
 * Threads:    one per handle.
 * Durability: hashrun_publish returns ok when file and name are on disk; before, nothing has the name.
 * Failure:    ERR_STORAGE for a file that is truncated, changed or no run.
 */
#ifndef PGSTRAND_HASHRUN_H
#define PGSTRAND_HASHRUN_H

#include "proto/base/lsn.h"
#include "proto/base/seqlist.h"
#include "proto/base/uuid.h"

#define HASHRUN_BITS 40 /* of a hash: among 10 million entities one in 100,000 shares another's */

struct hashrun_head {
    uuid node;
    uuid incarnation;
    uint64_t first;
    uint64_t last;
    lsn lsn;
    uint64_t pairs;
};

/* ---- writing ---- */

struct hashrun_writer;

/* PATH.part is made anew; it becomes `path` when it is published. */
MUST_CHECK status hashrun_create(const char *path, struct hashrun_writer **out, err *e);
/* Without hashrun_publish: what was written is removed. NULL-safe. */
void hashrun_writer_close(struct hashrun_writer *w);
OWN_POINTER(hashrun_writer, hashrun_writer_close);

/* In ascending order of (hash, number); a pair that is there already is left out. */
MUST_CHECK status hashrun_put(struct hashrun_writer *w, uint64_t hash, uint64_t number, err *e);
MUST_CHECK status hashrun_publish(struct hashrun_writer *w, const struct hashrun_head *head, err *e);

/* ---- reading ---- */

struct hashrun;

/* Is it the file that is at fault, not memory, descriptors or the disk? Then it can be made again. */
bool hashrun_is_damage(const err *e);

/* Checks head and directory. */
MUST_CHECK status hashrun_open(const char *path, struct hashrun **out, err *e);
void hashrun_close(struct hashrun *r);
OWN_POINTER(hashrun, hashrun_close);

const struct hashrun_head *hashrun_head(const struct hashrun *r);

/* Adds the hash's numbers, ascending. Reads and checks the one block that has them, or as many as they fill.
 */
MUST_CHECK status hashrun_find(struct hashrun *r, uint64_t hash, struct seqlist *out, err *e);

/* All pairs in order, from the first; *end behind the last. Not to be mixed with hashrun_find. */
MUST_CHECK status hashrun_next(struct hashrun *r, uint64_t *hash, uint64_t *number, bool *end, err *e);

#endif
