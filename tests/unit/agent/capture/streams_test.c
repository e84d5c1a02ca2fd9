#include <sys/stat.h>

#include "tests/unit/agent/capture/capturefixture.h"

#define ITEMS 100
#define CARTS 102
#define JOBS 103

static struct fixture *usual(void)
{
    return fixture_new("", "carts, jobs", "jobs where state = 'done'");
}

static void items(struct fixture *f, uint32_t xid)
{
    m_relation(f, xid, ITEMS, "public", "items", 'd', "id*,v");
}

static void interleaved_transactions_stay_apart(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    items(f, 50);
    m_insert(f, 50, ITEMS, "1,a");
    m_stream_stop(f);
    m_stream_start(f, 60, true);
    items(f, 60);
    m_insert(f, 60, ITEMS, "2,b");
    m_stream_stop(f);
    m_begin(f, 55, 0x2000);
    items(f, 0);
    m_insert(f, 0, ITEMS, "3,c");
    m_commit(f, 0x2000, 0x2030);
    m_stream_start(f, 50, false);
    m_insert(f, 50, ITEMS, "4,d");
    m_stream_stop(f);
    m_stream_commit(f, 60, 0x2100, 0x2130);
    m_stream_commit(f, 50, 0x2200, 0x2230);
    assert_log(f, "55: CREATE items/business 3,c\n60: CREATE items/business 2,b\n"
                  "50: CREATE items/business 1,a; CREATE items/business 4,d");
    fixture_free(f);
}

static size_t spool_files(struct fixture *f)
{
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    assert_done(io_list(scratch_path(&f->place, "spool"), &names, &e), &e);
    return names.count;
}

static void an_aborted_one_leaves_nothing(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    items(f, 50);
    m_insert(f, 50, ITEMS, "1,a");
    m_stream_stop(f);
    assert_int_equal(spool_files(f), 1);
    m_stream_abort(f, 50, 50);
    assert_int_equal(spool_files(f), 0);
    m_stream_abort(f, 50, 50); /* and unknown ones do not matter, */
    m_stream_abort(f, 50, 52); /* which PostgreSQL 18 tells of a transaction that it threw away unstreamed */
    assert_log(f, "");
    fixture_free(f);
}

/* BEGIN; 1; SAVEPOINT a; 2; SAVEPOINT b; 3; ROLLBACK TO b; 4 (in a); RELEASE a; 5; SAVEPOINT c; 6; ROLLBACK
 * TO c;
 * 7 */
static void rolled_back_savepoints_are_cut_out(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    items(f, 50);
    m_insert(f, 50, ITEMS, "1,top");
    m_insert(f, 51, ITEMS, "2,a");
    m_insert(f, 52, ITEMS, "3,b");
    m_stream_stop(f);
    m_stream_abort(f, 50, 52);
    m_stream_start(f, 50, false);
    items(f, 51);
    m_insert(f, 51, ITEMS, "4,a");
    m_insert(f, 50, ITEMS, "5,top");
    m_insert(f, 53, ITEMS, "6,c");
    m_stream_stop(f);
    m_stream_abort(f, 50, 53);
    m_stream_start(f, 50, false);
    items(f, 50);
    m_insert(f, 50, ITEMS, "7,top");
    m_stream_stop(f);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    assert_log(f, "50: CREATE items/business 1,top; CREATE items/business 2,a; CREATE items/business 4,a; "
                  "CREATE items/business 5,top; CREATE items/business 7,top");
    fixture_free(f);
}

/* The child (52) writes before its parent (51) does; both are told to be aborted, in either order. */
static void a_parent_takes_its_children_along(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct fixture *f = usual();
        m_stream_start(f, 50, true);
        items(f, 50);
        m_insert(f, 50, ITEMS, "1,top");
        m_insert(f, 52, ITEMS, "2,child");
        m_insert(f, 51, ITEMS, "3,parent");
        m_stream_stop(f);
        m_stream_abort(f, 50, order == 0 ? 51 : 52);
        m_stream_abort(f, 50, order == 0 ? 52 : 51);
        m_stream_abort(f, 50, 54); /* changed nothing */
        m_stream_commit(f, 50, 0x2000, 0x2030);
        assert_log(f, "50: CREATE items/business 1,top");
        fixture_free(f);
    }
}

