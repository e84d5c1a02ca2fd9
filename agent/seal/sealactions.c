#include "agent/seal/sealactions.h"

#include "proto/pbmem.h"
#include "proto/wire.h"

/* A frame is closed when it has grown so large: below FRAME_RAW_MAX, so that one more transaction seldom
 * splits it. */
#define FRAME_TARGET (FRAME_RAW_MAX - ((size_t)256 << 10))

#define FIELD_COMMIT 1 /* ActionsFrame.commit, CommitActions.commit */
#define FIELD_ACTION 2 /* CommitActions.action */
#define TIERS (TIER_DEVICE + 1)

/* What is being gathered for one tier. */
struct stream {
    struct snapsection *section; /* NULL until the tier has an action */
    struct buf group;            /* CommitActions of the commit in progress */
    struct buf frame;            /* ActionsFrame: whole groups */
    uint64_t commit_seq;         /* first_seq of the commit that group belongs to; 0: none */
    uint64_t first_seq;          /* of the frame */
    uint64_t last_seq;
    uint64_t actions;
};

struct sealactions {
    struct snapwriter *writer;
    struct framecoder *coder;
    struct sealactions_relations relations;
    struct stream stream[TIERS];
    struct buf scratch;
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
    struct sealactions *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    s->writer = writer;
    s->coder = coder;
    s->relations = *relations;
    *out = s;
    return DONE;
}

void sealactions_free(struct sealactions *s)
{
    if (s == NULL)
        return;
    for (int tier = 0; tier < TIERS; tier++) {
        buf_fini(&s->stream[tier].group);
        buf_fini(&s->stream[tier].frame);
    }
    for (size_t i = 0; s->relation != NULL && i < s->version_count; i++)
        pbmem_free(s->relation[i] == NULL ? NULL : &s->relation[i]->base);
    free(s->relation);
    free(s->version);
    buf_fini(&s->scratch);
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
    if (s->version_count == s->version_room) {
        size_t room = s->version_room == 0 ? 64 : s->version_room * 2;
        uint32_t *grown = realloc(s->version, room * sizeof *grown);
        if (grown == NULL)
            return err_no_memory(e);
        s->version = grown;
        s->version_room = room;
    }
    memmove(s->version + at + 1, s->version + at, (s->version_count - at) * sizeof *s->version);
    s->version[at] = version;
    s->version_count++;
    return DONE;
}

/* The commit in progress becomes part of the frame. */
static void close_group(struct stream *t)
{
    if (t->group.len > 0)
        wire_bytes(&t->frame, FIELD_COMMIT, buf_view(&t->group));
    buf_reset(&t->group);
    t->commit_seq = 0;
}

static status flush_frame(struct sealactions *s, struct stream *t, err *e)
{
    close_group(t);
    TRY(buf_done(&t->frame, e));
    if (t->frame.len == 0)
        return DONE;
    TRY(snapsection_frame(t->section, s->coder, 0, t->first_seq, t->last_seq, buf_view(&t->frame), e));
    buf_reset(&t->frame);
    return DONE;
}

static status add(struct sealactions *s, enum tier tier, const struct sealactions_item *item,
                  struct bytes action, err *e)
{
    struct stream *t = &s->stream[tier];
    if (t->section == NULL)
        TRY(snapwriter_section(s->writer, tier, PGSTRAND__SECTION_KIND__ACTIONS, &t->section, e));
    if (t->frame.len + t->group.len > FRAME_TARGET)
        TRY(flush_frame(s, t, e));
    if (t->frame.len == 0 && t->group.len == 0)
        t->first_seq = item->seq;
    if (t->commit_seq != item->commit->first_seq) {
        close_group(t);
        t->commit_seq = item->commit->first_seq;
        buf_reset(&s->scratch);
        commit_encode(item->commit, &s->scratch);
        wire_bytes(&t->group, FIELD_COMMIT, buf_view(&s->scratch));
    }
    buf_reset(&s->scratch);
    buf_bytes(&s->scratch, action.data, action.len);
    action_append_index(&s->scratch, item->seq - item->commit->first_seq);
    wire_bytes(&t->group, FIELD_ACTION, buf_view(&s->scratch));
    t->last_seq = item->seq;
    t->actions++;
    return buf_done(&t->group, e);
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
    OWNED(buf) struct buf encoded = {0};
    TRY(sort_truncated(s, item->action->truncated, &sorted, e));
    for (enum tier tier = TIER_BUSINESS; tier < TIERS; tier++) {
        struct action part = *item->action;
        if (sorted.tier[tier].len == 0)
            continue;
        part.truncated = buf_view(&sorted.tier[tier]);
        buf_reset(&encoded);
        action_encode(&part, false, &encoded);
        TRY(add(s, tier, item, buf_view(&encoded), e));
    }
    return DONE;
}

status sealactions_put(struct sealactions *s, const struct sealactions_item *item, err *e)
{
    s->count++;
    if (item->action->kind == ACTION_TRUNCATE)
        return add_truncate(s, item, e);
    if (item->relation == NULL)
        return add(s, TIER_BUSINESS, item, item->raw, e);
    TRY(note_version(s, item->relation->version, e));
    return add(s, item->relation->tier, item, item->raw, e);
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

status sealactions_copy(struct sealactions *s, struct logreader *log, uint64_t first, uint64_t last, err *e)
{
    TRY(logreader_seek(log, first, e));
    for (uint64_t expected = first; expected <= last; expected++) {
        struct log_entry entry;
        bool end = false;
        TRY(logreader_next(log, &entry, &end, e));
        if (end || entry.seq != expected)
            return err_set(e, ERR_STORAGE, "the log has no action %llu", (unsigned long long)expected);
        const struct sealactions_item item = {entry.seq, entry.commit, &entry.action, entry.raw,
                                              entry.relation};
        TRY(sealactions_put(s, &item, e));
    }
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
