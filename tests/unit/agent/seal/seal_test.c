/* Sealing the log into the chain, without a server: what is copied, into which file, and what a crash leaves.
 */
#include "tests/unit/agent/seal/shop.h"

#include "proto/actionunpack.h"
#include "store/snapreader.h"

static status seal(struct shop *s, struct seal_result *out, err *e)
{
    return shop_seal(s, PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, "noon", out, e);
}

/* The seqs of a tier's actions, in the order they are read; returns how many. */
static size_t read_seqs(struct snapreader *r, enum tier tier, uint64_t *seqs, size_t room,
                        uint32_t *relations)
{
    err e = ERR_INIT;
    bool found = false;
    bool end = false;
    size_t count = 0;
    OWNED(actionunpack) struct actionunpack *u = NULL;
    assert_done(actionunpack_new(&u, &e), &e);
    assert_done(snapreader_section(r, tier, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    while (found && !end) {
        struct snap_payload p;
        bool last = false;
        assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
        if (end)
            break;
        assert_done(
            actionunpack_open(u, p.payload, p.by_column ? ACTIONUNPACK_COLUMNS : ACTIONUNPACK_MESSAGE, &e),
            &e);
        for (;;) {
            struct sealed_action a;
            assert_done(actionunpack_next(u, &a, &last, &e), &e);
            if (last)
                break;
            assert_true(count < room && a.seq >= p.first_seq && a.seq <= p.last_seq);
            struct reader truncated = reader_over(a.action.truncated);
            const uint32_t first = action_next_truncated(&truncated);
            relations[count] = first != 0 ? first : a.action.relation;
            seqs[count++] = a.seq;
        }
    }
    return count;
}

static struct snapreader *open_last(struct shop *s, size_t links)
{
    err e = ERR_INIT;
    struct snapreader *r = NULL;
    uint64_t frames = 0;
    OWNED(chain) struct chain *chain = NULL;
    assert_done(chain_load(s->d->chain, &chain, &e), &e);
    assert_int_equal(chain->count, links);
    assert_done(snapreader_open(s->d->chain, chain->link[links - 1].name, &r, &e), &e);
    assert_done(snapreader_verify(r, &frames, &e), &e);
    return r;
}

static void actions_go_into_the_file_of_their_tier(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(snapreader) struct snapreader *r = NULL;
    err e = ERR_INIT;
    uint64_t seqs[8];
    uint32_t relations[8];
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_row(&s, s.nodes, 1, "here");
    shop_row(&s, s.audits, 1, "who");
    shop_commit(&s);
    shop_row(&s, s.orders, 2, "two");
    shop_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    assert_false(sealed.nothing_new);
    assert_int_equal(sealed.first_seq, 1);
    assert_int_equal(sealed.last_seq, 4);
    assert_int_equal(sealed.actions, 4);
    r = open_last(&s, 2);
    assert_true(snapreader_has_device(r));
    assert_int_equal(read_seqs(r, TIER_BUSINESS, seqs, 8, relations), 2);
    assert_int_equal(seqs[0], 1);
    assert_int_equal(seqs[1], 4);
    assert_int_equal(read_seqs(r, TIER_DEVICE, seqs, 8, relations), 1);
    assert_int_equal(seqs[0], 2);
    assert_int_equal(read_seqs(r, TIER_AUDIT, seqs, 8, relations), 1);
    assert_int_equal(seqs[0], 3);
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    assert_done(snapreader_schema(r, &schema, &e), &e);
    assert_int_equal(schema->n_relation, 3);
    assert_true(schema->has_schema_snapshot);
}

static void nothing_new_makes_no_snapshot(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result first = {0};
    OWNED(seal_result) struct seal_result second = {0};
    err e = ERR_INIT;
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_commit(&s);
    assert_done(seal(&s, &first, &e), &e);
    assert_done(seal(&s, &second, &e), &e);
    assert_true(second.nothing_new);
    snapreader_close(open_last(&s, 2));
}

static void a_truncate_of_two_tiers_is_in_both(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(snapreader) struct snapreader *r = NULL;
    err e = ERR_INIT;
    uint64_t seqs[8];
    uint32_t relations[8];
    shop_open(&s);
    const uint32_t both[] = {s.orders, s.nodes};
    shop_truncate(&s, both, 2);
    shop_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    assert_int_equal(sealed.last_seq, 1);
    r = open_last(&s, 2);
    assert_int_equal(read_seqs(r, TIER_BUSINESS, seqs, 8, relations), 1);
    assert_int_equal(relations[0], s.orders);
    assert_int_equal(read_seqs(r, TIER_DEVICE, seqs, 8, relations), 1);
    assert_int_equal(relations[0], s.nodes);
}

#define MANY 30000u

static void a_large_transaction_spans_frames(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(memory) uint64_t *seqs = calloc(MANY, sizeof *seqs);
    OWNED(memory) uint32_t *relations = calloc(MANY, sizeof *relations);
    char note[301];
    err e = ERR_INIT;
    memset(note, 'n', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    shop_open(&s);
    for (uint64_t i = 0; i < MANY; i++)
        shop_row(&s, s.orders, i, note);
    shop_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    r = open_last(&s, 2);
    assert_int_equal(read_seqs(r, TIER_BUSINESS, seqs, MANY, relations), MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(seqs[i], i + 1);
    bool found = false;
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    assert_true(snapreader_index(r)->n_frame > 1);
}

/* A row larger than any frame comes back whole, between small ones. */
static void a_huge_row_is_a_payload_of_its_own(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(actionunpack) struct actionunpack *u = NULL;
    const size_t len = 9 << 20;
    OWNED(memory) char *note = malloc(len + 1);
    err e = ERR_INIT;
    bool found = false, end = false;
    assert_non_null(note);
    for (size_t i = 0; i < len; i++)
        note[i] = (char)('a' + i % 23);
    note[len] = '\0';
    shop_open(&s);
    shop_row(&s, s.orders, 1, "small");
    shop_row(&s, s.orders, 2, note);
    shop_row(&s, s.orders, 3, "small");
    shop_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    r = open_last(&s, 2);
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    assert_int_equal(snapreader_index(r)->n_frame, 1 + 3 + 1);
    assert_done(actionunpack_new(&u, &e), &e);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct snap_payload p;
        struct sealed_action a;
        assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
        assert_true(!end && p.by_column == (seq != 2) && p.first_seq == seq && p.last_seq == seq);
        assert_done(
            actionunpack_open(u, p.payload, p.by_column ? ACTIONUNPACK_COLUMNS : ACTIONUNPACK_MESSAGE, &e),
            &e);
        assert_done(actionunpack_next(u, &a, &end, &e), &e);
        assert_int_equal(a.seq, seq);
        if (seq == 2)
            assert_memory_equal(a.action.new.data + a.action.new.len - len, note, len);
    }
    assert_done(snapreader_next(r, 0, &(struct snap_payload){0}, &end, &e), &e);
    assert_true(end);
}

static void a_kill_at_any_moment_leaves_a_whole_chain(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_row(&s, s.nodes, 1, "here");
    shop_commit(&s);
    shop_shut(&s);
    uint64_t kills = 0;
    while (!shop_seal_killed(&s, PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, kills + 1))
        kills++;
    assert_true(kills > 5);
    assert_done(datadir_open(s.scratch.path, NULL, DATADIR_EXISTING, &s.d, &e), &e);
    assert_done(seal_reconcile(s.d, &e), &e);
    snapreader_close(open_last(&s, 2));
    OWNED(io_names) struct io_names names = {0};
    assert_done(io_list(s.d->chain, &names, &e), &e);
    assert_int_equal(names.count, 5); /* .snap and .commit of both, .device of the second */
}

static void a_full_disk_seals_nothing(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_commit(&s);
    io_fault_arm(IO_FAULT_FULL, 1, ".snap");
    assert_fails(seal(&s, &sealed, &e), &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    snapreader_close(open_last(&s, 1));
    assert_done(seal(&s, &sealed, &e), &e);
    snapreader_close(open_last(&s, 2));
}

/* Killed after the snapshot was published: the rows it was made of lie about, as large as their tables. */
static void rows_of_an_interrupted_sealing_go(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    shop_open(&s);
    assert_done(io_make_dir(s.d->base, &e), &e);
    OWNED(text) char *path = io_join(s.d->base, "16384.rows");
    assert_non_null(path);
    assert_done(io_store(path, bytes_text("rows"), &e), &e);
    shop_row(&s, s.orders, 1, "one");
    shop_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    assert_done(io_list(s.d->base, &names, &e), &e);
    assert_int_equal(names.count, 0);
}

static void count_lines(void *context, const char *line)
{
    (void)line;
    *(size_t *)context += 1;
}

/* Why it cannot be reached is the failure, and nothing is said of going on without it. */
static void bases_of_tables_are_not_made_without_the_database(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    const err clean = ERR_INIT;
    err e = clean;
    size_t said = 0;
    const uint32_t table = 1;
    const struct progress progress = {&said, count_lines, progress_silent.step, NULL};
    struct seal_request request = {
        .type = INCREMENTAL, .conninfo = "host=/nowhere dbname=shop", .tables = &table, .table_count = 1};
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_commit(&s);
    assert_fails(seal_snapshot(s.d, &request, &progress, &sealed, &e), &e, ERR_NETWORK);
    assert_non_null(strstr(e.message, "/nowhere"));
    assert_int_equal(said, 0);
    e = clean;
    request.table_count = 0;
    assert_done(seal_snapshot(s.d, &request, &progress, &sealed, &e), &e);
    assert_int_equal(said, 1);
    assert_int_equal(sealed.actions, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_go_into_the_file_of_their_tier),
        cmocka_unit_test(nothing_new_makes_no_snapshot),
        cmocka_unit_test(a_truncate_of_two_tiers_is_in_both),
        cmocka_unit_test(a_large_transaction_spans_frames),
        cmocka_unit_test(a_huge_row_is_a_payload_of_its_own),
        cmocka_unit_test(a_kill_at_any_moment_leaves_a_whole_chain),
        cmocka_unit_test(a_full_disk_seals_nothing),
        cmocka_unit_test(rows_of_an_interrupted_sealing_go),
        cmocka_unit_test(bases_of_tables_are_not_made_without_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
