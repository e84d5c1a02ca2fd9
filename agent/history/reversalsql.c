#include "agent/history/reversalsql.h"

#include "agent/history/reversal.h"
#include "agent/pg/pgconn.h"
#include "proto/copytext.h"
#include "proto/relation.h"

#define FIRST_OWN_TYPE 16384 /* FirstNormalObjectId: the operators of others may be in any schema */

/* ---- values ---- */

struct row {
    const Pgstrand__Table *table;
    struct bytes column[RELATION_COLUMNS_MAX];
    struct buf text; /* of the value that was looked at last */
};

static void row_fini(struct row *r)
{
    buf_fini(&r->text);
}
OWN_VALUE(row, row_fini);

static status open_row(const Pgstrand__Table *t, const char *line, struct row *r, err *e)
{
    r->table = t;
    if (copytext_split(bytes_text(line), r->column, t->n_column) == t->n_column)
        return DONE;
    return err_set(e, ERR_STORAGE, "a row of %s.%s has another number of columns; run pgstrand verify",
                   t->schema, t->name);
}

/* Its text; NULL for NULL. */
static const char *value(struct row *r, size_t column)
{
    buf_reset(&r->text);
    return copytext_unescape(r->column[column], &r->text) ? buf_cstring(&r->text) : NULL;
}

static void put_value(struct row *r, size_t column, struct buf *out)
{
    const char *text = value(r, column);
    if (text == NULL)
        buf_text(out, "NULL");
    else
        pgconn_quote_literal(out, text);
}

static void put_table(const Pgstrand__Table *t, struct buf *out)
{
    pgconn_quote_name(out, t->schema);
    buf_u8(out, '.');
    pgconn_quote_name(out, t->name);
}

void reversal_name(const struct rowchange *c, struct buf *out)
{
    OWNED(row) struct row r = {0};
    err ignored = ERR_INIT;
    buf_printf(out, "%s.%s", c->table->schema, c->table->name);
    if (!open_row(c->table, c->new != NULL ? c->new : c->old, &r, &ignored).ok)
        return;
    for (size_t i = 0; i < c->table->n_column; i++)
        if (c->table->column[i]->key)
            buf_printf(out, " %s=%s", c->table->column[i]->name, value(&r, i));
}

/* ---- one row ---- */

/* The key by its type's own comparison, for the index; everything as it is printed, for types without one. */
static void put_match(const Pgstrand__Table *t, struct row *r, struct buf *out)
{
    const char *between = " WHERE ";
    for (size_t i = 0; i < t->n_column; i++) {
        if (!t->column[i]->key || t->column[i]->type >= FIRST_OWN_TYPE)
            continue;
        buf_text(out, between);
        between = " AND ";
        pgconn_quote_name(out, t->column[i]->name);
        buf_text(out, " = ");
        put_value(r, i, out);
    }
    for (size_t i = 0; i < t->n_column; i++) {
        const char *text = value(r, i);
        buf_text(out, between);
        between = " AND ";
        buf_text(out, text == NULL || text[0] != '\0' ? "" : "(");
        if (text != NULL) {
            buf_text(out, "pg_catalog.concat(");
            pgconn_quote_name(out, t->column[i]->name);
            buf_text(out, ") OPERATOR(pg_catalog.=) ");
            pgconn_quote_literal(out, text);
            if (text[0] != '\0')
                continue;
            buf_text(out, " AND ");
        }
        pgconn_quote_name(out, t->column[i]->name);
        buf_text(out, text == NULL ? " IS NULL" : " IS NOT NULL)");
    }
}

static void put_delete(const struct rowchange *c, struct row *new, struct buf *out)
{
    buf_text(out, "DELETE FROM ONLY ");
    put_table(c->table, out);
    put_match(c->table, new, out);
}

