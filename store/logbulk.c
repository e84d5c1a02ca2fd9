#include "store/logbulk.h"

#include <sys/stat.h>

#include "store/io.h"
#include "store/logname.h"

void logbulk_encode(const struct bulk_place *extent, const struct bulk_versions *versions, struct buf *out)
{
    buf_u8(out, 0);
    buf_varint(out, extent->actions);
    buf_varint(out, extent->bytes);
    buf_varint(out, versions->count);
    for (size_t i = 0; i < versions->count; i++)
        buf_varint(out, versions->version[i]);
}

void logbulk_fini(struct logbulk *b)
{
    free(b->version);
    *b = (struct logbulk){0};
}

status logbulk_decode(struct bytes value, struct logbulk *out, err *e)
{
    struct reader r = reader_over(value);
    logbulk_fini(out);
    if (reader_u8(&r) != 0)
        reader_fail(&r);
    out->extent.actions = reader_varint(&r);
    out->extent.bytes = reader_varint(&r);
    const uint64_t count = reader_varint(&r);
    if (out->extent.actions == 0 || count > r.left) /* a version takes a byte at least */
        reader_fail(&r);
    if (reader_ok(&r)) {
        out->version = calloc((size_t)count + 1, sizeof *out->version);
        if (out->version == NULL)
            return err_no_memory(e);
    }
    for (; reader_ok(&r) && out->count < count; out->count++) {
        const uint64_t version = reader_varint(&r);
        if (version > UINT32_MAX)
            reader_fail(&r);
        out->version[out->count] = (uint32_t)version;
    }
    return reader_done(&r, "the log's entry of a large transaction", e);
}

status logbulk_remove(const char *dir, uint64_t from, uint64_t to, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(dir, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        uint64_t seq = 0;
        if (!logname_parse(names.name[i], LOGNAME_BULK, &seq) || seq < from || seq >= to)
            continue;
        OWNED(text) char *path = io_join(dir, names.name[i]);
        if (path == NULL)
            return err_no_memory(e);
        TRY(io_unlink(path, e));
    }
    return DONE;
}

status logbulk_bytes(const char *dir, uint64_t from, uint64_t *out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    *out = 0;
    TRY(io_list(dir, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        uint64_t seq = 0;
        struct stat facts;
        OWNED(text) char *path = io_join(dir, names.name[i]);
        if (path == NULL)
            return err_no_memory(e);
        if (logname_parse(names.name[i], LOGNAME_BULK, &seq) && seq >= from && stat(path, &facts) == 0)
            *out += (uint64_t)facts.st_blocks * 512;
    }
    return DONE;
}
