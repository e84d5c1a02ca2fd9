#include "agent/base/base.h"
#include "agent/base/baseschema.h"
#include "agent/base/tablemsg.h"
#include "store/io.h"

struct tidying {
    const struct table_list *tables;
    struct io_names files;
    struct buf stale; /* keys of records to delete, 8 bytes each */
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Its rows lie where their tier lets them go: another rule wants others, or in another place. */
static bool same_tier(const struct table_tier *now, const Pgstrand__Table *staged)
{
    return (Pgstrand__Tier)now->tier == staged->tier && same_text(now->column, staged->tier_column) &&
           same_text(now->column != NULL ? now->value : NULL, staged->tier_value);
}

static bool is_listed(const struct table_list *tables, const Pgstrand__BaseTableRecord *entry)
{
    for (size_t i = 0; i < tables->count; i++)
        if (tables->table[i].oid == entry->oid)
            return tablemsg_has_rows(&tables->table[i]) && same_tier(&tables->table[i].tier, entry->table);
    return false;
}

static void forget_file(struct io_names *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->name[i], name) == 0)
            files->name[i][0] = '\0';
}

/* A record stays when its table is still wanted as it is there, and its file is still there; its file then
 * leaves the list of strays. */
static status judge_record(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct tidying *t = context;
    const Pgstrand__BaseTableRecord *entry = (const Pgstrand__BaseTableRecord *)(const void *)message;
    bool present = false;
    for (size_t i = 0; i < t->files.count; i++)
        present = present || strcmp(t->files.name[i], entry->file) == 0;
    if (present && is_listed(t->tables, entry))
        forget_file(&t->files, entry->file);
    else
        buf_bytes(&t->stale, key.data, key.len);
    return buf_done(&t->stale, e);
}

static status delete_records(struct datadir *d, const struct buf *keys, err *e)
{
    for (size_t at = 0; at + 8 <= keys->len; at += 8)
        TRY(catalog_delete(d->catalog, CATALOG_BASE_TABLE, bytes_of(keys->data + at, 8), e));
    return DONE;
}

/* The records first, all in one commit: a file without a record is a stray, a record without a file a lie. */
static status remove_strays(struct datadir *d, struct tidying *t, err *e)
{
    if (t->stale.len > 0) {
        err dropped = ERR_INIT;
        TRY(catalog_begin(d->catalog, e));
        const status deleted = delete_records(d, &t->stale, e);
        const status ended = catalog_end(d->catalog, deleted.ok, deleted.ok ? e : &dropped);
        TRY(deleted);
        TRY(ended);
    }
    for (size_t i = 0; i < t->files.count; i++) {
        if (t->files.name[i][0] == '\0')
            continue;
        OWNED(text) char *path = io_join(d->base, t->files.name[i]);
        if (path == NULL)
            return err_no_memory(e);
        TRY(io_unlink(path, e));
    }
    return DONE;
}

static status tidy(struct datadir *d, const struct table_list *tables, bool keep_schema, err *e)
{
    struct tidying t = {.tables = tables};
    TRY(io_make_dir(d->base, e));
    TRY(io_list(d->base, &t.files, e));
    if (keep_schema)
        forget_file(&t.files, BASESCHEMA_FILE);
    status judged = catalog_each(d->catalog, CATALOG_BASE_TABLE, judge_record, &t, e);
    status tidied = judged.ok ? remove_strays(d, &t, e) : FAILED;
    io_names_free(&t.files);
    buf_fini(&t.stale);
    return tidied;
}

status base_tidy(struct datadir *d, const struct table_list *tables, err *e)
{
    return tidy(d, tables, true, e);
}

status base_clear(struct datadir *d, err *e)
{
    const struct table_list none = {0};
    return tidy(d, &none, false, e);
}
