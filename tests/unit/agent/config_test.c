#include <unistd.h>

#include "agent/config.h"
#include "tests/lib/scratch.h"

static struct config *load(struct scratch *s, const char *text)
{
    err e = ERR_INIT;
    struct config *c = NULL;
    assert_done(io_store(scratch_path(s, "conf"), bytes_text(text), &e), &e);
    assert_done(config_load(scratch_path(s, "conf"), &c, &e), &e);
    return c;
}

static err load_fails(struct scratch *s, struct bytes text)
{
    err e = ERR_INIT;
    struct config *c = NULL;
    assert_done(io_store(scratch_path(s, "conf"), text, &e), &e);
    assert_fails(config_load(scratch_path(s, "conf"), &c, &e), &e, ERR_VALIDATION);
    assert_null(c);
    assert_mentions(&e, s->dir); /* names the file */
    return e;
}

static void a_missing_file_means_defaults(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(config) struct config *c = NULL;
    err e = ERR_INIT;
    assert_done(config_load(scratch_path(&s, "none"), &c, &e), &e);
    assert_string_equal(c->conninfo, "");
    assert_int_equal(c->seal_interval, 3600);
    assert_int_equal(c->seal_level, 3);
    assert_true(c->seal_on_stop);
    assert_int_equal(c->log_segment_bytes, 256 << 20);
    assert_int_equal(c->status_interval_ms, 10000);
    assert_int_equal(c->slot_wal_limit_mb, 8192);
    assert_int_equal(tier_rules_default(c->tiers), TIER_BUSINESS);
    assert_string_equal(tier_rules_list(c->tiers, TIER_DEVICE), "");
}

static void values_and_units(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(config)
    struct config *c = load(&s, "[source]\nconninfo = host=/tmp dbname='a; b' user=x\nconninfo =\n"
                                "[seal]\ninterval = 90 min\nactions=0\nbytes = 2GiB\nlevel = 19\n"
                                "on_stop = off\n[capture]\nstatus_interval = 500ms\n"
                                "[log]\nkeep_bytes = 12345\n");
    assert_string_equal(c->conninfo, "host=/tmp dbname='a; b' user=x");
    assert_int_equal(c->seal_interval, 5400);
    assert_int_equal(c->seal_actions, 0);
    assert_true(c->seal_bytes == UINT64_C(2) << 30);
    assert_int_equal(c->seal_level, 19);
    assert_false(c->seal_on_stop);
    assert_int_equal(c->status_interval_ms, 500);
    assert_int_equal(c->log_keep_bytes, 12345);
}

static void lists_go_on_over_lines_and_keys(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(config)
    struct config *c = load(&s, "[tiers]\n"
                                "device = syncNodes,\n"
                                "    ops.*\n"
                                "    # a comment in between\n"
                                "    printJobs where status = 'DONE'\n"
                                "device = more\n"
                                "default = audit\n");
    assert_string_equal(tier_rules_list(c->tiers, TIER_DEVICE),
                        "syncNodes, ops.*, printJobs where status = 'DONE', more");
    assert_int_equal(tier_rules_default(c->tiers), TIER_AUDIT);
}

static void lines_may_be_long(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(buf) struct buf text = {0};
    buf_text(&text, "[tiers]\ntransient = first");
    for (int i = 0; i < 3000; i++)
        buf_printf(&text, ", table_number_%d", i);
    buf_text(&text, "\ndevice = last");
    OWNED(config) struct config *c = load(&s, buf_cstring(&text));
    assert_non_null(strstr(tier_rules_list(c->tiers, TIER_TRANSIENT), ", table_number_2999"));
    assert_string_equal(tier_rules_list(c->tiers, TIER_DEVICE), "last");

    buf_reset(&text);
    buf_text(&text, "[tiers]\ntransient = ");
    for (int i = 0; i < 70000; i++)
        buf_u8(&text, 'x');
    err e = load_fails(&s, buf_view(&text));
    assert_mentions(&e, "line 2");
}

