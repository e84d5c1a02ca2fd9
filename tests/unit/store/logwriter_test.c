#include "tests/lib/check.h"

#include <unistd.h>

#include "tests/unit/store/logfixture.h"

static void reads_back_what_was_flushed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    err e = ERR_INIT;
    struct log_state now;

    assert_int_equal(logwriter_position(w)->last_seq, 0);
    assert_int_equal(logwriter_position(w)->commit_lsn, LSN_NONE);
    assert_int_equal(logwriter_position(w)->end_lsn, 100);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_int_equal(now.first_seq, 1);
    uint32_t v = fixture_relation(w, 10, 0);
    for (lsn at = 200; at < 300; at += 10)
        assert_done(fixture_transaction(w, v, at, 7, 100, &e), &e);
    assert_int_equal(fixture_check(r, 1, 100), 0); /* not flushed: not visible */
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 1, 100), 70);
    assert_int_equal(fixture_check(r, 65, 100), 70);
    assert_int_equal(logwriter_position(w)->last_seq, 70);
    assert_int_equal(logwriter_position(w)->commit_lsn, 290);
    assert_int_equal(logwriter_position(w)->end_lsn, 295);
    assert_int_equal(logwriter_position(w)->commit_time, 290);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_int_equal(now.position.last_seq, 70);
    assert_int_equal(now.segments, 1);
    assert_true(now.bytes > 7000);
}

/* Megabytes are put into their page in pieces. */
static void a_huge_action_is_as_any_other(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    const uint32_t version = fixture_relation(w, 1, 1);
    const size_t len = (size_t)3 << 20;
    uint8_t *row = malloc(len);
    err e = ERR_INIT;
    assert_non_null(row);
    for (size_t i = 0; i < len; i++)
        row[i] = (uint8_t)(i * 2654435761u >> 13);
    const struct action huge = {.kind = ACTION_UPDATE,
                                .relation = version,
                                .old_kind = 'O',
                                .old = bytes_of(row, len / 3),
                                .new = bytes_of(row + 7, len - 7)};
    struct commit c = {.lsn = 200, .end_lsn = 210, .time = 200};
    assert_done(fixture_put(w, version, 200, 0, 20, &e), &e);
    assert_done(logwriter_put(w, &huge, 200, &e), &e);
    assert_done(fixture_put(w, version, 200, 2, 20, &e), &e);
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct log_entry entry;
        bool end = true;
        assert_done(logreader_next(r, &entry, &end, &e), &e); /* its checksum is right */
        assert_false(end);
        assert_int_equal(entry.seq, seq);
        assert_int_equal(entry.action.relation, version);
        if (seq != 2)
            continue;
        assert_int_equal(entry.action.kind, ACTION_UPDATE);
        assert_int_equal(entry.action.old_kind, 'O');
        assert_true(bytes_equal(entry.action.old, huge.old));
        assert_true(bytes_equal(entry.action.new, huge.new));
    }
    free(row);
}