/* After a cut the same subtransaction id may not come again, but its parent's changes do. */
static void what_comes_after_a_cut_is_kept(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    items(f, 50);
    for (uint32_t sub = 51; sub < 400; sub++) {
        char row[32];
        (void)snprintf(row, sizeof row, "%u,x", sub);
        m_insert(f, sub, ITEMS, row);
    }
    m_stream_stop(f);
    for (uint32_t sub = 399; sub > 52; sub--)
        m_stream_abort(f, 50, sub);
    m_stream_start(f, 50, false);
    items(f, 500);
    m_insert(f, 500, ITEMS, "500,x");
    m_insert(f, 501, ITEMS, "501,x");
    m_stream_stop(f);
    m_stream_abort(f, 50, 501);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    assert_log(f, "50: CREATE items/business 51,x; CREATE items/business 52,x; CREATE items/business 500,x");
    fixture_free(f);
}

static bool file_mentions(struct fixture *f, const char *name, const char *word)
{
    uint8_t *data = NULL;
    size_t len = 0;
    err e = ERR_INIT;
    assert_done(io_load(scratch_path(&f->place, name), 1 << 20, &data, &len, &e), &e);
    const bool found = memmem(data, len, word, strlen(word)) != NULL;
    free(data);
    return found;
}

static void transient_rows_never_reach_the_spool(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    m_relation(f, 50, CARTS, "public", "carts", 'd', "id*,v");
    m_relation(f, 50, JOBS, "public", "jobs", 'f', "id*,state*,note*");
    m_insert(f, 50, CARTS, "1,secret-a");
    m_insert(f, 50, JOBS, "1,new,secret-b");
    m_update(f, 50, JOBS, 'O', "1,new,secret-c", "1,done,!");
    m_update(f, 50, JOBS, 'O', "2,secret-d,keep", "2,done,keep");
    m_update(f, 50, JOBS, 'O', "3,done,keep", "3,secret-e,keep");
    m_update(f, 50, JOBS, 'O', "4,done,old", "4,done,new");
    m_delete(f, 50, JOBS, 'O', "5,secret-f,x");
    m_stream_stop(f);
    assert_true(file_mentions(f, "spool/50.spool", "keep"));
    assert_false(file_mentions(f, "spool/50.spool", "secret-a"));
    assert_false(file_mentions(f, "spool/50.spool", "secret-b"));
    assert_false(file_mentions(f, "spool/50.spool", "secret-d"));
    assert_false(file_mentions(f, "spool/50.spool", "secret-e"));
    assert_false(file_mentions(f, "spool/50.spool", "secret-f"));
    m_stream_commit(f, 50, 0x2000, 0x2030);
    /* secret-c is the unchanged note of a row that became lasting */
    assert_log(f, "50: CREATE jobs/business 1,done,secret-c; CREATE jobs/business 2,done,keep; "
                  "DELETE jobs/business O:3,done,keep; UPDATE jobs/business O:4,done,old 4,done,new");
    fixture_free(f);
}

/* The server announces a relation inside the stream; after its commit it counts for what follows. */
static void relations_of_a_stream_last_beyond_its_commit(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    items(f, 50);
    m_insert(f, 50, ITEMS, "1,a");
    m_stream_stop(f);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    m_begin(f, 51, 0x2100);
    m_insert(f, 0, ITEMS, "2,b");
    m_commit(f, 0x2100, 0x2130);
    assert_log(f, "50: CREATE items/business 1,a\n51: CREATE items/business 2,b");
    fixture_free(f);
}

