#include "agent/history/rowevents.h"

#include "agent/history/baseindex.h"
#include "agent/history/entitykey.h"
#include "agent/history/indexruns.h"
#include "agent/restore/fold/source.h"
#include "agent/restore/plan/plantable.h"
#include "proto/base/array.h"
#include "proto/copytext.h"
#include "proto/pbmem.h"
#include "proto/wire.h"
#include "store/shares.h"
#include "store/snapreader.h"

#define WIRE_BYTES 2
#define FIELD_LINES 1 /* RowsFrame.lines */

/* ---- copies ---- */

static status keep_relation(struct rowhistory *r, const struct relation *from, const struct relation **out,
                            err *e)
{
    for (size_t i = 0; i < r->relations; i++)
        if (r->relation[i]->version == from->version && from->version != 0) {
            *out = r->relation[i];
            return DONE;
        }
    TRY(array_one_more(&r->relation, r->relations, sizeof(struct relation *), e));
    TRY(relation_copy(from, &r->relation[r->relations], e));
    *out = r->relation[r->relations++];
    return DONE;
}

static struct bytes move_to(uint8_t **at, struct bytes piece)
{
    struct bytes moved = bytes_of(*at, piece.len);
    if (piece.len > 0)
        memcpy(*at, piece.data, piece.len);
    *at += piece.len;
    return moved;
}

static status append(struct rowhistory *r, const struct rowevent *event, err *e)
{
    struct rowevent copy = *event;
    TRY(array_one_more(&r->event, r->count, sizeof *r->event, e));
    const struct commit *c = &event->commit;
    uint8_t *at = malloc(event->action.old.len + event->action.new.len + c->user.len + c->session.len +
                         c->origin.len + 1);
    if (at == NULL)
        return err_no_memory(e);
    copy.memory = at;
    copy.action.old = copy.old = move_to(&at, event->action.old);
    copy.action.new = copy.new = move_to(&at, event->action.new);
    copy.commit.user = move_to(&at, c->user);
    copy.commit.session = move_to(&at, c->session);
    copy.commit.origin = move_to(&at, c->origin);
    r->event[r->count++] = copy;
    return DONE;
}

static bool is_there(const struct rowhistory *r, uint64_t seq)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->event[i].seq == seq && !r->event[i].base)
            return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    const struct rowevent *x = a, *y = b;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return (int)y->base - (int)x->base;
}

void rowevents_sort(struct rowhistory *r)
{
    if (r->count > 0)
        qsort(r->event, r->count, sizeof *r->event, compare);
}

/* ---- actions ---- */

static status add_action(struct history *h, struct rowhistory *r, const struct source_action *a,
                         const uuid *entity, struct buf *scratch, err *e)
{
    struct rowevent event = {.seq = a->seq, .commit = a->commit, .action = a->action};
    bool found = false;
    if (a->relation == NULL || !relation_is_keyed(a->relation))
        return DONE;
    TRY(entitykey_of_action(a->relation, &a->action, &h->d->identity.dataset, scratch, &event.entity,
                            &event.previous, &found, e));
    if (!found || !(uuid_equal(&event.entity, entity) || uuid_equal(&event.previous, entity)))
        return DONE; /* another row of the same hash */
    TRY(keep_relation(r, a->relation, &event.relation, e));
    return append(r, &event, e);
}

static status read_seqs(struct history *h, const struct seqlist *only, struct source **out, err *e)
{
    const struct source_options options = {.chain = h->place.chain,
                                           .base = SOURCE_ALL,
                                           .log = h->place.log,
                                           .tiers = ~0u,
                                           .only = only,
                                           .recent = SOURCE_LOG_RECENT};
    return source_open(&options, out, e);
}

/* ---- by several threads: what costs is taking frames apart, and each has few of the row's actions ---- */

#define READERS_MAX 4

struct part {
    struct history *h;
    const uuid *entity;
    struct seqlist only; /* a part of somebody else's list */
    struct rowhistory found;
};

static status read_part(struct part *p, err *e)
{
    OWNED(source) struct source *source = NULL;
    OWNED(buf) struct buf scratch = {0};
    TRY(read_seqs(p->h, &p->only, &source, e));
    for (;;) {
        struct source_action a;
        bool end = false;
        TRY(source_next(source, &a, &end, e));
        if (end)
            return DONE;
        TRY(add_action(p->h, &p->found, &a, p->entity, &scratch, e));
    }
}

static status run_part(void *context, uint32_t number, err *e)
{
    struct part *part = context;
    return read_part(&part[number], e);
}

