#include "agent/seal/sealactions.h"

#include "proto/actionpack.h"
#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "proto/wire.h"

/* Bytes of a frame. Whoever wants one action takes its whole frame apart, which costs 4 ms a MiB; with half
 * of that a frame, files grow by a few percent (store/ADR-actions-by-column.md). */
#define FRAME_BYTES ((size_t)1 << 19)

/* An action with more bytes is a payload of its own: by column it would gain nothing and leave its frame half
 * empty. */
#define HUGE_ACTION (FRAME_BYTES / 4)

#define FIELD_COMMIT 1 /* ActionsFrame.commit, CommitActions.commit */
#define FIELD_ACTION 2 /* CommitActions.action */
#define TIERS (TIER_DEVICE + 1)
#define TELL_EVERY 65536 /* actions between two reports of progress: a tenth of a second or so */

/* What is being gathered for one tier. */
struct stream {
    struct snapsection *section; /* NULL until the tier has an action */
    struct actionpack *pack;
    uint64_t first_seq; /* of what is in it */
    uint64_t last_seq;
    uint64_t actions;
};

struct sealactions {
    struct snapwriter *writer;
    struct framecoder *coder;
    struct sealactions_relations relations;
    struct stream stream[TIERS];
    struct packroom *room;
    uint32_t *version; /* sorted */
    size_t version_count;
    size_t version_room;
    Pgstrand__Relation **relation; /* made by sealactions_named */
    uint64_t count;
};

static status find_in_log(void *context, uint32_t version, const struct relation **out, err *e)
{
    return logreader_relation(context, version, out, e);
}

struct sealactions_relations sealactions_of_log(struct logreader *log)
{
    return (struct sealactions_relations){log, find_in_log};
}

status sealactions_new(struct snapwriter *writer, struct framecoder *coder,
                       const struct sealactions_relations *relations, struct sealactions **out, err *e)
{
    OWNED(sealactions) struct sealactions *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    TRY(packroom_new(&s->room, e));
    s->writer = writer;
    s->coder = coder;
    s->relations = *relations;
    *out = s;
    s = NULL;
    return DONE;
}

void sealactions_free(struct sealactions *s)
{
    if (s == NULL)
        return;
    for (int tier = 0; tier < TIERS; tier++)
        actionpack_free(s->stream[tier].pack);
    for (size_t i = 0; s->relation != NULL && i < s->version_count; i++)
        pbmem_free(s->relation[i] == NULL ? NULL : &s->relation[i]->base);
    free(s->relation);
    free(s->version);
    packroom_free(s->room);
    free(s);
}

uint64_t sealactions_count(const struct sealactions *s)
{
    return s->count;
}

static status note_version(struct sealactions *s, uint32_t version, err *e)
{
    size_t at = s->version_count;
    while (at > 0 && s->version[at - 1] > version)
        at--;
    if (at > 0 && s->version[at - 1] == version)
        return DONE;
    TRY(array_room(&s->version, s->version_count, &s->version_room, sizeof *s->version, e));
    memmove(s->version + at + 1, s->version + at, (s->version_count - at) * sizeof *s->version);
    s->version[at] = version;
    s->version_count++;
    return DONE;
}

static status flush_frame(struct sealactions *s, struct stream *t, err *e)
{
    struct bytes frame;
    if (t->pack == NULL || actionpack_count(t->pack) == 0)
        return DONE;
    TRY(actionpack_take(t->pack, s->room, &frame, e));
    return snapsection_actions(t->section, s->coder, t->first_seq, t->last_seq, frame, e);
}

/* What stands in an ActionsFrame before the one action of `len` bytes of one commit. */
static status put_heads(const struct commit *c, size_t len, struct buf *out, err *e)
{
    OWNED(buf) struct buf group = {0};
    OWNED(buf) struct buf commit = {0};
    commit_encode(c, &commit);
    wire_bytes(&group, FIELD_COMMIT, buf_view(&commit));
    wire_bytes_head(&group, FIELD_ACTION, len);
    TRY(buf_done(&group, e));
    wire_bytes_head(out, FIELD_COMMIT, group.len + len);
    buf_bytes(out, group.data, group.len);
    return buf_done(out, e);
}

static status add_huge(struct sealactions *s, struct stream *t, const struct sealactions_item *item,
                       const struct action *action, err *e)
{
    OWNED(buf) struct buf heads = {0};
    OWNED(buf) struct buf room = {0};
    struct bytes piece[1 + ACTION_PIECES];
    struct action indexed = *action;
    size_t len = 0;
    TRY(flush_frame(s, t, e));
    indexed.index = item->seq - item->commit->first_seq;
    const size_t pieces = action_pieces(&indexed, true, &room, piece + 1);
    TRY(buf_done(&room, e));
    for (size_t i = 1; i <= pieces; i++)
        len += piece[i].len;
    TRY(put_heads(item->commit, len, &heads, e));
    piece[0] = buf_view(&heads);
    return snapsection_pieces(t->section, s->coder, item->seq, item->seq, piece, 1 + pieces, e);
}

