/* A DIFFERENTIAL leads to the same state as the links it stands for; and what becomes of it when something is
 * in the way. */
#include "tests/unit/agent/seal/history.h"

#include "store/snapreader.h"

static struct chain *load(const struct shop *s, size_t links)
{
    err e = ERR_INIT;
    struct chain *chain = NULL;
    assert_done(chain_load(s->d->chain, &chain, &e), &e);
    assert_int_equal(chain->count, links);
    return chain;
}

static void verify(const struct chain *chain, size_t link)
{
    err e = ERR_INIT;
    uint64_t frames = 0;
    OWNED(snapreader) struct snapreader *r = NULL;
    assert_done(snapreader_open(chain->dir, chain->link[link].name, &r, &e), &e);
    assert_done(snapreader_verify(r, &frames, &e), &e);
}

/* ---- the same state ---- */

/* At the seq of a DIFFERENTIAL, and at the chain's end, where INCREMENTALs may follow it. */
static void check_shortcut(const struct history *h, const struct chain *chain, size_t at,
                           const struct history_state *end)
{
    uint64_t stop = chain->link[at].commit->header->last_seq;
    OWNED(history_state) struct history_state all = {0};
    OWNED(history_state) struct history_state net = {0};
    OWNED(history_state) struct history_state later = {0};
    verify(chain, at);
    history_fold(h, chain, 0, stop, NULL, &all);
    history_fold(h, chain, at, stop, NULL, &net);
    history_same(&all, &net);
    assert_true(net.actions <= all.actions);
    history_fold(h, chain, at, UINT64_MAX, NULL, &later);
    history_same(&later, end);
}

static void random_chain(uint64_t seed, unsigned steps)
{
    err e = ERR_INIT;
    OWNED(history) struct history *h = history_begin(seed);
    struct model *dice = &h->model[1];
    for (unsigned i = 0; i < steps; i++) {
        history_step(h);
        uint64_t what = model_random(dice, 100);
        if (what < 3)
            history_seal(h, what == 0 ? DIFFERENTIAL : INCREMENTAL);
    }
    history_commit(h);
    history_seal(h, DIFFERENTIAL);
    history_note(h);
    history_step(h);
    history_commit(h);
    history_seal(h, INCREMENTAL);
    OWNED(chain) struct chain *chain = NULL;
    OWNED(history_state) struct history_state end = {0};
    OWNED(history_state) struct history_state truth = {0};
    assert_done(chain_load(h->shop.d->chain, &chain, &e), &e);
    history_fold(h, chain, 0, UINT64_MAX, NULL, &end);
    history_truth(h, &truth);
    history_same(&end, &truth);
    size_t shortcuts = 0;
    for (size_t i = 1; i < chain->count; i++) {
        if (chain->link[i].commit->header->type != DIFFERENTIAL)
            continue;
        shortcuts++;
        check_shortcut(h, chain, i, &end);
    }
    assert_true(shortcuts > 0);
}

/* PGSTRAND_TEST_LONG=1: twice as many, half a minute with sanitizers. */
static void random_chains(void **state)
{
    (void)state;
    const uint64_t last = getenv("PGSTRAND_TEST_LONG") != NULL ? 8 : 4;
    for (uint64_t seed = 1; seed <= last; seed++)
        random_chain(seed, 150u << (seed % 4));
}

/* ---- its place in the chain ---- */

static void what_is_open_is_sealed_first(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_row(&s, s.orders, 1, "two");
    shop_row(&s, s.nodes, 1, "here");
    shop_commit(&s);
    assert_done(shop_seal(&s, DIFFERENTIAL, "noon", &sealed, &e), &e);
    assert_false(sealed.nothing_new);
    assert_int_equal(sealed.type, DIFFERENTIAL);
    assert_int_equal(sealed.first_seq, 1);
    assert_int_equal(sealed.last_seq, 3);
    assert_int_equal(sealed.actions, 2);
    OWNED(chain) struct chain *chain = load(&s, 3);
    const Pgstrand__SnapshotHeader *incremental = chain->link[1].commit->header;
    const Pgstrand__SnapshotHeader *h = chain->link[2].commit->header;
    assert_int_equal(incremental->type, INCREMENTAL);
    assert_null(incremental->name);
    assert_string_equal(h->name, "noon");
    assert_int_equal(h->last_lsn, incremental->last_lsn);
    assert_memory_equal(h->parent.data, incremental->snapshot.data, sizeof(uuid));
    assert_memory_equal(h->base_snapshot.data, chain->link[0].commit->header->snapshot.data, sizeof(uuid));
    assert_true(chain->link[2].commit->has_device_header_hash);
    verify(chain, 2);
}

static void nothing_new_makes_none(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    shop_open(&s);
    for (int round = 0; round < 2; round++) {
        OWNED(seal_result) struct seal_result sealed = {0};
        OWNED(seal_result) struct seal_result again = {0};
        assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e);
        assert_int_equal(sealed.nothing_new, round == 0);
        assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &again, &e), &e);
        assert_true(again.nothing_new);
        shop_row(&s, s.orders, 1, "one");
        shop_commit(&s);
    }
    chain_free(load(&s, 3));
}

