#include "agent/restore/plan/place.h"

#include "agent/lineage.h"
#include "proto/pbmem.h"
#include "store/io.h"
#include "store/snapreader.h"
#include "store/vault.h"

void place_fini(struct place *p)
{
    chain_free(p->chain);
    free(p->log);
    versionbook_fini(&p->unsealed);
    io_unlock(p->lock);
    *p = (struct place){0};
}

/* Is there a log at all? A restored data directory may have none. */
static status find_log(const struct datadir *d, char **out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    *out = NULL;
    if (!io_exists(d->log))
        return DONE;
    TRY(io_list(d->log, &names, e));
    for (size_t i = 0; i < names.count && *out == NULL; i++)
        if (strncmp(names.name[i], "seg-", 4) == 0 && (*out = strdup(d->log)) == NULL)
            return err_no_memory(e);
    return DONE;
}

/* The chain beside the own one that has this snapshot, say of an import; *out stays NULL when none has. */
static status chain_beside(const struct datadir *d, const char *snapshot, struct chain **out, err *e)
{
    OWNED(vault) struct vault *v = NULL;
    OWNED(vault_chains) struct vault_chains chains = {0};
    TRY(vault_open(d->snapshots, false, &v, e));
    TRY(vault_chains(v, &chains, e));
    for (size_t i = 0; i < chains.count && *out == NULL; i++) {
        OWNED(chain) struct chain *chain = NULL;
        OWNED(text) char *dir = NULL;
        err broken = ERR_INIT; /* a damaged one is no reason to refuse another */
        TRY(vault_local_dir(v, &chains.chain[i].node, &chains.chain[i].incarnation, &dir, e));
        if (!chain_load(dir, &chain, &broken).ok || chain_find(chain, snapshot) == NULL)
            continue;
        *out = chain;
        chain = NULL;
    }
    return DONE;
}

static status look_beside(const struct datadir *d, const struct restore_target *target, struct place *out,
                          err *e)
{
    struct chain *beside = NULL;
    const bool named = target->kind == TARGET_SNAPSHOT || target->kind == TARGET_NAME;
    if (!named || chain_find(out->chain, target->snapshot) != NULL)
        return DONE;
    TRY(chain_beside(d, target->snapshot, &beside, e));
    if (beside == NULL)
        return DONE;
    place_fini(out);
    out->chain = beside;
    return DONE;
}

static status own_chain(struct datadir *d, struct place *out, err *e)
{
    if (!d->has_identity)
        return err_set(e, ERR_VALIDATION,
                       "%s has no chain of its own: say where to restore from with --from VAULT", d->root);
    TRY(find_log(d, &out->log, e));
    if (!io_exists(d->chain) && uuid_equal(&d->identity.previous, &UUID_NIL))
        return err_set(e, ERR_VALIDATION, "there is no snapshot in %s yet: run pgstrand init", d->chain);
    TRY(lineage_load(d, &out->chain, e));
    out->own = true;
    return versionbook_load(d, &out->unsealed, e);
}

/* The one node of the vault, or the one that was asked for. */
static status choose_node(const struct vault_chains *chains, const struct restore_request *request, uuid *out,
                          err *e)
{
    OWNED(buf) struct buf nodes = {0};
    size_t count = 0;
    for (size_t i = 0; i < chains->count; i++) {
        char text[UUID_TEXT];
        const uuid *node = &chains->chain[i].node;
        if (request->node != NULL && !uuid_equal(node, request->node))
            continue;
        if (count > 0 && uuid_equal(node, out))
            continue;
        *out = *node;
        buf_printf(&nodes, "%s%s", count++ > 0 ? ", " : "", uuid_format(node, text));
    }
    if (count == 0 && request->node != NULL) {
        char text[UUID_TEXT];
        return err_set(e, ERR_VALIDATION, "%s has no chain of node %s", request->from,
                       uuid_format(request->node, text));
    }
    if (count == 0)
        return err_set(e, ERR_VALIDATION, "%s has no chain", request->from);
    if (count > 1)
        return err_set(e, ERR_VALIDATION, "%s has chains of several nodes (%s): choose one with --node",
                       request->from, buf_cstring(&nodes));
    return DONE;
}

