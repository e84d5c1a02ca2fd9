#include "agent/restore/filter/fkgraph.h"

#include "agent/glob.h"
#include "agent/restore/load/ddltext.h"
#include "proto/base/array.h"
#include "proto/sqlsplit.h"

#define DEPTH_MAX 32 /* of partitions in partitions */

void fkgraph_fini(struct fkgraph *g)
{
    for (size_t i = 0; i < g->target_count; i++)
        free(g->target[i].part);
    free(g->target);
    free(g->edge);
    free(g->branch);
    *g = (struct fkgraph){0};
}

static const Pgstrand__Table *message(const struct fkgraph *g, size_t table)
{
    return g->plan->table[table].message;
}

/* ---- partitions ---- */

static status take_branches(struct fkgraph *g, const char *text, err *e)
{
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    struct bytes s;
    while (sqlsplit_next(&rest, &s)) {
        struct fkgraph_branch b;
        if (!ddltext_attach(s, &b.root, &b.part))
            continue;
        TRY(array_one_more(&g->branch, g->branch_count, sizeof *g->branch, e));
        g->branch[g->branch_count++] = b;
    }
    return DONE;
}

/* The branch by which it hangs on its root; NULL: it is no partition. */
static const struct fkgraph_branch *branch_of(const struct fkgraph *g, const Pgstrand__Table *t,
                                              struct bytes part)
{
    for (size_t i = 0; i < g->branch_count; i++)
        if (t != NULL ? ddltext_names(g->branch[i].part, t->schema, t->name)
                      : bytes_equal(g->branch[i].part, part))
            return &g->branch[i];
    return NULL;
}

static bool belongs(const struct fkgraph *g, size_t table, struct bytes name)
{
    const Pgstrand__Table *t = message(g, table);
    if (ddltext_names(name, t->schema, t->name))
        return true;
    const struct fkgraph_branch *b = branch_of(g, t, (struct bytes){0});
    for (int depth = 0; b != NULL && depth < DEPTH_MAX; depth++) {
        if (bytes_equal(b->root, name))
            return true;
        b = branch_of(g, NULL, b->root);
    }
    return false;
}

bool fkgraph_is_called(const struct fkgraph *g, size_t table, const char *name)
{
    const Pgstrand__Table *t = message(g, table);
    if (glob_list_match(name, t->schema, t->name))
        return true;
    const struct fkgraph_branch *b = branch_of(g, t, (struct bytes){0});
    for (int depth = 0; b != NULL && depth < DEPTH_MAX; depth++) {
        const char *dot = strchr(name, '.');
        OWNED(text) char *schema = dot == NULL ? NULL : strndup(name, (size_t)(dot - name));
        struct bytes root = b->root;
        const uint8_t *at = memchr(root.data, '.', root.len);
        if (schema != NULL && ddltext_names(root, schema, dot + 1))
            return true;
        if (schema == NULL && at != NULL &&
            ddltext_is(bytes_of(at + 1, root.len - (size_t)(at + 1 - root.data)), name))
            return true;
        b = branch_of(g, NULL, b->root);
    }
    return false;
}

/* ---- keys ---- */

static bool place_of(const Pgstrand__Table *t, struct bytes name, uint16_t *out)
{
    for (uint16_t i = 0; i < t->n_column; i++) {
        *out = i;
        if (ddltext_is(name, t->column[i]->name))
            return true;
    }
    return false;
}

/* Names of columns as places in the rows; false when the table lacks one. */
static bool places(const Pgstrand__Table *t, struct bytes list, uint16_t *count,
                   uint16_t place[FKGRAPH_COLUMNS])
{
    struct bytes name;
    *count = 0;
    while (ddltext_next_name(&list, &name))
        if (*count == FKGRAPH_COLUMNS || !place_of(t, name, &place[(*count)++]))
            return false;
    return *count > 0;
}

bool fkgraph_places(const struct fkgraph *g, const struct fkgraph_target *t, size_t part,
                    uint16_t place[static FKGRAPH_COLUMNS])
{
    uint16_t count = 0;
    return places(message(g, part), t->columns, &count, place) && count == t->count;
}

static status fill_parts(struct fkgraph *g, struct fkgraph_target *t, err *e)
{
    for (size_t i = 0; i < g->plan->count; i++) {
        if (message(g, i)->partition_root || !belongs(g, i, t->table))
            continue;
        TRY(array_one_more(&t->part, t->part_count, sizeof *t->part, e));
        t->part[t->part_count++] = i;
    }
    return DONE;
}

static status target_of(struct fkgraph *g, const struct ddltext_key *key, uint16_t count, size_t *out, err *e)
{
    for (*out = 0; *out < g->target_count; ++*out)
        if (bytes_equal(g->target[*out].table, key->parent) &&
            bytes_equal(g->target[*out].columns, key->parent_columns))
            return DONE;
    TRY(array_one_more(&g->target, g->target_count, sizeof *g->target, e));
    g->target[*out] =
        (struct fkgraph_target){.table = key->parent, .columns = key->parent_columns, .count = count};
    g->target_count++;
    return fill_parts(g, &g->target[*out], e);
}

/* A key that has a column without values in the rows (a generated one) cannot be followed. */
static status add_edge(struct fkgraph *g, size_t from, const struct ddltext_key *key, err *e)
{
    struct fkgraph_edge edge = {.from = from, .constraint = key->constraint};
    if (!places(message(g, from), key->columns, &edge.count, edge.column))
        return err_set(
            e, ERR_SCHEMA,
            "foreign key %.*s of %s.%s has a column that is generated or of another kind: what belongs to a "
            "business cannot be told",
            (int)key->constraint.len, (const char *)key->constraint.data, message(g, from)->schema,
            message(g, from)->name);
    TRY(target_of(g, key, edge.count, &edge.target, e));
    TRY(array_one_more(&g->edge, g->edge_count, sizeof *g->edge, e));
    g->edge[g->edge_count++] = edge;
    return DONE;
}

static status take_key(struct fkgraph *g, const struct ddltext_key *key, err *e)
{
    for (size_t i = 0; i < g->plan->count; i++)
        if (!message(g, i)->partition_root && belongs(g, i, key->table))
            TRY(add_edge(g, i, key, e));
    return DONE;
}

status fkgraph_make(const struct plan *p, struct fkgraph *out, err *e)
{
    *out = (struct fkgraph){.plan = p};
    TRY(take_branches(out, p->schema->pre_data, e));
    TRY(take_branches(out, p->schema->post_data, e));
    struct reader rest = reader_over(bytes_text(p->schema->post_data == NULL ? "" : p->schema->post_data));
    struct bytes s;
    while (sqlsplit_next(&rest, &s)) {
        struct ddltext_key key;
        if (ddltext_foreign_key(s, &key))
            TRY(take_key(out, &key, e));
    }
    return DONE;
}
