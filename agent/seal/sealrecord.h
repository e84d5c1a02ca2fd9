/*
 * sealrecord: what the catalogue says of a link of the chain: what a listing shows, and which version of the
 * schema is the newest there, so that sealing need not look through all links for it.
 *
 * Threads: one per datadir. The commits on disk are the truth; a record that is not the link's own is none.
 */
#ifndef PGSTRAND_SEALRECORD_H
#define PGSTRAND_SEALRECORD_H

#include "agent/datadir.h"
#include "store/chain.h"

/* The newest version of the schema that the links since the newest FULL have, up to one of them. */
struct sealrecord_schema {
    bool known;
    uint64_t seq; /* of the version (versionbook.h); 0: they have none */
};

MUST_CHECK status sealrecord_is_there(struct datadir *d, const struct chain_link *link, bool *out, err *e);
MUST_CHECK status sealrecord_put(struct datadir *d, const struct chain_link *link,
                                 struct sealrecord_schema schema, err *e);

MUST_CHECK status sealrecord_schema(struct datadir *d, const struct chain_link *link,
                                    struct sealrecord_schema *out, err *e);
/* Notes what had to be looked up; nothing when the link has no record. */
MUST_CHECK status sealrecord_note_schema(struct datadir *d, const struct chain_link *link, uint64_t seq,
                                         err *e);

#endif
