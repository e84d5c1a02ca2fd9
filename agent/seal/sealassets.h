/*
 * sealassets: the files of the configured folders, looked at when a snapshot is sealed. An INCREMENTAL takes
 * the contents that the chain does not have; a FULL takes all, so that nothing before it is needed.
 */
#ifndef PGSTRAND_SEALASSETS_H
#define PGSTRAND_SEALASSETS_H

#include "agent/assets/assetlist.h"
#include "agent/seal/sealrun.h"

struct sealassets {
    struct assetlist before[TIER_TRANSIENT], now[TIER_TRANSIENT]; /* by tier */
    bool changed[TIER_TRANSIENT];
    bool any; /* there is something to write */
    bool all; /* contents, too */
};

/* `full`: for a FULL. */
MUST_CHECK status sealassets_look(const struct sealrun *run, bool full, struct sealassets *out, err *e);
void sealassets_fini(struct sealassets *s);
OWN_VALUE(sealassets, sealassets_fini);

/* Are the files of the configured folders others than the chain's newest? Reads none of them. */
MUST_CHECK status sealassets_changed(struct datadir *d, bool *out, err *e);

MUST_CHECK status sealassets_write(const struct sealrun *run, struct sealassets *s, struct snapwriter *writer,
                                   struct framecoder *coder, err *e);

#endif
