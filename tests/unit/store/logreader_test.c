#include "tests/lib/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/logname.h"
#include "store/logrecord.h"
#include "store/logsegment.h"
#include "tests/unit/store/logfixture.h"

#define SIZE 90

/* ---- concurrency ---- */

struct shared {
    const char *dir;
    atomic_bool finished;
};

/* Follows the log to its end, as a sealing thread does: in the writer's process, on the same environments. */
static void *follow(void *context)
{
    struct shared *s = context;
    struct logreader *r = fixture_reader(s->dir);
    struct log_entry entry;
    bool end = false;
    uint64_t seq = 0;
    uint64_t whole = 0; /* the last seq of the commit being read */
    err e = ERR_INIT;
    for (;;) {
        bool last_round = atomic_load(&s->finished);
        while (logreader_next(r, &entry, &end, &e).ok && !end) {
            if (entry.seq != ++seq || entry.commit->last_seq < seq)
                break;
            whole = entry.commit->last_seq;
        }
        if (!end || whole != seq || last_round)
            break;
    }
    logreader_close(r);
    if (!end)
        (void)fprintf(stderr, "reader stopped at %llu: %s\n", (unsigned long long)seq, e.message);
    return (void *)(uintptr_t)(end && whole == seq ? seq : 0);
}

static void threads_follow_the_writer_over_segments(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 512 << 10);
    struct shared shared = {.dir = s.dir};
    pthread_t threads[2];
    err e = ERR_INIT;
    uint64_t seqs = 0;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, follow, &shared), 0);
    for (lsn at = 200; at < 3200; at++) {
        unsigned actions = 1 + (unsigned)at % 50;
        assert_done(
            fixture_transaction(w, fixture_relation(w, 10 + (uint32_t)at % 3, 0), at, actions, SIZE, &e), &e);
        seqs += actions;
        if (at % 20 == 0)
            assert_done(logwriter_flush(w, &e), &e);
    }
    assert_done(logwriter_flush(w, &e), &e);
    atomic_store(&shared.finished, true);
    for (size_t i = 0; i < 2; i++) {
        void *seen = NULL;
        assert_int_equal(pthread_join(threads[i], &seen), 0);
        assert_int_equal((uintptr_t)seen, seqs);
    }
}

static void another_process_follows_the_writer(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    logwriter_close(fixture_writer(s.dir, 256 << 10));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct logreader *r = fixture_reader(s.dir);
        struct log_state now = {0};
        uint64_t seq = 0;
        bool ok = true;
        while (ok && seq < 30000) {
            struct log_entry entry;
            bool end = false;
            ok = logreader_state(r, &now, &e).ok;
            while (ok && (ok = logreader_next(r, &entry, &end, &e).ok) && !end)
                ok = entry.seq == ++seq;
        }
        ok = ok && logreader_state(r, &now, &e).ok; /* a slow reader never came to the end before */
        if (!ok)
            (void)fprintf(stderr, "reader stopped at %llu: %s\n", (unsigned long long)seq, e.message);
        _exit(ok && now.segments > 1 ? 0 : 1);
    }
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 256 << 10);
    uint32_t v = fixture_relation(w, 10, 0);
    for (lsn at = 200; at < 500; at++) {
        assert_done(fixture_transaction(w, v, at, 100, SIZE, &e), &e);
        assert_done(logwriter_flush(w, &e), &e);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
}

static void what_is_being_read_may_be_trimmed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 2 << 20);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    struct log_entry entry;
    struct log_state now;
    bool end = false;
    err e = ERR_INIT;
    uint32_t v = fixture_relation(w, 10, 0);
    for (lsn at = 200; at < 260; at++)
        assert_done(fixture_transaction(w, v, at, 1000, SIZE, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logreader_next(r, &entry, &end, &e), &e);
    assert_done(logwriter_trim(w, UINT64_MAX, &e), &e);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_int_equal(now.segments, 1);
    /* its segment to the end; then there is a hole, and that is said */
    status next;
    while ((next = logreader_next(r, &entry, &end, &e)).ok)
        assert_false(end);
    assert_fails(next, &e, ERR_VALIDATION);
    assert_true(entry.seq > 1000 && entry.seq < now.first_seq);
}

/* ---- pieces ---- */

static void a_huge_row_is_one_action_like_others(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    OWNED(buf) struct buf huge = {0};
    struct log_entry entry;
    bool end = false;
    err e = ERR_INIT;
    const size_t len = (size_t)40 << 20;
    memset(buf_room(&huge, len), 'x', len);
    huge.len = len;
    struct action a = {.kind = ACTION_CREATE, .relation = fixture_relation(w, 10, 0), .new = buf_view(&huge)};
    struct commit c = {.lsn = 200, .end_lsn = 205};

    assert_done(fixture_put(w, a.relation, 200, 0, SIZE, &e), &e);
    assert_done(logwriter_put(w, &a, 200, &e), &e);
    assert_done(fixture_put(w, a.relation, 200, 2, SIZE, &e), &e);
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    for (unsigned n = 0; n < 3; n++) {
        assert_done(logreader_next(r, &entry, &end, &e), &e);
        assert_false(end);
        assert_int_equal(entry.action.new.len, n == 1 ? len : SIZE);
    }
    assert_done(logreader_next(r, &entry, &end, &e), &e);
    assert_true(end);
}