static pgtime newest_time(const struct chain *c)
{
    return c->count == 0 ? INT64_MIN : c->link[c->count - 1].commit->header->created;
}

/* How often its node went over to another machine: an owner's word, where times are what a machine says. */
static size_t handovers(const struct chain *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += c->link[i].commit->has_handover != 0;
    return count;
}

static bool is_newer(const struct chain *a, const struct chain *b)
{
    const size_t x = handovers(a), y = handovers(b);
    return x != y ? x > y : newest_time(a) > newest_time(b);
}

/* The incarnation that was asked for, else the one whose last snapshot is the newest; what a machine seals
 * whose node was taken over by another one does not count. */
static status choose_chain(struct vault *v, const struct vault_chains *chains, const uuid *node,
                           const struct restore_request *request, struct place *out, err *e)
{
    for (size_t i = 0; i < chains->count; i++) {
        const struct vault_chain *at = &chains->chain[i];
        if (!uuid_equal(&at->node, node) ||
            (request->incarnation != NULL && !uuid_equal(&at->incarnation, request->incarnation)))
            continue;
        OWNED(chain) struct chain *chain = NULL;
        OWNED(text) char *dir = NULL;
        TRY(vault_local_dir(v, &at->node, &at->incarnation, &dir, e));
        TRY(chain_load(dir, &chain, e));
        if (out->chain != NULL && !is_newer(chain, out->chain))
            continue;
        struct chain *older = out->chain;
        out->chain = chain;
        chain = older;
    }
    return out->chain != NULL ? DONE
                              : err_set(e, ERR_VALIDATION, "%s has no such incarnation", request->from);
}

static status vault_chain(const struct restore_request *request, struct place *out, err *e)
{
    OWNED(vault) struct vault *v = NULL;
    OWNED(vault_chains) struct vault_chains chains = {0};
    uuid node = UUID_NIL;
    TRY(vault_open(request->from, false, &v, e));
    TRY(vault_chains(v, &chains, e));
    TRY(choose_node(&chains, request, &node, e));
    return choose_chain(v, &chains, &node, request, out, e);
}

static status lock_own(const struct datadir *d, struct io_lock **out, err *e)
{
    OWNED(text) char *path = io_join(d->root, DATADIR_READ_LOCK);
    return path == NULL ? err_no_memory(e) : io_lock_shared(path, out, e);
}

status place_find(struct datadir *d, const struct restore_request *request, struct place *out, err *e)
{
    OWNED(io_lock) struct io_lock *lock = NULL;
    if (request->from == NULL)
        TRY(lock_own(d, &lock, e));
    TRY(request->from == NULL ? own_chain(d, out, e) : vault_chain(request, out, e));
    if (request->from == NULL)
        TRY(look_beside(d, &request->target, out, e));
    out->lock = lock;
    lock = NULL;
    if (out->chain->count == 0)
        return err_set(e, ERR_VALIDATION, "%s has no complete snapshot", out->chain->dir);
    const Pgstrand__SnapshotHeader *h = out->chain->link[0].commit->header;
    TRY(uuid_from_bytes(pbmem_view(h->node), "node", &out->node, e));
    TRY(uuid_from_bytes(pbmem_view(h->dataset), "dataset", &out->dataset, e));
    out->same_device = request->as == RESTORE_AS_SAME || (request->as == RESTORE_AS_AUTO && d->has_identity &&
                                                          uuid_equal(&d->identity.node, &out->node));
    return DONE;
}

status place_check_device_files(const struct place *p, err *e)
{
    for (size_t i = 0; i < p->chain->count; i++) {
        const struct chain_link *link = &p->chain->link[i];
        OWNED(snapreader) struct snapreader *r = NULL;
        if (!link->commit->has_device_header_hash || link->pruned)
            continue;
        TRY(snapreader_open_known(link->dir, link->name, link->hash, &r, e));
        if (!snapreader_has_device(r))
            return err_set(
                e, ERR_VALIDATION,
                "%s is a business backup: %s.device is not there; restore without this device's own "
                "rows with --tiers business,audit, or from a full-device backup",
                link->dir, link->name);
    }
    return DONE;
}
