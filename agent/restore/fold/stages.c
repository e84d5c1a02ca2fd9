#include "agent/restore/fold/stages.h"

#include "agent/restore/filter/rowfilter.h"
#include "agent/restore/fold/baserows.h"
#include "agent/restore/fold/spillfile.h"
#include "agent/restore/plan/plantable.h"
#include "proto/base/array.h"

#define BETWEEN_BUFFER ((size_t)262144) /* of a file between two stages */

struct stage {
    size_t fold; /* the fold's number */
    uint16_t key_count;
    uint16_t *key;                 /* attribute numbers, ascending; none: a multiset */
    struct rowmap_columns columns; /* the target's, then the key's that the target lacks */
    uint16_t *attnum;              /* owned memory of `columns` */
};

struct stages {
    struct stage *stage;
    size_t count;
};

void stages_free(struct stages *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) {
        free(s->stage[i].key);
        free(s->stage[i].attnum);
    }
    free(s->stage);
    free(s);
}

static struct stage *last_of(const struct plan_table *t)
{
    return &t->stages->stage[t->stages->count - 1];
}

/* ---- making one ---- */

static bool has(const uint16_t *list, uint16_t count, uint16_t attnum)
{
    for (uint16_t i = 0; i < count; i++)
        if (list[i] == attnum)
            return true;
    return false;
}

/* The target's columns, and what else the key needs. */
static status fill_columns(const struct plan_table *t, struct stage *s, err *e)
{
    uint16_t count = 0;
    s->attnum = calloc(t->message->n_column + s->key_count + 1u, sizeof *s->attnum);
    if (s->attnum == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < t->message->n_column; i++)
        s->attnum[count++] = plantable_attnum(t->message, i);
    for (uint16_t i = 0; i < s->key_count; i++)
        if (!has(s->attnum, count, s->key[i]))
            s->attnum[count++] = s->key[i];
    s->columns = (struct rowmap_columns){count, s->attnum};
    return DONE;
}

/* Places of the key's columns, ascending. */
static void fill_shape(const struct stage *s, const char *label, uint16_t *key, struct fold_shape *out)
{
    *out = (struct fold_shape){.label = label, .columns = s->columns.count, .key = key};
    for (uint16_t i = 0; i < s->columns.count; i++)
        if (has(s->key, s->key_count, s->attnum[i]))
            key[out->key_count++] = i;
}

static status add_to_fold(const struct plan_table *t, struct fold *f, struct stage *s, err *e)
{
    OWNED(buf) struct buf label = {0};
    OWNED(memory) uint16_t *key = calloc(s->columns.count + 1u, sizeof *key);
    struct fold_shape shape;
    if (key == NULL)
        return err_no_memory(e);
    buf_printf(&label, "%s.%s", t->message->schema, t->message->name);
    fill_shape(s, buf_cstring(&label), key, &shape);
    TRY(buf_done(&label, e));
    s->fold = fold_count(f);
    return fold_table(f, &shape, e);
}

/* Behind the last one. */
static status append(struct plan_table *t, struct fold *f, const uint16_t *key, uint16_t key_count, err *e)
{
    TRY(array_one_more(&t->stages->stage, t->stages->count, sizeof *t->stages->stage, e));
    struct stage *s = &t->stages->stage[t->stages->count++];
    *s = (struct stage){.key_count = key_count, .key = calloc(key_count + 1u, sizeof *key)};
    if (s->key == NULL)
        return err_no_memory(e);
    if (key_count > 0)
        memcpy(s->key, key, key_count * sizeof *key);
    TRY(fill_columns(t, s, e));
    return add_to_fold(t, f, s, e);
}

static status begin_table(struct plan_table *t, struct fold *f, err *e)
{
    uint16_t key[RELATION_COLUMNS_MAX];
    uint16_t count = 0;
    const Pgstrand__Table *m = t->base != NULL ? t->base : t->sealed;
    t->stages = calloc(1, sizeof *t->stages);
    if (t->stages == NULL)
        return err_no_memory(e);
    for (size_t i = 0; plantable_is_keyed(m) && i < m->n_column; i++)
        if (m->column[i]->key)
            key[count++] = plantable_attnum(m, i);
    return append(t, f, key, count, e);
}