static void half_a_transaction_is_invisible(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(s.dir, 0);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    err e = ERR_INIT;

    uint32_t v = fixture_relation(w, 10, 0);
    assert_done(fixture_transaction(w, v, 200, 3, 50, &e), &e);
    for (unsigned n = 0; n < 5; n++)
        assert_done(fixture_put(w, v, 300, n, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 1, 50), 3);
    for (unsigned n = 5; n < 9; n++)
        assert_done(fixture_put(w, v, 300, n, 50, &e), &e);
    struct commit c = {.lsn = 300, .end_lsn = 305, .time = 300};
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_int_equal(c.first_seq, 4);
    assert_int_equal(c.last_seq, 12);
    assert_int_equal(fixture_check(r, 1, 50), 3);
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 1, 50), 12);

    /* and is gone when the log is opened again, so that the same seqs are given anew */
    assert_done(fixture_put(w, v, 400, 0, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    logwriter_close(w);
    w = fixture_writer(s.dir, 0);
    assert_int_equal(logwriter_position(w)->last_seq, 12);
    assert_done(fixture_transaction(w, v, 400, 2, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 1, 50), 14);
    logwriter_close(w);
}

static void positions_move_without_actions(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(s.dir, 0);
    err e = ERR_INIT;
    struct commit c = {.lsn = 500, .end_lsn = 510, .time = 7};

    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_int_equal(c.first_seq, c.last_seq + 1);
    assert_done(logwriter_advance(w, 600, &e), &e);
    assert_done(logwriter_advance(w, 550, &e), &e); /* never back */
    assert_int_equal(logwriter_position(w)->end_lsn, 100);
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(logwriter_position(w)->end_lsn, 600);
    logwriter_close(w);
    w = fixture_writer(s.dir, 0);
    assert_int_equal(logwriter_position(w)->commit_lsn, 500);
    assert_int_equal(logwriter_position(w)->end_lsn, 600);
    assert_int_equal(logwriter_position(w)->last_seq, 0);
    logwriter_close(w);
}

static void refuses_what_is_out_of_order(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
    err e = ERR_INIT;
    uint32_t v = fixture_relation(w, 10, 0);

    assert_done(fixture_transaction(w, v, 200, 1, 50, &e), &e);
    assert_fails(fixture_put(w, v, 200, 0, 50, &e), &e, ERR_VALIDATION); /* twice */
    assert_fails(fixture_put(w, v, 150, 0, 50, &e), &e, ERR_VALIDATION);
    assert_fails(fixture_put(w, v + 9, 300, 0, 50, &e), &e, ERR_VALIDATION);
    assert_done(fixture_put(w, v, 300, 0, 50, &e), &e);
    assert_fails(fixture_put(w, v, 301, 1, 50, &e), &e, ERR_VALIDATION);
    assert_fails(logwriter_advance(w, 400, &e), &e, ERR_VALIDATION);
    struct commit c = {.lsn = 301};
    assert_fails(logwriter_commit(w, &c, &e), &e, ERR_VALIDATION);
    c.lsn = 300;
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_int_equal(c.first_seq, 2);
    assert_int_equal(c.last_seq, 2);
}

static void a_relation_gets_a_version_when_it_changes(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(s.dir, 0);
    err e = ERR_INIT;

    assert_null(logwriter_relation_latest(w, 10));
    assert_int_equal(fixture_relation(w, 10, 0), 1);
    assert_int_equal(fixture_relation(w, 11, 0), 2);
    assert_int_equal(fixture_relation(w, 10, 0), 1);
    assert_int_equal(fixture_relation(w, 10, 1), 3);
    assert_int_equal(fixture_relation(w, 10, 1), 3);
    assert_string_equal(logwriter_relation_latest(w, 10)->name, "t10_1");
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_relation(w, 12, 0), 4); /* not flushed: forgotten */
    logwriter_close(w);
    w = fixture_writer(s.dir, 0);
    assert_int_equal(fixture_relation(w, 11, 0), 2);
    assert_int_equal(fixture_relation(w, 10, 1), 3);
    assert_int_equal(fixture_relation(w, 13, 0), 4);
    logwriter_close(w);
}

