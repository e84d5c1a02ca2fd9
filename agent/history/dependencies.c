#include "agent/history/dependencies.h"

#include "agent/history/entitykey.h"
#include "agent/restore/load/ddltext.h"
#include "proto/base/array.h"
#include "proto/sqlsplit.h"
#include "proto/tuple.h"

#define COLUMNS_MAX 32 /* INDEX_MAX_KEYS of PostgreSQL */

struct fkey {
    const Pgstrand__Table *child;
    const Pgstrand__Table *parent;
    struct ddltext_key text; /* borrowed from the plan's schema */
};

struct dependencies {
    struct history *h;
    struct plan *plan;
    struct fkey *key;
    size_t count;
    struct buf scratch;
};

void dependencies_close(struct dependencies *d)
{
    if (d == NULL)
        return;
    free(d->key);
    plan_free(d->plan);
    buf_fini(&d->scratch);
    free(d);
}

/* ---- the foreign keys of the schema's text ---- */

static const Pgstrand__Table *find_table(const struct plan *p, struct bytes name)
{
    for (size_t i = 0; i < p->count; i++)
        if (ddltext_names(name, p->table[i].message->schema, p->table[i].message->name))
            return p->table[i].message;
    return NULL;
}

static status add_key(struct dependencies *d, const struct ddltext_key *text, err *e)
{
    const struct fkey key = {find_table(d->plan, text->table), find_table(d->plan, text->parent), *text};
    if (key.child == NULL || key.parent == NULL)
        return DONE;
    TRY(array_one_more(&d->key, d->count, sizeof *d->key, e));
    d->key[d->count++] = key;
    return DONE;
}

static status read_keys(struct dependencies *d, err *e)
{
    struct reader rest = reader_over(bytes_text(d->plan->schema->post_data));
    struct bytes statement;
    while (sqlsplit_next(&rest, &statement)) {
        struct ddltext_key text;
        if (ddltext_foreign_key(statement, &text))
            TRY(add_key(d, &text, e));
    }
    return DONE;
}

status dependencies_open(struct history *h, struct dependencies **out, err *e)
{
    OWNED(dependencies) struct dependencies *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_no_memory(e);
    d->h = h;
    TRY(history_plan(h, entityindex_end(h->index), NULL, &d->plan, e));
    if (d->plan->schema->post_data != NULL)
        TRY(read_keys(d, e));
    *out = d;
    d = NULL;
    return DONE;
}

/* ---- of an action ---- */

static status last_before(struct dependencies *d, const uuid *entity, uint64_t seq, uint64_t *out, err *e)
{
    OWNED(seqlist) struct seqlist seqs = {0};
    TRY(history_find(d->h, entity, &seqs, e));
    seqlist_sort(&seqs);
    const size_t at = seqlist_from(&seqs, seq);
    *out = at == 0 ? 0 : seqs.seq[at - 1];
    return DONE;
}

status dependencies_previous(struct dependencies *d, const struct relation *r, const struct action *a,
                             uint64_t seq, uint64_t *out, err *e)
{
    uuid now, before;
    bool found = false;
    *out = 0;
    if (r == NULL || !relation_is_keyed(r))
        return DONE;
    TRY(entitykey_of_action(r, a, &d->h->d->identity.dataset, &d->scratch, &now, &before, &found, e));
    if (!found)
        return DONE;
    return last_before(d, uuid_is_nil(&before) ? &now : &before, seq, out, e);
}

/* The new row's value of a column; false: NULL, not told, or no such column. */
static bool value_of(const struct relation *r, struct bytes row, struct bytes name, struct bytes *out)
{
    struct tuple t = tuple_open(row);
    struct value v;
    for (uint16_t i = 0; i < r->column_count && tuple_next(&t, &v); i++)
        if (ddltext_is(name, r->columns[i].name)) {
            *out = v.text;
            return v.kind == VALUE_TEXT;
        }
    return false;
}

/* The value that leads to a column of the parent. */
static bool value_for(const struct fkey *k, const struct relation *r, struct bytes row, const char *parent,
                      struct bytes *out)
{
    struct bytes names = k->text.columns, parents = k->text.parent_columns;
    struct bytes name, column;
    while (ddltext_next_name(&names, &name) && ddltext_next_name(&parents, &column))
        if (ddltext_is(column, parent))
            return value_of(r, row, name, out);
    return false;
}

static uint16_t count_names(struct bytes list)
{
    struct bytes name;
    uint16_t count = 0;
    while (ddltext_next_name(&list, &name))
        count++;
    return count;
}

/* The parent's entity: its key in the order of its columns. */
static status parent_of(struct dependencies *d, const struct fkey *k, const struct relation *r,
                        struct bytes row, uuid *out, bool *found, err *e)
{
    uint16_t column[RELATION_COLUMNS_MAX];
    char *text[COLUMNS_MAX] = {0};
    const uint16_t count = entitykey_columns(k->parent, column);
    status made = DONE;
    *found = count > 0 && count <= COLUMNS_MAX && count == count_names(k->text.parent_columns);
    for (uint16_t i = 0; *found && i < count; i++) {
        struct bytes value;
        *found = value_for(k, r, row, k->parent->column[column[i]]->name, &value);
        if (*found && (text[i] = bytes_strndup(value)) == NULL) {
            *found = false;
            made = err_no_memory(e);
        }
    }
    if (*found)
        made = entitykey_of_values(k->parent, (const char *const *)text, count, &d->h->d->identity.dataset,
                                   out, e);
    for (uint16_t i = 0; i < COLUMNS_MAX; i++)
        free(text[i]);
    return made;
}

status dependencies_parents(struct dependencies *d, const struct relation *r, const struct action *a,
                            uint64_t seq, struct dependency *out, size_t max, size_t *count, err *e)
{
    *count = 0;
    for (size_t i = 0; r != NULL && a->new.len > 0 && i < d->count &&*count < max; i++) {
        const struct fkey *k = &d->key[i];
        struct dependency *to = &out[*count];
        bool found = false;
        if (k->child->oid != r->oid)
            continue;
        TRY(parent_of(d, k, r, a->new, &to->entity, &found, e));
        if (!found)
            continue;
        to->parent = k->parent;
        (void)snprintf(to->constraint, sizeof to->constraint, "%.*s", (int)k->text.constraint.len,
                       (const char *)k->text.constraint.data);
        TRY(last_before(d, &to->entity, seq, &to->seq, e));
        (*count)++;
    }
    return DONE;
}
