#include "agent/restore/merge/stage.h"

#include "agent/restore/fold/foldline.h"
#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/skip.h"
#include "agent/restore/plan/plantable.h"
#include "proto/relation.h"

void stage_fini(struct stage *s)
{
    for (uint16_t i = 0; s->equals != NULL && i < s->key_count; i++)
        free(s->equals[i]);
    free(s->equals);
    free(s->key);
    *s = (struct stage){0};
}

/* ---- pieces of statements ---- */

static void column(struct buf *out, const char *alias, const char *name)
{
    buf_printf(out, "%s.", alias);
    pgconn_quote_name(out, name);
}

void stage_name(struct buf *out, const struct stage *s)
{
    buf_printf(out, "pg_temp.pgstrand_stage_%zu", s->table);
}

void stage_target(struct buf *out, const struct stage *s)
{
    buf_text(out, "ONLY ");
    loadtable_name(out, s->message);
}

void stage_columns(struct buf *out, const struct stage *s, const char *alias)
{
    for (size_t i = 0; i < s->message->n_column; i++) {
        buf_text(out, i > 0 ? ", " : "");
        column(out, alias, s->message->column[i]->name);
    }
}

void stage_image(struct buf *out, const struct stage *s, const char *alias)
{
    buf_text(out, "ROW(");
    stage_columns(out, s, alias);
    buf_text(out, ")::record");
}

void stage_differs(struct buf *out, const struct stage *s)
{
    stage_image(out, s, "s");
    buf_text(out, " OPERATOR(pg_catalog.*<>) ");
    stage_image(out, s, "t");
}

void stage_same_key(struct buf *out, const struct stage *s)
{
    for (uint16_t i = 0; i < s->key_count; i++) {
        const char *name = s->message->column[s->key[i]]->name;
        buf_text(out, i > 0 ? " AND " : "");
        column(out, "s", name);
        buf_printf(out, " %s ", s->equals[i]);
        column(out, "t", name);
    }
}

void stage_key_list(struct buf *out, const struct stage *s, const char *alias, bool numbered)
{
    for (uint16_t i = 0; i < s->key_count; i++) {
        buf_text(out, i > 0 ? ", " : "");
        if (numbered)
            buf_printf(out, "%s.k%u", alias, (unsigned)i + 1);
        else
            column(out, alias, s->message->column[s->key[i]]->name);
    }
}

void stage_key_match(struct buf *out, const struct stage *s, const char *numbered, const char *named)
{
    for (uint16_t i = 0; i < s->key_count; i++) {
        buf_printf(out, "%s%s.k%u %s ", i > 0 ? " AND " : "", numbered, (unsigned)i + 1, s->equals[i]);
        column(out, named, s->message->column[s->key[i]]->name);
    }
}

/* ---- the key ---- */

static const char indexes_query[] =
    "SELECT i.indexrelid, i.indisprimary, a.attname, pg_catalog.format('OPERATOR(%I.%s)', n.nspname, "
    "o.oprname)"
    " FROM pg_catalog.pg_index i"
    " CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY u(att, class, n)"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.att"
    " JOIN pg_catalog.pg_opclass c ON c.oid = u.class"
    " JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype"
    "  AND m.amoprighttype = c.opcintype AND m.amopstrategy = 3" /* BTEqualStrategyNumber */
    " JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr"
    " JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
    " WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL"
    "  AND i.indexprs IS NULL AND u.n <= i.indnkeyatts ORDER BY i.indisprimary DESC, i.indexrelid, u.n";

/* Rows `from` to before the result are one index. */
static int index_end(const struct pgrows *rows, int from)
{
    int to = from;
    while (to < pgrows_count(rows) && pgrows_int(rows, to, 0) == pgrows_int(rows, from, 0))
        to++;
    return to;
}

static const char *operator_of(const struct pgrows *rows, int from, int to, const char *name)
{
    for (int i = from; i < to; i++)
        if (strcmp(pgrows_text(rows, i, 2), name) == 0)
            return pgrows_text(rows, i, 3);
    return NULL;
}

