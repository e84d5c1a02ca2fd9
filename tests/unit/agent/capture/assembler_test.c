#include "tests/unit/agent/capture/capturefixture.h"

#define ITEMS 100
#define TILLS 101
#define CARTS 102
#define JOBS 103

static struct fixture *usual(void)
{
    struct fixture *f = fixture_new("tills", "carts, jobs", "jobs where state = 'done'");
    return f;
}

static void announce(struct fixture *f)
{
    m_relation(f, 0, ITEMS, "public", "items", 'd', "id*,v");
    m_relation(f, 0, TILLS, "public", "tills", 'd', "id*,v");
    m_relation(f, 0, CARTS, "public", "carts", 'd', "id*,v");
    m_relation(f, 0, JOBS, "public", "jobs", 'f', "id*,state*,note*");
}

static void a_transaction_arrives_whole(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, ITEMS, "1,a");
    m_update(f, 0, ITEMS, 0, NULL, "1,b");
    m_update(f, 0, ITEMS, 'K', "1,~", "2,b");
    m_delete(f, 0, ITEMS, 'K', "2,~");
    assert_log(f, ""); /* not visible before its commit */
    m_commit(f, 0x2000, 0x2030);
    assert_log(f, "9: CREATE items/business 1,a; UPDATE items/business 1,b; "
                  "UPDATE items/business K:1,~ 2,b; DELETE items/business K:2,~");
    assert_int_equal(logwriter_position(f->log)->end_lsn, 0x2030);
    assert_int_equal(logwriter_position(f->log)->commit_lsn, 0x2000);
    fixture_free(f);
}

static void what_was_captured_before_is_left_out(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, ITEMS, "1,a");
    m_commit(f, 0x2000, 0x2030);
    m_message(f, false, 0x2100, "note", "x");
    flush(f);
    fixture_disconnect(f);
    fixture_connect(f);
    /* The server sends from an older position: all of it again, then something new. */
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, ITEMS, "1,a");
    m_commit(f, 0x2000, 0x2030);
    m_message(f, false, 0x2100, "note", "x");
    m_begin(f, 8, 0x2200);
    m_insert(f, 0, ITEMS, "2,b");
    m_commit(f, 0x2200, 0x2230);
    assert_log(f, "9: CREATE items/business 1,a\n0: MESSAGE note=x\n8: CREATE items/business 2,b");
    fixture_free(f);
}

static void half_a_transaction_is_nothing(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, ITEMS, "1,a");
    flush(f); /* as when a batch ends inside it */
    fixture_disconnect(f);
    fixture_connect(f);
    assert_log(f, "");
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, ITEMS, "1,a");
    m_commit(f, 0x2000, 0x2030);
    assert_log(f, "9: CREATE items/business 1,a");
    fixture_free(f);
}

static void tiers_are_applied(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, TILLS, "1,a");
    m_insert(f, 0, CARTS, "1,secret");
    m_delete(f, 0, CARTS, 'K', "1,~");
    m_commit(f, 0x2000, 0x2030);
    assert_log(f, "9: CREATE tills/device 1,a");
    fixture_free(f);
}

static void only_transient_rows_still_move_the_position(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, CARTS, "1,secret");
    m_commit(f, 0x2000, 0x2030);
    assert_log(f, "");
    assert_int_equal(logwriter_position(f->log)->end_lsn, 0x2030);
    fixture_free(f);
}

static void a_row_crosses_its_tiers_border(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, JOBS, "1,new,long");
    m_update(f, 0, JOBS, 'O', "1,new,long", "1,queued,!");
    m_update(f, 0, JOBS, 'O', "1,queued,long", "1,done,!");
    m_update(f, 0, JOBS, 'O', "1,done,long", "1,done,short");
    m_update(f, 0, JOBS, 'O', "1,done,short", "1,failed,short");
    m_delete(f, 0, JOBS, 'O', "1,failed,short");
    m_insert(f, 0, JOBS, "2,done,x");
    m_delete(f, 0, JOBS, 'O', "2,done,x");
    m_commit(f, 0x2000, 0x2030);
    /* What was not sent because it did not change is filled in when the row enters. */
    assert_log(f, "9: CREATE jobs/business 1,done,long; "
                  "UPDATE jobs/business O:1,done,long 1,done,short; "
                  "DELETE jobs/business O:1,done,short; "
                  "CREATE jobs/business 2,done,x; DELETE jobs/business O:2,done,x");
    assert_string_equal(f->notice, "");
    fixture_free(f);
}

