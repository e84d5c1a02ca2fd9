#include "agent/setup/uncaptured.h"

#include <stdio.h>
#include <stdlib.h>

const char uncaptured_others[] =
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata), EXISTS (SELECT FROM pg_catalog.pg_class"
    " WHERE relkind = 'r' AND relpersistence = 't')";

const char uncaptured_tables[] =
    "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname NOT IN ('information_schema', 'pgstrand') ORDER BY c.oid";

static status make_list(size_t count, uint32_t **out, err *e)
{
    *out = calloc(count + 1, sizeof **out);
    return *out != NULL ? DONE : err_no_memory(e);
}

static void replace(Pgstrand__SetupRecord *record, uint32_t *list, size_t count)
{
    free(record->told_unlogged);
    record->told_unlogged = list;
    record->n_told_unlogged = count;
}

status uncaptured_note(const struct preflight *p, Pgstrand__SetupRecord *record, err *e)
{
    uint32_t *list = NULL;
    size_t count = 0;
    TRY(make_list(p->tables->count, &list, e));
    for (size_t i = 0; i < p->tables->count; i++)
        if (p->tables->table[i].kind == 'r' && p->tables->table[i].persistence == 'u')
            list[count++] = p->tables->table[i].oid;
    replace(record, list, count);
    record->has_told_large_objects = true;
    record->told_large_objects = p->large_objects > 0;
    record->has_told_temporary = true;
    record->told_temporary = p->temporary;
    return DONE;
}

static bool is_told(const Pgstrand__SetupRecord *record, uint32_t oid)
{
    for (size_t i = 0; i < record->n_told_unlogged; i++)
        if (record->told_unlogged[i] == oid)
            return true;
    return false;
}

static void say_table(const struct progress *progress, const char *name)
{
    char line[400];
    (void)snprintf(line, sizeof line,
                   "table %s is unlogged: PostgreSQL does not decode its changes, so they are not captured",
                   name);
    progress->say(progress->context, line);
}

/* What there is. */
struct found {
    struct pgrows *tables; /* unlogged: OID, name */
    bool objects;
    bool temporary;
};

static void found_fini(struct found *f)
{
    pgrows_free(f->tables);
}
OWN_VALUE(found, found_fini);

static status look(struct pgconn *c, struct found *out, err *e)
{
    OWNED(pgrows) struct pgrows *others = NULL;
    TRY(pgconn_query(c, uncaptured_others, 0, NULL, &others, e));
    out->objects = pgrows_bool(others, 0, 0);
    out->temporary = pgrows_bool(others, 0, 1);
    return pgconn_query(c, uncaptured_tables, 0, NULL, &out->tables, e);
}

static bool tell_others(const struct found *f, const Pgstrand__SetupRecord *record,
                        const struct progress *progress)
{
    const bool objects = f->objects && !record->told_large_objects;
    const bool temporary = f->temporary && !record->told_temporary;
    if (objects)
        progress->say(
            progress->context,
            "the database has large objects now: PostgreSQL does not decode their changes, so they are not "
            "captured");
    if (temporary)
        progress->say(progress->context, "there are temporary tables: PostgreSQL does not decode their "
                                         "changes, so they are not captured");
    return objects || temporary;
}

static bool tell(const struct found *f, const Pgstrand__SetupRecord *record, const struct progress *progress)
{
    const int count = pgrows_count(f->tables);
    bool news = (size_t)count != record->n_told_unlogged;
    for (int i = 0; i < count; i++) {
        if (is_told(record, (uint32_t)pgrows_int(f->tables, i, 0)))
            continue;
        news = true;
        say_table(progress, pgrows_text(f->tables, i, 1));
    }
    return tell_others(f, record, progress) || news;
}

/* The list becomes what there is now: an OID that is gone may come again for another table. */
static status fill(const struct found *f, Pgstrand__SetupRecord *record, err *e)
{
    const size_t count = (size_t)pgrows_count(f->tables);
    uint32_t *list = NULL;
    TRY(make_list(count, &list, e));
    for (size_t i = 0; i < count; i++)
        list[i] = (uint32_t)pgrows_int(f->tables, (int)i, 0);
    replace(record, list, count);
    record->has_told_large_objects = true;
    record->told_large_objects = record->told_large_objects || f->objects;
    record->has_told_temporary = true;
    record->told_temporary = record->told_temporary || f->temporary;
    return DONE;
}

static status update(struct datadir *d, const struct found *f, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *record = NULL;
    TRY(setuprecord_load(d, &record, e));
    TRY(fill(f, record, e));
    return setuprecord_save(d, record, e);
}

status uncaptured_tell(struct pgconn *c, struct datadir *d, const struct progress *progress, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *record = NULL;
    OWNED(found) struct found f = {0};
    TRY(look(c, &f, e));
    TRY(setuprecord_load(d, &record, e));
    if (!tell(&f, record, progress))
        return DONE;
    /* Read and written as one: an incarnation that begins writes the record, too. */
    TRY(catalog_begin(d->catalog, e));
    const status updated = update(d, &f, e);
    err dropped = ERR_INIT;
    const status ended = catalog_end(d->catalog, updated.ok, updated.ok ? e : &dropped);
    return updated.ok ? ended : updated;
}
