/* The golden chains were written by format 1 and must be read by every version since. */
#include "tests/golden/golden.h"

#include "proto/actionunpack.h"
#include "store/chain.h"
#include "store/io.h"
#include "store/snapframe.h"
#include "store/snaplayout.h"
#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

#define GOLDEN TEST_DATA "/../golden/format1"

static void the_chain_is_whole(void **state)
{
    (void)state;
    static const uint64_t wanted[] = {4, 2, 2};
    OWNED(chain) struct chain *c = NULL;
    err e = ERR_INIT;
    assert_done(chain_load(GOLDEN, &c, &e), &e);
    assert_int_equal(c->count, 3);
    for (size_t i = 0; i < c->count; i++) {
        OWNED(snapreader) struct snapreader *r = NULL;
        uint64_t frames = 0;
        assert_done(snapreader_open(GOLDEN, c->link[i].name, &r, &e), &e);
        assert_true(snapreader_has_device(r));
        assert_done(snapreader_verify(r, &frames, &e), &e);
        assert_int_equal(frames, wanted[i]);
    }
    assert_true(c->link[0].commit->snap_parts > 1);
    assert_string_equal(c->link[2].commit->header->name, "golden");
    assert_int_equal(c->link[2].commit->header->last_seq, 4);
}

static void rows_are(struct snapreader *r, enum tier tier, uint32_t table, const char *lines)
{
    OWNED(buf) struct buf wanted = {0};
    struct snap_payload p;
    bool found = false, end = false;
    err e = ERR_INIT;
    wire_bytes(&wanted, 1, bytes_text(lines));
    assert_done(snapreader_section(r, tier, PGSTRAND__SECTION_KIND__ROWS, &found, &e), &e);
    assert_true(found);
    assert_done(snapreader_next(r, table, &p, &end, &e), &e);
    assert_false(end);
    assert_true(bytes_equal(p.payload, buf_view(&wanted)));
    assert_done(snapreader_next(r, table, &p, &end, &e), &e);
    assert_true(end);
}

static void the_full_says_what_it_said(void **state)
{
    (void)state;
    OWNED(chain) struct chain *c = NULL;
    OWNED(snapreader) struct snapreader *r = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    err e = ERR_INIT;
    assert_done(chain_load(GOLDEN, &c, &e), &e);
    assert_done(snapreader_open(GOLDEN, c->link[0].name, &r, &e), &e);
    assert_done(snapreader_schema(r, &schema, &e), &e);
    assert_string_equal(schema->pre_data, GOLDEN_SCHEMA);
    assert_string_equal(schema->table[0]->name, "item");
    rows_are(r, TIER_BUSINESS, 1, GOLDEN_ITEMS);
    assert_true((snapreader_index(r)->frame[0]->flags & FRAME_COLUMNS) != 0);
    rows_are(r, TIER_AUDIT, 2, GOLDEN_AUDIT);
    rows_are(r, TIER_DEVICE, 3, GOLDEN_DEVICE);
}

