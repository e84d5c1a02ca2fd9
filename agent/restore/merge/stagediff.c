#include "agent/restore/merge/stagediff.h"

#include "proto/copytext.h"

/* One row for each pair that differs: kind, s.* and t.* by their images. */
static void put_keyed(struct buf *sql, const struct stage *s)
{
    buf_text(sql, " FROM ");
    stage_name(sql, s);
    buf_text(sql, " s FULL JOIN ");
    stage_target(sql, s);
    buf_text(sql, " t ON ");
    stage_same_key(sql, s);
    buf_text(sql, " WHERE s.ctid IS NULL OR t.ctid IS NULL OR ");
    stage_differs(sql, s);
}

/* The row as an object whose values are texts, as the log shows them. */
static void put_object(struct buf *sql, const struct stage *s, const char *alias)
{
    buf_text(sql, "(SELECT pg_catalog.row_to_json(x) FROM (SELECT ");
    for (size_t i = 0; i < s->message->n_column; i++) {
        buf_printf(sql, "%s%s.", i > 0 ? ", " : "", alias);
        pgconn_quote_name(sql, s->message->column[i]->name);
        buf_text(sql, "::text AS ");
        pgconn_quote_name(sql, s->message->column[i]->name);
    }
    buf_text(sql, ") x");
}

static void put_copies(struct buf *sql, const struct stage *s, const char *alias)
{
    buf_text(sql, "(SELECT ");
    stage_image(sql, s, alias);
    buf_text(sql, "::text AS image, count(*) AS copies, (pg_catalog.array_agg(");
    put_object(sql, s, alias);
    buf_text(sql, ")))[1]::text AS row FROM ");
    if (alias[0] == 's')
        stage_name(sql, s);
    else
        stage_target(sql, s);
    buf_printf(sql, " %s GROUP BY 1)", alias);
}

static void put_multiset(struct buf *sql, const struct stage *s)
{
    buf_text(sql, " FROM ");
    put_copies(sql, s, "s");
    buf_text(sql, " s FULL JOIN ");
    put_copies(sql, s, "t");
    buf_text(sql, " t USING (image) WHERE s.copies IS DISTINCT FROM t.copies");
}

status stagediff_count(const struct stage *s, struct pgconn *c, struct row_changes *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    *out = (struct row_changes){0};
    if (s->key_count > 0) {
        buf_text(
            &sql,
            "SELECT count(*) FILTER (WHERE t.ctid IS NULL), count(*) FILTER (WHERE s.ctid IS NOT NULL AND"
            " t.ctid IS NOT NULL), count(*) FILTER (WHERE s.ctid IS NULL)");
        put_keyed(&sql, s);
    } else {
        buf_text(
            &sql,
            "SELECT coalesce(sum(greatest(coalesce(s.copies, 0) - coalesce(t.copies, 0), 0)), 0)::bigint, 0,"
            " coalesce(sum(greatest(coalesce(t.copies, 0) - coalesce(s.copies, 0), 0)), 0)::bigint");
        put_multiset(&sql, s);
    }
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    out->added = (uint64_t)pgrows_int(rows, 0, 0);
    out->changed = (uint64_t)pgrows_int(rows, 0, 1);
    out->removed = (uint64_t)pgrows_int(rows, 0, 2);
    return DONE;
}

/* ---- row by row ---- */

static void put_json(struct buf *sql, const struct stage *s, const char *alias)
{
    buf_text(sql, ", ");
    put_object(sql, s, alias);
    buf_printf(sql, " WHERE %s.ctid IS NOT NULL)::text", alias);
}

static void put_rows(struct buf *sql, const struct stage *s)
{
    if (s->key_count > 0) {
        buf_text(
            sql,
            "SELECT CASE WHEN t.ctid IS NULL THEN 'added' WHEN s.ctid IS NULL THEN 'removed' ELSE 'changed'"
            " END");
        put_json(sql, s, "t");
        put_json(sql, s, "s");
        put_keyed(sql, s);
        buf_text(sql, " ORDER BY ");
        for (uint16_t i = 0; i < s->key_count; i++) {
            buf_text(sql, i > 0 ? ", coalesce(s." : "coalesce(s.");
            pgconn_quote_name(sql, s->message->column[s->key[i]]->name);
            buf_text(sql, ", t.");
            pgconn_quote_name(sql, s->message->column[s->key[i]]->name);
            buf_text(sql, ")");
        }
        return;
    }
    buf_text(
        sql,
        "SELECT CASE WHEN d.n > 0 THEN 'added' ELSE 'removed' END, CASE WHEN d.n < 0 THEN d.t END,"
        " CASE WHEN d.n > 0 THEN d.s END FROM (SELECT coalesce(s.copies, 0) - coalesce(t.copies, 0) AS n,"
        " s.row AS s, t.row AS t, image");
    put_multiset(sql, s);
    buf_text(sql, ") d, pg_catalog.generate_series(1, abs(d.n)) ORDER BY d.image");
}

/* One line of COPY: kind, old, new. */
static status tell_line(const struct job *job, const char *table, struct bytes line, bool removes, err *e)
{
    struct bytes column[3];
    struct buf text[3] = {{0}};
    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    if (copytext_split(line, column, 3) != 3)
        return err_set(e, ERR_STORAGE, "comparing %s: a line of %zu bytes has not 3 columns", table,
                       line.len);
    bool there[3];
    for (int i = 0; i < 3; i++) {
        there[i] = copytext_unescape(column[i], &text[i]);
        (void)buf_cstring(&text[i]);
    }
    const char *kind = buf_cstring(&text[0]);
    status told = DONE;
    if (removes || strcmp(kind, "removed") != 0)
        told = job->request->diff_row(job->request->diff_context, table, kind,
                                      there[1] ? buf_cstring(&text[1]) : NULL,
                                      there[2] ? buf_cstring(&text[2]) : NULL, e);
    for (int i = 0; i < 3; i++)
        buf_fini(&text[i]);
    return told;
}

status stagediff_tell(const struct stage *s, struct job *job, struct pgconn *c, bool removes, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s.%s", s->message->schema, s->message->name);
    buf_text(&sql, "COPY (");
    put_rows(&sql, s);
    buf_text(&sql, ") TO STDOUT");
    TRY(buf_done(&sql, e));
    TRY(pgconn_copy_out(c, buf_cstring(&sql), e));
    for (;;) {
        struct bytes line;
        bool end = false;
        TRY(pgconn_copy_next(c, &line, &end, e));
        if (end)
            return DONE;
        TRY(tell_line(job, buf_cstring(&name), line, removes, e));
    }
}
