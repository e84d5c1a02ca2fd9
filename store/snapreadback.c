#include "store/snapreadback.h"

#include <unistd.h>

#include "store/snapfile.h"

#define READERS_MAX 2 /* each takes the buffers of a frame, up to 12 MiB for rows */
/* For each reader there is at least so much stored, some milliseconds' work: below, a thread gains nothing.
 */
#define READER_BYTES ((uint64_t)512 << 10)

struct reader_thread {
    const struct snapwriter *w;
    const struct snapparts *file;
    struct snapfile_share share;
    pthread_t thread;
    bool started;
    status result;
    err why;
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

static void *run(void *argument)
{
    struct reader_thread *r = argument;
    r->result = read_share(r->w, r->file, r->share, &r->why);
    return NULL;
}

static uint32_t readers_for(uint64_t bytes)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const uint64_t useful = bytes / READER_BYTES;
    uint64_t readers = processors > 1 ? (uint64_t)processors : 1;
    readers = readers < READERS_MAX ? readers : READERS_MAX;
    readers = readers < useful ? readers : useful;
    return readers > 1 ? (uint32_t)readers : 1;
}

/* The first share is the caller's own; a thread that cannot be started is one whose share the caller reads,
 * too. */
status snapreadback_file(const struct snapwriter *w, const struct snapparts *file, err *e)
{
    struct reader_thread other[READERS_MAX] = {0};
    const uint32_t readers = readers_for(file->total);
    for (uint32_t i = 1; i < readers; i++) {
        other[i] = (struct reader_thread){
            .w = w, .file = file, .share = {i, readers}, .result = FAILED, .why = ERR_INIT};
        other[i].started = pthread_create(&other[i].thread, NULL, run, &other[i]) == 0;
    }
    status result = read_share(w, file, (struct snapfile_share){0, readers}, e);
    for (uint32_t i = 1; i < readers; i++) {
        if (other[i].started)
            (void)pthread_join(other[i].thread, NULL);
        else
            (void)run(&other[i]);
        if (result.ok && !other[i].result.ok) {
            result = FAILED;
            *e = other[i].why;
        }
    }
    return result;
}