static void a_column_rule_without_old_rows_is_told_and_leaks_nothing(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    m_relation(f, 0, JOBS, "public", "jobs", 'd', "id*,state,note");
    m_update(f, 0, JOBS, 0, NULL, "1,queued,secret");
    m_delete(f, 0, JOBS, 'K', "1,~,~");
    m_commit(f, 0x2000, 0x2030);
    assert_log(f, "");
    assert_non_null(strstr(f->notice, "REPLICA IDENTITY FULL"));
    fixture_free(f);
}

static void truncate_is_split_by_tier(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_begin(f, 9, 0x2000);
    announce(f);
    m_truncate(f, 0, 3, ITEMS, TILLS);
    m_truncate(f, 0, 0, CARTS, JOBS);
    m_truncate(f, 0, 0, CARTS, CARTS);
    m_commit(f, 0x2000, 0x2030);
    assert_log(f, "9: TRUNCATE items/business; TRUNCATE tills/device; TRUNCATE jobs/business");
    fixture_free(f);
}

static void messages_with_and_without_transaction(void **state)
{
    (void)state;
    struct fixture *f = usual();
    m_message(f, false, 0x1800, "note", "alone");
    m_begin(f, 9, 0x2000);
    m_message(f, true, 0x1900, "note", "inside");
    m_message(f, true, 0x1910, "pgstrand.wait", "");
    m_commit(f, 0x2000, 0x2030);
    m_message(f, false, 0x2100, "pgstrand.wait", "");
    assert_true(assembler_waited_for(f->assembler));
    assert_false(assembler_waited_for(f->assembler));
    assert_log(f, "0: MESSAGE note=alone\n9: MESSAGE note=inside");
    assert_int_equal(logwriter_position(f->log)->end_lsn, 0x2100);
    fixture_free(f);
}

static void a_commit_that_begins_where_a_message_ends_is_another_one(void **state)
{
    (void)state;
    struct fixture *f = usual();
    for (int i = 0; i < 2; i++) { /* the second time all of it is known */
        m_message(f, false, 0x2000, "note", "just before the commit");
        m_begin(f, 9, 0x2000);
        announce(f);
        m_insert(f, 0, ITEMS, "1,a");
        m_commit(f, 0x2000, 0x2030);
        m_message(f, false, 0x2060, "note", "behind");
        flush(f);
        fixture_disconnect(f);
        fixture_connect(f);
    }
    assert_log(
        f, "0: MESSAGE note=just before the commit\n9: CREATE items/business 1,a\n0: MESSAGE note=behind");
    assert_int_equal(logwriter_position(f->log)->end_lsn, 0x2060);
    fixture_free(f);
}

static void the_context_belongs_to_its_commit(void **state)
{
    (void)state;
    struct fixture *f = usual();
    OWNED(logreader) struct logreader *r = NULL;
    struct commit c;
    bool found = false;
    err e = ERR_INIT;
    m_begin(f, 9, 0x2000);
    announce(f);
    m_message(f, true, 0x1900, "pgstrand.context", "{\"user\": \"Ann\", \"session\": null}");
    m_insert(f, 0, ITEMS, "1,a");
    m_commit(f, 0x2000, 0x2030);
    m_begin(f, 10, 0x2100);
    m_message(f, true, 0x2040, "pgstrand.context", "nonsense");
    m_insert(f, 0, ITEMS, "2,a");
    m_commit(f, 0x2100, 0x2130);
    assert_log(f, "9: CREATE items/business 1,a\n10: CREATE items/business 2,a");
    assert_done(logreader_open(scratch_path(&f->place, "log"), &r, &e), &e);
    assert_done(logreader_commit_at(r, 1, &c, &found, &e), &e);
    assert_true(found && bytes_equal(c.user, bytes_text("Ann")) && c.session.len == 0);
    assert_done(logreader_commit_at(r, 2, &c, &found, &e), &e);
    assert_true(found && c.user.len == 0);
    assert_non_null(strstr(f->notice, "left out"));
    fixture_free(f);
}

