/*
 * sealactions: copies actions of the log into the ACTIONS sections of a snapshot, one section a tier, in seq
 * order.
 *
 * Bytes of the log are copied as they are; only each action's index in its commit is added, because a sealed
 * action has no key. Relation versions that are named are collected for the SCHEMA section. Memory: one frame
 * a tier.
 */
#ifndef PGSTRAND_SEALACTIONS_H
#define PGSTRAND_SEALACTIONS_H

#include "agent/seal/sealheader.h"
#include "store/actionlog.h"
#include "store/snapwriter.h"

struct sealactions;

/* Borrows all three for its life. */
MUST_CHECK status sealactions_new(struct snapwriter *writer, struct framecoder *coder, struct logreader *log,
                                  struct sealactions **out, err *e);
void sealactions_free(struct sealactions *s);
OWN_POINTER(sealactions, sealactions_free);

/* Copies the actions from first to last (both included). */
MUST_CHECK status sealactions_copy(struct sealactions *s, uint64_t first, uint64_t last, err *e);

/* How many were copied (an action that went into two tiers counts once). */
uint64_t sealactions_count(const struct sealactions *s);

/* The relations that were named, as messages for the SCHEMA section; borrowed. */
MUST_CHECK status sealactions_relations(struct sealactions *s, Pgstrand__Relation ***out, size_t *count,
                                        err *e);

#endif