static status add_packed(struct sealactions *s, struct stream *t, const struct sealactions_item *item,
                         const struct action *action, err *e)
{
    bool added = false;
    if (t->pack == NULL)
        TRY(actionpack_new(FRAME_BYTES, &t->pack, e));
    TRY(actionpack_add(t->pack, item->commit, item->seq, action, &added, e));
    if (!added) {
        TRY(flush_frame(s, t, e));
        TRY(actionpack_add(t->pack, item->commit, item->seq, action, &added, e));
    }
    if (!added)
        return add_huge(s, t, item, action, e);
    if (actionpack_count(t->pack) == 1)
        t->first_seq = item->seq;
    t->last_seq = item->seq;
    return DONE;
}

static status add(struct sealactions *s, enum tier tier, const struct sealactions_item *item,
                  const struct action *action, err *e)
{
    struct stream *t = &s->stream[tier];
    if (t->section == NULL)
        TRY(snapwriter_section(s->writer, tier, PGSTRAND__SECTION_KIND__ACTIONS, &t->section, e));
    t->actions++;
    const size_t len = action->old.len + action->new.len + action->content.len;
    return len > HUGE_ACTION ? add_huge(s, t, item, action, e) : add_packed(s, t, item, action, e);
}

/* The relation versions of a TRUNCATE, by tier. */
struct truncated {
    struct buf tier[TIERS];
};

static void truncated_fini(struct truncated *t)
{
    for (int tier = 0; tier < TIERS; tier++)
        buf_fini(&t->tier[tier]);
}
OWN_VALUE(truncated, truncated_fini);

static status find(struct sealactions *s, uint32_t version, const struct relation **out, err *e)
{
    return s->relations.find(s->relations.context, version, out, e);
}

static status sort_truncated(struct sealactions *s, struct bytes packed, struct truncated *out, err *e)
{
    struct reader versions = reader_over(packed);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *relation = NULL;
        TRY(find(s, v, &relation, e));
        TRY(note_version(s, v, e));
        buf_varint(&out->tier[relation->tier], v);
    }
    return DONE;
}

/* A TRUNCATE of tables of several tiers becomes one action in each of them, naming that tier's tables. */
static status add_truncate(struct sealactions *s, const struct sealactions_item *item, err *e)
{
    OWNED(truncated) struct truncated sorted = {0};
    TRY(sort_truncated(s, item->action->truncated, &sorted, e));
    for (enum tier tier = TIER_BUSINESS; tier < TIERS; tier++) {
        struct action part = *item->action;
        if (sorted.tier[tier].len == 0)
            continue;
        part.truncated = buf_view(&sorted.tier[tier]);
        TRY(add(s, tier, item, &part, e));
    }
    return DONE;
}

status sealactions_put(struct sealactions *s, const struct sealactions_item *item, err *e)
{
    s->count++;
    if (item->action->kind == ACTION_TRUNCATE)
        return add_truncate(s, item, e);
    if (item->relation == NULL)
        return add(s, TIER_BUSINESS, item, item->action, e);
    TRY(note_version(s, item->relation->version, e));
    return add(s, item->relation->tier, item, item->action, e);
}

status sealactions_end(struct sealactions *s, err *e)
{
    for (int tier = 0; tier < TIERS; tier++) {
        struct stream *t = &s->stream[tier];
        if (t->section == NULL)
            continue;
        TRY(flush_frame(s, t, e));
        snapsection_count_actions(t->section, t->actions);
    }
    return DONE;
}

static status tell(const struct progress *progress, uint64_t done, uint64_t total, err *e)
{
    progress->step(progress->context, "seal actions", done, total);
    return progress_stopped(progress) ? err_set(e, ERR_INTERRUPTED, "stopped while sealing") : DONE;
}

status sealactions_copy(struct sealactions *s, struct logreader *log, uint64_t first, uint64_t last,
                        const struct progress *progress, err *e)
{
    logreader_without_ids(log);
    TRY(logreader_seek(log, first, e));
    for (uint64_t expected = first; expected <= last; expected++) {
        if ((expected - first) % TELL_EVERY == 0)
            TRY(tell(progress, expected - first, last - first + 1, e));
        struct log_entry entry;
        bool end = false;
        TRY(logreader_next(log, &entry, &end, e));
        if (end || entry.seq != expected)
            return err_set(e, ERR_STORAGE, "the log has no action %llu", (unsigned long long)expected);
        const struct sealactions_item item = {entry.seq, entry.commit, &entry.action, entry.relation};
        TRY(sealactions_put(s, &item, e));
    }
    progress->step(progress->context, "seal actions", last - first + 1, last - first + 1);
    return sealactions_end(s, e);
}

status sealactions_named(struct sealactions *s, Pgstrand__Relation ***out, size_t *count, err *e)
{
    s->relation = calloc(s->version_count + 1, sizeof *s->relation);
    if (s->relation == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < s->version_count; i++) {
        const struct relation *relation = NULL;
        OWNED(buf) struct buf packed = {0};
        TRY(find(s, s->version[i], &relation, e));
        relation_encode(relation, &packed);
        TRY(buf_done(&packed, e));
        TRY(PB_UNPACK(s->relation[i], pgstrand__relation__descriptor, buf_view(&packed), "relation", 0, e));
    }
    *out = s->relation;
    *count = s->version_count;
    return DONE;
}