/* What a part found goes over. */
static status take_part(struct rowhistory *r, struct part *p, err *e)
{
    TRY(array_one_more(&r->event, r->count + p->found.count, sizeof *r->event, e));
    TRY(array_one_more(&r->relation, r->relations + p->found.relations, sizeof(struct relation *), e));
    for (size_t i = 0; i < p->found.count; i++)
        r->event[r->count++] = p->found.event[i];
    for (size_t i = 0; i < p->found.relations; i++)
        r->relation[r->relations++] = p->found.relation[i];
    p->found.count = p->found.relations = 0;
    return DONE;
}

static status read_wanted(struct history *h, struct rowhistory *r, const struct seqlist *wanted,
                          const uuid *entity, err *e)
{
    struct part part[READERS_MAX];
    const uint32_t count = shares_count(wanted->count, READERS_MAX);
    if (wanted->count == 0)
        return DONE;
    for (size_t i = 0; i < count; i++) {
        const size_t from = wanted->count * i / count, to = wanted->count * (i + 1) / count;
        part[i] =
            (struct part){.h = h, .entity = entity, .only = {.seq = wanted->seq + from, .count = to - from}};
    }
    status done = shares_run(count, run_part, part, e);
    for (size_t i = 0; i < count; i++) {
        if (done.ok)
            done = take_part(r, &part[i], e);
        rowhistory_fini(&part[i].found);
    }
    return done;
}

status rowevents_add(struct history *h, struct rowhistory *r, const uuid *entity, uint64_t from, uint64_t to,
                     err *e)
{
    OWNED(seqlist) struct seqlist all = {0};
    OWNED(seqlist) struct seqlist wanted = {0};
    TRY(history_find(h, entity, &all, e));
    seqlist_sort(&all);
    rowevents_sort(r);
    for (size_t i = seqlist_from(&all, from); i < all.count && all.seq[i] <= to; i++)
        if (!is_there(r, all.seq[i]))
            TRY(seqlist_add(&wanted, all.seq[i], e));
    return wanted.count == 0 ? DONE : read_wanted(h, r, &wanted, entity, e);
}

status rowevents_add_truncates(struct history *h, struct rowhistory *r, const uuid *table, err *e)
{
    OWNED(seqlist) struct seqlist seqs = {0};
    OWNED(source) struct source *source = NULL;
    uint64_t last = 0;
    TRY(history_find(h, table, &seqs, e));
    seqlist_sort(&seqs);
    if (seqs.count == 0)
        return DONE;
    TRY(read_seqs(h, &seqs, &source, e));
    for (;;) {
        struct source_action a;
        bool end = false;
        TRY(source_next(source, &a, &end, e));
        if (end)
            return DONE;
        if (a.action.kind != ACTION_TRUNCATE || a.seq == last)
            continue; /* once for each tier */
        last = a.seq;
        const struct rowevent event = {
            .seq = a.seq, .commit = a.commit, .action = {.kind = ACTION_TRUNCATE, .flags = a.action.flags}};
        TRY(append(r, &event, e));
    }
}

/* ---- the base ---- */

static const struct chain_link *first_full(const struct chain *c)
{
    for (size_t i = chain_first_kept(c); i < c->count; i++)
        if (c->link[i].commit->header->type == PGSTRAND__SNAPSHOT_TYPE__FULL)
            return &c->link[i];
    return NULL;
}

static status relation_of(const Pgstrand__Table *t, struct relation **out, err *e)
{
    OWNED(memory) struct column *column = calloc(t->n_column + 1, sizeof *column);
    struct relation r = {.oid = t->oid,
                         .schema = t->schema,
                         .name = t->name,
                         .replica_identity = (char)t->replica_identity,
                         .tier = (enum tier)t->tier,
                         .column_count = (uint16_t)t->n_column,
                         .columns = column};
    if (column == NULL)
        return err_no_memory(e);
    for (uint16_t i = 0; i < r.column_count; i++)
        column[i] = (struct column){.name = t->column[i]->name,
                                    .type = t->column[i]->type,
                                    .typmod = t->column[i]->typmod,
                                    .key = t->column[i]->key,
                                    .attnum = plantable_attnum(t, i)};
    TRY(entitykey_table(t, &r.table, e));
    return relation_copy(&r, out, e);
}