static void unknown_names_meet_their_neighbours(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    const struct {
        const char *text, *mentions;
    } known[] = {
        {"[seal]\nintervall = 1h\n", "there is no intervall in [seal]: did you mean interval?"},
        {"[seal]\n\nlevle = 1\n", "line 3: there is no levle in [seal]: did you mean level?"},
        {"[teirs]\ndefault = audit\n", "there is no section [teirs]: did you mean [tiers]?"},
        {"[seal]\nconninfo = x\n", "it belongs in [source]"},
        {"interval = 3\n", "there is no section []"},
        {"[tiers]\ndefault = bussines\n", "did you mean \"business\"?"},
        {"[tiers]\ndevices = a\n", "did you mean device?"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = load_fails(&s, bytes_text(known[i].text));
        assert_mentions(&e, known[i].mentions);
    }
}

static void wrong_values(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    const struct {
        const char *text, *mentions;
    } known[] = {
        {"[seal]\nlevel = 20\n", "between 1 and 19"},
        {"[seal]\nlevel = -1\n", "a whole number"},
        {"[seal]\nlevel = 3x\n", "a whole number"},
        {"[seal]\nlevel = 3\nlevel = 4\n", "line 3: level in [seal] is set twice"},
        {"[seal]\ninterval = soon\n", "a time such as"},
        {"[seal]\nbytes = 99999999999999999999\n", "a size such as"},
        {"[seal]\nbytes = 99999999999 GiB\n", "a size such as"},
        {"[seal]\non_stop = maybe\n", "yes or no"},
        {"[capture]\nstatus_interval = 11s\n", "between 100 and 10000"},
        {"[seal]\nnonsense\n", "line 2: is neither"},
        {"[seal\nlevel = 3\n", "line 1: is neither"},
        {"[tiers]\ndevice = a where b\n", "cannot read the tier rule \"a where b\""},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = load_fails(&s, bytes_text(known[i].text));
        assert_mentions(&e, known[i].mentions);
    }
    err e = load_fails(&s, bytes_of("[seal]\nlevel\0 = 3", 18));
    assert_mentions(&e, "NUL");
}

static void assert_same(const struct config *a, const struct config *b)
{
    struct config x = *a;
    struct config y = *b;
    assert_string_equal(a->conninfo, b->conninfo);
    assert_int_equal(tier_rules_default(a->tiers), tier_rules_default(b->tiers));
    for (enum tier t = TIER_BUSINESS; t <= TIER_TRANSIENT; t++)
        assert_string_equal(tier_rules_list(a->tiers, t), tier_rules_list(b->tiers, t));
    x.conninfo = y.conninfo = NULL;
    x.tiers = y.tiers = NULL;
    assert_int_equal(x.seal_interval, y.seal_interval);
    assert_int_equal(x.seal_actions, y.seal_actions);
    assert_int_equal(x.seal_bytes, y.seal_bytes);
    assert_int_equal(x.seal_level, y.seal_level);
    assert_int_equal(x.seal_on_stop, y.seal_on_stop);
    assert_int_equal(x.base_jobs, y.base_jobs);
    assert_int_equal(x.base_level, y.base_level);
    assert_int_equal(x.log_segment_bytes, y.log_segment_bytes);
    assert_int_equal(x.log_keep_bytes, y.log_keep_bytes);
    assert_int_equal(x.status_interval_ms, y.status_interval_ms);
    assert_int_equal(x.spool_bytes, y.spool_bytes);
    assert_int_equal(x.restore_memory, y.restore_memory);
    assert_int_equal(x.slot_wal_limit_mb, y.slot_wal_limit_mb);
}

/* Writes `c`, reads it, compares; then once more from what was read: the text must not drift. */
static void round_trip(struct scratch *s, const struct config *c)
{
    OWNED(buf) struct buf text = {0};
    OWNED(buf) struct buf again = {0};
    err e = ERR_INIT;
    assert_done(config_format(c, &text, &e), &e);
    OWNED(config) struct config *back = load(s, buf_cstring(&text));
    assert_same(c, back);
    assert_done(config_format(back, &again, &e), &e);
    assert_string_equal(buf_cstring(&text), buf_cstring(&again));
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(config) struct config *plain = load(&s, "");
    round_trip(&s, plain);
    OWNED(config)
    struct config *rich = load(
        &s,
        "[source]\nconninfo = host=127.0.0.1 port=5433 options='-c x=y'\n"
        "[tiers]\ndefault = device\nbusiness = a,b, c where d = 'e,  f', [odd], x;y\n"
        "transient = a_rather_long_name_of_a_table_one, a_rather_long_name_of_a_table_two, #three,\n"
        "  a_rather_long_name_of_a_table_four, ops.* where state = 'it''s, long enough to be wrapped "
        "twice',\n"
        "  [bracket], ;semi, last\n"
        "[seal]\ninterval = 45s\nactions = 7\nbytes = 1536\nlevel = 9\non_stop = no\n[base]\njobs = 4\nlevel "
        "= 2\n"
        "[log]\nsegment_bytes = 3 MiB\nkeep_bytes = 0\n[capture]\nstatus_interval = 1500ms\nspool_bytes = 5\n"
        "[restore]\nmemory = 64MB\n[slot]\nwal_limit_mb = 100\n");
    round_trip(&s, rich);
}

static void a_connection_string_stays_on_its_line(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(config) struct config *c = load(&s, "");
    OWNED(buf) struct buf text = {0};
    err e = ERR_INIT;
    free(c->conninfo);
    c->conninfo = strdup("host=x\n[tiers]");
    assert_fails(config_format(c, &text, &e), &e, ERR_VALIDATION);
}

static void the_example_can_be_read(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(config) struct config *c = NULL;
    struct table_tier t;
    err e = ERR_INIT;
    assert_done(config_load(TEST_DATA "/../../deploy/examples/pos/pgstrand.conf", &c, &e), &e);
    assert_done(tier_rules_match(c->tiers, "public", "printJobs", &t, &e), &e);
    assert_int_equal(t.tier, TIER_BUSINESS);
    assert_string_equal(t.column, "status");
    assert_int_equal(t.other, TIER_TRANSIENT);
    assert_done(tier_rules_match(c->tiers, "public", "nodeStates", &t, &e), &e);
    assert_int_equal(t.tier, TIER_DEVICE);
    round_trip(&s, c);
}

/* init keeps what it says in the data directory, where a relative path would mean another place. */
static void files_stand_beside_the_configuration(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(config) struct config *c = load(&s, "[hooks]\nbefore_sql = hooks/a.sql\nafter_sql = /b.sql\n");
    OWNED(config) struct config *beside = NULL;
    OWNED(text) char *folder = realpath(s.dir, NULL);
    OWNED(text) char *home = getcwd(NULL, 0);
    OWNED(text) char *wanted = NULL;
    err e = ERR_INIT;
    assert_true(asprintf(&wanted, "%s/hooks/a.sql", folder) > 0);
    assert_string_equal(c->hooks_before_sql, wanted);
    assert_string_equal(c->hooks_after_sql, "/b.sql");
    assert_int_equal(chdir(s.dir), 0);
    status loaded = config_load("conf", &beside, &e);
    assert_int_equal(chdir(home), 0);
    assert_done(loaded, &e);
    assert_string_equal(beside->hooks_before_sql, wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_file_means_defaults),
        cmocka_unit_test(values_and_units),
        cmocka_unit_test(lists_go_on_over_lines_and_keys),
        cmocka_unit_test(lines_may_be_long),
        cmocka_unit_test(unknown_names_meet_their_neighbours),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_connection_string_stays_on_its_line),
        cmocka_unit_test(the_example_can_be_read),
        cmocka_unit_test(files_stand_beside_the_configuration),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