/* ---- base rows in the first stage's columns ---- */

void stages_missing(const struct plan *p, const struct plan_table *t, const struct rowmap_columns *columns,
                    const char **missing)
{
    for (uint16_t i = 0; i < columns->count; i++)
        missing[i] = versions_missing(&p->versions, t->message->oid, columns->attnum[i]);
}

static status map_base(const struct plan *p, struct plan_table *t, err *e)
{
    const char *missing[RELATION_COLUMNS_MAX + 1];
    uint16_t from[RELATION_COLUMNS_MAX];
    const struct rowmap_columns *to = &t->stages->stage[0].columns;
    if (t->base == NULL)
        return DONE;
    for (size_t i = 0; i < t->base->n_column; i++)
        from[i] = plantable_attnum(t->base, i);
    const struct rowmap_columns columns = {(uint16_t)t->base->n_column, from};
    stages_missing(p, t, to, missing);
    rowmap_free(t->base_map);
    t->base_map = NULL;
    return rowmap_make(&columns, to, missing, &t->base_map, e);
}

status stages_begin(struct plan *p, struct fold *f, err *e)
{
    for (size_t i = 0; i < p->count; i++) {
        TRY(begin_table(&p->table[i], f, e));
        TRY(map_base(p, &p->table[i], e));
    }
    return DONE;
}

/* ---- the key changes ---- */

static uint16_t key_of(const struct relation *r, const uint16_t *attnum, uint16_t *key)
{
    uint16_t count = 0;
    for (uint16_t i = 0; relation_is_keyed(r) && i < r->column_count; i++)
        if (r->columns[i].key)
            key[count++] = attnum[i];
    return count;
}

static bool same_key(const struct stage *s, const uint16_t *key, uint16_t count)
{
    return s->key_count == count && (count == 0 || memcmp(s->key, key, count * sizeof *key) == 0);
}

/* A column that neither the target nor the stage before has would be lost on the way. */
static status check_way(const struct plan_table *t, const struct stage *before, const uint16_t *key,
                        uint16_t count, err *e)
{
    for (uint16_t i = 0; i < count; i++)
        if (!has(before->attnum, before->columns.count, key[i]))
            return err_set(e, ERR_SCHEMA,
                           "the key of %s.%s was exchanged for columns that were dropped before the target; "
                           "restore to an earlier seq, or to one behind the next pgstrand seal --type full",
                           t->message->schema, t->message->name);
    return DONE;
}

/* One that nothing was folded in only gets another key. */
static void drop_last(struct stages *s)
{
    s->count--;
    free(s->stage[s->count].key);
    free(s->stage[s->count].attnum);
}

static status exchange_key(struct plan *p, struct fold *f, struct plan_table *t, const uint16_t *key,
                           uint16_t count, err *e)
{
    const bool unused = fold_is_unchanged(f, last_of(t)->fold);
    if (unused && t->stages->count == 1) {
        drop_last(t->stages);
        TRY(append(t, f, key, count, e));
        return map_base(p, t, e);
    }
    TRY(check_way(t, last_of(t), key, count, e));
    return append(t, f, key, count, e);
}

status stages_for(struct plan *p, struct fold *f, struct plan_table *t, const struct relation *r,
                  const uint16_t *attnum, size_t *stage, struct rowmap_columns *columns, err *e)
{
    uint16_t key[RELATION_COLUMNS_MAX];
    const uint16_t count = key_of(r, attnum, key);
    if (!same_key(last_of(t), key, count))
        TRY(exchange_key(p, f, t, key, count, e));
    *stage = last_of(t)->fold;
    *columns = last_of(t)->columns;
    return DONE;
}

void stages_truncate(struct fold *f, struct plan_table *t)
{
    fold_truncate(f, last_of(t)->fold);
}

static bool has_extras(const struct plan_table *t, const struct stage *s)
{
    return s->columns.count != t->message->n_column;
}

