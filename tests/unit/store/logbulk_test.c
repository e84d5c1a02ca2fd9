/* Large transactions in files of their own, as a part of the log; the file by itself: bulkfile_test.c. */
#include <sys/wait.h>
#include <unistd.h>

#include "store/logname.h"
#include "store/logsegment.h"
#include "tests/unit/store/bulkfixture.h"

/* A transaction as the assembler would bring it. */
static status adopted(struct scratch *s, struct logwriter *w, uint32_t version, lsn at, unsigned actions,
                      err *e)
{
    OWNED(bulkfile) struct bulkfile *b = bulkfixture_file(s, "1.spool");
    bool taken = false;
    bulkfixture_range(b, at, 0, actions, SIZE);
    const uint32_t versions[] = {version, 0};
    TRY(logwriter_adopt(w, b, versions, 2, at, &taken, e));
    assert_true(taken);
    struct commit c = {.lsn = at, .end_lsn = at + 5, .time = (pgtime)at, .xid = (uint32_t)at};
    return logwriter_commit(w, &c, e);
}

static const char *log_of(struct scratch *s)
{
    return scratch_path(s, "log");
}

static unsigned bulk_files(struct scratch *s)
{
    OWNED(io_names) struct io_names names = {0};
    unsigned count = 0;
    err e = ERR_INIT;
    assert_done(io_list(log_of(s), &names, &e), &e);
    for (size_t i = 0; i < names.count; i++)
        count += strncmp(names.name[i], "bulk-", 5) == 0 ? 1 : 0;
    return count;
}

