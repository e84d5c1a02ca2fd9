#include "agent/daemon/records.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/tablebook.h"
#include "proto/base/pgtime.h"
#include "proto/pbmem.h"
#include "store/catalog.h"

status records_tables(struct datadir *d, const struct board_table *list, size_t count, err *e)
{
    for (size_t i = 0; i < count; i++)
        TRY(tablebook_record(d->catalog, list[i].shape, list[i].tier, list[i].rule, list[i].since_seq, e));
    return DONE;
}

/* Does the event trigger record DDL, so that a version of the schema follows? */
static status records_ddl(struct datadir *d, bool *out, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    TRY(catalog_get(d->catalog, CATALOG_SETUP, (struct bytes){0}, (ProtobufCMessage **)(void *)&setup, e));
    *out = setup != NULL && setup->event_trigger;
    return DONE;
}

/* Who seals may have been quicker, and has marked or healed it. */
static status is_known(struct datadir *d, struct bytes key, bool *out, err *e)
{
    PB_OWNED(ProtobufCMessage) *record = NULL;
    TRY(catalog_get(d->catalog, CATALOG_BREAK, key, &record, e));
    *out = record != NULL;
    return DONE;
}

status records_breaks(struct datadir *d, const struct board_break *list, size_t count, err *e)
{
    bool ddl = false;
    if (count > 0)
        TRY(records_ddl(d, &ddl, e));
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        Pgstrand__SchemaBreak r = PGSTRAND__SCHEMA_BREAK__INIT;
        const struct catalog_key key = catalog_key_u64(list[i].seq);
        char what[sizeof list[i].what];
        memcpy(what, list[i].what, sizeof what);
        r.seq = list[i].seq;
        r.lsn = list[i].at;
        r.what = what;
        r.has_ddl = true;
        r.ddl = ddl;
        TRY(is_known(d, catalog_key_bytes(&key), &known, e));
        if (known)
            continue;
        TRY(catalog_put(d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), &r.base, e));
    }
    return DONE;
}

status records_agent(struct datadir *d, const struct board_facts *facts,
                     const struct capture_progress *progress, uint64_t recorded, err *e)
{
    Pgstrand__AgentState r = PGSTRAND__AGENT_STATE__INIT;
    struct board_facts copy = {0};
    char *problems[3];
    r.has_updated = true;
    r.updated = pgtime_now();
    r.has_connected = true;
    if (facts != NULL) {
        copy = *facts;
        r.has_pid = true;
        r.pid = (uint32_t)getpid();
        r.connected = copy.connected;
    }
    r.has_received_lsn = true;
    r.received_lsn = progress->received;
    r.has_server_lsn = true;
    r.server_lsn = progress->server_end;
    r.has_recorded_seq = true;
    r.recorded_seq = recorded;
    r.problem = problems;
    if (copy.problem[0] != '\0')
        problems[r.n_problem++] = copy.problem;
    if (copy.seal_problem[0] != '\0')
        problems[r.n_problem++] = copy.seal_problem;
    if (copy.lacks[0] != '\0')
        problems[r.n_problem++] = copy.lacks;
    return catalog_put(d->catalog, CATALOG_AGENT, (struct bytes){0}, &r.base, e);
}

status records_recorded_seq(struct datadir *d, uint64_t *seq, err *e)
{
    PB_OWNED(Pgstrand__AgentState) *r = NULL;
    TRY(catalog_get(d->catalog, CATALOG_AGENT, (struct bytes){0}, (ProtobufCMessage **)(void *)&r, e));
    *seq = r != NULL && r->has_recorded_seq ? r->recorded_seq : 0;
    return DONE;
}

struct chain_end {
    const uuid *node;
    uint64_t seq;
    uint64_t full_seq;
    pgtime full_time;
};

static status look_at_snapshot(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct chain_end *end = context;
    const Pgstrand__SnapshotRecord *r = (const Pgstrand__SnapshotRecord *)record;
    const ProtobufCBinaryData *node = &r->header->node;
    (void)key;
    (void)e;
    if (!r->complete || !bytes_equal(pbmem_view(*node), bytes_of(end->node->b, sizeof end->node->b)))
        return DONE;
    if (r->header->last_seq > end->seq)
        end->seq = r->header->last_seq;
    if (r->header->type == PGSTRAND__SNAPSHOT_TYPE__FULL && r->header->created > end->full_time) {
        end->full_seq = r->header->last_seq;
        end->full_time = r->header->created;
    }
    return DONE;
}

status records_sealed_seq(struct datadir *d, uint64_t *seq, err *e)
{
    struct chain_end end = {.node = &d->identity.node};
    TRY(catalog_each(d->catalog, CATALOG_SNAPSHOT, look_at_snapshot, &end, e));
    *seq = end.seq;
    return DONE;
}

status records_full(struct datadir *d, uint64_t *seq, pgtime *time, err *e)
{
    struct chain_end end = {.node = &d->identity.node};
    TRY(catalog_each(d->catalog, CATALOG_SNAPSHOT, look_at_snapshot, &end, e));
    *seq = end.full_seq;
    *time = end.full_time;
    return DONE;
}