static status append_base(struct history *h, struct rowhistory *r, const struct chain_link *full,
                          const Pgstrand__Table *t, struct bytes line, const uuid *entity, err *e)
{
    OWNED(buf) struct buf tuple = {0};
    OWNED(relation) struct relation *relation = NULL;
    const Pgstrand__SnapshotHeader *head = full->commit->header;
    struct rowevent event = {.seq = head->last_seq, .base = true, .entity = *entity};
    TRY(relation_of(t, &relation, e));
    TRY(keep_relation(r, relation, &event.relation, e));
    TRY(copytext_to_tuple(line, &tuple, e));
    event.action = (struct action){.kind = ACTION_CREATE, .new = buf_view(&tuple)};
    event.commit = (struct commit){.time = head->last_time, .lsn = t->base_lsn};
    /* What the log has from before the table's own base is in that already. */
    rowevents_sort(r);
    for (size_t i = 0; i < r->count && r->event[i].commit.lsn < t->base_lsn; i++) {
        const struct entityindex_place place = {h->d, h->place.chain, h->place.log};
        const ProtobufCBinaryData *own = &head->incarnation;
        uuid incarnation;
        TRY(indexruns_incarnation(&place, r->event[i].seq, &incarnation, e));
        if (own->len != sizeof incarnation.b || memcmp(own->data, incarnation.b, own->len) != 0)
            break;
        if (r->event[i].seq >= event.seq)
            event.seq = r->event[i].seq + 1;
    }
    return append(r, &event, e);
}

static const Pgstrand__Table *keyed_table(const Pgstrand__Schema *schema, uint32_t number)
{
    for (size_t i = 0; i < schema->n_table; i++)
        if (schema->table[i]->number == number)
            return plantable_is_keyed(schema->table[i]) ? schema->table[i] : NULL;
    return NULL;
}

/* A row that is larger than a frame: its payload has no other. */
static status large_line(struct snapreader *reader, struct bytes *line, bool *found, err *e)
{
    struct snap_payload payload;
    struct wire_field field = {0};
    bool end = false;
    TRY(snapreader_next(reader, 0, &payload, &end, e));
    struct reader in = reader_over(payload.payload);
    while (!end && !*found && wire_next(&in, &field)) {
        *found = field.number == FIELD_LINES && field.type == WIRE_BYTES && field.bytes.len > 0;
        if (*found)
            *line = bytes_of(field.bytes.data, field.bytes.len - 1);
    }
    return DONE;
}

/* Is the line with this number the entity's? The reader stands at its frame. */
static status look_at_line(struct history *h, struct rowhistory *r, const struct chain_link *full,
                           struct snapreader *reader, const Pgstrand__Schema *schema, uint64_t number,
                           const uuid *entity, bool *found, err *e)
{
    OWNED(buf) struct buf scratch = {0};
    uint32_t table = 0;
    struct bytes line;
    bool there = false;
    uuid id;
    TRY(snapreader_line(reader, number, &table, &line, &there, e));
    if (!there && number == 0)
        TRY(large_line(reader, &line, &there, e));
    const Pgstrand__Table *t = keyed_table(schema, table);
    if (!there || t == NULL)
        return DONE;
    TRY(entitykey_of_line(t, line, &h->d->identity.dataset, &scratch, &id, e));
    *found = uuid_equal(&id, entity);
    return *found ? append_base(h, r, full, t, line, entity, e) : DONE;
}

status rowevents_add_base(struct history *h, struct rowhistory *r, const uuid *entity, err *e)
{
    const struct chain_link *full = first_full(h->place.chain);
    OWNED(baseindex) struct baseindex *index = NULL;
    OWNED(snapreader) struct snapreader *reader = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    bool found = false;
    if (full == NULL)
        return DONE;
    TRY(baseindex_open(h->d, full, h->progress, &index, e));
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE && !found; tier++) {
        OWNED(seqlist) struct seqlist frames = {0};
        OWNED(seqlist) struct seqlist lines = {0};
        bool there = false;
        TRY(baseindex_find(index, entity, tier, &frames, &lines, e));
        if (frames.count > 0 && reader == NULL) {
            TRY(snapreader_open_known(full->dir, full->name, full->hash, &reader, e));
            TRY(snapreader_schema(reader, &schema, e));
        }
        if (frames.count > 0)
            TRY(snapreader_section(reader, tier, PGSTRAND__SECTION_KIND__ROWS, &there, e));
        for (size_t i = 0; there && i < frames.count && !found; i++) {
            TRY(snapreader_go(reader, frames.seq[i], e));
            TRY(look_at_line(h, r, full, reader, schema, lines.seq[i], entity, &found, e));
        }
    }
    return DONE;
}
