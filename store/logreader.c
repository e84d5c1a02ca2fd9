#include <errno.h>

#include "store/actionlog.h"
#include "store/io.h"
#include "store/logbulk.h"
#include "store/logfind.h"
#include "store/logname.h"
#include "store/logsegment.h"

/*
 * Actions are copied out in batches, each in a read transaction of its own: none is held between calls, so a
 * slow caller pins no pages (a pinned reader makes each commit of the writer cost 44 times the space), and
 * what it holds stays valid whatever the writer does to the map.
 */
#define BATCH_ACTIONS 4096
#define BATCH_BYTES ((size_t)1 << 20)
#define KEEP_BYTES ((size_t)16 << 20) /* of the buffer, after a batch with a huge row */

struct piece {
    size_t at; /* in batch.data */
    size_t len;
};

struct batch {
    struct buf data;
    struct bytes
        huge; /* the one action of the batch, when it is not copied; borrowed from the large transaction */
    struct {
        uuid id;
        struct piece raw;
        size_t commit; /* index below */
    } action[BATCH_ACTIONS];
    struct piece commit[BATCH_ACTIONS];
    size_t actions;
    size_t commits;
    size_t next; /* action to hand out */
};

struct logreader {
    char *dir;
    struct logsegment_list list;
    struct logsegment newest;    /* for the state */
    struct logsegment segment;   /* being read */
    struct logsegment looked_at; /* by logreader_commit_at */
    uint64_t limit;              /* last visible seq in it, as of the last batch */
    uint64_t next_seq;           /* after the batch */
    struct batch *batch;
    struct {
        struct bulkreader *file;
        struct logbulk entry;
        uint64_t first; /* seqs; 0: none */
        uint64_t last;
        uint64_t at; /* of the file's next action */
    } bulk;          /* the large transaction that next_seq is in */
    struct hasher *hasher;
    uint64_t checked_segment; /* whose pages were looked at, by its first seq; 0: none */
    uint64_t checked_from;    /* from this seq on */
    bool without_ids;
    bool sparse;
    struct commit commit; /* decoded: of the last action handed out, */
    size_t commit_index;  /* by its index; SIZE_MAX: none */
    struct relcache *relations;
    struct buf found; /* what logreader_commit_at points at */
};

status logreader_open(const char *dir, struct logreader **out, err *e)
{
    OWNED(logreader) struct logreader *r = calloc(1, sizeof *r);
    struct log_state state;
    if (r == NULL || (r->dir = strdup(dir)) == NULL || (r->batch = calloc(1, sizeof *r->batch)) == NULL)
        return err_no_memory(e);
    TRY(relcache_new(&r->relations, e));
    TRY(hasher_new(&r->hasher, e));
    TRY(logreader_state(r, &state, e));
    r->next_seq = state.first_seq;
    r->commit_index = SIZE_MAX;
    *out = r;
    r = NULL;
    return DONE;
}

void logreader_without_ids(struct logreader *r)
{
    r->without_ids = true;
}

void logreader_sparse(struct logreader *r)
{
    r->sparse = true;
}

static void leave_bulk(struct logreader *r)
{
    bulkreader_close(r->bulk.file);
    logbulk_fini(&r->bulk.entry);
    memset(&r->bulk, 0, sizeof r->bulk);
}

void logreader_close(struct logreader *r)
{
    if (r == NULL)
        return;
    logsegment_close(&r->newest);
    logsegment_close(&r->segment);
    logsegment_close(&r->looked_at);
    logsegment_list_fini(&r->list);
    relcache_free(r->relations);
    leave_bulk(r);
    hasher_free(r->hasher);
    if (r->batch != NULL)
        buf_fini(&r->batch->data);
    buf_fini(&r->found);
    free(r->batch);
    free(r->dir);
    free(r);
}

