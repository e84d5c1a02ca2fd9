#include "agent/restore/plan/plantable.h"

#include <stdarg.h>

#include "agent/glob.h"
#include "proto/base/array.h"
#include "store/snapreader.h"

#define FIRST_OWN_TYPE 16384 /* FirstNormalObjectId (access/transam.h): those below are PostgreSQL's own */

struct plan_table *plantable_find(const struct plan *p, const uuid *id)
{
    for (size_t i = 0; i < p->count; i++) {
        const ProtobufCBinaryData *raw = &p->table[i].message->table;
        if (raw->len == sizeof id->b && memcmp(raw->data, id->b, sizeof id->b) == 0)
            return &p->table[i];
    }
    return NULL;
}

struct plan_table *plantable_by_oid(const struct plan *p, uint32_t oid)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->table[i].message->oid == oid)
            return &p->table[i];
    return NULL;
}

uint16_t plantable_attnum(const Pgstrand__Table *t, size_t column)
{
    return (uint16_t)(t->column[column]->has_attnum ? t->column[column]->attnum : column + 1);
}

const Pgstrand__Column *plantable_column(const Pgstrand__Table *t, uint16_t attnum)
{
    for (size_t i = 0; i < t->n_column; i++)
        if (plantable_attnum(t, i) == attnum)
            return t->column[i];
    return NULL;
}

bool plantable_is_keyed(const Pgstrand__Table *t)
{
    bool keyed = false;
    for (size_t i = 0; i < t->n_column; i++)
        keyed = keyed || t->column[i]->key;
    return keyed && (t->replica_identity == 'd' || t->replica_identity == 'i');
}

void plantable_shape(const struct plan_table *t, const char *label, uint16_t *key, struct fold_shape *out)
{
    const Pgstrand__Table *m = t->message;
    *out = (struct fold_shape){.label = label, .columns = (uint16_t)m->n_column, .key = key};
    for (uint16_t i = 0; plantable_is_keyed(m) && i < m->n_column; i++)
        if (m->column[i]->key)
            key[out->key_count++] = i;
}

__attribute__((format(printf, 3, 4))) static bool differs(char *what, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, size, format, arguments);
    va_end(arguments);
    return false;
}

bool plantable_same_type(const Pgstrand__Column *a, const struct column *b, bool elsewhere)
{
    const bool same =
        a->type == b->type || (elsewhere && a->type >= FIRST_OWN_TYPE && b->type >= FIRST_OWN_TYPE);
    return same && a->typmod == b->typmod;
}

bool plantable_fits(const struct plan_table *t, const struct relation *r, bool elsewhere, char *what,
                    size_t size)
{
    const Pgstrand__Table *m = t->sealed;
    if (strcmp(m->schema, r->schema) != 0 || strcmp(m->name, r->name) != 0)
        return differs(what, size, "it is %s.%s now", r->schema, r->name);
    if (m->replica_identity != (uint32_t)(unsigned char)r->replica_identity)
        return differs(what, size, "another replica identity");
    for (size_t i = 0; i < m->n_column && i < r->column_count; i++) {
        const Pgstrand__Column *a = m->column[i];
        const struct column *b = &r->columns[i];
        if (strcmp(a->name, b->name) != 0)
            return differs(what, size, "column %s is %s now", a->name, b->name);
        if (!plantable_same_type(a, b, elsewhere))
            return differs(what, size, "column %s has another type", a->name);
        if (plantable_is_keyed(m) && a->key != b->key)
            return differs(what, size, "column %s %s the key", a->name, b->key ? "joined" : "left");
    }
    if (m->n_column < r->column_count)
        return differs(what, size, "column %s was added", r->columns[m->n_column].name);
    if (m->n_column > r->column_count)
        return differs(what, size, "column %s was dropped", m->column[r->column_count]->name);
    return true;
}

/* ---- in a newer target ---- */

void plantable_fini(struct plan_table *t)
{
    for (size_t i = 0; t->fitted != NULL && i < t->fitted->n_column; i++) {
        free(t->fitted->column[i]->name);
        free(t->fitted->column[i]);
    }
    if (t->fitted != NULL)
        free(t->fitted->column);
    free(t->fitted);
    for (size_t i = 0; i < t->extra_count; i++)
        free(t->extra[i]);
    free(t->extra);
}

static status add_column(const struct plan_table *t, size_t i, const char *name, err *e)
{
    Pgstrand__Column *column = malloc(sizeof *column);
    if (column == NULL)
        return err_no_memory(e);
    *column = *t->sealed->column[i];
    column->name = strdup(name);
    column->has_attnum = true;
    column->attnum = plantable_attnum(t->sealed, i);
    t->fitted->column[t->fitted->n_column++] = column;
    return column->name != NULL ? DONE : err_no_memory(e);
}