static void a_stream_sent_again_is_left_out(void **state)
{
    (void)state;
    struct fixture *f = usual();
    for (int time = 0; time < 2; time++) {
        m_stream_start(f, 50, true);
        items(f, 50);
        m_insert(f, 50, ITEMS, "1,a");
        m_stream_stop(f);
        m_stream_commit(f, 50, 0x2000, 0x2030);
        flush(f);
        fixture_disconnect(f);
        fixture_connect(f);
    }
    assert_log(f, "50: CREATE items/business 1,a");
    fixture_free(f);
}

static void spools_are_dropped_on_reconnect(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    items(f, 50);
    m_insert(f, 50, ITEMS, "1,a");
    m_stream_stop(f);
    fixture_disconnect(f);
    fixture_connect(f);
    assert_int_equal(spool_files(f), 0);
    struct buf more = head('S', 50);
    err e = ERR_INIT;
    buf_u8(&more, 0);
    assert_fails(give(f, &more, &e), &e, ERR_STORAGE);
    fixture_free(f);
}

/* Longer than the buffers of writing and reading, with rows that lie across their ends. */
static void long_spools_come_back_in_order(void **state)
{
    (void)state;
    struct fixture *f = usual();
    enum { ROWS = 3000, WIDE = 2000000 };
    char *row = malloc(WIDE + 100);
    assert_non_null(row);
    m_stream_start(f, 50, true);
    items(f, 50);
    for (int i = 0; i < ROWS; i++) {
        const size_t wide = i == ROWS / 2 ? WIDE : (size_t)(i % 997);
        const size_t start = (size_t)sprintf(row, "%d,", i);
        memset(row + start, 'x', wide);
        row[start + wide] = '\0';
        m_insert(f, 50, ITEMS, row);
    }
    m_stream_stop(f);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    const char *at = log_text(f);
    for (int i = 0; i < ROWS; i++) {
        const size_t start = (size_t)sprintf(row, "CREATE items/business %d,", i);
        at = strstr(at, row);
        assert_non_null(at);
        at += start;
        assert_int_equal(strspn(at, "x"), i == ROWS / 2 ? WIDE : i % 997);
    }
    free(row);
    fixture_free(f);
}

static unsigned bulk_files(struct fixture *f)
{
    OWNED(io_names) struct io_names names = {0};
    unsigned count = 0;
    err e = ERR_INIT;
    assert_done(io_list(scratch_path(&f->place, "log"), &names, &e), &e);
    for (size_t i = 0; i < names.count; i++)
        count += strncmp(names.name[i], "bulk-", 5) == 0 ? 1 : 0;
    return count;
}

/* So large that its file becomes part of the log; a subtransaction in its midst is rolled back. */
static void a_large_one_becomes_part_of_the_log(void **state)
{
    (void)state;
    struct fixture *f = usual();
    enum { ROWS = 30000 };
    char row[300];
    m_stream_start(f, 50, true);
    items(f, 50);
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(row, sizeof row, "%d,%0200d", i, i);
        m_insert(f, 50, ITEMS, row);
        if (i % 10000 == 9999) {
            m_insert(f, 60 + (uint32_t)i, ITEMS, "0,aborted");
            m_stream_stop(f);
            m_stream_abort(f, 50, 60 + (uint32_t)i);
            m_stream_start(f, 50, false);
            items(f, 50);
        }
    }
    m_stream_stop(f);
    m_begin(f, 49, 0x1f00);
    items(f, 0);
    m_insert(f, 0, ITEMS, "x,before");
    m_commit(f, 0x1f00, 0x1f30);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    m_begin(f, 51, 0x2100);
    m_insert(f, 0, ITEMS, "x,after");
    m_commit(f, 0x2100, 0x2130);
    const char *at = log_text(f);
    assert_int_equal(bulk_files(f), 1);
    assert_int_equal(spool_files(f), 0);
    const char *before = "49: CREATE items/business x,before\n50: ";
    assert_memory_equal(at, before, strlen(before));
    at += strlen(before);
    for (int i = 0; i < ROWS; i++) {
        const int len = snprintf(row, sizeof row, "CREATE items/business %d,%0200d", i, i);
        assert_memory_equal(at, row, (size_t)len);
        at += len + (i + 1 < ROWS ? 2 : 0);
    }
    assert_string_equal(at, "\n51: CREATE items/business x,after");
    fixture_free(f);
}