status logreader_state(struct logreader *r, struct log_state *out, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    struct logmeta meta;
    size_t at = 0;
    TRY(logsegment_find(r->dir, UINT64_MAX, &r->list, &at, &r->newest, e));
    TRY(lmdbenv_begin(r->newest.env, LMDBENV_READING, 0, &t, e));
    TRY(logrecord_read_meta(&t, &meta, e));
    *out = (struct log_state){.position = meta.position,
                              .first_seq = r->list.first[0],
                              .incarnation = meta.incarnation,
                              .since_seq = meta.since_seq,
                              .segments = (uint32_t)r->list.count};
    TRY(logbulk_bytes(r->dir, out->first_seq, &out->bytes, e));
    for (size_t i = 0; i < r->list.count; i++)
        out->bytes += logsegment_bytes(r->dir, r->list.first[i]);
    return DONE;
}

static bool is_in_segment(const struct logreader *r, uint64_t seq)
{
    return r->segment.env != NULL && seq >= r->segment.first_seq && seq <= r->limit;
}

status logreader_seek(struct logreader *r, uint64_t from, err *e)
{
    from += from == 0;             /* 1 is the first seq there ever is */
    if (!is_in_segment(r, from)) { /* else the folder need not be looked at */
        TRY(logsegment_list(r->dir, &r->list, e));
        if (r->list.count == 0)
            return err_set(e, ERR_STORAGE, "there is no log in %s", r->dir);
        if (from < r->list.first[0])
            return err_set(e, ERR_VALIDATION, "the log holds nothing before seq %llu; %llu is gone",
                           (unsigned long long)r->list.first[0], (unsigned long long)from);
        r->limit = 0;
    }
    r->next_seq = from;
    r->batch->actions = r->batch->next = 0;
    r->commit_index = SIZE_MAX;
    return DONE;
}

/* ---- batches ---- */

static struct piece copy(struct batch *b, struct bytes source)
{
    struct piece p = {b->data.len, source.len};
    buf_bytes(&b->data, source.data, source.len);
    return p;
}

static status missing(const struct logreader *r, const char *what, uint64_t seq, err *e)
{
    return logrecord_damaged(r->segment.env, e, "%s seq %llu is missing", what, (unsigned long long)seq);
}

/* The commit of next_seq is that under the cursor, or the next one; adds it. `holds` is its last seq. */
static status add_commit(struct logreader *r, struct lmdbcursor *commit, uint64_t *holds, err *e)
{
    struct batch *b = r->batch;
    struct commit_key key = logrecord_commit_key(r->next_seq, 0);
    bool found = false;
    TRY(b->commits == 0 ? lmdbenv_seek(commit, bytes_of(key.b, sizeof key.b), &found, e)
                        : lmdbenv_move(commit, LMDBENV_NEXT, &found, e));
    if (found)
        TRY(logrecord_commit_seq(commit, holds, e));
    if (!found || *holds < r->next_seq)
        return missing(r, "the commit of", r->next_seq, e);
    struct bytes value;
    TRY(logrecord_value(commit, r->segment.checked, "the commit of seq", *holds, &value, e));
    b->commit[b->commits++] = copy(b, value);
    return DONE;
}

static status action_value(const struct logreader *r, const struct lmdbcursor *action, uint64_t seq,
                           struct bytes *out, err *e)
{
    return logrecord_value(action, r->segment.checked, "the action with seq", seq, out, e);
}

/* Adds the action under the cursor, and its commit if it is a new one. `holds` is the last seq of that
 * commit. */
static status add(struct logreader *r, const struct lmdbcursor *action, struct bytes value,
                  struct lmdbcursor *commit, uint64_t *holds, err *e)
{
    struct batch *b = r->batch;
    if (r->next_seq > *holds)
        TRY(add_commit(r, commit, holds, e));
    TRY(uuid_from_bytes(action->key, "the key of an action in the log", &b->action[b->actions].id, e));
    b->action[b->actions].raw = copy(b, value);
    b->action[b->actions].commit = b->commits - 1;
    b->actions++;
    r->next_seq++;
    return DONE;
}

static bool room_left(const struct logreader *r)
{
    const struct batch *b = r->batch;
    return b->actions < (r->sparse ? 1 : BATCH_ACTIONS) && b->data.len < BATCH_BYTES;
}

