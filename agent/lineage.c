#include "agent/lineage.h"

#include "store/io.h"
#include "store/logsegment.h"
#include "store/snapreader.h"
#include "store/vault.h"

static status load_previous(const struct datadir *d, struct chain **out, err *e)
{
    OWNED(chain) struct chain *c = NULL;
    OWNED(text) char *dir = vault_chain_dir(d->snapshots, &d->identity.node, &d->identity.previous);
    if (dir == NULL)
        return err_no_memory(e);
    TRY(chain_load(dir, &c, e));
    TRY(chain_succeed(c, d->chain, e));
    *out = c;
    c = NULL;
    return DONE;
}

status lineage_load(const struct datadir *d, struct chain **out, err *e)
{
    OWNED(chain) struct chain *c = NULL;
    const bool first = uuid_equal(&d->identity.previous, &UUID_NIL);
    if (io_exists(d->chain) || first)
        TRY(chain_load(d->chain, &c, e));
    if ((c == NULL || c->count == 0) && !first)
        return load_previous(d, out, e);
    *out = c;
    c = NULL;
    return DONE;
}

/* The largest version that a snapshot names. */
static status look_at_relations(const struct chain_link *link, uint32_t *largest, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    TRY(snapreader_open_known(link->dir, link->name, link->hash, &r, e));
    TRY(snapreader_schema(r, &schema, e));
    for (size_t i = 0; i < schema->n_relation; i++)
        if (schema->relation[i]->version > *largest)
            *largest = schema->relation[i]->version;
    return DONE;
}

/* The history of a row reads all links, and a version means one shape of one table in all of them. */
static status find_end(const struct chain *c, struct lineage_end *out, err *e)
{
    if (c->count > 0)
        out->seq = c->link[c->count - 1].commit->header->last_seq;
    for (size_t i = 0; i < c->count; i++)
        if (!c->link[i].pruned)
            TRY(look_at_relations(&c->link[i], &out->relation, e));
    return DONE;
}

status lineage_before_log(const struct datadir *d, struct lineage_end *out, err *e)
{
    OWNED(logsegment_list) struct logsegment_list segments = {0};
    OWNED(chain) struct chain *c = NULL;
    *out = (struct lineage_end){0};
    if (io_exists(d->log))
        TRY(logsegment_list(d->log, &segments, e));
    if (segments.count > 0)
        return DONE;
    TRY(lineage_load(d, &c, e));
    return find_end(c, out, e);
}