static void ddl_rows_become_actions_and_marks(void **state)
{
    (void)state;
    struct fixture *f = usual();
    const struct schema_mark *marks = NULL;
    m_begin(f, 9, 0x2000);
    m_relation(f, 0, 200, "pgstrand", "ddl", 'd', "txid*,lsn*,event,tag,objects,seen");
    m_relation(f, 0, 201, "pgstrand", "identity", 'n', "relid,relation");
    m_insert(f, 0, 200, "1,0/1,ddl_command_end,ALTER TABLE,[7],now");
    m_insert(f, 0, 201, "1,x");
    m_delete(f, 0, 200, 'K', "1,0/1,~,~,~,~");
    m_commit(f, 0x2000, 0x2030);
    assert_log(f, "9: DDL ALTER TABLE=[7]");
    assert_int_equal(assembler_marks(f->assembler, &marks), 1);
    assert_int_equal(marks[0].seq, 1);
    assert_int_equal(marks[0].at, 0x2000);
    assert_string_equal(marks[0].what, "ALTER TABLE");
    assert_int_equal(assembler_marks(f->assembler, &marks), 0);
    fixture_free(f);
}

static void without_ddl_rows_new_shapes_are_marks(void **state)
{
    (void)state;
    struct fixture *f = usual();
    const struct schema_mark *marks = NULL;
    fixture_disconnect(f);
    f->ddl_rows = false;
    fixture_connect(f);
    m_begin(f, 9, 0x2000);
    announce(f);
    m_insert(f, 0, ITEMS, "1,a");
    m_commit(f, 0x2000, 0x2030);
    assert_int_equal(assembler_marks(f->assembler, &marks), 1);
    assert_string_equal(marks[0].what, "table public.items is new");
    m_begin(f, 10, 0x2100);
    announce(f); /* the same again is no change */
    m_insert(f, 0, ITEMS, "2,a");
    m_commit(f, 0x2100, 0x2130);
    assert_int_equal(assembler_marks(f->assembler, &marks), 0);
    m_begin(f, 11, 0x2200);
    m_relation(f, 0, ITEMS, "public", "items", 'd', "id*,v,w");
    m_insert(f, 0, ITEMS, "3,a,~");
    m_commit(f, 0x2200, 0x2230);
    assert_int_equal(assembler_marks(f->assembler, &marks), 1);
    /* Each change is an action of its own before the row that showed it, so that a kill does not lose it. */
    assert_int_equal(marks[0].seq, 5);
    assert_log(f, "9: DDL INFERRED=[]; CREATE items/business 1,a\n10: CREATE items/business 2,a\n"
                  "11: DDL INFERRED=[]; CREATE items/business 3,a,~");
    fixture_free(f);
}

