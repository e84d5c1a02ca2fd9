#include "agent/restore/load/orphansweep.h"

#include <inttypes.h>

#include "agent/restore/load/ddltext.h"
#include "agent/restore/load/emptied.h"
#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/schemasql.h"

void orphansweep_fini(struct orphansweep *s)
{
    foreignkeys_fini(&s->keys);
    free(s->of);
    s->of = NULL;
}

/* ---- foreign keys that are not checked ---- */

/* The table itself, or the partitions of a root, which have the rows. */
static status leaves_of(struct pgconn *c, struct bytes table, struct pgrows **out, err *e)
{
    OWNED(buf) struct buf name = {0};
    buf_bytes(&name, table.data, table.len);
    const char *const params[] = {buf_cstring(&name)};
    return pgconn_query(
        c,
        "WITH leaf AS (SELECT relid FROM pg_catalog.pg_partition_tree($1::text::regclass) WHERE isleaf)"
        " SELECT relid::regclass::text FROM leaf UNION ALL"
        " SELECT $1::text WHERE NOT EXISTS (SELECT FROM leaf)",
        1, params, out, e);
}

static status add_unchecked(struct pgconn *c, struct bytes table, struct bytes add, err *e)
{
    OWNED(pgrows) struct pgrows *leaves = NULL;
    TRY(leaves_of(c, table, &leaves, e));
    for (int i = 0; i < pgrows_count(leaves); i++) {
        OWNED(buf) struct buf sql = {0};
        buf_printf(&sql, "ALTER TABLE ONLY %s ", pgrows_text(leaves, i, 0));
        buf_bytes(&sql, add.data, add.len);
        buf_text(&sql, " NOT VALID");
        TRY(buf_done(&sql, e));
        TRY(schemasql_statement(c, buf_view(&sql), e));
    }
    return DONE;
}

static status add_statement_unchecked(struct pgconn *c, struct bytes statement, err *e)
{
    struct ddltext_key key;
    if (!ddltext_foreign_key(statement, &key))
        return err_set(e, ERR_SCHEMA, "cannot read a foreign key's statement: %.*s", (int)statement.len,
                       (const char *)statement.data);
    return add_unchecked(c, key.table, key.add, e);
}

status orphansweep_keep(struct orphansweep *s, const struct bytes *failed, size_t count, err *e)
{
    for (size_t i = 0; i < count; i++)
        TRY(add_statement_unchecked(s->c, failed[i], e));
    return DONE;
}

static status drop_key(struct pgconn *c, const struct foreignkey *k, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql, "ALTER TABLE %s DROP CONSTRAINT ", k->table);
    pgconn_quote_name(&sql, k->name);
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

static void add_text(const struct foreignkey *k, struct buf *out)
{
    buf_text(out, "ADD CONSTRAINT ");
    pgconn_quote_name(out, k->name);
    buf_printf(out, " %s", k->definition);
}

status orphansweep_keep_standing(struct orphansweep *s, err *e)
{
    for (size_t i = 0; i < s->keys.count; i++) {
        const struct foreignkey *k = &s->keys.key[i];
        OWNED(buf) struct buf add = {0};
        if (!s->of[i].wrong)
            continue;
        add_text(k, &add);
        TRY(buf_done(&add, e));
        TRY(drop_key(s->c, k, e));
        TRY(add_unchecked(s->c, bytes_text(k->table), buf_view(&add), e));
    }
    return DONE;
}

/* ---- finding ---- */

static status read_keys(struct orphansweep *s, const char *more, const char *oids, err *e)
{
    TRY(foreignkeys_read(s->c, more, oids, &s->keys, e));
    s->of = calloc(s->keys.count + 1, sizeof *s->of);
    return s->of != NULL ? DONE : err_no_memory(e);
}

static status count_orphans(struct orphansweep *s, err *e)
{
    for (size_t i = 0; i < s->keys.count; i++)
        if (s->of[i].wrong)
            TRY(foreignkeys_count(s->c, &s->keys.key[i], &s->of[i].found, e));
    return DONE;
}

/* OIDs of the foreign keys that are NOT VALID, "1,2". */
static status unchecked_keys(struct pgconn *c, char **out, err *e)
{
    return pgconn_value(c,
                        "SELECT coalesce(pg_catalog.string_agg(oid::text, ','), '0') FROM"
                        " pg_catalog.pg_constraint WHERE contype = 'f' AND NOT convalidated",
                        out, e);
}

