#include "store/snapreadback.h"

#include "store/shares.h"
#include "store/snapfile.h"

#define READERS_MAX 2 /* each takes the buffers of a frame, up to 12 MiB for rows */
/* For each reader there is at least so much stored, some milliseconds' work: below, a thread gains nothing.
 */
#define READER_BYTES ((uint64_t)512 << 10)

struct readback {
    const struct snapwriter *w;
    const struct snapparts *file;
    uint32_t readers;
};

static status read_share(const struct snapwriter *w, const struct snapparts *file,
                         struct snapfile_share share, err *e)
{
    OWNED(snapfile) struct snapfile *f = NULL;
    TRY(snapfile_open(file->base, SNAPFILE_STAGED, file->role, &file->snapshot, file->count, &f, e));
    for (uint32_t i = 0; i < w->sections; i++) {
        const struct snapsection *s = w->section[i];
        if (snaplayout_role(s->tier) == file->role)
            TRY(snapfile_check(f, s->tier, s->kind, s->root, share, e));
    }
    return snapfile_covered(f, e);
}

static status run(void *context, uint32_t share, err *e)
{
    const struct readback *r = context;
    return read_share(r->w, r->file, (struct snapfile_share){share, r->readers}, e);
}

status snapreadback_file(const struct snapwriter *w, const struct snapparts *file, err *e)
{
    struct readback r = {w, file, shares_count(file->total / READER_BYTES, READERS_MAX)};
    return shares_run(r.readers, run, &r, e);
}
