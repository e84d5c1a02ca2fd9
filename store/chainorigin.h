/*
 * chainorigin: whose links a chain is made of: one node of one dataset; one device with one key, until the
 * first link of an incarnation brings a hand-over that the recovery key of the links before it signed.
 *
 * Links sealed by versions without a recovery key have none; from the first one on that has it, it stays the
 * same. Pure. Threads: as the chain's.
 */
#ifndef PGSTRAND_CHAINORIGIN_H
#define PGSTRAND_CHAINORIGIN_H

#include "store/chain.h"

/* ERR_STORAGE: the link of this number is of somebody else. Those before it were checked. */
MUST_CHECK status chainorigin_check(const struct chain *c, size_t number, err *e);

#endif
