/*
 * JSON documents as import reads them. The first byte is how many bytes the source gives at once. What is
 * taken is the same whatever that is; and each value in it becomes the text of a column of any kind, or is
 * refused.
 */
#include "agent/document/docfacts.h"
#include "agent/document/docvalue.h"
#include "proto/jsonread.h"
#include "tests/fuzz/fuzzing.h"

struct pieces {
    struct bytes text;
    size_t at, piece;
};

static status read_piece(void *context, uint8_t *to, size_t room, size_t *got, err *e)
{
    struct pieces *p = context;
    (void)e;
    *got = p->text.len - p->at < p->piece ? p->text.len - p->at : p->piece;
    *got = *got < room ? *got : room;
    if (*got > 0)
        memcpy(to, p->text.data + p->at, *got);
    p->at += *got;
    return DONE;
}

static bool facts_of(struct bytes text, size_t piece, struct docfacts *out)
{
    struct pieces p = {text, 0, piece};
    const struct jsonstream_source source = {&p, read_piece};
    err e = ERR_INIT;
    bool taken = docfacts_read(&source, out, &e).ok;
    HOLDS(taken || e.message[0] != '\0');
    return taken;
}

static void take_values(struct bytes row)
{
    struct reader r = reader_over(row);
    OWNED(buf) struct buf name = {0};
    OWNED(buf) struct buf text = {0};
    struct bytes raw;
    if (!jsonread_take(&r, '{'))
        return;
    do {
        if (!jsonread_string(&r, &name) || !jsonread_take(&r, ':') || !jsonread_raw(&r, &raw))
            return;
        for (enum docvalue_kind kind = DOCVALUE_TEXT; kind <= DOCVALUE_BYTES; kind++) {
            err e = ERR_INIT;
            bool null = false;
            if (!docvalue_text(kind, raw, &text, &null, &e).ok)
                HOLDS(e.class == ERR_VALIDATION);
        }
    } while (jsonread_take(&r, ','));
}

/* Tables of version 1: lists of rows. */
static void take_rows(struct bytes text, size_t piece)
{
    struct pieces p = {text, 0, piece};
    const struct jsonstream_source source = {&p, read_piece};
    OWNED(jsonstream) struct jsonstream *s = NULL;
    OWNED(buf) struct buf name = {0};
    bool first = true, any = true, list = false;
    err e = ERR_INIT;
    if (!jsonstream_new(&source, 1 << 20, &s, &e).ok || !jsonstream_expect(s, '{', &e).ok)
        return;
    while (jsonstream_member(s, &first, &name, &any, &e).ok && any) {
        bool begin = true;
        if (!jsonstream_take(s, '[', &list, &e).ok || (!list && !jsonstream_skip(s, &e).ok))
            return;
        while (list && jsonstream_element(s, &begin, &any, &e).ok && any) {
            struct bytes row;
            if (!jsonstream_value(s, &row, &e).ok)
                return;
            take_values(row);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(docfacts) struct docfacts once = {0};
    OWNED(docfacts) struct docfacts pieces = {0};
    if (size < 1)
        return 0;
    const struct bytes text = bytes_of(data + 1, size - 1);
    const bool taken = facts_of(text, text.len + 1, &once);
    HOLDS(facts_of(text, data[0] + 1u, &pieces) == taken);
    HOLDS(!taken || (once.version == pieces.version && once.records == pieces.records));
    take_rows(text, data[0] + 1u);
    return 0;
}