/* Up to where a large transaction begins; `action` stands at next_seq, or else it is missing. */
static status copy_actions(struct logreader *r, struct lmdbtxn *t, struct lmdbcursor *action, bool found,
                           err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor commit = {0};
    struct batch *b = r->batch;
    uint64_t holds = 0;
    TRY(lmdbenv_cursor(t, LOG_COMMITS, &commit, e));
    while (r->next_seq <= r->limit && room_left(r)) {
        uint64_t seq = 0;
        struct bytes value;
        if (found)
            TRY(logrecord_action_seq(action, &seq, e));
        if (seq != r->next_seq)
            return missing(r, "the action with", r->next_seq, e);
        TRY(action_value(r, action, seq, &value, e));
        if (logbulk_is(value))
            break;
        TRY(add(r, action, value, &commit, &holds, e));
        if (room_left(r))
            TRY(lmdbenv_move(action, LMDBENV_NEXT, &found, e));
    }
    return buf_done(&b->data, e);
}

/* ---- large transactions in files of their own ---- */

static bool in_bulk(const struct logreader *r)
{
    return r->bulk.file != NULL && r->next_seq >= r->bulk.first && r->next_seq <= r->bulk.last;
}

/* A file goes after its segment, and a reader may have had the segment open still. */
static status open_failed(const struct logreader *r, uint64_t first, err *e)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    err ignored = ERR_INIT;
    if (e->code != ENOENT || !logsegment_list(r->dir, &list, &ignored).ok || list.count == 0 ||
        list.first[0] <= first)
        return FAILED;
    return err_set(e, ERR_VALIDATION, "the log holds nothing before seq %llu; %llu is gone",
                   (unsigned long long)list.first[0], (unsigned long long)r->next_seq);
}

static status open_bulk(struct logreader *r, struct bytes entry, uint64_t first, err *e)
{
    OWNED(text) char *path = logname_path(r->dir, LOGNAME_BULK, first);
    if (path == NULL)
        return err_no_memory(e);
    TRY(logbulk_decode(entry, &r->bulk.entry, e));
    r->bulk.first = first;
    r->bulk.last = first + r->bulk.entry.extent.actions - 1;
    r->bulk.at = UINT64_MAX; /* nowhere */
    return bulkreader_open(path, &r->bulk.entry.extent, &r->bulk.file, e).ok ? DONE
                                                                             : open_failed(r, first, e);
}

/* Is next_seq in a large transaction? The cursor stands at the first entry that does not lie before it. */
static status find_bulk(struct logreader *r, struct lmdbcursor *action, bool *found, err *e)
{
    uint64_t seq = 0;
    if (*found)
        TRY(logrecord_action_seq(action, &seq, e));
    if (seq != r->next_seq) {
        TRY(lmdbenv_move(action, *found ? LMDBENV_PREVIOUS : LMDBENV_LAST, found, e));
        if (*found)
            TRY(logrecord_action_seq(action, &seq, e));
    }
    if (!*found)
        return DONE;
    struct bytes value;
    TRY(action_value(r, action, seq, &value, e));
    return logbulk_is(value) ? open_bulk(r, value, seq, e) : DONE;
}

/* A failure of the file, with what to do. */
static status bulk_failed(const struct logreader *r, err *e)
{
    const size_t len = strlen(e->message);
    (void)snprintf(e->message + len, sizeof e->message - len, " (seq %llu and later)",
                   (unsigned long long)r->next_seq);
    return logrecord_advise(e);
}

/* Copies one action into the batch, or borrows a huge one. *full: that one gets a batch of its own. */
static status next_of_bulk(struct logreader *r, const struct bulk_versions *versions, bool *full, err *e)
{
    struct batch *b = r->batch;
    bool mapped = false;
    TRY(bulkreader_is_mapped(r->bulk.file, &mapped, e));
    *full = mapped && b->actions > 0;
    if (*full)
        return DONE;
    if (mapped)
        TRY(bulkreader_borrow(r->bulk.file, versions, &b->huge, e));
    return b->huge.len > 0 ? DONE : bulkreader_next(r->bulk.file, versions, &b->data, e);
}