static void actions_without_a_relation_have_none(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    OWNED(buf) struct buf versions = {0};
    struct log_entry entry;
    bool end = false;
    err e = ERR_INIT;
    buf_varint(&versions, fixture_relation(w, 10, 0));
    buf_varint(&versions, fixture_relation(w, 11, 0));
    struct action truncate = {.kind = ACTION_TRUNCATE, .truncated = buf_view(&versions), .flags = 1};
    struct action message = {.kind = ACTION_MESSAGE, .prefix = bytes_text("p"), .content = bytes_text("c")};
    struct commit c = {.lsn = 200, .end_lsn = 205, .user = bytes_text("ann"), .session = bytes_text("7")};

    assert_done(logwriter_put(w, &truncate, 200, &e), &e);
    assert_done(logwriter_put(w, &message, 200, &e), &e);
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logreader_next(r, &entry, &end, &e), &e);
    assert_int_equal(entry.action.kind, ACTION_TRUNCATE);
    assert_null(entry.relation);
    assert_true(bytes_equal(entry.action.truncated, buf_view(&versions)));
    assert_done(logreader_next(r, &entry, &end, &e), &e);
    assert_int_equal(entry.action.kind, ACTION_MESSAGE);
    assert_null(entry.relation);
    assert_true(bytes_equal(entry.commit->user, bytes_text("ann")));
    const struct relation *relation = NULL;
    assert_done(logreader_relation(r, 2, &relation, &e), &e);
    assert_int_equal(relation->oid, 11);
    assert_fails(logreader_relation(r, 3, &relation, &e), &e, ERR_STORAGE);
}

/* ---- searches ---- */

/* Three transactions of 10, 1 and 20 actions at 200, 300 and 400; over segments when `segment_bytes` is
 * small. */
