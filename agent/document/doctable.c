#include "agent/document/doctable.h"

#include <inttypes.h>

#include "agent/document/doccolumns.h"
#include "agent/pg/tables.h"
#include "proto/copytext.h"
#include "proto/jsonread.h"
#include "store/rowfile.h"

#define SEND_PIECE ((size_t)65536)

struct taking {
    struct pgconn *c;
    const struct doctable_request *request;
    struct doctable_result *out;
    struct doccolumns columns;
    bool copying;    /* a COPY of the columns `present` runs */
    struct buf send; /* lines that the server did not get yet */
    struct buf name, value;
};

static void taking_fini(struct taking *t)
{
    doccolumns_fini(&t->columns);
    buf_fini(&t->send);
    buf_fini(&t->name);
    buf_fini(&t->value);
}
OWN_VALUE(taking, taking_fini);

/* ---- COPY in ---- */

static status flush(struct taking *t, err *e)
{
    TRY(buf_done(&t->send, e));
    if (t->send.len > 0)
        TRY(pgconn_copy_data(t->c, buf_view(&t->send), e));
    buf_reset(&t->send);
    return DONE;
}

static status end_copy(struct taking *t, err *e)
{
    uint64_t rows = 0;
    if (!t->copying)
        return DONE;
    t->copying = false;
    TRY(flush(t, e));
    return pgconn_copy_finish(t->c, &rows, e);
}

/* What rows do not name gets its default, so each set of columns is a COPY of its own. */
static status begin_copy(struct taking *t, err *e)
{
    OWNED(buf) struct buf sql = {0};
    TRY(end_copy(t, e));
    buf_text(&sql, "COPY pg_temp.pgstrand_import (");
    doccolumns_list(&t->columns, &sql);
    buf_text(&sql, ") FROM STDIN");
    TRY(buf_done(&sql, e));
    TRY(pgconn_copy_in(t->c, buf_cstring(&sql), e));
    t->copying = true;
    return DONE;
}

/* ---- a row ---- */

static status bad_row(const struct taking *t, const char *why, err *e)
{
    return err_set(e, ERR_VALIDATION, "row %" PRIu64 " %s", t->out->given + 1, why);
}

static status unknown_column(struct taking *t, const char *name, err *e)
{
    if (t->request->lenient) {
        t->out->unknown++;
        return DONE;
    }
    return err_set(e, ERR_SCHEMA,
                   "row %" PRIu64
                   " has a column %.100s, and the table has none of that name; bring the schema up to "
                   "it, or leave such columns out with --skip-unknown",
                   t->out->given + 1, name);
}

static status take_column(struct taking *t, struct reader *r, err *e)
{
    struct bytes raw;
    bool null = false;
    if (!jsonread_string(r, &t->name) || !jsonread_take(r, ':') || !jsonread_raw(r, &raw))
        return bad_row(t, "is no valid JSON, or has a NUL character, which PostgreSQL cannot hold", e);
    TRY(buf_done(&t->name, e));
    struct doccolumn *column = doccolumns_find(&t->columns, buf_cstring(&t->name));
    if (column == NULL)
        return unknown_column(t, buf_cstring(&t->name), e);
    if (column->generated)
        return DONE; /* the server makes it anew */
    if (!docvalue_text(column->kind, raw, &t->value, &null, e).ok)
        return err_wrap(e, "row %" PRIu64 ": column %s", t->out->given + 1, column->name);
    return doccolumns_set(column, null ? NULL : &t->value, e);
}

static status take_columns(struct taking *t, struct bytes row, err *e)
{
    struct reader r = reader_over(row);
    if (!jsonread_take(&r, '{'))
        return bad_row(t, "is no object", e);
    doccolumns_clear(&t->columns);
    if (!jsonread_take(&r, '}')) {
        do
            TRY(take_column(t, &r, e));
        while (jsonread_take(&r, ','));
        if (!jsonread_take(&r, '}'))
            return bad_row(t, "is no valid JSON", e);
    }
    return jsonread_end(&r) ? DONE : bad_row(t, "is no valid JSON", e);
}

