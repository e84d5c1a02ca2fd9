/*
 * breaks: changes of the schema that the chain cannot follow, as the catalogue holds them (SchemaBreak). The
 * daemon records them; a FULL that reaches behind one heals it, whoever seals it.
 *
 * Threads: whoever owns the catalogue's handle.
 */
#ifndef PGSTRAND_BREAKS_H
#define PGSTRAND_BREAKS_H

#include "store/catalog.h"

/* Those that no FULL came after: how many, and the last one's seq (of all recorded ones). */
MUST_CHECK status breaks_open(struct catalog *c, size_t *open, uint64_t *last_seq, err *e);

/* A FULL holds the state after `seq`: changes up to there are healed. */
MUST_CHECK status breaks_heal(struct catalog *c, uint64_t seq, err *e);

/* The tables (OIDs) whose new bases would heal all that is open: sorted, malloc'ed; *count 0: none would, a
 * FULL is needed, or nothing is open. */
MUST_CHECK status breaks_tables(struct catalog *c, uint32_t **table, size_t *count, err *e);

/* These tables have bases that hold the state after `seq`: changes up to there that are about no others are
 * healed. */
MUST_CHECK status breaks_heal_tables(struct catalog *c, const uint32_t *table, size_t count, uint64_t seq,
                                     err *e);

#endif