/* Without the event trigger the first sight of a table is an action of its own, in front of the file's. */
static void a_large_one_with_an_inferred_change_is_copied(void **state)
{
    (void)state;
    struct fixture *f = usual();
    enum { ROWS = 30000 };
    char row[300];
    f->ddl_rows = false;
    fixture_disconnect(f);
    fixture_connect(f);
    for (uint32_t xid = 50; xid < 52; xid++) {
        m_stream_start(f, xid, true);
        items(f, xid);
        for (int i = 0; i < ROWS; i++) {
            (void)snprintf(row, sizeof row, "%d,%0200d", i, i);
            m_insert(f, xid, ITEMS, row);
        }
        m_stream_stop(f);
        m_stream_commit(f, xid, 0x2000 + 0x100 * (lsn)xid, 0x2030 + 0x100 * (lsn)xid);
        assert_int_equal(bulk_files(f), xid - 50); /* the second brings nothing new */
    }
    const char *begins = "50: DDL INFERRED=[]; CREATE items/business 0,";
    const char *at = log_text(f);
    assert_memory_equal(at, begins, strlen(begins));
    assert_non_null(strstr(at, "\n51: CREATE items/business 0,"));
    uint64_t created = 0;
    for (; *at != '\0'; at++) /* the sanitizers' strstr measures the whole text each time */
        created += *at == 'C' && strncmp(at, "CREATE items/business ", 22) == 0;
    assert_int_equal(created, 2 * ROWS);
    fixture_free(f);
}

/* Everything that is no row: what an aborted subtransaction did to it is undone. */
static void what_is_held_is_cut_too(void **state)
{
    (void)state;
    struct fixture *f = usual();
    OWNED(logreader) struct logreader *r = NULL;
    const struct schema_mark *marks;
    struct log_entry entry;
    bool end = false;
    err e = ERR_INIT;
    m_stream_start(f, 50, true);
    m_origin(f, 0x77, "elsewhere");
    items(f, 50);
    m_stream_message(f, 50, true, 0x10, "pgstrand.context", "{\"user\": \"ann\"}");
    m_insert(f, 50, ITEMS, "1,a");
    /* the subtransaction's first message is one that is held; then another shape, and DDL */
    m_stream_message(f, 51, true, 0x11, "pgstrand.context", "{\"user\": \"bob\"}");
    m_relation(f, 51, ITEMS, "public", "items", 'd', "id*,v,w");
    m_insert(f, 51, ITEMS, "2,b,c");
    m_relation(f, 51, 999, "pgstrand", "ddl", 'd', "tag,objects");
    m_insert(f, 51, 999, "ALTER TABLE,[]");
    m_stream_stop(f);
    m_stream_abort(f, 50, 51);
    m_stream_start(f, 50, false);
    items(f, 50);
    m_insert(f, 50, ITEMS, "3,c");
    m_stream_stop(f);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    m_begin(f, 52, 0x2100);
    m_insert(f, 0, ITEMS, "4,d"); /* the shape that was announced last */
    m_commit(f, 0x2100, 0x2130);
    assert_log(f, "50: CREATE items/business 1,a; CREATE items/business 3,c\n52: CREATE items/business 4,d");
    assert_int_equal(assembler_marks(f->assembler, &marks), 0);
    assert_done(logreader_open(scratch_path(&f->place, "log"), &r, &e), &e);
    for (int i = 0; i < 3; i++) {
        assert_done(logreader_next(r, &entry, &end, &e), &e);
        assert_int_equal(entry.relation->version, 1); /* no other was ever given */
        assert_int_equal(entry.relation->column_count, 2);
        if (i == 0) {
            assert_true(bytes_equal(entry.commit->user, bytes_text("ann")));
            assert_true(bytes_equal(entry.commit->origin, bytes_text("elsewhere")));
        }
    }
    fixture_free(f);
}

