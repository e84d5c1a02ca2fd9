#include "agent/base/basetask.h"

#include <inttypes.h>
#include <unistd.h>

#include "agent/base/tablemsg.h"

void basetasks_fini(struct basetasks *tasks)
{
    free(tasks->task);
    *tasks = (struct basetasks){0};
}

struct catalog_key basetask_key(uint32_t oid, uint32_t part)
{
    return catalog_key_u64((uint64_t)oid << 32 | part);
}

void basetask_file(const struct basetask *task, char out[static BASETASK_FILE])
{
    (void)snprintf(out, BASETASK_FILE, "%" PRIu32 "-%" PRIu32 ".rows", task->table->oid, task->part);
}

/* The rows of the tier that is kept, where a column decides. */
static void where_tier(const struct table_info *table, struct buf *sql)
{
    pgconn_quote_name(sql, table->tier.column);
    buf_text(sql, "::pg_catalog.text = ");
    pgconn_quote_literal(sql, table->tier.value);
}

static void where_pages(const struct basetask *task, struct buf *sql)
{
    buf_printf(sql, "ctid >= '(%" PRId64 ",0)'", task->first_page);
    if (task->end_page >= 0)
        buf_printf(sql, " AND ctid < '(%" PRId64 ",0)'", task->end_page);
}

void basetask_command(const struct basetask *task, struct buf *sql)
{
    const struct table_info *table = task->table;
    OWNED(buf) struct buf columns = {0};
    table_copy_columns(&columns, table);
    bool whole = task->parts == 1 && table->tier.column == NULL;
    if (whole && columns.len > 0) {
        buf_text(sql, "COPY ");
        table_quote(sql, table->schema, table->name);
        buf_printf(sql, " (%s) TO STDOUT", buf_cstring(&columns));
        return;
    }
    buf_printf(sql, "COPY (SELECT %s FROM ONLY ", buf_cstring(&columns));
    table_quote(sql, table->schema, table->name);
    if (!whole)
        buf_text(sql, " WHERE ");
    if (task->parts > 1)
        where_pages(task, sql);
    if (task->parts > 1 && table->tier.column != NULL)
        buf_text(sql, " AND ");
    if (table->tier.column != NULL)
        where_tier(table, sql);
    buf_text(sql, ") TO STDOUT");
}

/* A table is there when all its parts are, taken under one snapshot. */
static status is_staged(struct datadir *d, uint32_t oid, bool *staged, err *e)
{
    *staged = false;
    uint32_t parts = 1;
    lsn at = LSN_NONE;
    for (uint32_t part = 0; part < parts; part++) {
        PB_OWNED(Pgstrand__BaseTableRecord) *record = NULL;
        struct catalog_key key = basetask_key(oid, part);
        TRY(catalog_get(d->catalog, CATALOG_BASE_TABLE, catalog_key_bytes(&key),
                        (ProtobufCMessage **)(void *)&record, e));
        if (record == NULL || (part > 0 && (record->lsn != at || record->parts != parts)))
            return DONE;
        parts = record->parts;
        at = record->lsn;
    }
    *staged = true;
    return DONE;
}

static int by_weight(const void *a, const void *b)
{
    const struct basetask *left = a;
    const struct basetask *right = b;
    return (left->weight < right->weight) - (left->weight > right->weight);
}

bool basetasks_shared(const struct base_request *request, long processors)
{
    return request->jobs > 1 && !(request->here && processors <= 2 && request->jobs <= processors);
}

static uint32_t parts_of(const struct table_info *table, bool shared)
{
    if (!shared || table->pages < 2 * BASETASK_PAGES)
        return 1;
    int64_t parts = table->pages / BASETASK_PAGES;
    return (uint32_t)(parts < BASETASK_PARTS_MAX ? parts : BASETASK_PARTS_MAX);
}

static void cut(const struct table_info *table, uint32_t parts, struct basetasks *out)
{
    for (uint32_t part = 0; part < parts; part++) {
        struct basetask *task = &out->task[out->count++];
        *task = (struct basetask){.table = table, .part = part, .parts = parts};
        task->first_page = table->pages * part / parts;
        task->end_page = part + 1 == parts ? -1 : table->pages * (part + 1) / parts;
        task->weight = table->bytes / (int64_t)parts;
        out->weight += task->weight;
    }
}

status basetasks_plan(struct datadir *d, const struct base_request *request, const struct table_list *tables,
                      struct basetasks *out, err *e)
{
    const bool shared = basetasks_shared(request, sysconf(_SC_NPROCESSORS_ONLN));
    size_t room = 0;
    for (size_t i = 0; i < tables->count; i++)
        room += parts_of(&tables->table[i], shared);
    out->task = calloc(room + 1, sizeof *out->task);
    if (out->task == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < tables->count; i++) {
        const struct table_info *table = &tables->table[i];
        bool staged = false;
        if (!tablemsg_has_rows(table))
            continue;
        TRY(is_staged(d, table->oid, &staged, e));
        if (!staged)
            cut(table, parts_of(table, shared), out);
    }
    qsort(out->task, out->count, sizeof *out->task, by_weight);
    return DONE;
}