status plantable_fit(struct plan_table *t, const char *const *name, err *e)
{
    t->fitted = malloc(sizeof *t->fitted);
    if (t->fitted == NULL)
        return err_no_memory(e);
    *t->fitted = *t->sealed;
    t->fitted->n_column = 0;
    t->fitted->column = calloc(t->sealed->n_column + 1, sizeof *t->fitted->column);
    if (t->fitted->column == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < t->sealed->n_column; i++)
        if (name[i] != NULL)
            TRY(add_column(t, i, name[i], e));
    t->message = t->fitted;
    return DONE;
}

status plantable_extra(struct plan_table *t, const char *name, err *e)
{
    TRY(array_one_more(&t->extra, t->extra_count, sizeof *t->extra, e));
    t->extra[t->extra_count] = strdup(name);
    return t->extra[t->extra_count++] != NULL ? DONE : err_no_memory(e);
}

/* ---- filling the plan ---- */

static void take_digests(struct plan *p, size_t link, const Pgstrand__SectionIndex *index)
{
    for (size_t i = 0; i < index->n_table; i++) {
        const Pgstrand__TableDigest *d = index->table[i];
        for (size_t k = 0; k < p->count; k++) {
            struct plan_table *t = &p->table[k];
            struct table_digest sealed;
            if (t->base == NULL || t->base_link != link || t->base->number != d->table ||
                d->digest.len != SHA256_LEN)
                continue;
            table_digest_load(&sealed, d->digest.data, d->rows);
            table_digest_merge(&t->base_digest, &sealed);
            t->has_digest = true;
        }
    }
}

static status read_digests(struct plan *p, size_t link, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    TRY(snapreader_open(p->chain->link[link].dir, p->chain->link[link].name, &r, e));
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        bool found = false;
        TRY(snapreader_section(r, tier, PGSTRAND__SECTION_KIND__ROWS, &found, e));
        if (found)
            take_digests(p, link, snapreader_index(r));
    }
    return DONE;
}

bool plantable_begins_in(const struct plan *p, size_t link)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->table[i].base != NULL && p->table[i].base_link == link)
            return true;
    return false;
}

/* After a rewrite all its rows are in the log again: nothing before counts, if that is the newest there is.
 */
static void begin_retold(struct plan *p, struct plan_table *t)
{
    const Pgstrand__RowsRetold *r = versions_retold(&p->versions, t->message->oid, p->schema_seq);
    const lsn base = t->base != NULL && t->base_seq == 0 ? t->base->base_lsn : LSN_NONE;
    if (r == NULL || r->seq <= t->base_seq || r->seq > p->base_span.last_seq ||
        plan_is_before(p, r->seq, r->lsn, base))
        return;
    t->base = NULL;
    t->base_link = p->base;
    t->base_seq = r->seq;
    if (r->seq > p->base_seq)
        p->base_seq = r->seq;
}

/* Where its rows begin: in a base of its own behind the FULL, if it has one, else there. All versions of a
 * table have one OID within an incarnation. */
static void find_base(struct plan *p, struct plan_table *t)
{
    const Pgstrand__Table *m = t->message;
    const uint64_t last = p->stop_seq < p->base_span.last_seq ? p->stop_seq : p->base_span.last_seq;
    const struct version_base *own = versions_base(&p->versions, m->oid, last);
    t->base = p->schema == p->base_schema ? m : versions_table(p->base_schema, m->oid);
    t->base_link = p->base;
    if (own == NULL)
        return;
    t->base = own->table;
    t->base_link = own->link;
    t->base_seq = own->seq;
    if (own->seq > p->base_seq)
        p->base_seq = own->seq;
}

status plantable_fill(struct plan *p, const char *globs, err *e)
{
    size_t any = 0;
    p->table = calloc(p->schema->n_table + 1, sizeof *p->table);
    if (p->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < p->schema->n_table; i++) {
        const Pgstrand__Table *m = p->schema->table[i];
        if (m->table.len != sizeof(uuid) || m->n_column > RELATION_COLUMNS_MAX)
            return err_set(e, ERR_STORAGE, "%s: table %s.%s is described wrongly; run pgstrand verify",
                           p->chain->link[p->base].name, m->schema, m->name);
        bool named = globs == NULL || glob_list_match(globs, m->schema, m->name);
        struct plan_table *t = &p->table[p->count++];
        *t = (struct plan_table){
            .message = m, .sealed = m, .comes = named && (p->tiers & TIER_BIT(m->tier)) != 0};
        find_base(p, t);
        begin_retold(p, t);
        t->has_digest = t->base == NULL; /* no rows */
        any += named;
    }
    if (globs != NULL && any == 0)
        return err_set(e, ERR_VALIDATION, "no table matches %s", globs);
    for (size_t link = p->base; link < p->chain->count; link++)
        if (link == p->base || plantable_begins_in(p, link))
            TRY(read_digests(p, link, e));
    return DONE;
}
