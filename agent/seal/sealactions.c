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
    struct logreader *log;
    struct stream stream[TIERS];
    struct buf scratch;
    uint32_t *version; /* sorted */
    size_t version_count;
    size_t version_room;
    Pgstrand__Relation **relation; /* made by sealactions_relations */
    uint64_t count;
};

status sealactions_new(struct snapwriter *writer, struct framecoder *coder, struct logreader *log,
                       struct sealactions **out, err *e)
{
    struct sealactions *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    s->writer = writer;
    s->coder = coder;
    s->log = log;
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

static status add(struct sealactions *s, enum tier tier, const struct log_entry *entry, struct bytes action,
                  err *e)
{
    struct stream *t = &s->stream[tier];
    if (t->section == NULL)
        TRY(snapwriter_section(s->writer, tier, PGSTRAND__SECTION_KIND__ACTIONS, &t->section, e));
    if (t->frame.len + t->group.len > FRAME_TARGET)
        TRY(flush_frame(s, t, e));
    if (t->frame.len == 0 && t->group.len == 0)
        t->first_seq = entry->seq;
    if (t->commit_seq != entry->commit->first_seq) {
        close_group(t);
        t->commit_seq = entry->commit->first_seq;
        buf_reset(&s->scratch);
        commit_encode(entry->commit, &s->scratch);
        wire_bytes(&t->group, FIELD_COMMIT, buf_view(&s->scratch));
    }
    buf_reset(&s->scratch);
    buf_bytes(&s->scratch, action.data, action.len);
    action_append_index(&s->scratch, entry->seq - entry->commit->first_seq);
    wire_bytes(&t->group, FIELD_ACTION, buf_view(&s->scratch));
    t->last_seq = entry->seq;
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

static status sort_truncated(struct sealactions *s, struct bytes packed, struct truncated *out, err *e)
{
    struct reader versions = reader_over(packed);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *relation = NULL;
        TRY(logreader_relation(s->log, v, &relation, e));
        TRY(note_version(s, v, e));
        buf_varint(&out->tier[relation->tier], v);
    }
    return DONE;
}

/* A TRUNCATE of tables of several tiers becomes one action in each of them, naming that tier's tables. */
static status add_truncate(struct sealactions *s, const struct log_entry *entry, err *e)
{
    OWNED(truncated) struct truncated sorted = {0};
    OWNED(buf) struct buf encoded = {0};
    TRY(sort_truncated(s, entry->action.truncated, &sorted, e));
    for (enum tier tier = TIER_BUSINESS; tier < TIERS; tier++) {
        struct action part = entry->action;
        if (sorted.tier[tier].len == 0)
            continue;
        part.truncated = buf_view(&sorted.tier[tier]);
        buf_reset(&encoded);
        action_encode(&part, false, &encoded);
        TRY(add(s, tier, entry, buf_view(&encoded), e));
    }
    return DONE;
}

static status add_entry(struct sealactions *s, const struct log_entry *entry, err *e)
{
    s->count++;
    if (entry->action.kind == ACTION_TRUNCATE)
        return add_truncate(s, entry, e);
    if (entry->relation == NULL)
        return add(s, TIER_BUSINESS, entry, entry->raw, e);
    TRY(note_version(s, entry->relation->version, e));
    return add(s, entry->relation->tier, entry, entry->raw, e);
}

status sealactions_copy(struct sealactions *s, uint64_t first, uint64_t last, err *e)
{
    TRY(logreader_seek(s->log, first, e));
    for (uint64_t expected = first; expected <= last; expected++) {
        struct log_entry entry;
        bool end = false;
        TRY(logreader_next(s->log, &entry, &end, e));
        if (end || entry.seq != expected)
            return err_set(e, ERR_STORAGE, "the log has no action %llu", (unsigned long long)expected);
        TRY(add_entry(s, &entry, e));
    }
    for (int tier = 0; tier < TIERS; tier++) {
        struct stream *t = &s->stream[tier];
        if (t->section == NULL)
            continue;
        TRY(flush_frame(s, t, e));
        snapsection_count_actions(t->section, t->actions);
    }
    return DONE;
}

status sealactions_relations(struct sealactions *s, Pgstrand__Relation ***out, size_t *count, err *e)
{
    s->relation = calloc(s->version_count + 1, sizeof *s->relation);
    if (s->relation == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < s->version_count; i++) {
        const struct relation *relation = NULL;
        OWNED(buf) struct buf packed = {0};
        TRY(logreader_relation(s->log, s->version[i], &relation, e));
        relation_encode(relation, &packed);
        TRY(buf_done(&packed, e));
        TRY(PB_UNPACK(s->relation[i], pgstrand__relation__descriptor, buf_view(&packed), "relation", 0, e));
    }
    *out = s->relation;
    *count = s->version_count;
    return DONE;
}
