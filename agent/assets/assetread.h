/*
 * assetread: the files that a chain has: what lay in the folders at a link, and the contents.
 *
 * A link that has a section of a tier's files has the whole list of that tier; one that has none found
 * nothing changed. The contents of what is listed lie in that link and those before it, back to the newest
 * FULL.
 */
#ifndef PGSTRAND_ASSETREAD_H
#define PGSTRAND_ASSETREAD_H

#include "agent/assets/assetlist.h"
#include "store/chain.h"

/* The newest list of the tier at or before link `last`, not before `base`; out->there false: none. */
MUST_CHECK status assetread_list(const struct chain *c, size_t base, size_t last, enum tier tier,
                                 struct assetlist *out, err *e);

/* A piece of a content; they come in order, `last` with the last one. Borrowed for the call. */
struct asset_piece {
    const uint8_t *hash;
    uint64_t offset;
    struct bytes data;
    bool last;
};
struct asset_taker {
    void *context;
    status (*take)(void *context, const struct asset_piece *piece, err *e);
};
/* All contents of the tier in the links from `base` to `last`. */
MUST_CHECK status assetread_contents(const struct chain *c, size_t base, size_t last, enum tier tier,
                                     const struct asset_taker *to, err *e);

/* The newest FULL at or before `last`. */
size_t assetread_base(const struct chain *c, size_t last);

#endif
