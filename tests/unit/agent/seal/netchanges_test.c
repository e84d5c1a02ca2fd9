/* Which actions are needed: by hand, and on random histories against the fold of all of them. */
#include "tests/unit/agent/seal/history.h"

#define KEYED 0
#define COUNTED 2

static struct chain *chain_of(struct history *h)
{
    err e = ERR_INIT;
    struct chain *chain = NULL;
    history_commit(h);
    history_seal(h, PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL);
    assert_done(chain_load(h->shop.d->chain, &chain, &e), &e);
    return chain;
}

static void note(struct netchanges *net, const struct chain *chain)
{
    err e = ERR_INIT;
    const struct source_options options = {.chain = chain, .tiers = ~0u};
    OWNED(source) struct source *from = NULL;
    assert_done(source_open(&options, &from, &e), &e);
    for (;;) {
        struct source_action a;
        bool end = false;
        assert_done(source_next(from, &a, &end, &e), &e);
        if (end)
            return;
        assert_done(netchanges_note(net, from, &a, &e), &e);
    }
}

/* ---- by hand ---- */

/* Values of one row: its key in column 0; "?" in column 3 was not sent. */
static void put(struct history *h, size_t table, enum action_kind kind, const char *old_key, const char *key,
                const char *large)
{
    struct model_row old = {.there = true, .value = {"", "b", "c", "large"}};
    struct model_row new = old;
    (void)snprintf(new.value[0], MODEL_TEXT, "%s", key);
    (void)snprintf(old.value[0], MODEL_TEXT, "%s", old_key == NULL ? key : old_key);
    if (strcmp(large, "?") != 0)
        (void)snprintf(new.value[3], MODEL_TEXT, "%s", large);
    struct history_ear ear = {h, table};
    const struct model_listener log = {&ear, history_hear};
    model_tell(&h->model[table], &log, kind, kind == ACTION_CREATE ? NULL : &old,
               kind == ACTION_DELETE ? NULL : &new, old_key != NULL);
}

/* The seqs that are needed, as text: "1 4 5". */
static void needed_are(struct history *h, const char *wanted)
{
    err e = ERR_INIT;
    OWNED(chain) struct chain *chain = chain_of(h);
    OWNED(netchanges) struct netchanges *net = NULL;
    OWNED(source) struct source *from = NULL;
    OWNED(buf) struct buf got = {0};
    const struct source_options options = {.chain = chain, .tiers = ~0u};
    assert_done(netchanges_new(1 << 20, &net, &e), &e);
    note(net, chain);
    assert_done(source_open(&options, &from, &e), &e);
    for (;;) {
        struct source_action a;
        bool end = false, needed = false;
        assert_done(source_next(from, &a, &end, &e), &e);
        if (end)
            break;
        assert_done(netchanges_needs(net, from, &a, &needed, &e), &e);
        if (needed)
            buf_printf(&got, "%s%llu", got.len == 0 ? "" : " ", (unsigned long long)a.seq);
    }
    assert_string_equal(buf_cstring(&got), wanted);
}

static void the_last_whole_row_is_enough(void **state)
{
    (void)state;
    OWNED(history) struct history *h = history_begin(1);
    put(h, KEYED, ACTION_CREATE, NULL, "1", "x");  /* 1 */
    put(h, KEYED, ACTION_UPDATE, NULL, "1", "y");  /* 2 */
    put(h, KEYED, ACTION_CREATE, NULL, "2", "x");  /* 3 */
    put(h, KEYED, ACTION_UPDATE, NULL, "1", "?");  /* 4 */
    put(h, KEYED, ACTION_DELETE, NULL, "2", "?");  /* 5 */
    put(h, KEYED, ACTION_UPDATE, NULL, "99", "?"); /* 6: the rest is in the base */
    needed_are(h, "2 4 5 6");
}

static void a_changed_key_is_two_entities(void **state)
{
    (void)state;
    OWNED(history) struct history *h = history_begin(1);
    put(h, KEYED, ACTION_CREATE, NULL, "1", "x"); /* 1 */
    put(h, KEYED, ACTION_UPDATE, "1", "2", "y");  /* 2: whole: 1 is gone, 2 is told */
    put(h, KEYED, ACTION_UPDATE, NULL, "2", "z"); /* 3 */
    put(h, KEYED, ACTION_CREATE, NULL, "3", "x"); /* 4 */
    put(h, KEYED, ACTION_UPDATE, "3", "4", "?");  /* 5: 4 is made from 3 */
    put(h, KEYED, ACTION_CREATE, NULL, "3", "x"); /* 6 */
    put(h, KEYED, ACTION_UPDATE, NULL, "4", "w"); /* 7: would be enough, but both are pinned */
    needed_are(h, "2 3 4 5 6 7");
}

