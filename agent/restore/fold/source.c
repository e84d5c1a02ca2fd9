#include "agent/restore/fold/source.h"

#include "agent/restore/fold/sealedstream.h"
#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "store/actionlog.h"

#define TIERS (TIER_DEVICE + 1)
#define SPARSE_MAX                                                                           \
    256 /* actions that are looked up in the log one by one; for more, its segments are read \
         */

struct source {
    const struct chain *chain;
    const char *log_dir;
    unsigned tiers;
    size_t next;     /* link to be opened next */
    size_t shortcut; /* the one DIFFERENTIAL that is read; 0: none */
    uint64_t first;
    const struct seqlist *only;
    size_t at; /* in `only`: the one that is looked for */
    struct sealedstream *stream[TIERS];
    enum tier given;            /* the stream whose head was handed out; TIER_NONE: none */
    struct relation **relation; /* by version; of sealed snapshots */
    size_t relation_room;
    struct logreader *log;
    uint64_t log_next; /* first seq that is read from the log */
    uint64_t log_seq;  /* that logreader_next gives next */
    uint64_t log_last; /* the last one there was when the log was opened */
};

/* The log has sealed actions, too, for a while. */
static status find_recent(struct source *s, size_t base, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    struct log_state state;
    const uint64_t lowest = base == SOURCE_ALL ? 0 : s->chain->link[base].commit->header->last_seq + 1;
    if (s->log_dir == NULL)
        return DONE;
    TRY(logreader_open(s->log_dir, &log, e));
    TRY(logreader_state(log, &state, e));
    if (state.first_seq < s->log_next && state.position.last_seq >= s->log_next - 1)
        s->log_next = state.first_seq > lowest ? state.first_seq : lowest;
    return DONE;
}

status source_open(const struct source_options *options, struct source **out, err *e)
{
    OWNED(source) struct source *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    s->chain = options->chain;
    s->log_dir = options->log;
    s->tiers = options->tiers;
    s->shortcut = options->shortcut;
    s->first = options->first;
    s->only = options->only;
    s->next = options->base == SOURCE_ALL         ? chain_first_kept(options->chain)
              : options->shortcut > options->base ? options->shortcut
                                                  : options->base + 1;
    s->log_next = options->chain->link[options->chain->count - 1].commit->header->last_seq + 1;
    if (options->recent == SOURCE_LOG_RECENT)
        TRY(find_recent(s, options->base, e));
    *out = s;
    s = NULL;
    return DONE;
}

/* The first seq that is wanted from where one stands; UINT64_MAX: no more. */
static uint64_t wanted(const struct source *s)
{
    if (s->only == NULL)
        return s->first;
    return s->at < s->only->count ? s->only->seq[s->at] : UINT64_MAX;
}

static void close_streams(struct source *s)
{
    for (int tier = 0; tier < TIERS; tier++) {
        sealedstream_close(s->stream[tier]);
        s->stream[tier] = NULL;
    }
    s->given = TIER_NONE;
}

void source_close(struct source *s)
{
    if (s == NULL)
        return;
    close_streams(s);
    for (size_t i = 0; i < s->relation_room; i++)
        relation_free(s->relation[i]);
    free(s->relation);
    logreader_close(s->log);
    free(s);
}

/* ---- relations of sealed snapshots ---- */

#define VERSIONS_MAX (UINT32_C(1) << 24) /* more than that many changes of shape is damage */

static status relation_room(struct source *s, uint32_t version, err *e)
{
    if (version > VERSIONS_MAX)
        return err_set(e, ERR_STORAGE, "relation version %u is not possible; run pgstrand verify", version);
    return array_reach(&s->relation, version, &s->relation_room, sizeof *s->relation, e);
}

static status keep_relations(struct source *s, const Pgstrand__Schema *schema, err *e)
{
    OWNED(buf) struct buf packed = {0};
    for (size_t i = 0; i < schema->n_relation; i++) {
        uint32_t version = schema->relation[i]->version;
        TRY(relation_room(s, version, e));
        if (s->relation[version] != NULL)
            continue; /* a version never changes, and somebody may hold it */
        buf_reset(&packed);
        TRY(pbmem_pack(&schema->relation[i]->base, &packed, e));
        TRY(relation_decode(buf_view(&packed), &s->relation[version], e));
    }
    return DONE;
}

status source_relation(struct source *s, uint32_t version, const struct relation **out, err *e)
{
    if (s->log != NULL)
        return logreader_relation(s->log, version, out, e);
    if (version >= s->relation_room || s->relation[version] == NULL)
        return err_set(e, ERR_STORAGE,
                       "an action names version %u of a relation, which is not there; run "
                       "pgstrand verify",
                       version);
    *out = s->relation[version];
    return DONE;
}

/* ---- sealed snapshots ---- */

static status open_link(struct source *s, const struct chain_link *link, err *e)
{
    OWNED(snapreader) struct snapreader *reader = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    TRY(snapreader_open_known(link->dir, link->name, link->hash, &reader, e));
    TRY(snapreader_schema(reader, &schema, e));
    TRY(keep_relations(s, schema, e));
    for (enum tier tier = TIER_BUSINESS; tier < TIERS; tier++) {
        if (reader == NULL) /* a stream has the one before */
            TRY(snapreader_open_known(link->dir, link->name, link->hash, &reader, e));
        if ((s->tiers & 1u << tier) == 0 || !snapreader_has(reader, tier, PGSTRAND__SECTION_KIND__ACTIONS))
            continue;
        struct snapreader *given = reader;
        reader = NULL;
        TRY(sealedstream_open(given, tier, wanted(s), &s->stream[tier], e));
    }
    return DONE;
}