/* All of one batch is of one commit. */
static status copy_bulk(struct logreader *r, struct lmdbtxn *t, const struct logmeta *meta, err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor commit = {0};
    struct batch *b = r->batch;
    const struct bulk_versions versions = {r->bulk.entry.version, r->bulk.entry.count};
    uint64_t holds = 0;
    TRY(lmdbenv_cursor(t, LOG_COMMITS, &commit, e));
    TRY(add_commit(r, &commit, &holds, e));
    struct reader key = reader_over(commit.key);
    (void)reader_u64(&key);
    const lsn at = reader_u64(&key);
    if (r->bulk.at != r->next_seq && !bulkreader_seek(r->bulk.file, r->next_seq - r->bulk.first, e).ok)
        return bulk_failed(r, e);
    r->bulk.at = UINT64_MAX; /* until the batch is whole */
    while (r->next_seq <= r->bulk.last && room_left(r) && b->huge.len == 0) {
        const size_t start = b->data.len;
        bool full = false;
        if (!next_of_bulk(r, &versions, &full, e).ok)
            return bulk_failed(r, e);
        if (full)
            break;
        b->action[b->actions].id = uuid_v8_floor(r->next_seq);
        if (!r->without_ids)
            TRY(uuid_v8_action(r->hasher, &meta->node, &meta->incarnation, at, r->next_seq - r->bulk.first,
                               r->next_seq, &b->action[b->actions].id, e));
        b->action[b->actions].raw = (struct piece){start, b->data.len - start};
        b->action[b->actions].commit = 0;
        b->actions++;
        r->next_seq++;
    }
    r->bulk.at = r->next_seq;
    return DONE;
}

/* ---- filling a batch ---- */

static status copy_batch(struct logreader *r, struct lmdbtxn *t, const struct logmeta *meta, err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor action = {0};
    uuid floor = uuid_v8_floor(r->next_seq);
    bool found = false;
    if (!in_bulk(r)) {
        leave_bulk(r);
        TRY(lmdbenv_cursor(t, LOG_ACTIONS, &action, e));
        TRY(lmdbenv_seek(&action, bytes_of(floor.b, sizeof floor.b), &found, e));
        TRY(find_bulk(r, &action, &found, e));
    }
    return in_bulk(r) ? copy_bulk(r, t, meta, e) : copy_actions(r, t, &action, found, e);
}

static status check_part(struct logreader *r, enum lmdbenv_part part, err *e)
{
    const uuid action = uuid_v8_floor(r->next_seq);
    const struct commit_key commit = logrecord_commit_key(r->next_seq, 0);
    TRY(logsegment_check_part(&r->segment, LOG_ACTIONS, part, bytes_of(action.b, sizeof action.b), e));
    return logsegment_check_part(&r->segment, LOG_COMMITS, part, bytes_of(commit.b, sizeof commit.b), e);
}

/* From where one reads on; the walk over all of a large segment takes longer than reading its end. */
static status check_segment(struct logreader *r, err *e)
{
    if (r->sparse)
        return check_part(r, LMDBENV_NEAR, e);
    if (r->segment.first_seq == r->checked_segment && r->next_seq >= r->checked_from)
        return DONE;
    if (r->next_seq <= r->segment.first_seq) {
        TRY(logsegment_check(&r->segment, LOG_ACTIONS, e));
        TRY(logsegment_check(&r->segment, LOG_COMMITS, e));
    } else {
        TRY(check_part(r, LMDBENV_FROM, e));
    }
    r->checked_segment = r->segment.first_seq;
    r->checked_from = r->next_seq;
    return DONE;
}

