/*
 * assetwrite: a tier's files as an ASSETS section: contents that the chain does not have yet, then the list
 * of everything.
 */
#ifndef PGSTRAND_ASSETWRITE_H
#define PGSTRAND_ASSETWRITE_H

#include "agent/assets/assetlist.h"
#include "agent/progress.h"
#include "store/snapwriter.h"

/* `now` is completed with the contents' hashes. `before`: the chain's newest list; its contents need not be
 * stored again, unless `all`. A file that vanished or went on changing is said, and listed as it was before,
 * or not at all. */
MUST_CHECK status assetwrite_section(struct snapwriter *writer, struct framecoder *coder,
                                     struct assetlist *now, const struct assetlist *before, bool all,
                                     const struct progress *progress, err *e);

#endif
