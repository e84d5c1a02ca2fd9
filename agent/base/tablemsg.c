#include "agent/base/tablemsg.h"

#include "proto/pbmem.h"

bool tablemsg_has_rows(const struct table_info *table)
{
    return table->kind == 'r' && table->persistence == 'p' && table->tier.tier != TIER_TRANSIENT;
}

/* protobuf-c's strings are not const; they are only read. */
/* Attribute numbers of columns that have no values in the stream. */
static status fill_generated(const struct table_info *table, struct arena *arena, Pgstrand__Table *out,
                             err *e)
{
    out->generated = arena_alloc(arena, (table->column_count + 1u) * sizeof *out->generated);
    if (out->generated == NULL)
        return err_no_memory(e);
    for (uint16_t i = 0; i < table->column_count; i++)
        if (table->columns[i].generated)
            out->generated[out->n_generated++] = table->columns[i].attnum;
    return DONE;
}

static status fill_columns(const struct table_info *table, struct arena *arena, Pgstrand__Table *out, err *e)
{
    out->column = arena_alloc(arena, (table->column_count + 1u) * sizeof(Pgstrand__Column *));
    Pgstrand__Column *columns = arena_alloc(arena, (table->column_count + 1u) * sizeof *columns);
    if (out->column == NULL || columns == NULL)
        return err_no_memory(e);
    for (uint16_t i = 0; i < table->column_count; i++) {
        const struct table_column *from = &table->columns[i];
        if (from->generated)
            continue;
        Pgstrand__Column *column = &columns[out->n_column];
        pgstrand__column__init(column);
        column->name = pbmem_text(from->name);
        column->type = from->type;
        column->typmod = from->typmod;
        column->key = from->key;
        column->has_attnum = true;
        column->attnum = from->attnum;
        column->missing = pbmem_text(from->missing);
        out->column[out->n_column++] = column;
    }
    return DONE;
}

status tablemsg_fill(const struct table_info *table, uint32_t number, const uuid *id, lsn base_lsn,
                     struct arena *arena, Pgstrand__Table *out, err *e)
{
    pgstrand__table__init(out);
    out->number = number;
    out->table.data = arena_copy(arena, bytes_of(id->b, sizeof id->b));
    out->table.len = sizeof id->b;
    if (out->table.data == NULL)
        return err_no_memory(e);
    out->oid = table->oid;
    out->schema = pbmem_text(table->schema);
    out->name = pbmem_text(table->name);
    out->tier = (Pgstrand__Tier)table->tier.tier;
    out->replica_identity = (uint32_t)(unsigned char)table->replica_identity;
    out->has_base_lsn = base_lsn != LSN_NONE;
    out->base_lsn = base_lsn;
    out->rule = pbmem_text(table->tier.rule);
    if (table->tier.column != NULL) {
        out->tier_column = pbmem_text(table->tier.column);
        out->tier_value = pbmem_text(table->tier.value);
        out->has_other_tier = true;
        out->other_tier = (Pgstrand__Tier)table->tier.other;
    }
    out->has_partition_root = table->kind == 'p';
    out->partition_root = table->kind == 'p';
    TRY(fill_generated(table, arena, out, e));
    return fill_columns(table, arena, out, e);
}
