#include "agent/document/docrow.h"

#include <ctype.h>

#include "proto/copytext.h"
#include "proto/jsonread.h"
#include "proto/jsonwrite.h"
#include "proto/pgtype.h"

#define SAFE_DIGITS 15 /* every such number is exact as a double */

status docrow_init(struct docrow *r, const Pgstrand__Table *t, err *e)
{
    *r = (struct docrow){.table = t, .column = calloc(t->n_column + 1, sizeof *r->column)};
    return r->column != NULL ? DONE : err_no_memory(e);
}

void docrow_fini(struct docrow *r)
{
    free(r->column);
    buf_fini(&r->scratch);
    *r = (struct docrow){0};
}

static bool is_plain_object(struct bytes text)
{
    struct reader r = reader_over(text);
    OWNED(buf) struct buf name = {0};
    /* An object that looks like our own wrapping is wrapped, too. */
    return !jsonread_take(&r, '{') || !jsonread_string(&r, &name) ||
           strcmp(buf_cstring(&name), DOCROW_JSON) != 0;
}

static bool stands_for_itself(struct bytes text)
{
    struct reader r = reader_over(text);
    struct reader word = r;
    return jsonread_skip(&r) && jsonread_end(&r) && !jsonread_null(&word) && is_plain_object(text);
}

static bool put_json(struct buf *out, struct bytes text)
{
    if (stands_for_itself(text)) {
        buf_bytes(out, text.data, text.len);
        return true;
    }
    buf_text(out, "{\"" DOCROW_JSON "\":");
    bool valid = jsonwrite_string(out, text);
    buf_u8(out, '}');
    return valid;
}

/* "2026-01-01 12:00:00.5+00" as "2026-01-01T12:00:00.5Z"; infinity and years before Christ stay as they are.
 */
static bool put_timestamp(struct buf *out, struct bytes text, bool zone)
{
    char iso[64];
    size_t len = text.len;
    if (len < 19 || len > 40 || text.data[10] != ' ' || !isdigit(text.data[0]) ||
        !isdigit(text.data[len - 1]))
        return jsonwrite_string(out, text);
    memcpy(iso, text.data, len);
    iso[10] = 'T';
    if (zone && memcmp(iso + len - 3, "+00", 3) == 0) {
        len -= 2;
        iso[len - 1] = 'Z';
    }
    return jsonwrite_string(out, bytes_of(iso, len));
}

static bool put_value(struct buf *out, uint32_t type, struct bytes text)
{
    const bool number = jsonwrite_is_number(text);
    switch (type) {
    case PGTYPE_BOOL:
        buf_text(out, text.len == 1 && text.data[0] == 't' ? "true" : "false");
        return true;
    case PGTYPE_INT2:
    case PGTYPE_INT4:
    case PGTYPE_OID:
    case PGTYPE_INT8:
        if (!number || text.len > SAFE_DIGITS)
            break;
        buf_bytes(out, text.data, text.len);
        return true;
    case PGTYPE_FLOAT4:
    case PGTYPE_FLOAT8:
        if (!number)
            break;
        buf_bytes(out, text.data, text.len);
        return true;
    case PGTYPE_JSON:
    case PGTYPE_JSONB:
        return put_json(out, text);
    case PGTYPE_TIMESTAMP:
    case PGTYPE_TIMESTAMPTZ:
        return put_timestamp(out, text, type == PGTYPE_TIMESTAMPTZ);
    default:
        break;
    }
    return jsonwrite_string(out, text);
}

status docrow_put(struct docrow *r, struct bytes line, struct buf *out, err *e)
{
    const Pgstrand__Table *t = r->table;
    size_t count = t->n_column == 0 ? 0 : copytext_split(line, r->column, t->n_column + 1);
    if (count != t->n_column)
        return err_set(e, ERR_STORAGE, "a row of %s.%s has %zu columns instead of %zu; run pgstrand verify",
                       t->schema, t->name, count, t->n_column);
    buf_u8(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_u8(out, ',');
        jsonwrite_text(out, t->column[i]->name);
        buf_u8(out, ':');
        buf_reset(&r->scratch);
        if (!copytext_unescape(r->column[i], &r->scratch))
            buf_text(out, "null");
        else if (!put_value(out, t->column[i]->type, buf_view(&r->scratch)))
            return err_set(
                e, ERR_SCHEMA,
                "column %s of %s.%s holds text that is not UTF-8, which JSON cannot hold; leave the "
                "table out with --tables, or use snapshots",
                t->column[i]->name, t->schema, t->name);
    }
    buf_u8(out, '}');
    TRY(buf_done(&r->scratch, e));
    return buf_done(out, e);
}
