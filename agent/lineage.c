#include "agent/lineage.h"

#include "store/io.h"
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