static status take_row(struct taking *t, struct bytes row, err *e)
{
    TRY(take_columns(t, row, e));
    const char *missing = doccolumns_missing_key(&t->columns);
    if (missing != NULL)
        return err_set(e, ERR_VALIDATION, "row %" PRIu64 " has no %s, which is its key", t->out->given + 1,
                       missing);
    if (!doccolumns_any(&t->columns))
        return bad_row(t, "has none of the table's columns", e);
    if (doccolumns_changed(&t->columns) || !t->copying)
        TRY(begin_copy(t, e));
    doccolumns_line(&t->columns, &t->send);
    t->out->given++;
    return t->send.len >= SEND_PIECE ? flush(t, e) : DONE;
}

static status take_rows(struct taking *t, struct jsonstream *s, err *e)
{
    bool first = true;
    TRY(jsonstream_expect(s, '[', e));
    for (;;) {
        struct bytes row;
        bool any = false;
        TRY(jsonstream_element(s, &first, &any, e));
        if (!any)
            return end_copy(t, e);
        TRY(jsonstream_value(s, &row, e));
        TRY(take_row(t, row, e));
    }
}

/* ---- back out ---- */

/* As a base copies it: its columns, and of a table whose tier a column decides, the rows that are kept. */
static void out_query(const Pgstrand__Table *m, struct buf *sql)
{
    buf_text(sql, "COPY (SELECT");
    for (size_t i = 0; i < m->n_column; i++) {
        buf_text(sql, i == 0 ? " " : ", ");
        pgconn_quote_name(sql, m->column[i]->name);
    }
    buf_text(sql, " FROM pg_temp.pgstrand_import");
    if (m->tier_column != NULL) {
        buf_text(sql, " WHERE ");
        pgconn_quote_name(sql, m->tier_column);
        buf_text(sql, "::pg_catalog.text = ");
        pgconn_quote_literal(sql, m->tier_value);
    }
    buf_text(sql, ") TO STDOUT");
}

static status stage_rows(struct taking *t, err *e)
{
    OWNED(rowfile) struct rowfile *file = NULL;
    OWNED(buf) struct buf sql = {0};
    uint64_t stored = 0;
    out_query(t->request->table, &sql);
    TRY(buf_done(&sql, e));
    TRY(rowfile_create(t->request->rowfile, t->request->level, &file, e));
    TRY(pgconn_copy_out(t->c, buf_cstring(&sql), e));
    for (;;) {
        struct bytes row;
        bool end = false;
        TRY(pgconn_copy_next(t->c, &row, &end, e));
        if (end)
            break;
        TRY(rowfile_lines(file, row, e));
    }
    return rowfile_finish(file, &t->out->digest, &stored, e);
}

/* Its columns with their types and defaults, and nothing that refers to other tables. */
static status make_table(struct taking *t, err *e)
{
    const Pgstrand__Table *m = t->request->table;
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "BEGIN; CREATE TEMPORARY TABLE pgstrand_import (LIKE ");
    table_quote(&sql, m->schema, m->name);
    buf_text(&sql, " INCLUDING DEFAULTS) ON COMMIT DROP");
    for (size_t i = 0; i < t->columns.count; i++) {
        if (!t->columns.column[i].generated)
            continue;
        buf_text(&sql, "; ALTER TABLE pg_temp.pgstrand_import DROP COLUMN ");
        pgconn_quote_name(&sql, t->columns.column[i].name);
    }
    TRY(buf_done(&sql, e));
    return pgconn_exec(t->c, buf_cstring(&sql), e);
}

static status take(struct taking *t, struct jsonstream *s, err *e)
{
    TRY(doccolumns_read(t->c, t->request->table, &t->columns, e));
    TRY(make_table(t, e));
    if (!take_rows(t, s, e).ok) {
        if (t->copying)
            pgconn_copy_fail(t->c, "pgstrand: the import failed");
        return FAILED;
    }
    return stage_rows(t, e);
}

status doctable_take(struct pgconn *c, struct jsonstream *s, const struct doctable_request *request,
                     struct doctable_result *out, err *e)
{
    OWNED(taking) struct taking t = {.c = c, .request = request, .out = out};
    *out = (struct doctable_result){0};
    const bool taken = take(&t, s, e).ok;
    err ignored = ERR_INIT;
    if (!taken)
        (void)pgconn_exec(c, "ROLLBACK", &ignored).ok;
    if (strncmp(e->sqlstate, "22", 2) == 0 || strncmp(e->sqlstate, "23", 2) == 0)
        e->class = ERR_VALIDATION; /* the server refuses a value: the document's fault, not the schema's */
    return taken ? pgconn_exec(c, "ROLLBACK", e)
                 : err_wrap(e, "table %s.%s", request->table->schema, request->table->name);
}
