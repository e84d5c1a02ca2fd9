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

#endif
