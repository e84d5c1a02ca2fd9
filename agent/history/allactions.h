/*
 * allactions: every action of the own node in seq order, wherever it lies: in the log as long as that has it,
 * else in sealed snapshots.
 *
 * Ownership: allactions_open -> caller -> allactions_close (NULL-safe). What allactions_next hands out is
 * borrowed until the next call, relations until the end. Threads: one.
 */
#ifndef PGSTRAND_ALLACTIONS_H
#define PGSTRAND_ALLACTIONS_H

#include "agent/history/entityindex.h"
#include "agent/restore/fold/source.h"

struct allactions;

/* From seq `first` on; with `only` (sorted, borrowed) no others. */
MUST_CHECK status allactions_open(const struct entityindex_place *place, uint64_t first,
                                  const struct seqlist *only, struct allactions **out, err *e);
void allactions_close(struct allactions *a);
OWN_POINTER(allactions, allactions_close);

/* With its UUID, also when it is sealed. A TRUNCATE of tables of several tiers comes once for each of them
 * when it is sealed. */
MUST_CHECK status allactions_next(struct allactions *a, struct source_action *out, bool *end, err *e);

/* A relation that the action last handed out names. */
MUST_CHECK status allactions_relation(struct allactions *a, uint32_t version, const struct relation **out,
                                      err *e);

#endif
