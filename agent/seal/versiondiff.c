#include "agent/seal/versiondiff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/seal/versiontypes.h"

/* A table whose rows were told again, the last time. */
struct told_again {
    uint32_t oid;
    size_t touch;
    const struct ddl_object *columns; /* it had then */
};

struct diff {
    struct versionlabel *label;
    const struct typeuse_list *uses;
    const Pgstrand__Schema *before;
    const Pgstrand__Schema *now;
    Pgstrand__RowsChanged *found;
    size_t count;
    struct told_again *retold;
    size_t retolds;
};

__attribute__((format(printf, 5, 6))) static status add(struct diff *d, uint32_t oid, size_t change, err *e,
                                                        const char *format, ...)
{
    char what[200];
    const Pgstrand__SchemaChange *at = &d->label->change[change];
    for (size_t i = 0; i < d->count; i++)
        if (d->found[i].oid == oid && d->found[i].seq == at->last_seq)
            return DONE;
    Pgstrand__RowsChanged *grown = arena_alloc(&d->label->arena, (d->count + 1) * sizeof *grown);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (grown == NULL)
        return err_no_memory(e);
    if (d->count > 0)
        memcpy(grown, d->found, d->count * sizeof *grown);
    d->found = grown;
    Pgstrand__RowsChanged *r = &grown[d->count++];
    pgstrand__rows_changed__init(r);
    r->oid = oid;
    r->seq = at->last_seq;
    r->lsn = at->lsn;
    r->what = arena_copy(&d->label->arena, bytes_text(what));
    return r->what != NULL ? DONE : err_no_memory(e);
}

static const Pgstrand__Table *table_of(const Pgstrand__Schema *schema, uint32_t oid)
{
    for (size_t i = 0; i < schema->n_table; i++)
        if (schema->table[i]->oid == oid)
            return schema->table[i];
    return NULL;
}

static const Pgstrand__Column *column_of(const Pgstrand__Table *t, uint32_t attnum)
{
    for (size_t i = 0; t != NULL && i < t->n_column; i++)
        if (t->column[i]->attnum == attnum)
            return t->column[i];
    return NULL;
}

static bool was_generated(const Pgstrand__Table *t, uint32_t attnum)
{
    for (size_t i = 0; i < t->n_generated; i++)
        if (t->generated[i] == attnum)
            return true;
    return false;
}

/* The last DDL that touched the object; the last one at all when none names it. */
static size_t touch_of(const struct diff *d, uint32_t oid)
{
    for (size_t i = d->label->touches; i > 0; i--)
        for (size_t k = 0; k < d->label->touch[i - 1].count; k++)
            if (d->label->touch[i - 1].object[k].oid == oid)
                return i - 1;
    return d->label->touches - 1;
}

static size_t change_of(const struct diff *d, uint32_t oid)
{
    return d->label->touch[touch_of(d, oid)].change;
}

static const struct told_again *retold_of(const struct diff *d, uint32_t oid)
{
    for (size_t i = 0; i < d->retolds; i++)
        if (d->retold[i].oid == oid)
            return &d->retold[i];
    return NULL;
}