static struct sealedstream *lowest(struct source *s)
{
    struct sealedstream *best = NULL;
    for (enum tier tier = TIER_BUSINESS; tier < TIERS; tier++) {
        struct sealedstream *stream = s->stream[tier];
        if (stream == NULL || sealedstream_head(stream) == NULL)
            continue;
        if (best == NULL || sealedstream_head(stream)->seq < sealedstream_head(best)->seq) {
            best = stream;
            s->given = tier;
        }
    }
    return best;
}

/* The next link that may have what is wanted. */
static status next_link(struct source *s, err *e)
{
    size_t at = s->next++;
    const struct chain_link *link = &s->chain->link[at];
    const Pgstrand__SnapshotHeader *h = link->commit->header;
    close_streams(s);
    if (h->type != PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL && at != s->shortcut)
        return DONE;
    while (s->only != NULL && wanted(s) < h->first_seq)
        s->at++; /* no link has it */
    return h->last_seq < wanted(s) ? DONE : open_link(s, link, e);
}

/* The next one that is there of those that are wanted; NULL: the open link has none. */
static status find_wanted(struct source *s, struct sealedstream **out, err *e)
{
    for (;;) {
        *out = lowest(s);
        if (*out == NULL || s->only == NULL)
            return DONE;
        while (wanted(s) < sealedstream_head(*out)->seq)
            s->at++;
        if (wanted(s) == sealedstream_head(*out)->seq)
            return DONE;
        for (enum tier tier = TIER_BUSINESS; tier < TIERS; tier++)
            if (s->stream[tier] != NULL)
                TRY(sealedstream_seek(s->stream[tier], wanted(s), e));
    }
}

/* Past the one that was handed out: of those that are wanted, to the next, so that frames between are not
 * read. */
static status leave(struct source *s, err *e)
{
    struct sealedstream *stream = s->stream[s->given];
    if (s->only == NULL)
        return sealedstream_advance(stream, e);
    return sealedstream_seek(stream, s->at + 1 < s->only->count ? s->only->seq[s->at + 1] : UINT64_MAX, e);
}

static status next_sealed(struct source *s, struct source_action *out, bool *end, err *e)
{
    struct sealedstream *stream = NULL;
    if (s->given != TIER_NONE)
        TRY(leave(s, e));
    TRY(find_wanted(s, &stream, e));
    while (stream == NULL && s->next < s->chain->count && wanted(s) < s->log_next) {
        TRY(next_link(s, e));
        TRY(find_wanted(s, &stream, e));
    }
    *end = stream == NULL || sealedstream_head(stream)->seq >= s->log_next;
    if (*end) {
        close_streams(s);
        return DONE;
    }
    const struct sealed_action *head = sealedstream_head(stream);
    *out = (struct source_action){.seq = head->seq, .commit = head->commit, .action = head->action};
    if (head->action.relation != 0)
        TRY(source_relation(s, head->action.relation, &out->relation, e));
    return DONE;
}

/* ---- the log's tail ---- */

static status open_log(struct source *s, err *e)
{
    struct log_state state;
    TRY(logreader_open(s->log_dir, &s->log, e));
    logreader_without_ids(s->log);
    if (s->only != NULL && s->only->count <= SPARSE_MAX)
        logreader_sparse(s->log);
    TRY(logreader_state(s->log, &state, e));
    if (state.position.last_seq < s->log_next) {
        s->log_dir = NULL; /* all of it is sealed */
        return DONE;
    }
    s->log_last = state.position.last_seq;
    while (s->only != NULL && wanted(s) < s->log_next)
        s->at++;
    s->log_seq = wanted(s) > s->log_next ? wanted(s) : s->log_next;
    if (s->log_seq <= state.position.last_seq)
        return logreader_seek(s->log, s->log_seq, e);
    s->log_dir = NULL;
    return DONE;
}

/* Goes to the next one that is wanted. */
static status seek_log(struct source *s, err *e)
{
    if (s->only == NULL || wanted(s) == s->log_seq)
        return DONE;
    if (wanted(s) > s->log_last) {
        s->log_dir = NULL;
        return DONE;
    }
    s->log_seq = wanted(s);
    return logreader_seek(s->log, s->log_seq, e);
}

static status next_logged(struct source *s, struct source_action *out, bool *end, err *e)
{
    struct log_entry entry;
    if (s->log == NULL)
        TRY(open_log(s, e));
    else
        TRY(seek_log(s, e));
    *end = s->log_dir == NULL;
    if (*end)
        return DONE;
    TRY(logreader_next(s->log, &entry, end, e));
    if (*end)
        return DONE;
    s->log_seq = entry.seq + 1;
    s->at += s->only != NULL;
    *out = (struct source_action){.seq = entry.seq,
                                  .id = entry.id,
                                  .commit = *entry.commit,
                                  .action = entry.action,
                                  .relation = entry.relation};
    return DONE;
}

status source_next(struct source *s, struct source_action *out, bool *end, err *e)
{
    *end = false;
    if (s->log == NULL) {
        TRY(next_sealed(s, out, end, e));
        if (!*end || s->log_dir == NULL)
            return DONE;
    }
    for (;;) {
        *end = false;
        TRY(next_logged(s, out, end, e));
        if (*end || out->relation == NULL || (s->tiers & 1u << out->relation->tier) != 0)
            return DONE;
    }
}