/* The same in a subtransaction that is kept. */
static void what_is_held_counts_at_the_commit(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("items", "carts, jobs", "jobs where state = 'done'");
    const struct schema_mark *marks;
    m_stream_start(f, 50, true);
    m_relation(f, 50, ITEMS, "public", "items", 'd', "id*,v");
    m_relation(f, 50, JOBS, "public", "jobs", 'f', "id*,state*,note*");
    m_insert(f, 50, ITEMS, "1,a");
    m_relation(f, 51, 999, "pgstrand", "ddl", 'd', "tag,objects");
    m_insert(f, 51, 999, "ALTER TABLE,[]");
    m_relation(f, 51, ITEMS, "public", "items", 'd', "id*,v,w");
    m_insert(f, 51, ITEMS, "2,b,c");
    m_stream_message(f, 51, true, 0x11, "mine", "text");
    m_truncate(f, 51, 1, ITEMS, JOBS);
    m_stream_stop(f);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    m_begin(f, 52, 0x2100);
    m_insert(f, 0, ITEMS, "4,d,e");
    m_commit(f, 0x2100, 0x2130);
    assert_log(
        f, "50: CREATE items/device 1,a; DDL ALTER TABLE=[]; CREATE items/device 2,b,c; MESSAGE mine=text; "
           "TRUNCATE jobs/business; TRUNCATE items/device\n52: CREATE items/device 4,d,e");
    assert_int_equal(assembler_marks(f->assembler, &marks), 1);
    assert_string_equal(marks[0].what, "ALTER TABLE");
    fixture_free(f);
}

/* The server announces a relation after each of a million aborts: that must not be kept a million times. */
static void aborts_do_not_pile_up(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_stream_start(f, 50, true);
    items(f, 50);
    m_insert(f, 50, ITEMS, "0,top");
    m_stream_stop(f);
    for (uint32_t sub = 51; sub < 3000; sub++) {
        m_stream_start(f, 50, false);
        items(f, sub);
        m_insert(f, sub, ITEMS, "9,aborted");
        m_stream_stop(f);
        m_stream_abort(f, 50, sub);
    }
    struct stat facts;
    assert_int_equal(stat(scratch_path(&f->place, "spool/50.spool"), &facts), 0);
    assert_true(facts.st_size < 1000);
    m_stream_commit(f, 50, 0x2000, 0x2030);
    assert_log(f, "50: CREATE items/business 0,top");
    fixture_free(f);
}

static void a_full_disk_fails_as_full(void **state)
{
    (void)state;
    struct fixture *f = usual();
    err e = ERR_INIT;
    m_stream_start(f, 50, true);
    items(f, 50);
    m_insert(f, 50, ITEMS, "1,a");
    io_fault_arm(IO_FAULT_FULL, 1, "spool");
    struct buf stop = head('E', 0);
    assert_fails(give(f, &stop, &e), &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interleaved_transactions_stay_apart),
        cmocka_unit_test(an_aborted_one_leaves_nothing),
        cmocka_unit_test(rolled_back_savepoints_are_cut_out),
        cmocka_unit_test(a_parent_takes_its_children_along),
        cmocka_unit_test(what_comes_after_a_cut_is_kept),
        cmocka_unit_test(transient_rows_never_reach_the_spool),
        cmocka_unit_test(relations_of_a_stream_last_beyond_its_commit),
        cmocka_unit_test(a_stream_sent_again_is_left_out),
        cmocka_unit_test(spools_are_dropped_on_reconnect),
        cmocka_unit_test(long_spools_come_back_in_order),
        cmocka_unit_test(a_large_one_becomes_part_of_the_log),
        cmocka_unit_test(a_large_one_with_an_inferred_change_is_copied),
        cmocka_unit_test(what_is_held_is_cut_too),
        cmocka_unit_test(what_is_held_counts_at_the_commit),
        cmocka_unit_test(aborts_do_not_pile_up),
        cmocka_unit_test(a_full_disk_fails_as_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
