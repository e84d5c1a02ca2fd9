/*
 * snapreadback: a file of a snapshot read back before it gets its name: what was written must come back,
 * decode, and have the roots that will be committed. Large files by several threads at once.
 */
#ifndef PGSTRAND_SNAPREADBACK_H
#define PGSTRAND_SNAPREADBACK_H

#include "store/snapdraft.h"

/* Of a file that is complete and synced, and whose sections are sealed. */
MUST_CHECK status snapreadback_file(const struct snapwriter *w, const struct snapparts *file, err *e);

#endif