static bool is_retold_behind(const struct diff *d, uint32_t oid, size_t touch)
{
    const struct told_again *r = retold_of(d, oid);
    return r != NULL && r->touch > touch;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Tables whose columns hold values of this type, or rows of this relation; 0: not asked for. */
static status add_users(struct diff *d, uint32_t type, uint32_t relation, size_t touch, const char *name,
                        err *e)
{
    const size_t change = d->label->touch[touch].change;
    for (size_t i = 0; i < d->uses->count; i++) {
        const struct typeuse *u = &d->uses->use[i];
        const Pgstrand__Table *is = table_of(d->now, u->table);
        const bool meant = (type != 0 && u->type == type) || (relation != 0 && u->relation == relation);
        if (is != NULL && meant && !is_retold_behind(d, is->oid, touch))
            TRY(add(d, is->oid, change, e, "%s, of which %s.%s has values, holds something else", name,
                    is->schema, is->name));
    }
    return DONE;
}

static struct versiontype type_of(const Pgstrand__Column *c)
{
    return (struct versiontype){c->type, c->typmod};
}

/* A row of it, as a value in another table, lacks what was added and has what was dropped. */
static bool has_other_columns(const Pgstrand__Table *was, const Pgstrand__Table *is)
{
    bool same = was->n_column == is->n_column;
    for (size_t i = 0; same && i < is->n_column; i++)
        same = column_of(was, is->column[i]->attnum) != NULL;
    return !same;
}

/* What a column was when all rows were last known; false: it had no values then. */
static bool column_before(const struct told_again *r, const Pgstrand__Table *was, uint32_t attnum,
                          struct versiontype *type, bool *generated)
{
    const Pgstrand__Column *c = r == NULL ? column_of(was, attnum) : NULL;
    *generated = r == NULL && was != NULL && was_generated(was, attnum);
    if (c != NULL)
        *type = type_of(c);
    for (size_t i = 0; r != NULL && i < r->columns->count; i++) {
        const struct ddl_column *told = &r->columns->column[i];
        if (told->attnum != attnum)
            continue;
        *type = (struct versiontype){told->type, told->typmod};
        *generated = told->generated;
        return !told->generated;
    }
    return c != NULL;
}

static status compare_columns(struct diff *d, const Pgstrand__Table *was, const Pgstrand__Table *is, err *e)
{
    const struct told_again *r = retold_of(d, is->oid);
    for (size_t i = 0; i < is->n_column; i++) {
        const Pgstrand__Column *c = is->column[i];
        struct versiontype earlier = {0};
        bool generated;
        const bool had = column_before(r, was, c->attnum, &earlier, &generated);
        if (had && !versiontypes_follow(earlier, type_of(c)))
            return add(d, is->oid, change_of(d, is->oid), e, "column %s of %s.%s has another type", c->name,
                       is->schema, is->name);
        if (!had && generated)
            return add(d, is->oid, change_of(d, is->oid), e, "column %s of %s.%s was generated", c->name,
                       is->schema, is->name);
    }
    return DONE;
}

static status compare_tables(struct diff *d, const Pgstrand__Table *was, const Pgstrand__Table *is, err *e)
{
    if (has_other_columns(was, is))
        TRY(add_users(d, 0, is->oid, touch_of(d, is->oid), is->name, e));
    if (was->tier != is->tier || !same_text(was->tier_column, is->tier_column) ||
        !same_text(was->tier_value, is->tier_value) || was->other_tier != is->other_tier)
        return add(d, is->oid, change_of(d, is->oid), e, "%s.%s has another tier", is->schema, is->name);
    return compare_columns(d, was, is, e);
}

/* Was it made meanwhile, so that all its rows are in the stream? What an extension makes is not listed. */
static bool was_made(const struct diff *d, uint32_t oid)
{
    for (size_t i = 0; i < d->label->touches; i++) {
        const struct ddl_touch *t = &d->label->touch[i];
        const struct bytes tag = bytes_text(t->tag);
        const bool makes = bytes_begin(tag, "CREATE ") || bytes_begin(tag, "SELECT INTO");
        if (bytes_begin(tag, "CREATE EXTENSION") || bytes_begin(tag, "ALTER EXTENSION") ||
            bytes_begin(tag, "IMPORT FOREIGN"))
            return true;
        for (size_t k = 0; makes && k < t->count; k++)
            if (t->object[k].class == DDLOBJECTS_CLASS_RELATION && t->object[k].oid == oid)
                return true;
    }
    return false;
}

static status look_at_tables(struct diff *d, err *e)
{
    for (size_t i = 0; i < d->now->n_table; i++) {
        const Pgstrand__Table *is = d->now->table[i];
        const Pgstrand__Table *was = table_of(d->before, is->oid);
        if (was != NULL)
            TRY(compare_tables(d, was, is, e));
        else if (retold_of(d, is->oid) != NULL)
            TRY(compare_columns(d, NULL, is, e));
        else if (!was_made(d, is->oid))
            TRY(add(d, is->oid, change_of(d, is->oid), e, "rows of %s.%s were not captured before",
                    is->schema, is->name));
    }
    return DONE;
}

/* A column added with a default that had to be computed; one that is generated has no values here. */
static bool adds_values(const struct diff *d, const Pgstrand__Table *is)
{
    const Pgstrand__Table *was = table_of(d->before, is->oid);
    for (size_t i = 0; i < is->n_column; i++)
        if (column_of(was, is->column[i]->attnum) == NULL)
            return true;
    return false;
}

/* ---- rewrites ---- */

/* What DDL says of the table's columns last before touch `at`, or first behind it; NULL: nothing. */
static const struct ddl_object *columns_before(const struct diff *d, uint32_t oid, size_t at)
{
    for (size_t i = at; i > 0; i--)
        for (size_t k = d->label->touch[i - 1].count; k > 0; k--) {
            const struct ddl_object *o = &d->label->touch[i - 1].object[k - 1];
            if (o->class == DDLOBJECTS_CLASS_RELATION && o->oid == oid && o->has_columns)
                return o;
        }
    return NULL;
}

static const struct ddl_object *columns_behind(const struct diff *d, uint32_t oid, size_t at)
{
    for (size_t i = at; i < d->label->touches; i++)
        for (size_t k = 0; k < d->label->touch[i].count; k++) {
            const struct ddl_object *o = &d->label->touch[i].object[k];
            if (o->class == DDLOBJECTS_CLASS_RELATION && o->oid == oid && o->has_columns)
                return o;
        }
    return NULL;
}

/* False: the table had no such column (attnum), or it is not known which type it had. */
static bool type_before(const struct diff *d, const struct ddl_object *told, uint32_t oid, uint16_t attnum,
                        struct versiontype *out)
{
    const Pgstrand__Column *c = told != NULL ? NULL : column_of(table_of(d->before, oid), attnum);
    if (c != NULL)
        *out = type_of(c);
    for (size_t i = 0; told != NULL && !told->stale && i < told->count; i++)
        if (told->column[i].attnum == attnum) {
            *out = (struct versiontype){told->column[i].type, told->column[i].typmod};
            return true;
        }
    return c != NULL;
}

/* Did the rewrite only store in wider types what reads the same as before? A length that a text gets takes
 * blanks off its end. The triggers have the same rule (pgstrand.reads_same). */
static bool only_widened(const struct diff *d, size_t touch, const struct ddl_object *o)
{
    const struct ddl_object *is = columns_behind(d, o->oid, touch);
    const struct ddl_object *was = columns_before(d, o->oid, touch);
    if (!o->plain || is == NULL || is->stale)
        return false;
    for (size_t i = 0; i < is->count; i++) {
        const struct ddl_column *c = &is->column[i];
        const struct versiontype to = {c->type, c->typmod};
        struct versiontype from;
        if (c->generated)
            continue;
        if (!type_before(d, was, o->oid, c->attnum, &from) || !versiontypes_follow(from, to) ||
            (from.typmod != to.typmod && to.typmod != -1))
            return false;
    }
    return true;
}

static status look_at_rewrite(struct diff *d, size_t touch, const struct ddl_object *o, err *e)
{
    const Pgstrand__Table *is = table_of(d->now, o->oid);
    const unsigned values = DDLOBJECTS_PERSISTENCE | DDLOBJECTS_TYPE | DDLOBJECTS_DEFAULT;
    if (is == NULL || (o->reason & values) == 0 || o->empty || is_retold_behind(d, o->oid, touch))
        return DONE;
    if ((o->reason & values) == DDLOBJECTS_DEFAULT && !adds_values(d, is))
        return DONE;
    if ((o->reason & values) == DDLOBJECTS_TYPE && only_widened(d, touch, o))
        return DONE;
    return add(d, is->oid, d->label->touch[touch].change, e, "%s.%s was rewritten", is->schema, is->name);
}

/* ---- types ---- */

/* The attributes of a composite type, which PostgreSQL reports of the relation behind it; a view; a table
 * that has no rows here, or that was made since the version before. The text does not tell: an attribute
 * dropped and added again is empty in the rows there are. Tables with rows are compared by their columns. */
static bool alters_row_type(const struct diff *d, const struct ddl_touch *t, const struct ddl_object *o)
{
    const bool alters = bytes_begin(bytes_text(t->tag), "ALTER ") || strcmp(t->tag, "CREATE VIEW") == 0;
    return alters && (table_of(d->before, o->oid) == NULL || table_of(d->now, o->oid) == NULL);
}

static status look_at(struct diff *d, size_t touch, const struct ddl_object *o, err *e)
{
    const struct ddl_touch *t = &d->label->touch[touch];
    if (o->class == DDLOBJECTS_CLASS_RELATION && alters_row_type(d, t, o))
        TRY(add_users(d, 0, o->oid, touch, o->identity, e));
    if (o->class == DDLOBJECTS_CLASS_RELATION)
        return look_at_rewrite(d, touch, o, e);
    if (o->class == DDLOBJECTS_CLASS_TYPE && strcmp(t->tag, "ALTER TYPE") == 0 &&
        versiontypes_changed(d->label, d->before, d->now, o))
        return add_users(d, o->oid, 0, touch, o->identity, e);
    return DONE;
}

/* ---- rows that were told again ---- */

static status keep_retold(struct diff *d, const struct told_again *one, err *e)
{
    for (size_t i = 0; i < d->retolds; i++)
        if (d->retold[i].oid == one->oid) {
            d->retold[i] = *one;
            return DONE;
        }
    struct told_again *grown = arena_alloc(&d->label->arena, (d->retolds + 1) * sizeof *grown);
    if (grown == NULL)
        return err_no_memory(e);
    if (d->retolds > 0)
        memcpy(grown, d->retold, d->retolds * sizeof *grown);
    d->retold = grown;
    d->retold[d->retolds++] = *one;
    return DONE;
}

/* The record of the command's end, with the columns, stands before it. */
static status find_retold(struct diff *d, err *e)
{
    for (size_t i = 0; i < d->label->touches; i++) {
        const struct ddl_touch *t = &d->label->touch[i];
        for (size_t k = 0; k < t->count; k++) {
            const struct ddl_object *o = &t->object[k];
            if (!o->retold || o->class != DDLOBJECTS_CLASS_RELATION || table_of(d->now, o->oid) == NULL)
                continue;
            const struct told_again one = {o->oid, i, columns_before(d, o->oid, i)};
            if (one.columns != NULL && !one.columns->stale)
                TRY(keep_retold(d, &one, e));
        }
    }
    return DONE;
}

static status tell_retold(const struct diff *d, struct versiondiff *out, err *e)
{
    out->retolds = d->retolds;
    out->retold = arena_alloc(&d->label->arena, (d->retolds + 1) * sizeof *out->retold);
    if (out->retold == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < d->retolds; i++) {
        const struct ddl_touch *t = &d->label->touch[d->retold[i].touch];
        pgstrand__rows_retold__init(&out->retold[i]);
        out->retold[i].oid = d->retold[i].oid;
        out->retold[i].seq = t->seq;
        out->retold[i].lsn = d->label->change[t->change].lsn;
    }
    return DONE;
}

status versiondiff_find(struct versionlabel *label, const Pgstrand__Schema *before,
                        const Pgstrand__Schema *now, const struct typeuse_list *uses, struct versiondiff *out,
                        err *e)
{
    struct diff d = {.label = label, .uses = uses, .before = before, .now = now};
    TRY(find_retold(&d, e));
    for (size_t i = 0; i < label->touches; i++)
        for (size_t k = 0; k < label->touch[i].count; k++)
            TRY(look_at(&d, i, &label->touch[i].object[k], e));
    TRY(look_at_tables(&d, e));
    out->changed = d.found;
    out->changes = d.count;
    return tell_retold(&d, out, e);
}
