#include "agent/capture/generated.h"

#include <stdlib.h>

#include "agent/pg/pgconn.h"
#include "proto/tuple.h"

struct generated {
    const char *conninfo;
    struct pgrows *rows; /* of all tables, NULL until the first question, */
    uint64_t read_at;    /* after so many changes of the schema */
    uint64_t changes;
};

/* Every table has a row, so that one made later shows as missing; one with generated columns a row for each
 * column that is sent. */
static const char all_query[] =
    "SELECT c.oid, a.attname, a.atttypid, a.attgenerated = 's' FROM pg_catalog.pg_class c"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    "  AND a.attgenerated <> 'v' AND EXISTS (SELECT FROM pg_catalog.pg_attribute g WHERE g.attrelid = c.oid"
    "   AND g.attnum > 0 AND g.attgenerated = 's' AND NOT g.attisdropped)"
    " WHERE c.relkind = 'r' ORDER BY c.oid, a.attnum";

status generated_new(const char *conninfo, struct generated **out, err *e)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return err_no_memory(e);
    (*out)->conninfo = conninfo;
    return DONE;
}

void generated_free(struct generated *g)
{
    if (g == NULL)
        return;
    pgrows_free(g->rows);
    free(g);
}

static status read_all(struct generated *g, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    TRY(pgconn_open(g->conninfo, PGCONN_QUERY, &c, e));
    pgrows_free(g->rows);
    g->rows = NULL;
    g->read_at = g->changes;
    return pgconn_query(c, all_query, 0, NULL, &g->rows, e);
}

/* The columns borrow from the rows. False: the table was not there when they were read. */
static bool collect(const struct generated *g, uint32_t oid, struct generated_column *columns, size_t *count)
{
    bool found = false;
    *count = 0;
    for (int i = 0; g->rows != NULL && i < pgrows_count(g->rows); i++) {
        if (pgrows_int(g->rows, i, 0) != oid)
            continue;
        found = true;
        const char *name = pgrows_text(g->rows, i, 1);
        if (name != NULL && *count < RELATION_COLUMNS_MAX)
            columns[(*count)++] = (struct generated_column){name, (uint32_t)pgrows_int(g->rows, i, 2),
                                                            pgrows_bool(g->rows, i, 3)};
    }
    return found;
}

void generated_may_change(struct generated *g)
{
    g->changes++;
}

static void whole_again(struct rel_entry *rel)
{
    relation_free(rel->shape);
    free(rel->computed);
    rel->shape = rel->sent;
    rel->sent = NULL;
    rel->computed = NULL;
    rel->identified = false;
    memset(rel->version, 0, sizeof rel->version);
}

/* A column that is generated may become an ordinary one under the same shape; never the other way round. */
status generated_look(struct generated *g, struct rel_entry *rel, err *e)
{
    if (rel->looked && (rel->computed == NULL || rel->looked_at == g->changes))
        return DONE;
    OWNED(memory) struct generated_column *columns = calloc(RELATION_COLUMNS_MAX, sizeof *columns);
    size_t count = 0;
    if (columns == NULL)
        return err_no_memory(e);
    if (g->read_at != g->changes || !collect(g, rel->oid, columns, &count)) {
        TRY(read_all(g, e));
        (void)collect(g, rel->oid, columns, &count); /* a table that is gone by now has none */
    }
    if (rel->computed != NULL)
        whole_again(rel);
    rel->looked_at = g->changes;
    return generated_leave_out(rel, columns, count, e);
}

static size_t place_of(const char *name, const struct generated_column *columns, size_t count)
{
    size_t at = 0;
    while (at < count && strcmp(columns[at].name, name) != 0)
        at++;
    return at;
}

/* The same columns, but for names that were given since. */
static bool only_renamed(const struct relation *sent, const struct generated_column *columns, size_t count)
{
    if (sent->column_count != count)
        return false;
    for (uint16_t i = 0; i < sent->column_count; i++) {
        const size_t place = place_of(sent->columns[i].name, columns, count);
        if (sent->columns[i].type != columns[i].type || (place < count && place != i))
            return false;
    }
    return true;
}

status generated_leave_out(struct rel_entry *rel, const struct generated_column *columns, size_t count,
                           err *e)
{
    const struct relation *sent = rel->shape;
    const bool by_place = only_renamed(sent, columns, count);
    rel->looked = true;
    if (count == 0)
        return DONE;
    OWNED(memory) struct column *kept = calloc(sent->column_count + 1u, sizeof *kept);
    OWNED(memory) bool *computed = calloc(sent->column_count + 1u, sizeof *computed);
    if (kept == NULL || computed == NULL)
        return err_no_memory(e);
    struct relation less = *sent;
    less.columns = kept;
    less.column_count = 0;
    for (uint16_t i = 0; i < sent->column_count; i++) {
        const size_t place = by_place ? i : place_of(sent->columns[i].name, columns, count);
        computed[i] = place < count && columns[place].computed;
        if (!computed[i])
            kept[less.column_count++] = sent->columns[i];
    }
    if (less.column_count == sent->column_count)
        return DONE;
    struct relation *shape = NULL;
    TRY(relation_copy(&less, &shape, e));
    rel->sent = rel->shape;
    rel->shape = shape;
    rel->computed = computed;
    computed = NULL;
    return DONE;
}

status generated_strip(const struct rel_entry *rel, struct bytes *row, struct buf *out, err *e)
{
    if (row->len == 0)
        return DONE;
    struct tuple tuple = tuple_open(*row);
    struct value v;
    buf_reset(out);
    tuple_begin(out, rel->shape->column_count);
    for (uint16_t at = 0; tuple.count == rel->sent->column_count && tuple_next(&tuple, &v); at++)
        if (!rel->computed[at])
            tuple_put(out, v);
    if (tuple.rest.bad || tuple.count != rel->sent->column_count)
        return err_set(e, ERR_STORAGE, "the server sent a row of %s.%s that does not fit its columns",
                       rel->shape->schema, rel->shape->name);
    *row = buf_view(out);
    return buf_done(out, e);
}
