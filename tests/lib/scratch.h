/*
 * scratch: a folder of its own for a test, under TMPDIR or /tmp, removed at the end.
 *
 *     OWNED(scratch) struct scratch s = scratch_make();
 *     ... scratch_path(&s, "file") ...
 */
#ifndef PGSTRAND_LIB_SCRATCH_H
#define PGSTRAND_LIB_SCRATCH_H

#include "tests/lib/check.h"

#include "store/io.h"

struct scratch {
    char dir[256];
    char path[1024];
};

static inline struct scratch scratch_make(void)
{
    struct scratch s = {0};
    const char *base = getenv("TMPDIR");
    (void)snprintf(s.dir, sizeof s.dir, "%s/pgstrand-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(s.dir));
    return s;
}

static inline void scratch_remove(struct scratch *s)
{
    err e = ERR_INIT;
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    assert_done(io_remove_tree(s->dir, &e), &e);
}
OWN_VALUE(scratch, scratch_remove);

/* "dir/name", valid until the next call. */
static inline const char *scratch_path(struct scratch *s, const char *name)
{
    (void)snprintf(s->path, sizeof s->path, "%s/%s", s->dir, name);
    return s->path;
}

#endif
