#include "store/snapprune.h"

#include "store/snapnames.h"

static char *mark_path(const char *dir, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s.pruned", dir, name) < 0 ? NULL : path;
}

status snapprune_is_pruned(const char *dir, const char *name, bool *pruned, err *e)
{
    OWNED(text) char *path = mark_path(dir, name);
    if (path == NULL)
        return err_no_memory(e);
    *pruned = io_exists(path);
    return DONE;
}

status snapprune_mark(const char *dir, const char *name, err *e)
{
    OWNED(text) char *path = mark_path(dir, name);
    if (path == NULL)
        return err_no_memory(e);
    /* One that was killed may have made it, and not its name durable: content goes only behind it. */
    return io_exists(path) ? io_sync_dir(dir, e) : io_store(path, bytes_of("", 0), e);
}

static bool has(const char *dir, const char *name, const char *suffix)
{
    OWNED(text) char *path = NULL;
    return asprintf(&path, "%s/%s%s", dir, name, suffix) >= 0 && io_exists(path);
}

bool snapprune_left_over(const char *dir, const char *name)
{
    return has(dir, name, ".snap") || has(dir, name, ".device");
}

static status size_of(const char *path, uint64_t *out, err *e)
{
    OWNED(io_file) struct io_file *f = NULL;
    TRY(io_open(path, IO_READ, &f, e));
    return io_size(f, out, e);
}

status snapprune(const char *dir, const char *name, uint64_t *freed, err *e)
{
    OWNED(io_names) struct io_names all = {0};
    *freed = 0;
    TRY(snapprune_mark(dir, name, e));
    TRY(io_list(dir, &all, e));
    /* Backwards: NAME.snap after NAME.snap.1, so that snapprune_left_over knows when all is gone. */
    for (size_t i = all.count; i > 0; i--) {
        struct snapnames_file file;
        uint64_t size = 0;
        if (!snapnames_parse(all.name[i - 1], &file) || strcmp(file.name, name) != 0 ||
            (file.kind != SNAPNAMES_SNAP && file.kind != SNAPNAMES_DEVICE))
            continue;
        OWNED(text) char *path = io_join(dir, all.name[i - 1]);
        if (path == NULL)
            return err_no_memory(e);
        TRY(size_of(path, &size, e));
        TRY(io_unlink(path, e));
        *freed += size;
    }
    return io_sync_dir(dir, e);
}
