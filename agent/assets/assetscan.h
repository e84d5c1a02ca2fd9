/*
 * assetscan: looks at the configured folders: names, times, sizes; reads no file.
 *
 * What lies in a folder may change or vanish meanwhile: that is said, not a failure. Symbolic links are kept
 * as links and never followed; sockets, pipes and devices are left out, and said.
 */
#ifndef PGSTRAND_ASSETSCAN_H
#define PGSTRAND_ASSETSCAN_H

#include "agent/assets/assetlist.h"
#include "agent/config.h"
#include "agent/progress.h"

/* The folder in which a restore stages files; never part of a list. */
#define ASSETSCAN_STAGING ".pgstrand-restore"

/* The configured folders of a tier, as a list of absolute paths: next one, "" at the end; the text is cut up.
 * ERR_VALIDATION when one is not absolute. */
MUST_CHECK status assetscan_folders(const struct config *c, enum tier tier, struct assetlist *out, err *e);

/* The same with all that lies in them. A folder that is not there is said and counts as `before` had it. */
MUST_CHECK status assetscan_run(const struct config *c, enum tier tier, const struct assetlist *before,
                                const struct progress *progress, struct assetlist *out, err *e);

#endif
