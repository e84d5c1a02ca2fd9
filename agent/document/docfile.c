#include "agent/document/docfile.h"

#include "store/io.h"

struct docfile {
    struct io_file *file;
    uint64_t size, at;
    struct hasher *hasher;
    uint8_t first[SHA256_LEN]; /* what the first reading gave */
};

void docfile_close(struct docfile *f)
{
    if (f == NULL)
        return;
    io_close(f->file);
    hasher_free(f->hasher);
    free(f);
}

status docfile_open(const char *path, struct docfile **out, err *e)
{
    OWNED(docfile) struct docfile *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_no_memory(e);
    TRY(io_open(path, IO_READ, &f->file, e));
    TRY(io_size(f->file, &f->size, e));
    TRY(hasher_new(&f->hasher, e));
    TRY(hasher_start(f->hasher, e));
    *out = f;
    f = NULL;
    return DONE;
}

static status read_on(void *context, uint8_t *to, size_t room, size_t *got, err *e)
{
    struct docfile *f = context;
    *got = f->size - f->at < room ? (size_t)(f->size - f->at) : room;
    if (*got == 0)
        return DONE;
    TRY(io_read_at(f->file, f->at, to, *got, e));
    f->at += *got;
    return hasher_add(f->hasher, bytes_of(to, *got), e);
}

struct jsonstream_source docfile_source(struct docfile *f)
{
    return (struct jsonstream_source){f, read_on};
}

status docfile_rewind(struct docfile *f, err *e)
{
    TRY(hasher_end(f->hasher, f->first, e));
    f->at = 0;
    return hasher_start(f->hasher, e);
}

status docfile_check(struct docfile *f, err *e)
{
    uint8_t second[SHA256_LEN];
    TRY(hasher_end(f->hasher, second, e));
    if (f->at == f->size && memcmp(f->first, second, sizeof second) == 0)
        return DONE;
    return err_set(e, ERR_VALIDATION, "%s was changed while it was read: import it again", io_path(f->file));
}

uint64_t docfile_size(const struct docfile *f)
{
    return f->size;
}

uint64_t docfile_position(const struct docfile *f)
{
    return f->at;
}
