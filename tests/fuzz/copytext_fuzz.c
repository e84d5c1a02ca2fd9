/*
 * Input: a byte, then for 't' TupleData, else a line. A line made from a row is read back to the same row; a
 * row read from a line makes a line that means the same.
 */
#include "proto/copytext.h"
#include "tests/fuzz/fuzzing.h"

static const struct bytes nothing = {0};

static void from_tuple(struct bytes tuple)
{
    OWNED(buf) struct buf line = {0};
    OWNED(buf) struct buf again = {0};
    OWNED(buf) struct buf filled = {0};
    err e = ERR_INIT;
    if (copytext_tuple(tuple, nothing, &line, &e).ok && tuple.len > 2) {
        HOLDS(line.len == 0 || memchr(line.data, '\n', line.len) == NULL);
        if (copytext_to_tuple(buf_view(&line), &again, &e).ok)
            HOLDS(bytes_equal(buf_view(&again), tuple));
    }
    /* Unchanged columns from a line that has some. */
    (void)copytext_tuple(tuple, bytes_text("a\t\\N\t\\\\\t"), &filled, &e);
}

static void from_line(struct bytes line)
{
    OWNED(buf) struct buf tuple = {0};
    OWNED(buf) struct buf canonical = {0};
    OWNED(buf) struct buf again = {0};
    struct bytes columns[4];
    err e = ERR_INIT;
    size_t count = copytext_split(line, columns, 4);
    for (size_t i = 0; i < count && i < 4; i++)
        (void)touch(columns[i]);
    if (!copytext_to_tuple(line, &tuple, &e).ok)
        return;
    HOLDS(copytext_tuple(buf_view(&tuple), nothing, &canonical, &e).ok);
    HOLDS(copytext_to_tuple(buf_view(&canonical), &again, &e).ok);
    HOLDS(bytes_equal(buf_view(&tuple), buf_view(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    if (data[0] == 't')
        from_tuple(rest);
    else
        from_line(rest);
    return 0;
}
