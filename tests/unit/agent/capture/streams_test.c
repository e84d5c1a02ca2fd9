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
    m_stream_abort(f, 50, 50); /* and unknown ones do not matter */
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
        cmocka_unit_test(a_full_disk_fails_as_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
