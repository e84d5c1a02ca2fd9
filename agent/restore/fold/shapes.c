#include "agent/restore/fold/shapes.h"

#include <stdlib.h>

#include "agent/ddlobjects.h"
#include "proto/base/array.h"

struct shape {
    uint32_t oid;
    bool known; /* false: the DDL could not say */
    size_t count;
    struct ddl_column *column; /* without generated ones */
};

struct shapes {
    const struct versions *versions;
    size_t next; /* the version that comes into force next */
    uint64_t epoch;
    struct arena arena;
    struct shape *shape;
    size_t count;
};

void shapes_free(struct shapes *s)
{
    if (s == NULL)
        return;
    arena_fini(&s->arena);
    free(s->shape);
    free(s);
}

static struct shape *find(const struct shapes *s, uint32_t oid)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->shape[i].oid == oid)
            return &s->shape[i];
    return NULL;
}

static status shape_of(struct shapes *s, uint32_t oid, struct shape **out, err *e)
{
    *out = find(s, oid);
    if (*out != NULL)
        return DONE;
    TRY(array_one_more(&s->shape, s->count, sizeof *s->shape, e));
    *out = &s->shape[s->count++];
    **out = (struct shape){.oid = oid};
    return DONE;
}

static status take_table(struct shapes *s, const Pgstrand__Table *t, err *e)
{
    struct shape *shape = NULL;
    TRY(shape_of(s, t->oid, &shape, e));
    shape->column = arena_alloc(&s->arena, (t->n_column + 1) * sizeof *shape->column);
    if (shape->column == NULL)
        return err_no_memory(e);
    shape->known = true;
    shape->count = t->n_column;
    for (size_t i = 0; i < t->n_column; i++) {
        const Pgstrand__Column *c = t->column[i];
        shape->column[i] = (struct ddl_column){
            .attnum = (uint16_t)(c->has_attnum ? c->attnum : i + 1), .name = c->name, .type = c->type};
    }
    return DONE;
}

static status take_schema(struct shapes *s, const Pgstrand__Schema *schema, err *e)
{
    for (size_t i = 0; i < schema->n_table; i++)
        TRY(take_table(s, schema->table[i], e));
    s->epoch++;
    return DONE;
}

status shapes_new(const Pgstrand__Schema *base, const struct versions *versions, struct shapes **out, err *e)
{
    OWNED(shapes) struct shapes *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    s->versions = versions;
    TRY(take_schema(s, base, e));
    *out = s;
    s = NULL;
    return DONE;
}

status shapes_reach(struct shapes *s, uint64_t seq, err *e)
{
    while (s->next < s->versions->count && versionbook_seq(s->versions->version[s->next]) < seq)
        TRY(take_schema(s, s->versions->version[s->next++]->schema, e));
    return DONE;
}

static status take_object(struct shapes *s, const struct ddl_object *o, err *e)
{
    struct shape *shape = NULL;
    TRY(shape_of(s, o->oid, &shape, e));
    shape->known = !o->stale;
    shape->column = o->column;
    shape->count = 0;
    for (size_t i = 0; i < o->count; i++)
        if (!o->column[i].generated)
            shape->column[shape->count++] = o->column[i];
    return DONE;
}

status shapes_ddl(struct shapes *s, struct bytes content, err *e)
{
    struct ddl_object *object = NULL;
    size_t count = 0;
    bool sound = false;
    TRY(ddlobjects_parse(content, &s->arena, &object, &count, &sound, e));
    for (size_t i = 0; i < count; i++)
        if (object[i].class == DDLOBJECTS_CLASS_RELATION && object[i].has_columns)
            TRY(take_object(s, &object[i], e));
    s->epoch++;
    return DONE;
}

uint64_t shapes_epoch(const struct shapes *s)
{
    return s->epoch;
}

/* The stream sends columns in the order of their numbers. */
static bool fits_shape(const struct shape *shape, const struct relation *r, uint16_t *attnum)
{
    bool fits = shape->known && shape->count == r->column_count;
    for (uint16_t i = 0; fits && i < r->column_count; i++) {
        const struct ddl_column *c = &shape->column[i];
        fits = c->type == r->columns[i].type && strcmp(c->name, r->columns[i].name) == 0;
        attnum[i] = c->attnum;
    }
    return fits;
}

static bool fits_table(const Pgstrand__Table *t, const struct relation *r, uint16_t *attnum)
{
    bool fits = t != NULL && t->n_column == r->column_count;
    for (uint16_t i = 0; fits && i < r->column_count; i++) {
        const Pgstrand__Column *c = t->column[i];
        fits = c->type == r->columns[i].type && strcmp(c->name, r->columns[i].name) == 0;
        attnum[i] = (uint16_t)c->attnum;
    }
    return fits;
}

bool shapes_resolve(const struct shapes *s, const struct relation *r, uint16_t *attnum)
{
    const struct shape *shape = find(s, r->oid);
    if (shape ==
        NULL) { /* CREATE TABLE AS: nothing was dropped yet; later versions may be of other columns */
        for (uint16_t i = 0; i < r->column_count; i++)
            attnum[i] = (uint16_t)(i + 1);
        return true;
    }
    if (fits_shape(shape, r, attnum))
        return true;
    for (size_t i = s->next; i < s->versions->count; i++)
        if (fits_table(versions_table(s->versions->version[i]->schema, r->oid), r, attnum))
            return true;
    return false;
}
