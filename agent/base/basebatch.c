#include "agent/base/basebatch.h"

#include "agent/base/tablemsg.h"
#include "proto/base/arena.h"
#include "proto/pbmem.h"

#define OPEN_FILES 256                               /* in all batches: a process may have 1024 */
#define WEIGHT_MOST ((int64_t)BASETASK_PAGES * 8192) /* bytes: a part of a large table goes alone */

void basebatch_fini(struct basebatch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        rowfile_close(batch->piece[i].file);
    *batch = (struct basebatch){0};
}

void basebatch_add(struct basebatch *batch, const struct basepiece *piece)
{
    batch->piece[batch->count++] = *piece;
    batch->weight += piece->task->weight;
}

bool basebatch_is_full(const struct basebatch *batch, int workers)
{
    const size_t share = OPEN_FILES / (size_t)(workers < 1 ? 1 : workers);
    return batch->count == BASEBATCH_PIECES || batch->count >= share || batch->weight >= WEIGHT_MOST;
}

status basebatch_publish(struct basebatch *batch, err *e)
{
    struct rowfile *file[BASEBATCH_PIECES];
    for (size_t i = 0; i < batch->count; i++)
        file[i] = batch->piece[i].file;
    return rowfile_publish(file, batch->count, e);
}

/* ---- records ---- */

/* What the records of one batch share. */
struct recording {
    struct datadir *d;
    struct tablebook *book;
    lsn at;
};

/* As the stream will announce it: without columns that it does not carry, or that capture leaves out. */
static status note_shape(const struct recording *r, const struct table_info *table, struct relation *shape,
                         err *e)
{
    OWNED(memory) struct column *column = calloc(table->column_count + 1u, sizeof *column);
    if (column == NULL)
        return err_no_memory(e);
    shape->columns = column;
    shape->tier = table->tier.tier;
    for (uint16_t i = 0; i < table->column_count; i++) {
        const struct table_column *from = &table->columns[i];
        if (!from->generated && !from->virtual_column)
            column[shape->column_count++] = (struct column){
                .name = from->name, .type = from->type, .typmod = from->typmod, .key = from->key};
    }
    return tablebook_note_base(r->d->catalog, shape, e);
}

/* The table's UUID; a table that the catalogue does not know under this name becomes known. */
static status identify(const struct recording *r, const struct table_info *table, uuid *out, err *e)
{
    struct relation shape = {.oid = table->oid,
                             .schema = table->schema,
                             .name = table->name,
                             .replica_identity = table->replica_identity};
    bool known = false;
    bool news = false;
    TRY(tablebook_identify(r->book, &shape, NULL, &known, &news, e));
    *out = shape.table;
    if (news)
        TRY(tablebook_record(r->d->catalog, &shape, table->tier.tier, table->tier.rule, 0, e));
    return note_shape(r, table, &shape, e);
}

static status put_record(const struct recording *r, const struct basepiece *piece, err *e)
{
    OWNED(arena) struct arena arena = {0};
    const struct basetask *task = piece->task;
    Pgstrand__Table table;
    uuid id;
    char file[BASETASK_FILE];
    uint8_t sum[SHA256_LEN];
    TRY(identify(r, task->table, &id, e));
    TRY(tablemsg_fill(task->table, 0, &id, r->at, &arena, &table, e));
    table_digest_bytes(&piece->digest, sum);
    basetask_file(task, file);
    Pgstrand__BaseTableRecord entry = PGSTRAND__BASE_TABLE_RECORD__INIT;
    entry.oid = task->table->oid;
    entry.lsn = r->at;
    entry.rows = piece->digest.rows;
    entry.digest = pbmem_borrow(sum, sizeof sum);
    entry.file = file;
    entry.stored = piece->stored;
    entry.table = &table;
    entry.part = task->part;
    entry.parts = task->parts;
    struct catalog_key key = basetask_key(task->table->oid, task->part);
    return catalog_put(r->d->catalog, CATALOG_BASE_TABLE, catalog_key_bytes(&key), &entry.base, e);
}

static status put_records(const struct recording *r, const struct basebatch *batch, err *e)
{
    for (size_t i = 0; i < batch->count; i++)
        TRY(put_record(r, &batch->piece[i], e));
    return DONE;
}

status basebatch_record(const struct basebatch *batch, struct datadir *d, struct tablebook *book, lsn at,
                        err *e)
{
    const struct recording r = {d, book, at};
    TRY(catalog_begin(d->catalog, e));
    status put = put_records(&r, batch, e);
    err dropped = ERR_INIT;
    status ended = catalog_end(d->catalog, put.ok, put.ok ? e : &dropped);
    return put.ok ? ended : put;
}