/* Sealed actions alone are something new, and the chain goes on behind it and behind a new FULL. */
static void the_chain_goes_on(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    static const Pgstrand__SnapshotType types[] = {INCREMENTAL, DIFFERENTIAL, INCREMENTAL, DIFFERENTIAL};
    shop_open(&s);
    for (uint64_t i = 0; i < 4; i++) {
        OWNED(seal_result) struct seal_result sealed = {0};
        if (types[i] == INCREMENTAL) {
            shop_again(&s, 0);
        }
        assert_done(shop_seal(&s, types[i], NULL, &sealed, &e), &e);
        assert_int_equal(sealed.last_seq, i / 2 + 1);
        assert_int_equal(sealed.actions, 1);
    }
    shop_full(&s, 2);
    OWNED(seal_result) struct seal_result sealed = {0};
    assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e);
    assert_true(sealed.nothing_new);
    shop_again(&s, 0);
    assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e);
    assert_int_equal(sealed.first_seq, 3);
    OWNED(chain) struct chain *chain = load(&s, 8);
    assert_memory_equal(chain->link[7].commit->header->base_snapshot.data,
                        chain->link[5].commit->header->snapshot.data, sizeof(uuid));
}

/* The clock steps back: its time is the latest of all commits, not the last one's. */
static void its_time_is_the_latest(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    static const pgtime times[] = {100, 900, 300};
    shop_open(&s);
    for (size_t i = 0; i < 3; i++) {
        shop_again(&s, times[i]);
    }
    assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e);
    shop_again(&s, 400);
    assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e);
    OWNED(chain) struct chain *chain = load(&s, 5);
    assert_int_equal(chain->link[2].commit->header->first_time, 100);
    assert_int_equal(chain->link[2].commit->header->last_time, 900);
    assert_int_equal(chain->link[4].commit->header->last_time, 900);
}

static void the_log_is_not_needed_for_what_is_sealed(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_commit(&s);
    assert_done(shop_seal(&s, INCREMENTAL, NULL, &sealed, &e), &e);
    logwriter_close(s.log);
    s.log = NULL;
    assert_done(io_remove_tree(s.d->log, &e), &e);
    const struct log_options options = {.node = s.d->identity.node,
                                        .incarnation = s.d->identity.incarnation,
                                        .start_lsn = s.next_lsn,
                                        .start_seq = 1};
    assert_done(logwriter_open(s.d->log, &options, &s.log, &e), &e);
    assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e);
    assert_int_equal(sealed.type, DIFFERENTIAL);
    assert_int_equal(sealed.actions, 1);
}

/* ---- when something is in the way ---- */

static void a_missing_device_file(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    char path[1024];
    shop_open(&s);
    shop_row(&s, s.nodes, 1, "here");
    shop_commit(&s);
    assert_done(shop_seal(&s, INCREMENTAL, NULL, &sealed, &e), &e);
    (void)snprintf(path, sizeof path, "%s/%s.device", s.d->chain, sealed.file);
    assert_done(io_unlink(path, &e), &e);
    assert_fails(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e, ERR_STORAGE);
    assert_mentions(&e, ".device");
    chain_free(load(&s, 2));
}

static void a_full_disk(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    shop_open(&s);
    shop_row(&s, s.orders, 1, "one");
    shop_commit(&s);
    assert_done(shop_seal(&s, INCREMENTAL, NULL, &sealed, &e), &e);
    io_fault_arm(IO_FAULT_FULL, 1, ".snap");
    assert_fails(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    chain_free(load(&s, 2));
    assert_done(shop_seal(&s, DIFFERENTIAL, NULL, &sealed, &e), &e);
    chain_free(load(&s, 3));
}

static void a_kill_at_any_moment(void **state)
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
    while (!shop_seal_killed(&s, DIFFERENTIAL, kills + 1))
        kills++;
    assert_true(kills > 10);
    assert_done(datadir_open(s.scratch.path, NULL, DATADIR_EXISTING, &s.d, &e), &e);
    assert_done(seal_reconcile(s.d, &e), &e);
    OWNED(chain) struct chain *chain = load(&s, 3);
    assert_int_equal(chain->link[1].commit->header->type, INCREMENTAL);
    assert_int_equal(chain->link[2].commit->header->type, DIFFERENTIAL);
    verify(chain, 2);
    OWNED(io_names) struct io_names names = {0};
    assert_done(io_list(s.d->chain, &names, &e), &e);
    assert_int_equal(names.count, 8); /* .snap and .commit of all, .device of two */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains),          cmocka_unit_test(what_is_open_is_sealed_first),
        cmocka_unit_test(nothing_new_makes_none), cmocka_unit_test(the_chain_goes_on),
        cmocka_unit_test(its_time_is_the_latest), cmocka_unit_test(the_log_is_not_needed_for_what_is_sealed),
        cmocka_unit_test(a_missing_device_file),  cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_kill_at_any_moment),
    };
    return cmocka_run_group_tests_name("sealdifferential", tests, NULL, NULL);
}
