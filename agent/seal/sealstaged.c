#include "agent/seal/sealstaged.h"

#include "proto/base/array.h"
#include "store/io.h"

void sealstaged_fini(struct sealstaged *s)
{
    for (size_t i = 0; i < s->count; i++)
        pbmem_free(&s->record[i]->base);
    free(s->record);
    free(s->table);
    free(s->number);
    *s = (struct sealstaged){0};
}

static status keep_record(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct sealstaged *s = context;
    (void)key;
    OWNED(buf) struct buf packed = {0};
    TRY(array_one_more(&s->record, s->count, sizeof *s->record, e));
    TRY(pbmem_pack(message, &packed, e));
    TRY(PB_UNPACK(s->record[s->count], pgstrand__base_table_record__descriptor, buf_view(&packed),
                  "base record", 0, e));
    s->count++;
    return DONE;
}

/* Numbers the tables; a record that is left over from another cut of a table is left out (number 0). */
static status number_tables(struct sealstaged *s, err *e)
{
    s->table = calloc(s->count + 1, sizeof(Pgstrand__Table *));
    s->number = calloc(s->count + 1, sizeof *s->number);
    if (s->table == NULL || s->number == NULL)
        return err_no_memory(e);
    const Pgstrand__BaseTableRecord *first = NULL;
    for (size_t i = 0; i < s->count; i++) {
        Pgstrand__BaseTableRecord *record = s->record[i];
        if (record->part == 0) {
            first = record;
            record->table->number = (uint32_t)s->table_count + 1;
            s->table[s->table_count++] = record->table;
        }
        bool belongs = first != NULL && first->oid == record->oid && record->part < first->parts &&
                       record->lsn == first->lsn;
        s->number[i] = belongs ? first->table->number : 0;
    }
    return DONE;
}

status sealstaged_load(struct datadir *d, struct sealstaged *out, err *e)
{
    TRY(catalog_each(d->catalog, CATALOG_BASE_TABLE, keep_record, out, e));
    return number_tables(out, e);
}

status sealstaged_write(const struct datadir *d, const struct sealstaged *s, const struct progress *progress,
                        struct snapwriter *writer, err *e)
{
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        struct snapsection *section = NULL;
        for (size_t i = 0; i < s->count; i++) {
            if (s->number[i] == 0 || (enum tier)s->record[i]->table->tier != tier)
                continue;
            OWNED(text) char *path = io_join(d->base, s->record[i]->file);
            if (path == NULL)
                return err_no_memory(e);
            if (section == NULL)
                TRY(snapwriter_section(writer, tier, PGSTRAND__SECTION_KIND__ROWS, &section, e));
            TRY(snapsection_import(section, path, s->number[i], e));
            progress->step(progress->context, "seal", i + 1, s->count);
        }
    }
    return DONE;
}