static struct logwriter *three(const char *dir, uint64_t segment_bytes)
{
    struct logwriter *w = fixture_writer(dir, segment_bytes);
    err e = ERR_INIT;
    uint32_t v = fixture_relation(w, 10, 0);
    assert_done(fixture_transaction(w, v, 200, 10, 4000, &e), &e);
    assert_done(fixture_transaction(w, v, 300, 1, 4000, &e), &e);
    assert_done(fixture_transaction(w, v, 400, 20, 4000, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(fixture_put(w, v, 500, 0, 4000, &e), &e); /* not visible */
    assert_done(logwriter_flush(w, &e), &e);
    return w;
}

static uint64_t commit_at(struct logreader *r, uint64_t seq)
{
    struct commit c = {0};
    bool found = false;
    err e = ERR_INIT;
    assert_done(logreader_commit_at(r, seq, &c, &found, &e), &e);
    return found ? c.lsn : 0;
}

static uint64_t before_lsn(struct logreader *r, lsn at)
{
    uint64_t seq = 0;
    err e = ERR_INIT;
    assert_done(logreader_seq_before_lsn(r, at, &seq, &e), &e);
    return seq;
}

static uint64_t before_time(struct logreader *r, pgtime at)
{
    uint64_t seq = 0;
    err e = ERR_INIT;
    assert_done(logreader_seq_before_time(r, at, &seq, &e), &e);
    return seq;
}

static void searches(uint64_t segment_bytes)
{
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = three(s.dir, segment_bytes);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    assert_non_null(w);
    assert_int_equal(commit_at(r, 0), 0);
    assert_int_equal(commit_at(r, 1), 200);
    assert_int_equal(commit_at(r, 10), 200);
    assert_int_equal(commit_at(r, 11), 300);
    assert_int_equal(commit_at(r, 12), 400);
    assert_int_equal(commit_at(r, 31), 400);
    assert_int_equal(commit_at(r, 32), 400);
    assert_int_equal(commit_at(r, UINT64_MAX), 400);
    const uint64_t cases[][2] = {{1, 0},    {200, 0},  {201, 10}, {300, 10},
                                 {301, 11}, {400, 11}, {401, 31}, {INT64_MAX, 31}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(before_lsn(r, cases[i][0]), cases[i][1]);
        assert_int_equal(before_time(r, (pgtime)cases[i][0]), cases[i][1]);
    }
}

static void lose_commit(const char *dir, uint64_t last_seq, lsn at)
{
    OWNED(logsegment) struct logsegment segment = {0};
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    const struct commit_key key = logrecord_commit_key(last_seq, at);
    err e = ERR_INIT;
    assert_done(logsegment_open(dir, 1, LMDBENV_EXISTING, &segment, &e), &e);
    assert_done(lmdbenv_begin(segment.env, LMDBENV_WRITING, 0, &t, &e), &e);
    assert_done(lmdbenv_delete(&t, LOG_COMMITS, bytes_of(key.b, sizeof key.b), &e), &e);
    assert_done(lmdbenv_commit(&t, &e), &e);
}

/* Else what comes before a moment would end behind it. */
static void a_search_tells_that_a_commit_is_missing(void **state)
{
    (void)state;
    static const struct {
        uint64_t last_seq;
        lsn at;
        const char *told;
    } lost[] = {{31, 400, "the commit of seq 12 is missing"}, /* the segment's last one */
                {11, 300, "the commit of seq 11 is missing"}};
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        OWNED(scratch) struct scratch s = scratch_make();
        uint64_t seq = 0;
        err e = ERR_INIT;
        logwriter_close(three(s.dir, 0));
        lose_commit(s.dir, lost[i].last_seq, lost[i].at);
        OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
        assert_fails(logreader_seq_before_lsn(r, 400, &seq, &e), &e, ERR_STORAGE);
        assert_mentions(&e, lost[i].told);
        assert_fails(logreader_seq_before_time(r, 400, &seq, &e), &e, ERR_STORAGE);
        assert_mentions(&e, lost[i].told);
        assert_int_equal(before_lsn(r, 200), 0); /* what lies before it */
    }
}

static void finds_commits(void **state)
{
    (void)state;
    searches(0);
    searches(40 << 10); /* one segment a transaction or two */
}

static void an_empty_log_has_nothing_to_find(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    assert_non_null(w);
    assert_int_equal(commit_at(r, 5), 0);
    assert_int_equal(before_lsn(r, 5), 0);
    assert_int_equal(before_time(r, 5), 0);
}

/* Clocks are set back: the first commit that is too late is where it stops. */
static void a_clock_set_back_does_not_skip(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    const pgtime times[] = {100, 200, 50, 300};
    err e = ERR_INIT;
    uint32_t v = fixture_relation(w, 10, 0);
    for (size_t i = 0; i < 4; i++) {
        struct commit c = {.lsn = 200 + i, .time = times[i]};
        assert_done(fixture_put(w, v, 200 + i, 0, SIZE, &e), &e);
        assert_done(logwriter_commit(w, &c, &e), &e);
    }
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(before_time(r, 150), 1);
    assert_int_equal(before_time(r, 250), 3);
    assert_int_equal(before_time(r, 60), 0);
}

/* ---- other versions ---- */

static void a_newer_format_is_refused(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct log_options o = fixture_options();
    struct logwriter *w = NULL;
    struct logreader *r = NULL;
    err e = ERR_INIT;
    logwriter_close(fixture_writer(s.dir, 0));
    {
        OWNED(logsegment) struct logsegment segment = {0};
        OWNED(lmdbtxn) struct lmdbtxn t = {0};
        const uint8_t newer[4] = {0, 0, 0, LOG_FORMAT + 1};
        assert_done(logsegment_open(s.dir, 1, LMDBENV_EXISTING, &segment, &e), &e);
        assert_done(lmdbenv_begin(segment.env, LMDBENV_WRITING, 0, &t, &e), &e);
        assert_done(lmdbenv_put(&t, LOG_META, bytes_text("format"), bytes_of(newer, 4), &e), &e);
        assert_done(lmdbenv_commit(&t, &e), &e);
    }
    assert_fails(logwriter_open(s.dir, &o, &w, &e), &e, ERR_REFUSED);
    assert_fails(logreader_open(s.dir, &r, &e), &e, ERR_REFUSED);
}

static void a_missing_segment_is_told(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 256 << 10);
    OWNED(logsegment_list) struct logsegment_list list = {0};
    err e = ERR_INIT;
    uint32_t v = fixture_relation(w, 10, 0);
    for (lsn at = 200; at < 220; at++)
        assert_done(fixture_transaction(w, v, at, 1000, SIZE, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logsegment_list(s.dir, &list, &e), &e);
    assert_true(list.count > 3);
    OWNED(text) char *path = logname_path(s.dir, LOGNAME_SEGMENT, list.first[1]);
    assert_done(io_unlink(path, &e), &e);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    struct log_entry entry;
    bool end = false;
    status next;
    while ((next = logreader_next(r, &entry, &end, &e)).ok)
        assert_false(end);
    assert_fails(next, &e, ERR_STORAGE);
    assert_int_equal(entry.seq, list.first[1] - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_follow_the_writer_over_segments),
        cmocka_unit_test(another_process_follows_the_writer),
        cmocka_unit_test(what_is_being_read_may_be_trimmed),
        cmocka_unit_test(a_huge_row_is_one_action_like_others),
        cmocka_unit_test(actions_without_a_relation_have_none),
        cmocka_unit_test(finds_commits),
        cmocka_unit_test(a_search_tells_that_a_commit_is_missing),
        cmocka_unit_test(an_empty_log_has_nothing_to_find),
        cmocka_unit_test(a_clock_set_back_does_not_skip),
        cmocka_unit_test(a_newer_format_is_refused),
        cmocka_unit_test(a_missing_segment_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
