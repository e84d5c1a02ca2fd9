#include "store/logfind.h"

/* Copies the commit with this last seq; *found false when the segment has none. */
static status copy_commit(struct logsegment *s, uint64_t seq, struct buf *keep, bool *found, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    OWNED(lmdbcursor) struct lmdbcursor c = {0};
    struct commit_key key = logrecord_commit_key(seq, 0);
    TRY(logsegment_check_part(s, LOG_COMMITS, LMDBENV_NEAR, bytes_of(key.b, sizeof key.b), e));
    TRY(lmdbenv_begin(s->env, LMDBENV_READING, 0, &t, e));
    TRY(lmdbcursor_open(&t, LOG_COMMITS, &c, e));
    TRY(lmdbcursor_seek(&c, bytes_of(key.b, sizeof key.b), found, e));
    buf_reset(keep);
    if (*found) {
        struct bytes value;
        TRY(logrecord_value(&c, s->checked, "the commit of seq", seq, &value, e));
        buf_bytes(keep, value.data, value.len);
    }
    return buf_done(keep, e);
}

static status read_meta(struct logsegment *s, struct logmeta *out, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    TRY(lmdbenv_begin(s->env, LMDBENV_READING, 0, &t, e));
    return logrecord_read_meta(&t, out, e);
}

status logfind_commit_at(const struct logfind_place *place, uint64_t seq, struct buf *keep,
                         struct commit *out, bool *found, err *e)
{
    struct logsegment *s = place->segment;
    struct logmeta meta;
    size_t at = 0;
    *found = false;
    TRY(logsegment_find(place->dir, UINT64_MAX, place->list, &at, place->newest, e));
    TRY(read_meta(place->newest, &meta, e));
    if (seq > meta.position.last_seq)
        seq = meta.position.last_seq; /* the last seq of the last visible commit, whichever segment has it */
    if (seq < place->list->first[0])
        return DONE;
    TRY(logsegment_find(place->dir, seq, place->list, &at, s, e));
    TRY(copy_commit(s, seq, keep, found, e));
    if (*found)
        TRY(commit_decode(buf_view(keep), out, e));
    if (!*found || seq < out->first_seq || seq > out->last_seq)
        return logrecord_damaged(s->env, e, "seq %llu belongs to no commit", (unsigned long long)seq);
    return DONE;
}

/* Looks through one segment; *stopped: *seq is the answer, else it is the last seq of the segment. LSNs of
 * commits before `since` are another incarnation's. */
static status scan(struct logsegment *s, const struct logfind_limit *limit, uint64_t since, uint64_t *seq,
                   bool *stopped, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    OWNED(lmdbcursor) struct lmdbcursor c = {0};
    struct logmeta meta;
    bool found = false;
    uint64_t next = s->first_seq;
    TRY(logsegment_check(s, LOG_COMMITS, e));
    TRY(lmdbenv_begin(s->env, LMDBENV_READING, 0, &t, e));
    TRY(logrecord_read_meta(&t, &meta, e));
    TRY(lmdbcursor_open(&t, LOG_COMMITS, &c, e));
    *seq = meta.position.last_seq;
    *stopped = false;
    if ((meta.position.commit_lsn < limit->lsn || meta.position.last_seq < since) &&
        meta.latest_time < limit->time)
        return DONE; /* all of it is before */
    TRY(lmdbcursor_move(&c, LMDBCURSOR_FIRST, &found, e));
    while (found) {
        struct commit commit;
        struct bytes value;
        uint64_t last_seq = 0;
        TRY(logrecord_commit_seq(&c, &last_seq, e));
        TRY(logrecord_value(&c, s->checked, "the commit of seq", last_seq, &value, e));
        TRY(commit_decode(value, &commit, e));
        if (commit.last_seq > meta.position.last_seq)
            break; /* not visible */
        if (commit.first_seq > next)
            return logrecord_damaged(s->env, e, "the commit of seq %llu is missing",
                                     (unsigned long long)next);
        next = commit.last_seq + 1;
        *stopped = (commit.lsn >= limit->lsn && commit.last_seq >= since) || commit.time >= limit->time;
        if (*stopped) {
            *seq = commit.first_seq - 1;
            break;
        }
        TRY(lmdbcursor_move(&c, LMDBCURSOR_NEXT, &found, e));
    }
    if (!*stopped && next <= meta.position.last_seq)
        return logrecord_damaged(s->env, e, "the commit of seq %llu is missing", (unsigned long long)next);
    return DONE;
}

status logfind_before(const char *dir, const struct logfind_limit *limit, uint64_t *seq, err *e)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    OWNED(logsegment) struct logsegment s = {0};
    struct logmeta newest;
    bool stopped = false;
    size_t at = 0;
    TRY(logsegment_find(dir, UINT64_MAX, &list, &at, &s, e));
    TRY(read_meta(&s, &newest, e));
    uint64_t next = list.first[0];
    for (bool last = false; !stopped && !last;) {
        TRY(logsegment_find(dir, next, &list, &at, &s, e));
        last = at + 1 == list.count;
        TRY(scan(&s, limit, newest.since_seq, seq, &stopped, e));
        next = *seq + 1;
    }
    return DONE;
}