static void every_segment_holds_the_relations_of_its_actions(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 64 << 10);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    err e = ERR_INIT;
    struct log_state now;

    uint32_t old = fixture_relation(w, 10, 0);
    assert_int_equal(fixture_relation(w, 10, 1), 2);
    uint32_t other = fixture_relation(w, 11, 0);
    for (lsn at = 200; at < 2200; at++) /* `old` is not carried over, and is named all the same */
        assert_done(fixture_transaction(w, at % 3 == 0 ? old : other, at, 1, 200, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_true(now.segments > 3);
    assert_int_equal(fixture_check(r, 1, 200), 2000);
    assert_done(logwriter_trim(w, 2000, &e), &e);
    OWNED(logreader) struct logreader *fresh = fixture_reader(s.dir);
    assert_done(logreader_state(fresh, &now, &e), &e);
    assert_int_equal(now.segments, 1);
    assert_int_equal(fixture_check(fresh, now.first_seq, 200), 2000);
}

/* More relations than a new segment takes over: those that were idle go, and the caller can tell. */
static void forgotten_relations_are_asked_for_again(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 1); /* a segment for each commit */
    err e = ERR_INIT;
    const uint32_t first = fixture_relation(w, 1, 0);
    for (uint32_t oid = 2; oid <= 10001; oid++)
        assert_done(fixture_put(w, fixture_relation(w, oid, 0), 1000, oid - 2, 20, &e), &e);
    struct commit c = {.lsn = 1000, .end_lsn = 1005};
    assert_int_equal(logwriter_forgotten(w), 0);
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_int_equal(logwriter_forgotten(w), 1);
    assert_done(fixture_transaction(w, fixture_relation(w, 2, 0), 2000, 1, 20, &e), &e);
    assert_done(logwriter_trim(w, logwriter_position(w)->last_seq, &e), &e);
    assert_fails(fixture_put(w, first, 3000, 0, 20, &e), &e, ERR_VALIDATION);
    assert_null(logwriter_relation_latest(w, 1));
    const uint32_t again = fixture_relation(w, 1, 0);
    assert_true(again > first);
    assert_done(fixture_transaction(w, again, 3000, 1, 20, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    struct log_state state_now;
    assert_done(logreader_state(r, &state_now, &e), &e);
    assert_int_equal(fixture_check(r, state_now.first_seq, 20), 10002);
}

static void rotates_and_trims(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(s.dir, 128 << 10);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    err e = ERR_INIT;
    struct log_state before;
    struct log_state after;

    uint32_t v = fixture_relation(w, 10, 0);
    for (lsn at = 200; at < 400; at++) {
        assert_done(fixture_transaction(w, v, at, 20, 200, &e), &e);
        if (at % 10 == 0)
            assert_done(logwriter_flush(w, &e), &e);
        if (at % 50 == 0)
            assert_true(fixture_check(r, 1, 200) >= logwriter_position(w)->last_seq);
    }
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logreader_state(r, &before, &e), &e);
    assert_true(before.segments >= 5);
    assert_int_equal(before.first_seq, 1);
    assert_done(logwriter_trim(w, 2000, &e), &e);
    assert_done(logreader_state(r, &after, &e), &e);
    assert_true(after.segments < before.segments && after.segments > 1);
    assert_true(after.first_seq > 1 && after.first_seq <= 2001);
    assert_true(after.bytes < before.bytes);
    assert_fails(logreader_seek(r, 1, &e), &e, ERR_VALIDATION);
    assert_int_equal(fixture_check(r, after.first_seq, 200), 4000);
    logwriter_close(w);
    w = fixture_writer(s.dir, 128 << 10);
    assert_int_equal(logwriter_position(w)->last_seq, 4000);
    assert_done(logwriter_trim(w, UINT64_MAX, &e), &e);
    assert_done(logreader_state(r, &after, &e), &e);
    assert_int_equal(after.segments, 1); /* the newest stays */
    logwriter_close(w);
}

static void a_log_may_begin_late(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logwriter) struct logwriter *w = NULL;
    err e = ERR_INIT;
    struct log_state now;
    struct log_options o = fixture_options();
    o.start_seq = 5000;
    o.start_relation = 7;
    assert_done(logwriter_open(s.dir, &o, &w, &e), &e);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_int_equal(now.first_seq, 5001);
    assert_int_equal(now.position.last_seq, 5000);
    assert_fails(logreader_seek(r, 5000, &e), &e, ERR_VALIDATION);
    const uint32_t version = fixture_relation(w, 1, 0);
    assert_int_equal(version, 8);
    assert_done(fixture_transaction(w, version, 100, 2, 50, &e), &e); /* at the start itself */
    assert_done(logwriter_flush(w, &e), &e);
    assert_int_equal(fixture_check(r, 5001, 50), 5002);
}

static void refuses_another_ones_log(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(s.dir, 0);
    struct logwriter *second = NULL;
    err e = ERR_INIT;
    struct log_options o = fixture_options();

    assert_fails(logwriter_open(s.dir, &o, &second, &e), &e, ERR_REFUSED); /* one writer */
    logwriter_close(w);
    o.node.b[0] = 9;
    assert_fails(logwriter_open(s.dir, &o, &second, &e), &e, ERR_REFUSED);
    assert_mentions(&e, "belongs to node 01020300-");
    o = fixture_options();
    o.incarnation.b[0] = 9;
    assert_fails(logwriter_open(s.dir, &o, &second, &e), &e, ERR_REFUSED);
}

static void what_a_crash_left_is_tidied(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    err e = ERR_INIT;
    logwriter_close(fixture_writer(s.dir, 0));

    /* died while making the next segment, and after unlinking an old one but not its lock file */
    assert_done(io_store(scratch_path(&s, "seg-0000000000000009.mdb.part"), bytes_text("half"), &e), &e);
    assert_done(io_store(scratch_path(&s, "seg-0000000000000009.mdb.part-lock"), bytes_text("x"), &e), &e);
    assert_done(io_store(scratch_path(&s, "seg-0000000000000000.mdb-lock"), bytes_text("x"), &e), &e);
    logwriter_close(fixture_writer(s.dir, 0));
    assert_false(io_exists(scratch_path(&s, "seg-0000000000000009.mdb.part")));
    assert_false(io_exists(scratch_path(&s, "seg-0000000000000009.mdb.part-lock")));
    assert_false(io_exists(scratch_path(&s, "seg-0000000000000000.mdb-lock")));
    assert_true(io_exists(scratch_path(&s, "seg-0000000000000001.mdb-lock")));
}

