#include "agent/restore/load/rowproof.h"

#include <inttypes.h>

#include "agent/pg/tables.h"

#define TRIED "pgstrand, 16 letters and more"

status rowproof_agrees(struct pgconn *c, bool *agrees, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT pg_catalog.hashtextextended('" TRIED "' COLLATE pg_catalog.\"C\", 7),"
                     " pg_catalog.hashint4extended(-5, 7), pg_catalog.hashint8extended(-5000000000, 7),"
                     /* in another encoding the letters are other bytes than here */
                     " pg_catalog.getdatabaseencoding() IN ('UTF8', 'SQL_ASCII')",
                     0, NULL, &rows, e));
    *agrees = pgrows_int(rows, 0, 0) == (int64_t)rowsum_hash_bytes(bytes_text(TRIED), 7) &&
              pgrows_int(rows, 0, 1) == (int64_t)rowsum_hash_word((uint32_t)-5, 7) &&
              pgrows_int(rows, 0, 2) == (int64_t)rowsum_hash_int8(-5000000000, 7) && pgrows_bool(rows, 0, 3);
    return DONE;
}

static void text_hash(struct buf *out, const struct loadform *f, const char *column, size_t seed)
{
    const char *output = loadform_output(f, column);
    const bool is_text = *output == '\0';
    buf_text(out, "pg_catalog.hashtextextended(");
    if (!is_text)
        buf_printf(out, "pg_catalog.textin(%s(", output);
    pgconn_quote_name(out, column);
    buf_text(out, is_text ? "::pg_catalog.text" : loadform_cast(f, column));
    buf_printf(out, "%s COLLATE pg_catalog.\"C\", %zu)", is_text ? "" : "))", seed);
}

static void call(struct buf *out, const char *function, const char *column, const char *rest, size_t seed)
{
    buf_printf(out, "pg_catalog.%s(", function);
    pgconn_quote_name(out, column);
    buf_printf(out, "%s, %zu)", rest, seed);
}

/* Of each kind but text: the server's function, and what stands between the column and the seed. */
static const struct {
    const char *function, *rest;
} hash_of[] = {
    [ROWSUM_BPCHAR] = {"hashbpcharextended", " COLLATE pg_catalog.\"C\""},
    [ROWSUM_INT2] = {"hashint2extended", ""},
    [ROWSUM_INT4] = {"hashint4extended", ""},
    [ROWSUM_BOOL] = {"hashint4extended", "::pg_catalog.int4"},
    [ROWSUM_UUID] = {"uuid_hash_extended", ""},
    [ROWSUM_INT8] = {"hashint8extended", ""},
};

static void column_hash(struct buf *out, const struct loadform *f, const char *column, enum rowsum_kind kind,
                        size_t seed)
{
    if (kind == ROWSUM_TEXT) {
        text_hash(out, f, column, seed);
        return;
    }
    call(out, hash_of[kind].function, column, hash_of[kind].rest, seed);
    if (kind != ROWSUM_INT8)
        return;
    buf_text(out, " # ");
    call(out, "hashint4extended(", column, " >> 32)::pg_catalog.int4", seed + ROWSUM_UPPER);
}

status rowproof_expression(const struct loadform *f, const Pgstrand__Table *t, char **out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "pg_catalog.hashint4extended(0, ");
    for (size_t i = 0; i < f->columns; i++) {
        const char *column = t->column[i]->name;
        const bool may_lack = !loadform_not_null(f, column);
        buf_text(&sql, i == 0 ? "" : " # ");
        buf_text(&sql, may_lack ? "coalesce(" : "");
        column_hash(&sql, f, column, rowsum_kind_of(f->column[i]), i + 1);
        if (may_lack)
            buf_printf(&sql, ", '%" PRId64 "'::pg_catalog.int8)", rowsum_null_hash(i));
    }
    buf_text(&sql, ")");
    TRY(buf_done(&sql, e));
    *out = strdup(buf_cstring(&sql));
    return *out != NULL ? DONE : err_no_memory(e);
}

status rowproof_sum(struct pgconn *c, const Pgstrand__Table *t, const char *expression, const char *where,
                    struct rowsum *found, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf sql = {0};
    struct rowsum part;
    buf_printf(&sql, "SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(%s), 0)::text FROM ONLY ",
               expression);
    table_quote(&sql, t->schema, t->name);
    buf_text(&sql, where);
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    if (!rowsum_parse(pgrows_text(rows, 0, 1), (uint64_t)pgrows_int(rows, 0, 0), &part))
        return err_set(e, ERR_NETWORK, "the server's sum of %s.%s is not a number", t->schema, t->name);
    rowsum_merge(found, &part);
    return DONE;
}