/* The log has seen nothing of the table, the catalogue knows its base. */
static void without_ddl_rows_the_base_is_what_was_before(void **state)
{
    (void)state;
    struct fixture *f = usual();
    const struct schema_mark *marks = NULL;
    struct column columns[] = {{.name = "id", .type = 25, .typmod = -1, .key = true},
                               {.name = "v", .type = 25, .typmod = -1}};
    struct relation base = {.oid = ITEMS,
                            .schema = "public",
                            .name = "items",
                            .replica_identity = 'd',
                            .tier = TIER_BUSINESS,
                            .table = {{9}},
                            .column_count = 2,
                            .columns = columns};
    err e = ERR_INIT;
    fixture_disconnect(f);
    f->ddl_rows = false;
    assert_done(tablebook_record(f->catalog, &base, TIER_BUSINESS, "", 0, &e), &e);
    assert_done(tablebook_note_base(f->catalog, &base, &e), &e);
    fixture_connect(f);
    m_begin(f, 9, 0x2000);
    m_relation(f, 0, ITEMS, "public", "items", 'd', "id*,v");
    m_insert(f, 0, ITEMS, "1,a");
    m_commit(f, 0x2000, 0x2030);
    assert_int_equal(assembler_marks(f->assembler, &marks), 0);
    fixture_disconnect(f); /* nothing was flushed: the log is as it was */
    fixture_connect(f);
    m_begin(f, 10, 0x2100);
    m_relation(f, 0, ITEMS, "public", "items", 'd', "id*,v,w");
    m_insert(f, 0, ITEMS, "2,a,~");
    m_commit(f, 0x2100, 0x2130);
    assert_int_equal(assembler_marks(f->assembler, &marks), 1);
    assert_string_equal(marks[0].what, "the columns or keys of public.items changed");
    assert_log(f, "10: DDL INFERRED=[]; CREATE items/business 2,a,~");
    fixture_free(f);
}

static void idle_keepalives_move_the_position(void **state)
{
    (void)state;
    struct fixture *f = usual();
    err e = ERR_INIT;
    assert_done(assembler_advance(f->assembler, 0x5000, &e), &e);
    flush(f);
    assert_int_equal(logwriter_position(f->log)->end_lsn, 0x5000);
    m_begin(f, 9, 0x6000);
    announce(f);
    m_insert(f, 0, ITEMS, "1,a");
    assert_done(assembler_advance(f->assembler, 0x7000, &e), &e); /* not inside a transaction */
    m_commit(f, 0x6000, 0x6030);
    flush(f);
    assert_int_equal(logwriter_position(f->log)->end_lsn, 0x6030);
    fixture_free(f);
}

static void nonsense_is_an_error(void **state)
{
    (void)state;
    struct fixture *f = usual();
    err e = ERR_INIT;
    struct buf change = head('I', 0);
    buf_u32(&change, 999);
    buf_u8(&change, 'N');
    put_tuple(&change, "1");
    m_begin(f, 9, 0x2000);
    assert_fails(give(f, &change, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "999");
    struct buf cut = head('I', 0);
    buf_u16(&cut, 1);
    assert_fails(give(f, &cut, &e), &e, ERR_STORAGE);
    struct buf commit = head('C', 0);
    buf_u8(&commit, 0);
    buf_u64(&commit, 0x3000);
    buf_u64(&commit, 0x3000);
    buf_u64(&commit, 0);
    assert_fails(give(f, &commit, &e), &e, ERR_STORAGE);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_arrives_whole),
        cmocka_unit_test(what_was_captured_before_is_left_out),
        cmocka_unit_test(half_a_transaction_is_nothing),
        cmocka_unit_test(tiers_are_applied),
        cmocka_unit_test(only_transient_rows_still_move_the_position),
        cmocka_unit_test(a_row_crosses_its_tiers_border),
        cmocka_unit_test(a_column_rule_without_old_rows_is_told_and_leaks_nothing),
        cmocka_unit_test(truncate_is_split_by_tier),
        cmocka_unit_test(messages_with_and_without_transaction),
        cmocka_unit_test(a_commit_that_begins_where_a_message_ends_is_another_one),
        cmocka_unit_test(the_context_belongs_to_its_commit),
        cmocka_unit_test(ddl_rows_become_actions_and_marks),
        cmocka_unit_test(without_ddl_rows_new_shapes_are_marks),
        cmocka_unit_test(without_ddl_rows_the_base_is_what_was_before),
        cmocka_unit_test(idle_keepalives_move_the_position),
        cmocka_unit_test(nonsense_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