static void readers_see_no_difference(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(log_of(&s), 0);
    OWNED(logreader) struct logreader *r = fixture_reader(log_of(&s));
    struct log_state now;
    err e = ERR_INIT;
    const uint32_t v = fixture_relation(w, 10, 0);
    assert_done(fixture_transaction(w, v, 200, 3, SIZE, &e), &e);
    assert_done(adopted(&s, w, v, 300, 10000, &e), &e);
    assert_done(adopted(&s, w, v, 400, 1, &e), &e);
    assert_int_equal(fixture_check(r, 1, SIZE), 0); /* not flushed: not visible */
    assert_done(fixture_transaction(w, v, 500, 3, SIZE, &e), &e);
    assert_done(adopted(&s, w, v, 600, 20, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    const uint64_t last = 3 + 10000 + 1 + 3 + 20;
    assert_int_equal(logwriter_position(w)->last_seq, last);
    static const uint64_t from[] = {1, 2, 4, 5, 5000, 10003, 10004, 10005, 10007, 10008, 10009, 10027, 10028};
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++)
        assert_int_equal(fixture_check(r, from[i], SIZE), last);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_true(now.bytes > 10000 * SIZE);
    logwriter_close(w);
    w = fixture_writer(log_of(&s), 0);
    assert_int_equal(logwriter_position(w)->last_seq, last);
    assert_int_equal(bulk_files(&s), 3);
    assert_done(fixture_transaction(w, v, 700, 2, SIZE, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 1, SIZE), last + 2);
}

static void it_must_be_a_whole_transaction_in_order(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(log_of(&s), 0);
    OWNED(bulkfile) struct bulkfile *b = bulkfixture_file(&s, "2.spool");
    bool taken = false;
    err e = ERR_INIT;
    const uint32_t v = fixture_relation(w, 10, 0);
    const uint32_t unknown = v + 9;
    assert_done(fixture_transaction(w, v, 200, 1, SIZE, &e), &e);
    assert_fails(logwriter_adopt(w, b, &v, 1, 300, &taken, &e), &e, ERR_VALIDATION); /* empty */
    bulkfixture_range(b, 300, 0, 5, SIZE);
    assert_fails(logwriter_adopt(w, b, &v, 1, 200, &taken, &e), &e, ERR_VALIDATION); /* twice */
    assert_fails(logwriter_adopt(w, b, &unknown, 1, 300, &taken, &e), &e, ERR_VALIDATION);
    assert_done(fixture_put(w, v, 250, 0, SIZE, &e), &e);
    assert_fails(logwriter_adopt(w, b, &v, 1, 250, &taken, &e), &e, ERR_VALIDATION); /* half of one */
    struct commit c = {.lsn = 250, .end_lsn = 255};
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_false(taken);
    assert_done(logwriter_adopt(w, b, &v, 1, 300, &taken, &e), &e);
    assert_true(taken);
}

static void files_count_for_rotation_and_go_with_their_segment(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(log_of(&s), 128 << 10);
    OWNED(logreader) struct logreader *r = fixture_reader(log_of(&s));
    struct log_state now;
    err e = ERR_INIT;
    const uint32_t v = fixture_relation(w, 10, 0);
    for (lsn at = 200; at < 260; at += 2) {
        assert_done(adopted(&s, w, v, at, 300, &e), &e);
        assert_done(fixture_transaction(w, v, at + 1, 2, SIZE, &e), &e);
    }
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_true(now.segments >= 7);
    assert_int_equal(fixture_check(r, 1, SIZE), 30 * 302);
    assert_int_equal(bulk_files(&s), 30);
    assert_done(logwriter_trim(w, 5000, &e), &e);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_true(now.first_seq > 4000 && now.first_seq <= 5001);
    assert_true(bulk_files(&s) <= 15);
    assert_int_equal(fixture_check(r, now.first_seq, SIZE), 30 * 302);
}

/* What a crash leaves: a file without an entry, behind the end or before the beginning. */
static void files_without_an_entry_are_removed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(log_of(&s), 0);
    OWNED(logreader) struct logreader *r = fixture_reader(log_of(&s));
    err e = ERR_INIT;
    const uint32_t v = fixture_relation(w, 10, 0);
    assert_done(adopted(&s, w, v, 300, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(adopted(&s, w, v, 400, 60, &e), &e);
    assert_int_equal(bulk_files(&s), 2);
    logwriter_close(w); /* without a flush */
    OWNED(text) char *old = logname_path(log_of(&s), LOGNAME_BULK, 0);
    assert_done(io_store(old, bytes_text("trimmed"), &e), &e);
    w = fixture_writer(log_of(&s), 0);
    assert_int_equal(bulk_files(&s), 1);
    assert_int_equal(logwriter_position(w)->last_seq, 50);
    assert_done(fixture_transaction(w, v, 400, 7, SIZE, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 1, SIZE), 57);
    logwriter_close(w);
}

static void an_absent_file_is_damage(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(log_of(&s), 0);
    OWNED(logreader) struct logreader *r = fixture_reader(log_of(&s));
    OWNED(text) char *path = logname_path(log_of(&s), LOGNAME_BULK, 1);
    struct log_entry entry;
    bool end = false;
    err e = ERR_INIT;
    assert_done(adopted(&s, w, fixture_relation(w, 10, 0), 300, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(io_unlink(path, &e), &e);
    assert_done(logreader_seek(r, 1, &e), &e);
    assert_fails(logreader_next(r, &entry, &end, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "bulk-0000000000000001.act");
}

/* A reader that has the segment open still, and comes to the file when both are trimmed. */
static void a_trimmed_file_is_gone(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(log_of(&s), 128 << 10);
    OWNED(logreader) struct logreader *r = fixture_reader(log_of(&s));
    struct log_entry entry;
    bool end = false;
    err e = ERR_INIT;
    const uint32_t v = fixture_relation(w, 10, 0);
    assert_done(fixture_transaction(w, v, 200, 3, SIZE, &e), &e);
    assert_done(adopted(&s, w, v, 300, 3000, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logreader_seek(r, 1, &e), &e);
    for (int i = 0; i < 3; i++)
        assert_done(logreader_next(r, &entry, &end, &e), &e);
    assert_done(adopted(&s, w, v, 400, 3000, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logwriter_trim(w, 3003, &e), &e);
    assert_int_equal(bulk_files(&s), 1);
    assert_fails(logreader_next(r, &entry, &end, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "4 is gone");
}

/* ---- faults ---- */

/* Three transactions, the second in a file; returns at the first failure. */
static status three(struct scratch *s, struct logwriter *w, err *e)
{
    const lsn done = logwriter_position(w)->commit_lsn;
    const uint32_t v = fixture_relation(w, 10, 0);
    if (done < 300)
        TRY(fixture_transaction(w, v, 300, 4, SIZE, e));
    if (done < 400)
        TRY(adopted(s, w, v, 400, 3000, e));
    if (done < 500)
        TRY(fixture_transaction(w, v, 500, 4, SIZE, e));
    return logwriter_flush(w, e);
}

static void a_failing_call_loses_nothing_and_the_writer_goes_on(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t nth = 1; nth <= 12; nth++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(logwriter) struct logwriter *w = fixture_writer(log_of(&s), 0);
        OWNED(logreader) struct logreader *r = fixture_reader(log_of(&s));
        err e = ERR_INIT;
        io_fault_arm(IO_FAULT_FAIL, nth, "log/bulk-");
        bool ok = three(&s, w, &e).ok;
        io_fault_arm(IO_FAULT_NONE, 0, NULL);
        failed += ok ? 0 : 1;
        assert_true(ok || e.class == ERR_STORAGE);
        err again = ERR_INIT;
        if (!ok)
            assert_done(three(&s, w, &again), &again);
        assert_int_equal(fixture_check(r, 1, SIZE), 3008);
        assert_int_equal(bulk_files(&s), 1);
    }
    assert_true(failed >= 1);
}

static void survives_being_killed_at_each_call(void **state)
{
    (void)state;
    unsigned killed = 0;
    for (uint64_t nth = 1; nth <= 24; nth++) {
        OWNED(scratch) struct scratch s = scratch_make();
        err e = ERR_INIT;
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct logwriter *w = fixture_writer(log_of(&s), 0);
            io_fault_arm(nth % 2 == 0 ? IO_FAULT_KILL : IO_FAULT_KILL_AFTER, (nth + 1) / 2, NULL);
            _exit(three(&s, w, &e).ok ? 0 : 1);
        }
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        killed += WIFSIGNALED(how) ? 1 : 0;
        assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) == 0);
        OWNED(logwriter) struct logwriter *w = fixture_writer(log_of(&s), 0);
        OWNED(logreader) struct logreader *r = fixture_reader(log_of(&s));
        const uint64_t last = logwriter_position(w)->last_seq;
        assert_int_equal(fixture_check(r, 1, SIZE), last);
        assert_int_equal(bulk_files(&s), last > 4 ? 1 : 0);
        assert_done(three(&s, w, &e), &e);
        assert_int_equal(fixture_check(r, 1, SIZE), 3008);
    }
    assert_true(killed >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_no_difference),
        cmocka_unit_test(it_must_be_a_whole_transaction_in_order),
        cmocka_unit_test(files_count_for_rotation_and_go_with_their_segment),
        cmocka_unit_test(files_without_an_entry_are_removed),
        cmocka_unit_test(an_absent_file_is_damage),
        cmocka_unit_test(a_trimmed_file_is_gone),
        cmocka_unit_test(a_failing_call_loses_nothing_and_the_writer_goes_on),
        cmocka_unit_test(survives_being_killed_at_each_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