static void damage_is_told(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(s.dir, 0);
    struct log_options o = fixture_options();
    struct logreader *r = NULL;
    err e = ERR_INIT;
    const char *path = scratch_path(&s, "seg-0000000000000001.mdb");

    assert_done(fixture_transaction(w, fixture_relation(w, 1, 0), 200, 500, 100, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    logwriter_close(w);
    assert_int_equal(truncate(path, 20000), 0);
    assert_fails(logwriter_open(s.dir, &o, &w, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "is truncated");
    assert_fails(logreader_open(s.dir, &r, &e), &e, ERR_STORAGE);
    assert_done(io_store(path, bytes_text("this is not an LMDB file"), &e), &e);
    assert_fails(logwriter_open(s.dir, &o, &w, &e), &e, ERR_STORAGE);
    assert_mentions(&e, path);
    assert_fails(logreader_open(s.dir, &r, &e), &e, ERR_STORAGE);
    assert_fails(logreader_open(scratch_path(&s, "absent"), &r, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "there is no log");
}

static void an_incarnation_begins(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct logwriter *w = fixture_writer(s.dir, 0);
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    static const uuid next = {{7, 7, 7}};
    struct log_options o = fixture_options();
    err e = ERR_INIT;
    struct log_state now;
    uint64_t seq = 0;

    uint32_t v = fixture_relation(w, 10, 0);
    assert_done(fixture_transaction(w, v, 5000, 3, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(fixture_put(w, v, 6000, 0, 50, &e), &e);
    assert_fails(logwriter_succeed(w, &next, &e), &e, ERR_VALIDATION);
    logwriter_close(w);

    /* LSNs step back; what was begun and not flushed leaves the old incarnation as it was */
    w = fixture_writer(s.dir, 0);
    assert_done(logwriter_succeed(w, &next, &e), &e);
    v = fixture_relation(w, 10, 0);
    assert_done(fixture_transaction(w, v, 200, 2, 50, &e), &e);
    logwriter_close(w);
    w = fixture_writer(s.dir, 0);
    assert_int_equal(logwriter_position(w)->commit_lsn, 5000);

    assert_done(logwriter_succeed(w, &next, &e), &e);
    v = fixture_relation(w, 10, 0);
    assert_done(fixture_transaction(w, v, 200, 2, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(fixture_transaction(w, v, 5000, 4, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(logreader_state(r, &now, &e), &e);
    assert_int_equal(now.position.last_seq, 9);
    assert_true(uuid_equal(&now.incarnation, &next));
    assert_int_equal(now.since_seq, 4);
    assert_done(logreader_seq_before_lsn(r, 5000, &seq, &e), &e);
    assert_int_equal(seq, 5); /* not 0: that 5000 is another incarnation's */
    assert_done(logreader_seq_before_lsn(r, 100, &seq, &e), &e);
    assert_int_equal(seq, 3);
    logwriter_close(w);

    w = NULL;
    assert_fails(logwriter_open(s.dir, &o, &w, &e), &e, ERR_REFUSED);
    o.incarnation = next;
    assert_done(logwriter_open(s.dir, &o, &w, &e), &e);
    assert_int_equal(logwriter_position(w)->last_seq, 9);
    logwriter_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_incarnation_begins),
        cmocka_unit_test(reads_back_what_was_flushed),
        cmocka_unit_test(a_huge_action_is_as_any_other),
        cmocka_unit_test(half_a_transaction_is_invisible),
        cmocka_unit_test(positions_move_without_actions),
        cmocka_unit_test(refuses_what_is_out_of_order),
        cmocka_unit_test(a_relation_gets_a_version_when_it_changes),
        cmocka_unit_test(every_segment_holds_the_relations_of_its_actions),
        cmocka_unit_test(forgotten_relations_are_asked_for_again),
        cmocka_unit_test(rotates_and_trims),
        cmocka_unit_test(a_log_may_begin_late),
        cmocka_unit_test(refuses_another_ones_log),
        cmocka_unit_test(what_a_crash_left_is_tidied),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