static void put_insert(const struct rowchange *c, struct row *old, struct buf *out)
{
    buf_text(out, "INSERT INTO ");
    put_table(c->table, out);
    for (size_t i = 0; i < c->table->n_column; i++) {
        buf_text(out, i == 0 ? " (" : ", ");
        pgconn_quote_name(out, c->table->column[i]->name);
    }
    buf_text(out, ") OVERRIDING SYSTEM VALUE");
    for (size_t i = 0; i < c->table->n_column; i++) {
        buf_text(out, i == 0 ? " VALUES (" : ", ");
        put_value(old, i, out);
    }
    buf_u8(out, ')');
}

static void put_update(const struct rowchange *c, struct row *old, struct row *new, struct buf *out)
{
    const char *between = " SET ";
    buf_text(out, "UPDATE ONLY ");
    put_table(c->table, out);
    for (size_t i = 0; i < c->table->n_column; i++) {
        if (bytes_equal(old->column[i], new->column[i]))
            continue;
        buf_text(out, between);
        between = ", ";
        pgconn_quote_name(out, c->table->column[i]->name);
        buf_text(out, " = ");
        put_value(old, i, out);
    }
    put_match(c->table, new, out);
}

status reversalsql_row(const struct rowchange *c, struct buf *out, err *e)
{
    OWNED(row) struct row old = {0};
    OWNED(row) struct row new = {0};
    OWNED(buf) struct buf name = {0};
    if (c->old != NULL)
        TRY(open_row(c->table, c->old, &old, e));
    if (c->new != NULL)
        TRY(open_row(c->table, c->new, &new, e));
    buf_text(out, "  ");
    if (c->old == NULL)
        put_delete(c, &new, out);
    else if (c->new == NULL)
        put_insert(c, &old, out);
    else
        put_update(c, &old, &new, out);
    buf_text(out, ";\n");
    if (c->new == NULL)
        return buf_done(out, e); /* a row of its key that is there now: the key says so */
    reversal_name(c, &name);
    buf_text(&name, " is not what it was at the end of the range: it was changed since, nothing was undone");
    buf_text(out, "  IF NOT FOUND THEN RAISE EXCEPTION USING ERRCODE = '" REVERSAL_CHANGED "', MESSAGE = ");
    pgconn_quote_literal(out, buf_cstring(&name));
    buf_text(out, "; END IF;\n");
    return buf_done(out, e);
}

/* ---- around them ---- */

status reversalsql_block(struct bytes statements, struct buf *out, err *e)
{
    char tag[32] = "$pgstrand$";
    for (unsigned n = 1; memmem(statements.data, statements.len, tag, strlen(tag)) != NULL; n++)
        (void)snprintf(tag, sizeof tag, "$pgstrand%u$", n);
    buf_printf(out, "DO %s\n#variable_conflict use_column\nBEGIN\n", tag);
    buf_bytes(out, statements.data, statements.len);
    buf_printf(out, "END\n%s;\n", tag);
    return buf_done(out, e);
}

