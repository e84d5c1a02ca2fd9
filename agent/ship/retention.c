#include "agent/ship/retention.h"

#include "agent/lineage.h"
#include "agent/ship/ship.h"
#include "proto/pbmem.h"
#include "store/io.h"
#include "store/snapprune.h"
#include "store/snapreader.h"
#include "store/vault.h"

void retention_result_fini(struct retention_result *r)
{
    free(r->waiting);
    *r = (struct retention_result){0};
}

static bool is_full(const struct chain *c, size_t i)
{
    return c->link[i].commit->header->type == PGSTRAND__SNAPSHOT_TYPE__FULL;
}

/* The oldest of the newest `count` FULLs; 0 when there are not so many. */
static size_t by_number(const struct chain *c, uint64_t count)
{
    for (size_t i = c->count; i > 0; i--)
        if (is_full(c, i - 1) && --count == 0)
            return i - 1;
    return 0;
}

/* The newest FULL that shows a moment no later than this. A moment before a link that comes earlier is before
 * this one too, whatever the clock did. */
static size_t by_time(const struct chain *c, pgtime limit)
{
    size_t found = 0;
    for (size_t i = 0; i < c->count && c->link[i].commit->header->last_time <= limit; i++)
        if (is_full(c, i))
            found = i;
    return found;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t retention_choose(const struct chain *chain, const struct retention_rule *rule, pgtime now,
                        size_t shipped)
{
    if (chain->count == 0 || (rule->fulls == 0 && rule->age == 0))
        return 0;
    size_t keep = by_number(chain, rule->fulls > 0 ? rule->fulls : 1);
    const pgtime before = chain->count < 2 ? now : chain->link[chain->count - 2].commit->header->created;
    const pgtime at = before < now ? before : now;
    if (rule->age > 0)
        keep = smaller(keep, by_time(chain, at - (pgtime)rule->age * 1000000));
    while (keep > 0 && (keep > shipped || !is_full(chain, keep)))
        keep--;
    return keep;
}

/* ---- what the vaults have ---- */

struct search {
    const struct chain *chain;
    size_t shipped; /* links from here on are missing in some vault */
    char *vault;    /* which */
};

/* Links up to here are in the vault. */
static size_t shipped_to(const struct chain *c, const Pgstrand__VaultRecord *v)
{
    if (!v->has_shipped_number)
        return 0;
    for (size_t i = c->count; i > 0; i--) {
        const Pgstrand__SnapshotHeader *h = c->link[i - 1].commit->header;
        if (h->number == v->shipped_number && h->incarnation.len == v->shipped_incarnation.len &&
            memcmp(h->incarnation.data, v->shipped_incarnation.data, h->incarnation.len) == 0)
            return i;
    }
    return 0;
}

/* A stick that was formatted since has nothing any more. One that is away is believed. */
static status still_there(const struct chain_link *link, const Pgstrand__VaultRecord *record, bool *there,
                          err *e)
{
    const Pgstrand__SnapshotHeader *h = link->commit->header;
    OWNED(vault) struct vault *v = NULL;
    OWNED(text) char *dir = NULL;
    OWNED(text) char *path = NULL;
    uuid node, incarnation;
    err away = ERR_INIT;
    *there = true;
    TRY(uuid_from_bytes(pbmem_view(h->node), "node", &node, e));
    TRY(uuid_from_bytes(pbmem_view(h->incarnation), "incarnation", &incarnation, e));
    if (!vault_open(record->url, false, &v, &away).ok ||
        !vault_local_dir(v, &node, &incarnation, &dir, &away).ok)
        return DONE;
    if (asprintf(&path, "%s/%s.commit", dir, link->name) < 0)
        return err_no_memory(e);
    *there = io_exists(path);
    return DONE;
}

static status look_at_vault(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct search *s = context;
    const Pgstrand__VaultRecord *v = (const Pgstrand__VaultRecord *)(const void *)message;
    size_t has = shipped_to(s->chain, v);
    bool there = true;
    (void)key;
    if (has > 0)
        TRY(still_there(&s->chain->link[has - 1], v, &there, e));
    if (!there)
        has = 0;
    if (has >= s->shipped)
        return DONE;
    free(s->vault);
    s->vault = strdup(v->name);
    s->shipped = has;
    return s->vault == NULL ? err_no_memory(e) : DONE;
}

/* ---- what interrupted restores need ---- */

struct pins {
    const struct chain *chain;
    size_t keep;
};

/* It goes on with the seq that its first try found, from the newest FULL before that. */
static status look_at_workflow(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct pins *p = context;
    const Pgstrand__WorkflowRecord *w = (const Pgstrand__WorkflowRecord *)(const void *)message;
    const Pgstrand__RestoreJob *job = w->job->restore;
    (void)key;
    (void)e;
    if (job == NULL || job->from != NULL || !job->has_seq ||
        w->state == PGSTRAND__WORKFLOW_RECORD__STATE__COMPLETED ||
        w->state == PGSTRAND__WORKFLOW_RECORD__STATE__CANCELLED)
        return DONE;
    while (p->keep > 0 &&
           (!is_full(p->chain, p->keep) || p->chain->link[p->keep].commit->header->last_seq > job->seq))
        p->keep--;
    return DONE;
}

/* ---- pruning ---- */

/* What stays is all there will be. */
static status verify_kept(const struct chain *chain, size_t keep, err *e)
{
    for (size_t i = keep; i < chain->count; i++) {
        const struct chain_link *link = &chain->link[i];
        OWNED(snapreader) struct snapreader *r = NULL;
        uint64_t frames = 0;
        if (!snapreader_open(link->dir, link->name, &r, e).ok ||
            (i == keep && !snapreader_verify(r, &frames, e).ok))
            return err_wrap(e, "nothing was pruned: what would be left is damaged");
    }
    return DONE;
}

static status prune(const struct chain *chain, size_t keep, bool dry_run, const struct progress *progress,
                    struct retention_result *out, err *e)
{
    bool any = false;
    for (size_t i = 0; i < keep; i++)
        any = any || !chain->link[i].pruned;
    if (any)
        TRY(verify_kept(chain, keep, e));
    for (size_t i = 0; i < keep; i++) {
        const struct chain_link *link = &chain->link[i];
        uint64_t freed = link->commit->size;
        if (link->pruned && !snapprune_left_over(link->dir, link->name))
            continue;
        if (!dry_run)
            TRY(snapprune(link->dir, link->name, &freed, e));
        progress->step(progress->context, "prune", i + 1, keep);
        out->pruned++;
        out->freed += freed;
    }
    out->first_seq = chain->count == 0 ? 0 : chain->link[keep].commit->header->last_seq;
    for (size_t i = keep; i < chain->count; i++)
        out->kept += !chain->link[i].pruned;
    return DONE;
}

static struct retention_rule configured(const struct datadir *d)
{
    return (struct retention_rule){d->config->retention_fulls, d->config->retention_age};
}

static status lock_readers(const struct datadir *d, struct io_lock **out, err *e)
{
    OWNED(text) char *path = io_join(d->root, DATADIR_READ_LOCK);
    if (path == NULL)
        return err_no_memory(e);
    if (io_lock(path, false, out, e).ok)
        return DONE;
    if (e->class == ERR_REFUSED)
        return err_set(e, ERR_REFUSED,
                       "a restore, drill or export reads the chain: prune again when it has ended");
    return FAILED;
}

status retention_own(struct datadir *d, const struct retention_rule *rule, bool dry_run,
                     const struct progress *progress, struct retention_result *out, err *e)
{
    const struct retention_rule own = configured(d);
    OWNED(text) char *path = io_join(d->root, DATADIR_SEAL_LOCK);
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(io_lock) struct io_lock *readers = NULL;
    OWNED(chain) struct chain *chain = NULL;
    *out = (struct retention_result){0};
    if (path == NULL)
        return err_no_memory(e);
    TRY(io_lock(path, true, &lock, e));
    TRY(io_make_dir(d->chain, e)); /* before init has sealed */
    TRY(lineage_load(d, &chain, e));
    struct search s = {chain, chain->count, NULL};
    status looked = catalog_each(d->catalog, CATALOG_VAULT, look_at_vault, &s, e);
    out->waiting = s.vault;
    TRY(looked);
    rule = rule == NULL ? &own : rule;
    const pgtime now = pgtime_now();
    size_t keep = retention_choose(chain, rule, now, s.shipped);
    struct pins pins = {chain, keep};
    TRY(catalog_each(d->catalog, CATALOG_WORKFLOW, look_at_workflow, &pins, e));
    keep = pins.keep;
    if (keep == retention_choose(chain, rule, now, chain->count)) {
        free(out->waiting);
        out->waiting = NULL;
    }
    if (!dry_run && keep > 0)
        TRY(lock_readers(d, &readers, e));
    return prune(chain, keep, dry_run, progress, out, e);
}

status retention_vault(struct datadir *d, const char *name, const struct retention_rule *rule, bool dry_run,
                       const struct progress *progress, struct retention_result *out, err *e)
{
    const struct retention_rule own = configured(d);
    PB_OWNED(Pgstrand__VaultRecord) *record = NULL;
    OWNED(vault) struct vault *vault = NULL;
    OWNED(chain) struct chain *chain = NULL;
    OWNED(text) char *dir = NULL;
    *out = (struct retention_result){0};
    TRY(ship_vault(d, name, &record, e));
    TRY(vault_open(record->url, false, &vault, e));
    TRY(vault_local_dir(vault, &d->identity.node, &d->identity.incarnation, &dir, e));
    TRY(chain_load(dir, &chain, e));
    rule = rule == NULL ? &own : rule;
    return prune(chain, retention_choose(chain, rule, pgtime_now(), chain->count), dry_run, progress, out, e);
}
