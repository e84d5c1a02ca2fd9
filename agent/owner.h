/*
 * owner: the recovery key's certificate of this device, by which a chain shows whose its node is
 * (store/handover.h): without it no other machine can take the node over. It is kept in the identity, and
 * every link sealed from then on carries it. Identities made before there were certificates have none, and
 * those that adopted another node.
 *
 * Threads: whoever owns the data directory's handle.
 */
#ifndef PGSTRAND_OWNER_H
#define PGSTRAND_OWNER_H

#include "agent/datadir.h"
#include "store/chain.h"

MUST_CHECK status owner_is_certified(struct datadir *d, bool *out, err *e);

/* Is this device certified, and no link of the chain says so yet? */
MUST_CHECK status owner_is_news(struct datadir *d, const struct chain *chain, bool *out, err *e);

/* `secret`: the recovery key's. ERR_REFUSED: it is not the one of this node. Done again, it ends the same. */
MUST_CHECK status owner_certify(struct datadir *d, const uint8_t secret[static SIGNING_KEY_LEN], err *e);

#endif
