/*
 * sealactions: puts actions into the ACTIONS sections of a snapshot, one section a tier, in seq order.
 *
 * Actions lie by column in their frames (proto/actionpack.h); a huge one is a payload of its own, a message
 * cut into frames. Relation versions that are named are collected for the SCHEMA section. Memory: a frame a
 * tier, and two more to lay out and compress one; a huge action is not copied.
 */
#ifndef PGSTRAND_SEALACTIONS_H
#define PGSTRAND_SEALACTIONS_H

#include "agent/progress.h"
#include "agent/seal/sealheader.h"
#include "store/actionlog.h"
#include "store/snapwriter.h"

struct sealactions;

/* Where the relations that actions name are known; what it hands out lives as long as the context. */
struct sealactions_relations {
    void *context;
    status (*find)(void *context, uint32_t version, const struct relation **out, err *e);
};
struct sealactions_relations sealactions_of_log(struct logreader *log);

/* Borrows all that is given for its life. */
MUST_CHECK status sealactions_new(struct snapwriter *writer, struct framecoder *coder,
                                  const struct sealactions_relations *relations, struct sealactions **out,
                                  err *e);
void sealactions_free(struct sealactions *s);
OWN_POINTER(sealactions, sealactions_free);

struct sealactions_item {
    uint64_t seq;
    const struct commit *commit;
    const struct action *action;
    const struct relation *relation; /* NULL for TRUNCATE, DDL and MESSAGE */
};

/* One action; seqs rise. A TRUNCATE of tables of several tiers goes into each of them. */
MUST_CHECK status sealactions_put(struct sealactions *s, const struct sealactions_item *item, err *e);

/* Ends the sections. */
MUST_CHECK status sealactions_end(struct sealactions *s, err *e);

/* Puts the log's actions from first to last (both included), and ends the sections. ERR_INTERRUPTED when
 * `progress` is stopped, as by Ctrl-C: what was put is of no use then. */
MUST_CHECK status sealactions_copy(struct sealactions *s, struct logreader *log, uint64_t first,
                                   uint64_t last, const struct progress *progress, err *e);

/* How many were copied (an action that went into two tiers counts once). */
uint64_t sealactions_count(const struct sealactions *s);

/* The relations that were named, as messages for the SCHEMA section; borrowed. */
MUST_CHECK status sealactions_named(struct sealactions *s, Pgstrand__Relation ***out, size_t *count, err *e);

#endif