status stages_end(struct plan *p, struct fold *f, err *e)
{
    for (size_t i = 0; i < p->count; i++)
        if (has_extras(&p->table[i], last_of(&p->table[i])))
            TRY(append(&p->table[i], f, NULL, 0, e));
    return DONE;
}

bool stages_is_base(struct fold *f, const struct plan_table *t)
{
    return !t->filtered && t->stages->count == 1 && t->has_digest && fold_is_unchanged(f, last_of(t)->fold) &&
           (t->base_map == NULL || rowmap_is_identity(t->base_map));
}

/* ---- out ---- */

/* Rows on their way into a stage, mapped where its columns are others. */
struct feed {
    struct fold_source from;
    const struct rowmap *map; /* NULL: as they are */
    struct buf mapped;
};

static void feed_fini(struct feed *f)
{
    buf_fini(&f->mapped);
}
OWN_VALUE(feed, feed_fini);

static status next_mapped(void *context, struct bytes *lines, bool *end, err *e)
{
    struct feed *f = context;
    TRY(f->from.next(f->from.context, lines, end, e));
    if (*end || f->map == NULL || rowmap_is_identity(f->map))
        return DONE;
    buf_reset(&f->mapped);
    TRY(rowmap_lines(f->map, *lines, &f->mapped, e));
    *lines = buf_view(&f->mapped);
    return DONE;
}

static status next_between(void *context, struct bytes *lines, bool *end, err *e)
{
    bool any = false;
    TRY(spillfile_next(context, lines, &any, e));
    *end = !any;
    return DONE;
}

static status put_between(void *context, struct bytes lines, err *e)
{
    return spillfile_put(context, lines, e);
}

/* Stage `at` and those behind it; `digest` of what comes in, NULL: not known. */
static status emit_from(const struct plan *p, struct fold *f, struct plan_table *t, size_t at,
                        const struct fold_source *in, const struct table_digest *digest, const char *dir,
                        const struct fold_sink *sink, struct table_digest *expected, err *e)
{
    const struct stage *s = &t->stages->stage[at];
    OWNED(spillfile) struct spillfile *between = NULL;
    OWNED(rowmap) struct rowmap *map = NULL;
    struct table_digest reached = {0};
    const char *missing[2 * RELATION_COLUMNS_MAX];
    if (at + 1 == t->stages->count)
        return fold_emit(f, s->fold, in, digest, sink, expected, e);
    TRY(spillfile_new(dir, BETWEEN_BUFFER, &between, e));
    const struct fold_sink keep = {between, put_between};
    TRY(fold_emit(f, s->fold, in, digest, &keep, &reached, e));
    TRY(spillfile_rewind(between, e));
    stages_missing(p, t, &s[1].columns, missing);
    TRY(rowmap_make(&s->columns, &s[1].columns, missing, &map, e));
    OWNED(feed) struct feed feed = {{between, next_between}, map, {0}};
    const struct fold_source mapped = {&feed, next_mapped};
    return emit_from(p, f, t, at + 1, &mapped, rowmap_is_identity(map) ? &reached : NULL, dir, sink, expected,
                     e);
}

status stages_emit(const struct plan *p, struct fold *f, struct plan_table *t, const char *dir,
                   const struct fold_sink *sink, struct table_digest *expected, err *e)
{
    OWNED(baserows) struct baserows *rows = NULL;
    size_t first = t->stages->count - 1;
    if (p->filter != NULL && t->filtered)
        return rowfilter_emit(p->filter, p, t, sink, expected, e);
    while (first > 0 && fold_needs_base(f, t->stages->stage[first].fold))
        first--;
    TRY(baserows_open(p, t, &rows, e));
    OWNED(feed) struct feed feed = {baserows_source(rows), t->base_map, {0}};
    const struct fold_source base = {&feed, next_mapped};
    const bool same = t->base_map == NULL || rowmap_is_identity(t->base_map);
    return emit_from(p, f, t, first, &base, same && t->has_digest ? &t->base_digest : NULL, dir, sink,
                     expected, e);
}
