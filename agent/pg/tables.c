#include "agent/pg/tables.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"

/* The list with the memory of its names. */
struct owned_list {
    struct table_list list; /* first: the caller's pointer is ours */
    struct arena arena;
};

/* One row a column, so that tables and columns are of one snapshot even outside a transaction. The identity
 * index is what RelationGetReplicaIndex would find, by the catalogue alone: the function would wait for
 * locks. One with a generated column identifies nothing: the stream does not carry such columns. */
static const char tables_query[] =
    "WITH t AS MATERIALIZED (SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,"
    "  k.columns, EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS "
    "has_pk,"
    "  CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) END AS size,"
    "  greatest(c.reltuples, 0)::bigint AS estimate"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN LATERAL (SELECT i.indkey::int2[] AS columns FROM pg_catalog.pg_index i WHERE i.indrelid = "
    "c.oid"
    "   AND i.indisvalid AND i.indimmediate"
    "   AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END"
    "   AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute g WHERE g.attrelid = c.oid AND g.attgenerated <> "
    "''"
    "    AND g.attnum = ANY (i.indkey)) LIMIT 1) k ON true"
    " WHERE c.relkind IN ('r', 'p') AND c.relpersistence IN ('p', 'u') AND n.nspname NOT LIKE 'pg\\_%'"
    "  AND n.nspname NOT IN ('information_schema', 'pgstrand'))"
    " SELECT t.oid, t.nspname, t.relname, t.relkind, t.relpersistence, t.relreplident, t.columns IS NOT NULL,"
    "  t.has_pk, t.size / pg_catalog.current_setting('block_size')::int, t.estimate, t.size,"
    "  a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnum = ANY (t.columns),"
    "  a.attgenerated <> '', a.attidentity <> '', a.attgenerated = 'v',"
    "  (a.attmissingval::pg_catalog.text::pg_catalog.text[])[1]"
    " FROM t LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT "
    "a.attisdropped"
    " ORDER BY t.nspname COLLATE \"C\", t.relname COLLATE \"C\", t.oid, a.attnum";

enum {
    COL_OID,
    COL_SCHEMA,
    COL_NAME,
    COL_KIND,
    COL_PERSISTENCE,
    COL_IDENT,
    COL_INDEX,
    COL_PK,
    COL_PAGES,
    COL_ESTIMATE,
    COL_SIZE,
    COL_ATTNUM,
    COL_ATTNAME,
    COL_TYPE,
    COL_TYPMOD,
    COL_KEY,
    COL_GENERATED,
    COL_IDENTITY,
    COL_VIRTUAL,
    COL_MISSING
};

static const char *keep(struct arena *a, const char *text)
{
    return arena_copy(a, bytes_text(text != NULL ? text : ""));
}

static const char *keep_or_null(struct arena *a, const char *text, bool *no_memory)
{
    const char *kept = text == NULL ? NULL : keep(a, text);
    *no_memory = *no_memory || (text != NULL && kept == NULL);
    return kept;
}

static char letter(const struct pgrows *rows, int row, int column)
{
    const char *text = pgrows_text(rows, row, column);
    return text != NULL ? text[0] : '\0';
}

static status fill_columns(struct owned_list *o, struct table_info *t, const struct pgrows *rows, int first,
                           int end, err *e)
{
    /* A table without columns comes as one row of NULLs. */
    size_t count = pgrows_text(rows, first, COL_ATTNUM) == NULL ? 0 : (size_t)(end - first);
    if (count == 0)
        return DONE;
    t->columns = arena_alloc(&o->arena, count * sizeof *t->columns);
    if (t->columns == NULL)
        return err_no_memory(e);
    t->column_count = (uint16_t)count;
    for (size_t i = 0; i < count; i++) {
        int row = first + (int)i;
        struct table_column *c = &t->columns[i];
        bool no_memory = false;
        *c = (struct table_column){
            .name = keep(&o->arena, pgrows_text(rows, row, COL_ATTNAME)),
            .type = (uint32_t)pgrows_int(rows, row, COL_TYPE),
            .typmod = (int32_t)pgrows_int(rows, row, COL_TYPMOD),
            .attnum = (uint16_t)pgrows_int(rows, row, COL_ATTNUM),
            .generated = pgrows_bool(rows, row, COL_GENERATED),
            .identity = pgrows_bool(rows, row, COL_IDENTITY),
            .virtual_column = pgrows_bool(rows, row, COL_VIRTUAL),
            /* As pgoutput says it: with FULL every column is part of the identity. */
            .key = t->replica_identity == 'f' || pgrows_bool(rows, row, COL_KEY),
            .missing = keep_or_null(&o->arena, pgrows_text(rows, row, COL_MISSING), &no_memory),
        };
        if (c->name == NULL || no_memory)
            return err_no_memory(e);
    }
    return DONE;
}

static status fill_table(struct owned_list *o, const struct tier_rules *rules, const struct pgrows *rows,
                         int first, int end, err *e)
{
    struct table_info *t = &o->list.table[o->list.count];
    *t = (struct table_info){
        .oid = (uint32_t)pgrows_int(rows, first, COL_OID),
        .schema = keep(&o->arena, pgrows_text(rows, first, COL_SCHEMA)),
        .name = keep(&o->arena, pgrows_text(rows, first, COL_NAME)),
        .kind = letter(rows, first, COL_KIND),
        .persistence = letter(rows, first, COL_PERSISTENCE),
        .replica_identity = letter(rows, first, COL_IDENT),
        .has_primary_key = pgrows_bool(rows, first, COL_PK),
        .pages = pgrows_int(rows, first, COL_PAGES),
        .row_estimate = pgrows_int(rows, first, COL_ESTIMATE),
        .bytes = pgrows_int(rows, first, COL_SIZE),
    };
    if (t->schema == NULL || t->name == NULL)
        return err_no_memory(e);
    t->has_identity = t->replica_identity == 'f' || pgrows_bool(rows, first, COL_INDEX);
    TRY(fill_columns(o, t, rows, first, end, e));
    o->list.count++;
    return tier_rules_match(rules, t->schema, t->name, &t->tier, e);
}

static status fill_tables(struct owned_list *o, const struct tier_rules *rules, const struct pgrows *rows,
                          err *e)
{
    int count = pgrows_count(rows);
    o->list.table = calloc((size_t)count + 1, sizeof *o->list.table);
    if (o->list.table == NULL)
        return err_no_memory(e);
    for (int first = 0, end; first < count; first = end) {
        int64_t oid = pgrows_int(rows, first, COL_OID);
        for (end = first + 1; end < count && pgrows_int(rows, end, COL_OID) == oid; end++)
            ;
        TRY(fill_table(o, rules, rows, first, end, e));
    }
    return DONE;
}

/* How far rows of a tier travel: business and audit everywhere, device home, transient nowhere. */
static int reach(enum tier tier)
{
    switch (tier) {
    case TIER_BUSINESS:
    case TIER_AUDIT:
        return 2;
    case TIER_DEVICE:
        return 1;
    default:
        return 0;
    }
}

static bool leads_out(const struct table_tier *from, const struct table_tier *to)
{
    int widest = reach(from->tier) > reach(from->other) ? reach(from->tier) : reach(from->other);
    int narrowest = reach(to->tier) < reach(to->other) ? reach(to->tier) : reach(to->other);
    return widest > narrowest;
}

static bool find_table(const struct table_list *l, uint32_t oid, uint32_t *index)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->table[i].oid == oid) {
            *index = (uint32_t)i;
            return true;
        }
    return false;
}

