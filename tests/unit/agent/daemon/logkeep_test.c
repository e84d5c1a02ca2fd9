#include "tests/lib/check.h"

#include <sys/stat.h>

#include "agent/daemon/logkeep.h"
#include "store/io.h"
#include "tests/lib/scratch.h"
#include "tests/unit/store/logfixture.h"

static void make(struct scratch *s, const char *name, size_t size)
{
    uint8_t *content = malloc(size);
    err e = ERR_INIT;
    assert_non_null(content);
    memset(content, 'x', size);
    assert_done(io_store(scratch_path(s, name), bytes_of(content, size), &e), &e);
    free(content);
}

static uint64_t through(struct scratch *s, uint64_t keep, uint64_t sealed)
{
    struct config config = {.log_keep_bytes = keep};
    const struct datadir d = {.log = s->dir, .config = &config};
    uint64_t seq = 0;
    err e = ERR_INIT;
    assert_done(logkeep_through(&d, sealed, &seq, &e), &e);
    return seq;
}

static void large_transactions_count_with_their_segments(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    make(&s, "seg-0000000000000001.mdb", 10000);
    make(&s, "seg-0000000000000100.mdb", 10000);
    make(&s, "seg-0000000000000200.mdb", 10000);
    assert_int_equal(through(&s, 15000, 1000), 0xff);
    assert_int_equal(through(&s, 10000, 1000), 0x1ff);
    assert_int_equal(through(&s, 500000, 1000), 0);
    make(&s, "bulk-0000000000000010.act", 1000000);
    assert_int_equal(through(&s, 500000, 1000), 0);
    make(&s, "bulk-0000000000000150.act", 1000000);
    assert_int_equal(through(&s, 500000, 1000), 0xff);
    assert_int_equal(through(&s, 500000, 7), 7); /* never what is not sealed */
    assert_int_equal(through(&s, 15000, 1000), 0xff);
    make(&s, "bulk-0000000000000210.act", 1000000);
    assert_int_equal(through(&s, 500000, 1000), 0x1ff);
}

/* ---- DDL that was not recorded ---- */

struct told {
    uint64_t seq[4];
    size_t count;
};

static void on_schema_changed(void *context, uint64_t seq, lsn at, const char *what)
{
    struct told *t = context;
    assert_int_equal(at, 100 + seq);
    assert_string_equal(what, "ALTER TABLE");
    assert_true(t->count < 4);
    t->seq[t->count++] = seq;
}

/* Commits of one action each, the third and the eighth of them DDL. */
static void make_log(const char *dir)
{
    OWNED(logwriter) struct logwriter *w = fixture_writer(dir, 0);
    err e = ERR_INIT;
    const uint32_t relation = fixture_relation(w, 10, 0);
    for (lsn at = 101; at <= 110; at++) {
        const struct action ddl = {
            .kind = ACTION_DDL, .prefix = bytes_text("ALTER TABLE"), .content = bytes_text("{}")};
        struct commit c = {.lsn = at, .end_lsn = at + 1, .time = (pgtime)at};
        if (at == 103 || at == 108)
            assert_done(logwriter_put(w, &ddl, at, &e), &e);
        else
            assert_done(fixture_put(w, relation, at, 0, 20, &e), &e);
        assert_done(logwriter_commit(w, &c, &e), &e);
    }
    assert_done(logwriter_flush(w, &e), &e);
}

static struct told find(struct scratch *s, uint64_t after, uint64_t recorded)
{
    struct told told = {.count = 0};
    const struct capture_observer observer = {.context = &told, .schema_changed = on_schema_changed};
    const struct datadir d = {.log = s->dir};
    err e = ERR_INIT;
    assert_done(logkeep_find_ddl(&d, after, recorded, &observer, &e), &e);
    return told;
}

static void ddl_behind_what_was_recorded_is_told(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    make_log(s.dir);
    assert_int_equal(find(&s, 0, 0).count, 2);
    assert_int_equal(find(&s, 3, 0).seq[0], 8);
    assert_int_equal(find(&s, 0, 2).seq[0], 3);
    assert_int_equal(find(&s, 0, 3).seq[0], 8);
    assert_int_equal(find(&s, 5, 3).count, 1);
    assert_int_equal(find(&s, 0, 8).count, 0);
    assert_int_equal(find(&s, 0, 10).count, 0);
    assert_int_equal(find(&s, 0, 11).count, 2); /* another log's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(large_transactions_count_with_their_segments),
                                       cmocka_unit_test(ddl_behind_what_was_recorded_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
