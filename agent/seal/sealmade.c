#include "agent/seal/sealmade.h"

#include "agent/base/base.h"
#include "agent/breaks.h"
#include "proto/pbmem.h"
#include "store/snapreader.h"

const struct chain_link *sealmade_find(const struct chain *chain, const Pgstrand__SealJob *job)
{
    for (size_t i = chain->count; job->has_snapshot && i-- > 0;)
        if (bytes_equal(pbmem_view(chain->link[i].commit->header->snapshot), pbmem_view(job->snapshot)))
            return &chain->link[i];
    return NULL;
}

static status heal_based(struct datadir *d, const struct chain_link *made, bool *based, err *e)
{
    OWNED(snapreader) struct snapreader *reader = NULL;
    OWNED(memory) uint32_t *table = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    TRY(snapreader_open_known(made->dir, made->name, made->hash, &reader, e));
    TRY(snapreader_schema(reader, &schema, e));
    *based = schema->n_based > 0;
    table = calloc(schema->n_based + 1, sizeof *table);
    if (table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < schema->n_based; i++)
        table[i] = schema->based[i]->oid;
    return breaks_heal_tables(d->catalog, table, schema->n_based, made->commit->header->last_seq, e);
}

status sealmade_settle(struct datadir *d, const struct chain_link *made, err *e)
{
    const Pgstrand__SnapshotHeader *header = made->commit->header;
    bool staged = header->type == PGSTRAND__SNAPSHOT_TYPE__FULL;
    if (staged)
        TRY(breaks_heal(d->catalog, header->last_seq, e));
    else if (header->type == PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL && !made->pruned)
        TRY(heal_based(d, made, &staged, e));
    return staged ? base_clear(d, e) : DONE;
}
