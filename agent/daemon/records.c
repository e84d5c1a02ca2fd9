#include "agent/daemon/records.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/tablebook.h"
#include "proto/base/pgtime.h"
#include "store/catalog.h"

status records_tables(struct datadir *d, const struct board_table *list, size_t count, err *e)
{
    for (size_t i = 0; i < count; i++)
        TRY(tablebook_record(d->catalog, list[i].shape, list[i].tier, list[i].rule, list[i].since_seq, e));
    return DONE;
}

status records_breaks(struct datadir *d, const struct board_break *list, size_t count, err *e)
{
    for (size_t i = 0; i < count; i++) {
        Pgstrand__SchemaBreak r = PGSTRAND__SCHEMA_BREAK__INIT;
        const struct catalog_key key = catalog_key_u64(list[i].seq);
        char what[sizeof list[i].what];
        memcpy(what, list[i].what, sizeof what);
        r.seq = list[i].seq;
        r.lsn = list[i].at;
        r.what = what;
        TRY(catalog_put(d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), &r.base, e));
    }
    return DONE;
}

status records_agent(struct datadir *d, const struct board_facts *facts,
                     const struct capture_progress *progress, err *e)
{
    Pgstrand__AgentState r = PGSTRAND__AGENT_STATE__INIT;
    struct board_facts copy = {0};
    char *problems[2];
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
    r.problem = problems;
    if (copy.problem[0] != '\0')
        problems[r.n_problem++] = copy.problem;
    if (copy.seal_problem[0] != '\0')
        problems[r.n_problem++] = copy.seal_problem;
    return catalog_put(d->catalog, CATALOG_AGENT, (struct bytes){0}, &r.base, e);
}

struct chain_end {
    const uuid *incarnation;
    uint64_t seq;
};

static status look_at_snapshot(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct chain_end *end = context;
    const Pgstrand__SnapshotRecord *r = (const Pgstrand__SnapshotRecord *)record;
    const ProtobufCBinaryData *incarnation = &r->header->incarnation;
    (void)key;
    (void)e;
    if (r->complete &&
        bytes_equal(bytes_of(incarnation->data, incarnation->len),
                    bytes_of(end->incarnation->b, sizeof end->incarnation->b)) &&
        r->header->last_seq > end->seq)
        end->seq = r->header->last_seq;
    return DONE;
}

status records_sealed_seq(struct datadir *d, uint64_t *seq, err *e)
{
    struct chain_end end = {.incarnation = &d->identity.incarnation};
    TRY(catalog_each(d->catalog, CATALOG_SNAPSHOT, look_at_snapshot, &end, e));
    *seq = end.seq;
    return DONE;
}

struct break_list {
    uint64_t *seq; /* of the open ones */
    size_t open;
    size_t cap;
    uint64_t last;
};

static status look_at_break(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct break_list *list = context;
    const Pgstrand__SchemaBreak *r = (const Pgstrand__SchemaBreak *)record;
    (void)key;
    if (r->seq > list->last)
        list->last = r->seq;
    if (r->has_healed_seq)
        return DONE;
    if (list->open == list->cap) {
        const size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        uint64_t *more = realloc(list->seq, cap * sizeof *more);
        if (more == NULL)
            return err_no_memory(e);
        list->seq = more;
        list->cap = cap;
    }
    list->seq[list->open++] = r->seq;
    return DONE;
}

status records_open_breaks(struct datadir *d, size_t *open, uint64_t *last_seq, err *e)
{
    struct break_list list = {0};
    const status looked = catalog_each(d->catalog, CATALOG_BREAK, look_at_break, &list, e);
    free(list.seq);
    *open = list.open;
    *last_seq = list.last;
    return looked;
}

static status heal_one(struct datadir *d, uint64_t seq, uint64_t healed, err *e)
{
    PB_OWNED(Pgstrand__SchemaBreak) *r = NULL;
    const struct catalog_key key = catalog_key_u64(seq);
    TRY(catalog_get(d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), (ProtobufCMessage **)(void *)&r, e));
    if (r == NULL)
        return DONE;
    r->has_healed_seq = true;
    r->healed_seq = healed;
    return catalog_put(d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), &r->base, e);
}

status records_heal(struct datadir *d, uint64_t seq, err *e)
{
    struct break_list list = {0};
    status healed = catalog_each(d->catalog, CATALOG_BREAK, look_at_break, &list, e);
    for (size_t i = 0; healed.ok && i < list.open; i++) {
        if (list.seq[i] <= seq)
            healed = heal_one(d, list.seq[i], seq, e);
    }
    free(list.seq);
    return healed;
}
