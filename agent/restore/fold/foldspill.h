/*
 * foldspill: the changes of a table that does not fit in memory: written down in order, then folded in parts
 * (Grace hash join).
 *
 * Steps go to one sequential file. When all are known, both they and the base rows they may touch are spread
 * over part files by the hash of their key, and each part is folded alone. Keys that are linked, because a
 * row took unknown columns along when its key changed, share a part (foldlink.h). Base rows whose key no step
 * names pass without touching the disk.
 *
 * Memory: a part's map, the links (16 to 32 bytes a linked key), the filter, and 16 KiB for each part file.
 * What cannot be split is one chain of linked keys.
 */
#ifndef PGSTRAND_FOLDSPILL_H
#define PGSTRAND_FOLDSPILL_H

#include "agent/restore/fold/foldemit.h"
#include "agent/restore/fold/foldlink.h"
#include "agent/restore/fold/foldop.h"
#include "agent/restore/fold/spillfile.h"

struct foldspill;

MUST_CHECK status foldspill_new(const char *dir, const struct fold_shape *shape, struct foldspill **out,
                                err *e);
void foldspill_free(struct foldspill *s); /* NULL-safe */
OWN_POINTER(foldspill, foldspill_free);

/* All that a map has; the map is empty afterwards. Only as the first thing. */
MUST_CHECK status foldspill_take(struct foldspill *s, struct foldmap *m, err *e);
MUST_CHECK status foldspill_put(struct foldspill *s, const struct foldop *op, err *e);
/* Was it the file that failed, and not what was to be put in it? */
bool foldspill_is_unwritable(const struct foldspill *s);

/* Folds and hands out. `base` NULL: there are no base rows (a TRUNCATE came first). `memory`: what the maps
 * of parts may take. */
MUST_CHECK status foldspill_emit(struct foldspill *s, const struct fold_source *base, size_t memory,
                                 struct foldemit *out, err *e);

#endif