static bool is_listed(const char *list, uint32_t oid)
{
    for (const char *at = list; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
        if (strtoul(at, NULL, 10) == oid)
            return true;
    return false;
}

/* They are there for a moment only, for the server to say what they mean. */
static status learn(struct orphansweep *s, const struct bytes *failed, size_t count, err *e)
{
    OWNED(text) char *before = NULL;
    OWNED(text) char *after = NULL;
    TRY(unchecked_keys(s->c, &before, e));
    TRY(orphansweep_keep(s, failed, count, e));
    TRY(unchecked_keys(s->c, &after, e));
    TRY(read_keys(s, after, "0", e));
    for (size_t i = 0; i < s->keys.count; i++)
        s->of[i].wrong = is_listed(after, s->keys.key[i].oid) && !is_listed(before, s->keys.key[i].oid);
    return count_orphans(s, e);
}

status orphansweep_learn(struct orphansweep *s, const struct bytes *failed, size_t count, err *e)
{
    TRY(pgconn_exec(s->c, "SAVEPOINT pgstrand_learn", e));
    TRY(learn(s, failed, count, e));
    return pgconn_exec(s->c, "ROLLBACK TO SAVEPOINT pgstrand_learn; RELEASE SAVEPOINT pgstrand_learn", e);
}

status orphansweep_look(struct orphansweep *s, const char *oids, bool *any, err *e)
{
    TRY(read_keys(s, "0", oids, e));
    for (size_t i = 0; i < s->keys.count; i++)
        s->of[i].wrong = s->keys.key[i].concerned;
    TRY(count_orphans(s, e));
    for (size_t i = 0; i < s->keys.count; i++) {
        s->of[i].wrong = s->of[i].found > 0;
        *any = *any || s->of[i].wrong;
    }
    return DONE;
}

/* ---- deleting ---- */

/* The proof stands for what was loaded; what the table holds is told anew. */
static status follow(struct orphansweep *s, const char *schema, const char *name, uint64_t gone, err *e)
{
    for (size_t i = 0; i < s->job->plan->count && s->job->request->mode != RESTORE_MERGE; i++) {
        const Pgstrand__Table *t = s->job->plan->table[i].message;
        struct table_digest *expected = &s->job->proof[i].expected;
        struct table_digest found = {0};
        if (!s->job->plan->table[i].comes || strcmp(t->schema, schema) != 0 || strcmp(t->name, name) != 0)
            continue;
        TRY(loadtable_read(s->c, t, &found, e));
        if (found.rows != expected->rows - gone)
            return err_set(e, ERR_STORAGE,
                           "proving %s.%s: %" PRIu64 " rows are left where %" PRIu64
                           " were deleted of %" PRIu64 "; nothing was changed",
                           schema, name, found.rows, gone, expected->rows);
        *expected = found;
    }
    return DONE;
}

/* Deletes or clears the orphans of one key; says in which tables. */
static status remove_orphans(struct orphansweep *s, size_t i, bool *any, err *e)
{
    const struct foreignkey *k = &s->keys.key[i];
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    if (k->clear != NULL)
        buf_printf(&sql, "WITH gone AS (UPDATE %s SET %s WHERE %s RETURNING c.tableoid)", k->target, k->clear,
                   k->where);
    else
        buf_printf(&sql, "WITH gone AS (DELETE FROM %s WHERE %s RETURNING c.tableoid)", k->target, k->where);
    buf_text(&sql, " SELECT n.nspname, r.relname, count(*) FROM gone g JOIN pg_catalog.pg_class r ON r.oid ="
                   " g.tableoid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace GROUP BY 1, 2");
    TRY(buf_done(&sql, e));
    if (!pgconn_query(s->c, buf_cstring(&sql), 0, NULL, &rows, e).ok)
        return err_wrap(e, "deleting rows of %s without their parent", k->table);
    for (int row = 0; row < pgrows_count(rows); row++) {
        uint64_t count = (uint64_t)pgrows_int(rows, row, 2);
        s->of[i].removed += count;
        *any = true;
        TRY(follow(s, pgrows_text(rows, row, 0), pgrows_text(rows, row, 1), k->clear != NULL ? 0 : count, e));
    }
    return DONE;
}

/* First those that are known to have orphans, then round by round what leads to rows that went. */
static status sweep(struct orphansweep *s, err *e)
{
    bool any = false;
    for (size_t i = 0; i < s->keys.count; i++)
        if (s->of[i].wrong)
            TRY(remove_orphans(s, i, &any, e));
    while (any) {
        any = false;
        for (size_t i = 0; i < s->keys.count; i++)
            TRY(remove_orphans(s, i, &any, e));
    }
    return DONE;
}

/* Foreign keys and triggers would act on what is deleted here: they are away meanwhile. */
static status clear_way(struct orphansweep *s, struct buf *again, err *e)
{
    OWNED(buf) struct buf tables = {0};
    for (size_t i = 0; i < s->keys.count; i++)
        buf_printf(&tables, "%s%u", i > 0 ? "," : "", s->keys.key[i].table_oid);
    TRY(emptied_silence_triggers_of(s->c, buf_cstring(&tables), again, e));
    for (size_t i = 0; i < s->keys.count; i++) {
        const struct foreignkey *k = &s->keys.key[i];
        if (s->of[i].wrong)
            continue;
        TRY(drop_key(s->c, k, e));
        buf_printf(again, "ALTER TABLE %s ", k->table);
        add_text(k, again);
        buf_text(again, "; ");
    }
    return buf_done(again, e);
}

status orphansweep_delete(struct orphansweep *s, const struct bytes *failed, size_t count, err *e)
{
    OWNED(buf) struct buf again = {0};
    if (!s->replica)
        TRY(clear_way(s, &again, e));
    TRY(sweep(s, e));
    if (again.len > 0)
        TRY(pgconn_exec(s->c, buf_cstring(&again), e));
    for (size_t i = 0; i < count; i++)
        TRY(schemasql_statement(s->c, failed[i], e));
    return DONE;
}