static void the_actions_say_what_they_said(void **state)
{
    (void)state;
    OWNED(chain) struct chain *c = NULL;
    OWNED(snapreader) struct snapreader *r = NULL;
    PB_OWNED(Pgstrand__ActionsFrame) *frame = NULL;
    struct snap_payload p;
    bool found = false, end = false;
    err e = ERR_INIT;
    assert_done(chain_load(GOLDEN, &c, &e), &e);
    assert_done(snapreader_open(GOLDEN, c->link[1].name, &r, &e), &e);
    assert_done(snapreader_section(r, TIER_DEVICE, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    assert_true(found);
    assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
    assert_int_equal(p.first_seq, 1);
    assert_int_equal(p.last_seq, 3);
    assert_done(PB_UNPACK(frame, pgstrand__actions_frame__descriptor, p.payload, "actions", 0, &e), &e);
    assert_int_equal(frame->commit[0]->commit->xid, 740);
    assert_int_equal(frame->commit[0]->action[0]->new_.len, 9);
}

/* ---- actions by column ---- */

#define COLUMNS TEST_DATA "/../golden/columns"

static void the_chain_by_column_is_whole(void **state)
{
    (void)state;
    OWNED(chain) struct chain *c = NULL;
    err e = ERR_INIT;
    assert_done(chain_load(COLUMNS, &c, &e), &e);
    assert_int_equal(c->count, 3);
    for (size_t i = 0; i < c->count; i++) {
        OWNED(snapreader) struct snapreader *r = NULL;
        uint64_t frames = 0;
        assert_done(snapreader_open(COLUMNS, c->link[i].name, &r, &e), &e);
        assert_done(snapreader_verify(r, &frames, &e), &e);
        assert_int_equal(c->link[i].commit->header->feature_incompatible, i == 0 ? 0 : SNAP_FEATURE_ACTIONS);
    }
}

static void is_golden(const struct sealed_action *a, uint64_t seq)
{
    OWNED(buf) struct buf row = {0};
    OWNED(buf) struct buf wanted = {0};
    OWNED(buf) struct buf got = {0};
    struct action golden;
    golden_action(seq, &row, &golden);
    action_encode(&golden, false, &wanted);
    action_encode(&a->action, false, &got);
    assert_int_equal(a->seq, seq);
    assert_int_equal(a->commit.xid, 740);
    assert_true(bytes_equal(a->commit.user, bytes_text(GOLDEN_USER)));
    assert_true(bytes_equal(buf_view(&got), buf_view(&wanted)));
}

static uint64_t golden_actions(const char *name, enum tier tier, uint64_t first)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(actionunpack) struct actionunpack *u = NULL;
    struct snap_payload p;
    bool found = false, end = false;
    err e = ERR_INIT;
    assert_done(snapreader_open(COLUMNS, name, &r, &e), &e);
    assert_done(snapreader_section(r, tier, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    assert_true(found);
    assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
    assert_true(p.by_column);
    assert_done(actionunpack_new(&u, &e), &e);
    assert_done(actionunpack_open(u, p.payload, ACTIONUNPACK_COLUMNS, &e), &e);
    for (;; first++) {
        struct sealed_action a;
        assert_done(actionunpack_next(u, &a, &end, &e), &e);
        if (end)
            return first;
        is_golden(&a, first);
    }
}

static void actions_by_column_say_what_they_said(void **state)
{
    (void)state;
    OWNED(chain) struct chain *c = NULL;
    err e = ERR_INIT;
    assert_done(chain_load(COLUMNS, &c, &e), &e);
    assert_int_equal(golden_actions(c->link[1].name, TIER_BUSINESS, 1), GOLDEN_ACTIONS + 1);
    assert_int_equal(golden_actions(c->link[1].name, TIER_DEVICE, 1), GOLDEN_ACTIONS + 1);
    assert_int_equal(golden_actions(c->link[2].name, TIER_DEVICE, GOLDEN_ACTIONS + 1), GOLDEN_ACTIONS + 2);
}

/* ---- a node's, with everything a chain has ---- */

#define WHOLE TEST_DATA "/../golden/whole/chain"

/* Of its two incarnations the one that goes back to the other. */
static void load_whole(struct chain **out)
{
    OWNED(io_names) struct io_names nodes = {0};
    OWNED(io_names) struct io_names incarnations = {0};
    err e = ERR_INIT;
    assert_done(io_list(WHOLE, &nodes, &e), &e);
    assert_int_equal(nodes.count, 1);
    OWNED(text) char *node = io_join(WHOLE, nodes.name[0]);
    assert_done(io_list(node, &incarnations, &e), &e);
    assert_int_equal(incarnations.count, 2);
    for (size_t i = 0; i < 2; i++) {
        OWNED(text) char *dir = io_join(node, incarnations.name[i]);
        OWNED(chain) struct chain *c = NULL;
        assert_done(chain_load(dir, &c, &e), &e);
        if (c->older_count == 0)
            continue;
        *out = c;
        c = NULL;
    }
    assert_non_null(*out);
}

static void a_nodes_chain_is_whole(void **state)
{
    (void)state;
    OWNED(chain) struct chain *c = NULL;
    unsigned of_type[PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL + 1] = {0};
    bool has[TIER_TRANSIENT][PGSTRAND__SECTION_KIND__CONFIG + 1] = {0};
    err e = ERR_INIT;
    load_whole(&c);
    assert_non_null(chain_recovery_key(c));
    for (size_t i = 0; i < c->count; i++) {
        OWNED(snapreader) struct snapreader *r = NULL;
        const Pgstrand__SnapshotCommit *commit = c->link[i].commit;
        uint64_t frames = 0;
        assert_done(snapreader_open(c->link[i].dir, c->link[i].name, &r, &e), &e);
        assert_done(snapreader_verify(r, &frames, &e), &e);
        assert_true(frames > 0);
        assert_true(commit->has_device_certificate);
        assert_int_equal(commit->has_handover, i == c->own);
        of_type[commit->header->type]++;
        for (int tier = TIER_BUSINESS; tier < TIER_TRANSIENT; tier++)
            for (int kind = PGSTRAND__SECTION_KIND__SCHEMA; kind <= PGSTRAND__SECTION_KIND__CONFIG; kind++)
                has[tier][kind] |= snapreader_has(r, (enum tier)tier, (Pgstrand__SectionKind)kind);
    }
    assert_int_equal(of_type[PGSTRAND__SNAPSHOT_TYPE__FULL], 1);
    assert_int_equal(of_type[PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL], 2);
    for (int kind = PGSTRAND__SECTION_KIND__SCHEMA; kind <= PGSTRAND__SECTION_KIND__CONFIG; kind++)
        assert_int_equal(has[TIER_BUSINESS][kind], kind != PGSTRAND__SECTION_KIND__ENTITIES);
    assert_true(has[TIER_AUDIT][PGSTRAND__SECTION_KIND__ROWS]);
    assert_true(has[TIER_AUDIT][PGSTRAND__SECTION_KIND__ACTIONS]);
    assert_true(has[TIER_DEVICE][PGSTRAND__SECTION_KIND__ROWS]);
    assert_true(has[TIER_DEVICE][PGSTRAND__SECTION_KIND__ACTIONS]);
    assert_true(has[TIER_DEVICE][PGSTRAND__SECTION_KIND__ASSETS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_is_whole),
        cmocka_unit_test(the_full_says_what_it_said),
        cmocka_unit_test(the_actions_say_what_they_said),
        cmocka_unit_test(the_chain_by_column_is_whole),
        cmocka_unit_test(actions_by_column_say_what_they_said),
        cmocka_unit_test(a_nodes_chain_is_whole),
    };
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