/* Are these the columns of the key? Then with their operators. */
static status take_index(struct stage *s, const struct pgrows *rows, int from, int to, bool *fits, err *e)
{
    *fits = to - from == s->key_count;
    for (uint16_t i = 0; i < s->key_count && *fits; i++) {
        const char *equals = operator_of(rows, from, to, s->message->column[s->key[i]]->name);
        *fits = equals != NULL;
        free(s->equals[i]);
        s->equals[i] = *fits ? strdup(equals) : NULL;
        if (*fits && s->equals[i] == NULL)
            return err_no_memory(e);
    }
    return DONE;
}

static bool is_column_of(const struct pgrows *rows, int from, int to, const char *name)
{
    return operator_of(rows, from, to, name) != NULL;
}

/* The chain has no key: the target's primary key, which is first. */
static void take_primary(struct stage *s, const struct pgrows *rows)
{
    int to = index_end(rows, 0);
    s->key_count = 0;
    if (to == 0 || !pgrows_bool(rows, 0, 1))
        return;
    for (uint16_t i = 0; i < s->message->n_column; i++)
        if (is_column_of(rows, 0, to, s->message->column[i]->name))
            s->key[s->key_count++] = i;
    if (s->key_count != to)
        s->key_count = 0; /* a generated column is part of it */
}

static status find_key(struct stage *s, const struct pgrows *rows, bool given, err *e)
{
    bool fits = false;
    for (int from = 0, to; from < pgrows_count(rows) && !fits; from = to) {
        to = index_end(rows, from);
        TRY(take_index(s, rows, from, to, &fits, e));
    }
    if (fits || !given)
        return DONE;
    return err_set(
        e, ERR_SCHEMA,
        "the target's table %s.%s has no unique index over the key of the chain's rows: they cannot be "
        "told from each other; make the schemas equal",
        s->message->schema, s->message->name);
}

status stage_open(struct job *job, struct pgconn *c, size_t table, struct stage *out, err *e)
{
    const struct plan_table *t = &job->plan->table[table];
    struct fold_shape shape;
    OWNED(buf) struct buf name = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    *out = (struct stage){.table = table, .message = t->message};
    out->key = calloc(t->message->n_column + 1, sizeof *out->key);
    out->equals = calloc(t->message->n_column + 1, sizeof *out->equals);
    if (out->key == NULL || out->equals == NULL)
        return err_no_memory(e);
    plantable_shape(t, "", out->key, &shape);
    out->key_count = shape.key_count;
    loadtable_name(&name, t->message);
    TRY(buf_done(&name, e));
    const char *const params[] = {buf_cstring(&name)};
    TRY(pgconn_query(c, indexes_query, 1, params, &rows, e));
    if (shape.key_count == 0)
        take_primary(out, rows);
    return out->key_count == 0 ? DONE : find_key(out, rows, shape.key_count > 0, e);
}

/* ---- the rows ---- */

static status make(const struct stage *s, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql, "CREATE TEMPORARY TABLE pgstrand_stage_%zu ON COMMIT DROP AS SELECT ", s->table);
    stage_columns(&sql, s, "t");
    buf_text(&sql, " FROM ");
    stage_target(&sql, s);
    buf_text(&sql, " t WITH NO DATA");
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status stage_load(struct stage *s, struct job *job, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf name = {0};
    OWNED(buf) struct buf sql = {0};
    if (!make(s, c, e).ok)
        return err_wrap(e, "staging %s.%s", s->message->schema, s->message->name);
    stage_name(&name, s);
    TRY(job->request->skip ? skip_load_as(job, c, s->table, buf_cstring(&name), e)
                           : loadtable_load_as(job, c, s->table, buf_cstring(&name), e));
    s->rows = job->proof[s->table].expected.rows;
    if (job->request->skip)
        buf_printf(&sql, "ALTER TABLE %s ADD COLUMN pgstrand_row bigint GENERATED ALWAYS AS IDENTITY; ",
                   buf_cstring(&name));
    buf_text(&sql, "ANALYZE ");
    stage_name(&sql, s);
    return pgconn_exec(c, buf_cstring(&sql), e);
}
