#include "store/logbatch.h"

#include <errno.h>

#include "store/io.h"
#include "store/logname.h"

#define BATCH_BYTES ((size_t)1 << 20)
#define KEEP_BYTES ((size_t)16 << 20) /* of the buffer, after a batch with a huge row */

void logbatch_leave_bulk(struct logreader *r)
{
    bulkreader_close(r->bulk.file);
    logbulk_fini(&r->bulk.entry);
    memset(&r->bulk, 0, sizeof r->bulk);
}

static struct logbatch_piece copy(struct logbatch *b, struct bytes source)
{
    struct logbatch_piece p = {b->data.len, source.len};
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
    struct logbatch *b = r->batch;
    struct commit_key key = logrecord_commit_key(r->next_seq, 0);
    bool found = false;
    TRY(b->commits == 0 ? lmdbcursor_seek(commit, bytes_of(key.b, sizeof key.b), &found, e)
                        : lmdbcursor_move(commit, LMDBCURSOR_NEXT, &found, e));
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
    struct logbatch *b = r->batch;
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
    const struct logbatch *b = r->batch;
    return b->actions < (r->sparse ? 1 : LOGBATCH_ACTIONS) && b->data.len < BATCH_BYTES;
}

/* Up to where a large transaction begins; `action` stands at next_seq, or else it is missing. */
static status copy_actions(struct logreader *r, struct lmdbtxn *t, struct lmdbcursor *action, bool found,
                           err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor commit = {0};
    struct logbatch *b = r->batch;
    uint64_t holds = 0;
    TRY(lmdbcursor_open(t, LOG_COMMITS, &commit, e));
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
            TRY(lmdbcursor_move(action, LMDBCURSOR_NEXT, &found, e));
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
        TRY(lmdbcursor_move(action, *found ? LMDBCURSOR_PREVIOUS : LMDBCURSOR_LAST, found, e));
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
    struct logbatch *b = r->batch;
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
    struct logbatch *b = r->batch;
    const struct bulk_versions versions = {r->bulk.entry.version, r->bulk.entry.count};
    uint64_t holds = 0;
    TRY(lmdbcursor_open(t, LOG_COMMITS, &commit, e));
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
        b->action[b->actions].raw = (struct logbatch_piece){start, b->data.len - start};
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
        logbatch_leave_bulk(r);
        TRY(lmdbcursor_open(t, LOG_ACTIONS, &action, e));
        TRY(lmdbcursor_seek(&action, bytes_of(floor.b, sizeof floor.b), &found, e));
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
status logbatch_fill(struct logreader *r, err *e)
{
    struct logbatch *b = r->batch;
    buf_shed(&b->data, KEEP_BYTES);
    b->huge = (struct bytes){0};
    b->actions = b->commits = b->next = 0;
    r->commit_index = SIZE_MAX;
    size_t at = 0;
    const bool known = logbatch_has(r, r->next_seq);
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