static void truncate_makes_all_before_it_superfluous(void **state)
{
    (void)state;
    OWNED(history) struct history *h = history_begin(1);
    put(h, KEYED, ACTION_CREATE, NULL, "1", "x");   /* 1 */
    put(h, COUNTED, ACTION_CREATE, NULL, "1", "x"); /* 2 */
    history_truncate(h, KEYED, 1);                  /* 3 */
    put(h, KEYED, ACTION_CREATE, NULL, "1", "x");   /* 4 */
    history_truncate(h, KEYED, 1);                  /* 5 */
    put(h, KEYED, ACTION_CREATE, NULL, "2", "x");   /* 6 */
    history_note(h);                                /* 7: messages are not needed */
    needed_are(h, "2 5 6");
}

static void a_multiset_needs_all(void **state)
{
    (void)state;
    OWNED(history) struct history *h = history_begin(1);
    put(h, COUNTED, ACTION_CREATE, NULL, "1", "x");
    put(h, COUNTED, ACTION_UPDATE, "1", "1", "y");
    put(h, COUNTED, ACTION_DELETE, "1", "1", "?");
    needed_are(h, "1 2 3");
}

static void a_table_of_two_shapes_needs_all(void **state)
{
    (void)state;
    OWNED(history) struct history *h = history_begin(1);
    put(h, KEYED, ACTION_CREATE, NULL, "1", "x");
    put(h, KEYED, ACTION_UPDATE, NULL, "1", "y");
    history_truncate(h, KEYED, 1);
    history_commit(h);
    h->version[KEYED] = history_relation(h, KEYED, "renamed");
    put(h, KEYED, ACTION_CREATE, NULL, "1", "z");
    put(h, KEYED, ACTION_UPDATE, NULL, "1", "v");
    needed_are(h, "1 2 3 4 5");
}

static void ddl_is_needed(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(history) struct history *h = history_begin(1);
    const struct action ddl = {
        .kind = ACTION_DDL, .prefix = bytes_text("ALTER TABLE"), .content = bytes_text("{}")};
    put(h, KEYED, ACTION_CREATE, NULL, "1", "x");
    assert_done(logwriter_put(h->shop.log, &ddl, h->shop.next_lsn, &e), &e);
    put(h, KEYED, ACTION_UPDATE, NULL, "1", "y");
    needed_are(h, "2 3");
}

static void an_action_without_its_key_is_damage(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(history) struct history *h = history_begin(1);
    const struct action lame = {.kind = ACTION_DELETE, .relation = h->version[KEYED]};
    assert_done(logwriter_put(h->shop.log, &lame, h->shop.next_lsn, &e), &e);
    h->pending++;
    OWNED(chain) struct chain *chain = chain_of(h);
    OWNED(netchanges) struct netchanges *net = NULL;
    OWNED(source) struct source *from = NULL;
    const struct source_options options = {.chain = chain, .tiers = ~0u};
    struct source_action a;
    bool end = false;
    assert_done(netchanges_new(1 << 20, &net, &e), &e);
    assert_done(source_open(&options, &from, &e), &e);
    assert_done(source_next(from, &a, &end, &e), &e);
    assert_fails(netchanges_note(net, from, &a, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "public.keyed");
    assert_mentions(&e, "seq 1");
}

/* ---- random histories ---- */

/* memory 0: some hundred entities find a place, the others keep everything. */
static void random_history(uint64_t seed, unsigned steps, size_t memory)
{
    err e = ERR_INIT;
    OWNED(history) struct history *h = history_begin(seed);
    for (unsigned i = 0; i < steps; i++)
        history_step(h);
    OWNED(chain) struct chain *chain = chain_of(h);
    OWNED(netchanges) struct netchanges *net = NULL;
    OWNED(history_state) struct history_state all = {0};
    OWNED(history_state) struct history_state reduced = {0};
    OWNED(history_state) struct history_state truth = {0};
    assert_done(netchanges_new(memory, &net, &e), &e);
    note(net, chain);
    history_fold(h, chain, 0, UINT64_MAX, NULL, &all);
    history_fold(h, chain, 0, UINT64_MAX, net, &reduced);
    history_truth(h, &truth);
    history_same(&all, &truth);
    history_same(&reduced, &truth);
    assert_true(reduced.actions < all.actions);
}

static void random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++)
        random_history(seed, 100u << (seed % 7), seed % 3 == 0 ? 0 : 1 << 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_whole_row_is_enough),
        cmocka_unit_test(a_changed_key_is_two_entities),
        cmocka_unit_test(truncate_makes_all_before_it_superfluous),
        cmocka_unit_test(a_multiset_needs_all),
        cmocka_unit_test(a_table_of_two_shapes_needs_all),
        cmocka_unit_test(ddl_is_needed),
        cmocka_unit_test(an_action_without_its_key_is_damage),
        cmocka_unit_test(random_histories),
    };
    return cmocka_run_group_tests_name("netchanges", tests, NULL, NULL);
}
