#include "agent/document/docvalue.h"

#include "agent/document/docrow.h"
#include "proto/jsonread.h"

#define DEPTH_MAX 6 /* MAXDIM of PostgreSQL: dimensions of an array */

static status cannot(const char *what, err *e)
{
    return err_set(e, ERR_VALIDATION, "cannot hold %s", what);
}

static status malformed(err *e)
{
    return err_set(e, ERR_VALIDATION,
                   "has a value that is no valid JSON, or a NUL character, which PostgreSQL "
                   "cannot hold");
}

/* {"$json": "text"}: the text. */
static bool unwrap(struct bytes raw, struct buf *out)
{
    struct reader r = reader_over(raw);
    return jsonread_take(&r, '{') && jsonread_string(&r, out) && strcmp(buf_cstring(out), DOCROW_JSON) == 0 &&
           jsonread_take(&r, ':') && jsonread_string(&r, out) && jsonread_take(&r, '}') && jsonread_end(&r);
}

static void put_raw(struct buf *out, struct bytes raw)
{
    buf_reset(out);
    buf_bytes(out, raw.data, raw.len);
}

/* ---- bytes ---- */

static bool named(struct reader *r, const char *name, struct buf *scratch)
{
    return jsonread_string(r, scratch) && strcmp(buf_cstring(scratch), name) == 0 && jsonread_take(r, ':');
}

static bool put_bytes(struct bytes raw, struct buf *out)
{
    struct reader r = reader_over(raw);
    OWNED(buf) struct buf word = {0};
    int64_t byte = 0;
    bool any = jsonread_take(&r, '{') && named(&r, "type", &word) && jsonread_string(&r, &word) &&
               strcmp(buf_cstring(&word), "Buffer") == 0 && jsonread_take(&r, ',') &&
               named(&r, "data", &word) && jsonread_take(&r, '[');
    buf_reset(out);
    buf_text(out, "\\x");
    if (any && jsonread_take(&r, ']'))
        return jsonread_take(&r, '}') && jsonread_end(&r);
    while (any && jsonread_number(&r, &byte) && byte >= 0 && byte <= 255) {
        buf_printf(out, "%02x", (unsigned)byte);
        if (!jsonread_take(&r, ','))
            return jsonread_take(&r, ']') && jsonread_take(&r, '}') && jsonread_end(&r);
    }
    return false;
}

/* ---- arrays ---- */

/* An element in quotes, as array_in reads it. */
static void put_quoted(struct buf *out, struct bytes text)
{
    buf_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            buf_u8(out, '\\');
        buf_u8(out, text.data[i]);
    }
    buf_u8(out, '"');
}

static bool put_array(struct reader *r, int depth, struct buf *out, struct buf *scratch);

static bool put_element(struct reader *r, int depth, struct buf *out, struct buf *scratch)
{
    struct bytes raw;
    struct reader ahead = *r;
    if (jsonread_null(r)) {
        buf_text(out, "NULL");
        return true;
    }
    if (jsonread_take(&ahead, '['))
        return put_array(r, depth + 1, out, scratch);
    if (jsonread_string(r, scratch)) {
        put_quoted(out, buf_view(scratch));
        return true;
    }
    if (!reader_ok(r) || !jsonread_raw(r, &raw))
        return false;
    put_quoted(out, raw);
    return true;
}

static bool put_array(struct reader *r, int depth, struct buf *out, struct buf *scratch)
{
    if (depth > DEPTH_MAX || !jsonread_take(r, '['))
        return false;
    buf_u8(out, '{');
    if (out->bad)
        return false;
    if (!jsonread_take(r, ']')) {
        do {
            if (out->data[out->len - 1] != '{')
                buf_u8(out, ',');
            if (!put_element(r, depth, out, scratch) || out->bad)
                return false;
        } while (jsonread_take(r, ','));
        if (!jsonread_take(r, ']'))
            return false;
    }
    buf_u8(out, '}');
    return true;
}

static status take_array(struct bytes raw, struct buf *out, err *e)
{
    struct reader r = reader_over(raw);
    OWNED(buf) struct buf scratch = {0};
    buf_reset(out);
    return put_array(&r, 1, out, &scratch) && jsonread_end(&r) ? buf_done(out, e) : malformed(e);
}

/* ---- any ---- */

static status take_json(struct bytes raw, struct buf *out, err *e)
{
    if (raw.data[0] != '{' || !unwrap(raw, out))
        put_raw(out, raw);
    return buf_done(out, e);
}

static status take_string(struct bytes raw, struct buf *out, err *e)
{
    struct reader r = reader_over(raw);
    if (!jsonread_string(&r, out) || !jsonread_end(&r))
        return malformed(e);
    return buf_done(out, e);
}

status docvalue_text(enum docvalue_kind kind, struct bytes raw, struct buf *out, bool *null, err *e)
{
    struct reader r = reader_over(raw);
    struct reader word = r;
    if (raw.len == 0 || !jsonread_skip(&r) || !jsonread_end(&r))
        return malformed(e);
    *null = jsonread_null(&word);
    if (*null)
        return DONE;
    if (kind == DOCVALUE_JSON)
        return take_json(raw, out, e);
    switch (raw.data[0]) {
    case '"':
        return take_string(raw, out, e);
    case '[':
        return kind == DOCVALUE_ARRAY ? take_array(raw, out, e) : cannot("a list", e);
    case '{':
        return kind == DOCVALUE_BYTES && put_bytes(raw, out) ? buf_done(out, e) : cannot("an object", e);
    default:
        put_raw(out, raw);
        return buf_done(out, e);
    }
}