status reversalsql_begin(const char *tables, struct buf *out, err *e)
{
    OWNED(buf) struct buf body = {0};
    buf_text(out, "SET LOCAL client_encoding = 'UTF8';\n"
                  "SET LOCAL datestyle = 'ISO';\nSET LOCAL intervalstyle = 'postgres';\n"
                  "SET LOCAL extra_float_digits = 3;\nSET LOCAL bytea_output = 'hex';\n"
                  "SET LOCAL lc_monetary = 'C';\nSET LOCAL timezone = 'UTC';\nSET LOCAL search_path = '';\n"
                  "SET LOCAL row_security = off;\n"
                  "SET CONSTRAINTS ALL DEFERRED;\n");
    buf_printf(
        &body,
        "  DECLARE fires text;\n  BEGIN\n"
        "    BEGIN\n      PERFORM pg_catalog.set_config('session_replication_role', 'replica', true);\n"
        "    EXCEPTION WHEN insufficient_privilege THEN NULL;\n    END;\n"
        "    SELECT pg_catalog.string_agg(t.tgname || ' on ' || t.tgrelid::pg_catalog.regclass, ', ') INTO"
        " fires\n"
        "      FROM pg_catalog.pg_trigger t WHERE t.tgrelid IN (%s)\n"
        "      AND NOT t.tgisinternal AND t.tgenabled IN ('A',\n"
        "        CASE pg_catalog.current_setting('session_replication_role') WHEN 'replica' THEN 'R'"
        " ELSE 'O' END);\n"
        "    IF fires IS NOT NULL THEN\n"
        "      RAISE EXCEPTION 'triggers would change the rows again: %%; disable them, or undo it as"
        " superuser', fires USING ERRCODE = '" REVERSAL_TRIGGERS "';\n    END IF;\n"
        "    IF pg_catalog.current_setting('session_replication_role') <> 'replica' THEN\n"
        "      SELECT pg_catalog.string_agg(k.conname || ' of ' || k.conrelid::pg_catalog.regclass, ', ') "
        "INTO"
        " fires\n"
        "        FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.confrelid IN (%s)\n"
        "        AND (k.confdeltype NOT IN ('a', 'r') OR k.confupdtype NOT IN ('a', 'r'));\n"
        "      IF fires IS NOT NULL THEN\n"
        "        RAISE EXCEPTION 'foreign keys would change other rows: %%; undo it as superuser', fires"
        " USING ERRCODE = '" REVERSAL_TRIGGERS "';\n      END IF;\n    END IF;\n  END;\n",
        tables, tables);
    TRY(buf_done(&body, e));
    return reversalsql_block(buf_view(&body), out, e);
}

status reversalsql_check(const char *tables, struct buf *out, err *e)
{
    OWNED(buf) struct buf body = {0};
    buf_printf(
        &body,
        "  DECLARE k record; bad boolean;\n  BEGIN\n"
        "  FOR k IN SELECT c.conname, c.conrelid::pg_catalog.regclass AS child,"
        " c.confrelid::pg_catalog.regclass AS parent,\n"
        "      (SELECT pg_catalog.string_agg(pg_catalog.format('p.%%I OPERATOR(%%I.%%s) c.%%I', pa.attname,"
        " n.nspname, o.oprname, ca.attname), ' AND ')\n"
        "       FROM ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey),"
        " pg_catalog.unnest(c.conpfeqop)) u(ck, pk, op)\n"
        "       JOIN pg_catalog.pg_attribute ca ON ca.attrelid = c.conrelid AND ca.attnum = u.ck\n"
        "       JOIN pg_catalog.pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = u.pk\n"
        "       JOIN pg_catalog.pg_operator o ON o.oid = u.op\n"
        "       JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace) AS same,\n"
        "      (SELECT pg_catalog.string_agg(pg_catalog.format('c.%%I IS NOT NULL', ca.attname), ' AND ')\n"
        "       FROM pg_catalog.pg_attribute ca WHERE ca.attrelid = c.conrelid AND ca.attnum = ANY "
        "(c.conkey))"
        " AS told\n"
        "    FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.convalidated\n"
        "      AND (c.conrelid IN (%s)\n        OR c.confrelid IN (%s))\n"
        "  LOOP\n"
        "    EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM %%s c WHERE %%s AND NOT EXISTS (SELECT "
        "FROM"
        " %%s p WHERE %%s))', k.child, k.told, k.parent, k.same) INTO bad;\n"
        "    IF bad THEN\n"
        "      RAISE EXCEPTION 'foreign key %% of %% would lead to no row of %%: nothing was undone', "
        "k.conname,"
        " k.child, k.parent USING ERRCODE = '" REVERSAL_ORPHANS "';\n"
        "    END IF;\n  END LOOP;\n  END;\n",
        tables, tables);
    TRY(buf_done(&body, e));
    return reversalsql_block(buf_view(&body), out, e);
}