static status fill_from_segment(struct logreader *r, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    struct logmeta meta;
    TRY(check_segment(r, e));
    TRY(lmdbenv_begin(r->segment.env, LMDBENV_READING, 0, &t, e));
    TRY(logrecord_read_meta(&t, &meta, e));
    r->limit = meta.position.last_seq;
    return r->next_seq <= r->limit ? copy_batch(r, &t, &meta, e) : DONE;
}

/* A new batch; empty when everything visible was handed out. */
static status fill(struct logreader *r, err *e)
{
    struct batch *b = r->batch;
    buf_shed(&b->data, KEEP_BYTES);
    b->huge = (struct bytes){0};
    b->actions = b->commits = b->next = 0;
    r->commit_index = SIZE_MAX;
    size_t at = 0;
    const bool known = is_in_segment(r, r->next_seq);
    if (!known)
        TRY(logsegment_find(r->dir, r->next_seq, &r->list, &at, &r->segment, e));
    uint64_t from = r->next_seq;
    if (!fill_from_segment(r, e).ok) {
        r->next_seq = from;
        b->actions = 0;
        return FAILED;
    }
    if (b->actions == 0 && !known && at + 1 < r->list.count)
        return missing(r, "the segment with", from, e);
    return DONE;
}

/* ---- handing out ---- */

static status relation_of(struct logreader *r, uint32_t version, const struct relation **out, err *e)
{
    struct relcache_entry *entry = relcache_find(r->relations, version);
    struct relation *loaded = NULL;
    if (entry == NULL && r->segment.env != NULL)
        TRY(logsegment_read_relation(&r->segment, version, &loaded, e));
    if (entry == NULL && loaded == NULL)
        TRY(logsegment_search_relation(r->dir, version, &loaded, e));
    if (entry == NULL && loaded == NULL && r->segment.env != NULL)
        return logrecord_damaged(r->segment.env, e, "version %u of a relation is missing", version);
    if (entry == NULL && loaded == NULL)
        return err_set(e, ERR_STORAGE, "the log in %s has no version %u of a relation", r->dir, version);
    if (entry == NULL)
        TRY(relcache_add(r->relations, loaded, &entry, e));
    *out = entry->relation;
    return DONE;
}

status logreader_relation(struct logreader *r, uint32_t version, const struct relation **out, err *e)
{
    return relation_of(r, version, out, e);
}

static struct bytes view(const struct batch *b, struct piece p)
{
    return bytes_of(b->data.data + p.at, p.len);
}

status logreader_next(struct logreader *r, struct log_entry *out, bool *end, err *e)
{
    struct batch *b = r->batch;
    if (b->next == b->actions)
        TRY(fill(r, e));
    *end = b->actions == 0;
    if (*end)
        return DONE;
    struct log_entry entry = {.id = b->action[b->next].id,
                              .raw = b->huge.len > 0 ? b->huge : view(b, b->action[b->next].raw)};
    entry.seq = uuid_v8_seq(&entry.id);
    TRY(action_decode(entry.raw, &entry.action, e));
    if (r->commit_index != b->action[b->next].commit) {
        TRY(commit_decode(view(b, b->commit[b->action[b->next].commit]), &r->commit, e));
        r->commit_index = b->action[b->next].commit;
    }
    entry.commit = &r->commit;
    if (entry.action.relation != 0)
        TRY(relation_of(r, entry.action.relation, &entry.relation, e));
    *out = entry;
    b->next++;
    return DONE;
}

/* ---- searching ---- */

status logreader_seq_before_lsn(struct logreader *r, lsn before, uint64_t *seq, err *e)
{
    return logfind_before(r->dir, &(struct logfind_limit){before, INT64_MAX}, seq, e);
}

status logreader_seq_before_time(struct logreader *r, pgtime before_time, uint64_t *seq, err *e)
{
    return logfind_before(r->dir, &(struct logfind_limit){UINT64_MAX, before_time}, seq, e);
}

status logreader_commit_at(struct logreader *r, uint64_t seq, struct commit *out, bool *found, err *e)
{
    return logfind_commit_at(&(struct logfind_place){r->dir, &r->list, &r->newest, &r->looked_at}, seq,
                             &r->found, out, found, e);
}
