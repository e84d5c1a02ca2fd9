#include "agent/seal/sealheader.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "proto/pbmem.h"
#include "store/snaplayout.h"

const struct chain_link *sealheader_base(const struct chain *chain)
{
    for (size_t i = chain->count; i > 0; i--)
        if (chain->link[i - 1].commit->header->type == PGSTRAND__SNAPSHOT_TYPE__FULL)
            return &chain->link[i - 1];
    return NULL;
}

static void fill_place(const struct chain *chain, struct sealheader *out)
{
    Pgstrand__SnapshotHeader *h = &out->message;
    h->number = chain->count - chain->own;
    if (chain->count == 0)
        return;
    const struct chain_link *parent = &chain->link[chain->count - 1];
    const struct chain_link *base = sealheader_base(chain);
    memcpy(out->parent_hash, parent->hash, sizeof out->parent_hash);
    h->has_parent = true;
    h->parent = parent->commit->header->snapshot;
    h->has_parent_hash = true;
    h->parent_hash = pbmem_borrow(out->parent_hash, sizeof out->parent_hash);
    if (h->type != PGSTRAND__SNAPSHOT_TYPE__FULL && base != NULL) {
        h->has_base_snapshot = true;
        h->base_snapshot = base->commit->header->snapshot;
    }
}

static void fill_machine(int server_version, struct sealheader *out)
{
    struct utsname machine;
    if (gethostname(out->hostname, sizeof out->hostname - 1) != 0)
        out->hostname[0] = '\0';
    if (uname(&machine) == 0)
        (void)snprintf(out->platform, sizeof out->platform, "%s %s", machine.sysname, machine.machine);
    if (server_version > 0)
        (void)snprintf(out->server_version, sizeof out->server_version, "%d.%d", server_version / 10000,
                       server_version % 10000);
    out->message.hostname = out->hostname;
    out->message.platform = out->platform;
    out->message.agent_version = pbmem_text(PGSTRAND_VERSION);
    out->message.server_version = out->server_version[0] == '\0' ? NULL : out->server_version;
}

status sealheader_fill(const struct datadir *d, const struct seal_request *request, const struct chain *chain,
                       const struct seal_range *range, int server_version, struct sealheader *out, err *e)
{
    *out = (struct sealheader){0};
    Pgstrand__SnapshotHeader *h = &out->message;
    pgstrand__snapshot_header__init(h);
    if (request->snapshot != NULL)
        out->snapshot = *request->snapshot;
    else
        TRY(uuid_random(&out->snapshot, e));
    h->role = PGSTRAND__FILE_ROLE__SNAP;
    h->type = request->type;
    h->snapshot = pbmem_uuid(&out->snapshot);
    h->node = pbmem_uuid(&d->identity.node);
    h->device = pbmem_uuid(&d->identity.device);
    h->incarnation = pbmem_uuid(&d->identity.incarnation);
    h->dataset = pbmem_uuid(&d->identity.dataset);
    h->first_seq = range->first_seq;
    h->last_seq = range->last_seq;
    h->first_lsn = range->first_lsn;
    h->last_lsn = range->last_lsn;
    h->first_time = range->first_time;
    h->last_time = range->last_time;
    h->created = pgtime_now();
    h->name = pbmem_text(request->name);
    h->description = pbmem_text(request->description);
    h->app_version = *d->config->app_version == '\0' ? NULL : pbmem_text(d->config->app_version);
    h->device_name = pbmem_text(d->identity.device_name);
    h->system_identifier = pbmem_text(d->identity.system_identifier);
    h->has_feature_incompatible = h->type != PGSTRAND__SNAPSHOT_TYPE__FULL;
    h->feature_incompatible = h->has_feature_incompatible ? SNAP_FEATURE_ACTIONS : 0;
    fill_place(chain, out);
    fill_machine(server_version, out);
    return DONE;
}
