/*
 * keepfrom: for entities, the seq from which on their actions are needed. What is not known here is needed
 * from the beginning.
 *
 * Memory: at most `memory` bytes of slots. When they do not take another entity none is added any more, for
 *         good: entities that came too late keep all their actions.
 * Threads: one.
 */
#ifndef PGSTRAND_KEEPFROM_H
#define PGSTRAND_KEEPFROM_H

#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/own.h"

/* Half a SHA-256: two entities that share it would lose actions, and that must not be possible to contrive.
 */
#define KEEPFROM_ID 16

struct keepfrom;

MUST_CHECK status keepfrom_new(size_t memory, struct keepfrom **out, err *e);
void keepfrom_free(struct keepfrom *k); /* NULL-safe */
OWN_POINTER(keepfrom, keepfrom_free);

/* What was before `seq` is not needed, unless the entity is pinned. */
MUST_CHECK status keepfrom_raise(struct keepfrom *k, const uint8_t id[static KEEPFROM_ID], uint64_t seq,
                                 err *e);

/* Another entity's state was made from this one's (or this one's from it): what is needed now stays so. */
MUST_CHECK status keepfrom_pin(struct keepfrom *k, const uint8_t id[static KEEPFROM_ID], err *e);

/* 0: from the beginning. */
uint64_t keepfrom_seq(const struct keepfrom *k, const uint8_t id[static KEEPFROM_ID]);

/* Has it begun to turn entities away? */
bool keepfrom_is_full(const struct keepfrom *k);

#endif