static status fill_findings(struct owned_list *o, struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    /* A partition's copy of its root's constraint says nothing new: conparentid. */
    TRY(pgconn_query(c,
                     "SELECT conname, conrelid, confrelid FROM pg_catalog.pg_constraint"
                     " WHERE contype = 'f' AND conparentid = 0 ORDER BY conrelid, conname",
                     0, NULL, &rows, e));
    int count = pgrows_count(rows);
    o->list.finding = calloc((size_t)count + 1, sizeof *o->list.finding);
    if (o->list.finding == NULL)
        return err_no_memory(e);
    for (int row = 0; row < count; row++) {
        struct cross_tier_key f = {0};
        if (!find_table(&o->list, (uint32_t)pgrows_int(rows, row, 1), &f.from) ||
            !find_table(&o->list, (uint32_t)pgrows_int(rows, row, 2), &f.to) ||
            !leads_out(&o->list.table[f.from].tier, &o->list.table[f.to].tier))
            continue;
        f.constraint = keep(&o->arena, pgrows_text(rows, row, 0));
        if (f.constraint == NULL)
            return err_no_memory(e);
        o->list.finding[o->list.finding_count++] = f;
    }
    return DONE;
}

status table_list_read(struct pgconn *c, const struct tier_rules *rules, struct table_list **out, err *e)
{
    struct owned_list *o = calloc(1, sizeof *o);
    if (o == NULL)
        return err_no_memory(e);
    OWNED(table_list) struct table_list *list = &o->list;
    OWNED(pgrows) struct pgrows *rows = NULL;
    if (!pgconn_query(c, tables_query, 0, NULL, &rows, e).ok)
        return err_wrap(e, "cannot read the list of tables");
    TRY(fill_tables(o, rules, rows, e));
    TRY(fill_findings(o, c, e));
    *out = list;
    list = NULL;
    return DONE;
}

void table_list_free(struct table_list *l)
{
    if (l == NULL)
        return;
    struct owned_list *o = (struct owned_list *)l;
    free(l->table);
    free(l->finding);
    arena_fini(&o->arena);
    free(o);
}

const char *table_computed_column(const struct table_info *t)
{
    for (uint16_t i = 0; i < t->column_count; i++)
        if (t->columns[i].virtual_column)
            return t->columns[i].name;
    return NULL;
}

bool table_blocks(const struct table_info *t)
{
    return t->kind == 'r' && t->persistence == 'p' && (!t->has_identity || t->replica_identity == 'f') &&
           table_computed_column(t) != NULL;
}

bool table_wants_full(const struct table_info *t)
{
    if (t->kind != 'r' || t->persistence != 'p' || t->replica_identity == 'f' ||
        table_computed_column(t) != NULL)
        return false;
    return !t->has_identity || t->tier.column != NULL;
}

void table_quote(struct buf *out, const char *schema, const char *name)
{
    pgconn_quote_name(out, schema);
    buf_u8(out, '.');
    pgconn_quote_name(out, name);
}

void table_copy_columns(struct buf *out, const struct table_info *t)
{
    const char *comma = "";
    for (uint16_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].generated)
            continue;
        buf_text(out, comma);
        pgconn_quote_name(out, t->columns[i].name);
        comma = ", ";
    }
}
