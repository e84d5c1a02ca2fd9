/* The index of rows: runs are merged in tiers, what is damaged is made again, what belongs to nothing goes.
 */
#include "agent/history/entityindex.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/history/entitykey.h"
#include "proto/tuple.h"
#include "store/hashrun.h"
#include "tests/lib/snapmake.h"
#include "tests/unit/store/logfixture.h"

#define ROUND 300 /* actions behind which a run is made */
#define ROWS 50

struct shop {
    struct scratch s;
    struct datadir d;
    struct chain *chain;
    struct logwriter *log;
    char *index;
    uint32_t relation;
    uint64_t seq; /* the last one */
};

static void shop_make(struct shop *x)
{
    err e = ERR_INIT;
    struct snapmake m;
    *x = (struct shop){.s = scratch_make()};
    x->d.root = x->s.dir;
    x->d.log = io_join(x->s.dir, "log");
    x->d.chain = io_join(x->s.dir, "chain");
    x->index = io_join(x->s.dir, "index");
    x->d.identity.node = fixture_node;
    x->d.identity.incarnation = fixture_incarnation;
    assert_done(io_make_dir(x->d.log, &e), &e);
    assert_done(io_make_dir(x->d.chain, &e), &e);
    snapmake_init(&m);
    free(snapmake_full(&m, x->d.chain));
    assert_done(chain_load(x->d.chain, &x->chain, &e), &e);
    x->log = fixture_writer(x->d.log, 0);
    x->relation = fixture_relation(x->log, 10, 0);
}

static void shop_fini(struct shop *x)
{
    logwriter_close(x->log);
    chain_free(x->chain);
    free(x->d.log);
    free(x->d.chain);
    free(x->index);
    scratch_remove(&x->s);
}
OWN_VALUE(shop, shop_fini);

static struct entityindex_place place_of(const struct shop *x)
{
    return (struct entityindex_place){&x->d, x->chain, x->d.log};
}

/* The row that seq changes, as TupleData. */
static void row_of(uint64_t seq, struct buf *out)
{
    char key[24];
    buf_reset(out);
    tuple_begin(out, 1);
    (void)snprintf(key, sizeof key, "%llu", (unsigned long long)(seq % ROWS));
    tuple_put(out, (struct value){VALUE_TEXT, bytes_text(key)});
}

static uint64_t make(const struct shop *x)
{
    const struct entityindex_place place = place_of(x);
    uint64_t made = 0;
    err e = ERR_INIT;
    assert_done(entityindex_make(&place, 1, &progress_silent, &made, &e), &e);
    return made;
}

/* More changes, and a run of them. */
static uint64_t go_on(struct shop *x)
{
    OWNED(buf) struct buf row = {0};
    err e = ERR_INIT;
    struct commit c = {.lsn = 200 + x->seq, .end_lsn = 205 + x->seq, .time = 1};
    for (int i = 0; i < ROUND; i++) {
        row_of(++x->seq, &row);
        const struct action a = {.kind = ACTION_CREATE, .relation = x->relation, .new = buf_view(&row)};
        assert_done(logwriter_put(x->log, &a, c.lsn, &e), &e);
    }
    assert_done(logwriter_commit(x->log, &c, &e), &e);
    assert_done(logwriter_flush(x->log, &e), &e);
    return make(x);
}

static size_t files(const struct shop *x)
{
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    assert_done(io_list(x->index, &names, &e), &e);
    return names.count;
}

/* Each row's seqs, all of them and no others. */
static void is_right(const struct shop *x)
{
    const struct entityindex_place place = place_of(x);
    OWNED(entityindex) struct entityindex *index = NULL;
    OWNED(logreader) struct logreader *log = fixture_reader(x->d.log);
    OWNED(buf) struct buf row = {0};
    OWNED(buf) struct buf scratch = {0};
    const struct relation *relation = NULL;
    err e = ERR_INIT;
    assert_done(entityindex_open(&place, &progress_silent, &index, &e), &e);
    assert_int_equal(entityindex_end(index), x->seq);
    assert_done(logreader_relation(log, x->relation, &relation, &e), &e);
    for (uint64_t first = 1; first <= ROWS; first++) {
        OWNED(seqlist) struct seqlist found = {0};
        struct action a = {.kind = ACTION_CREATE, .relation = x->relation};
        uuid entity, before;
        bool keyed = false;
        row_of(first, &row);
        a.new = buf_view(&row);
        assert_done(
            entitykey_of_action(relation, &a, &x->d.identity.dataset, &scratch, &entity, &before, &keyed, &e),
            &e);
        assert_done(entityindex_find(index, &entity, &found, &e), &e);
        seqlist_sort(&found);
        assert_int_equal(found.count, x->seq / ROWS);
        for (size_t i = 0; i < found.count; i++)
            assert_int_equal(found.seq[i], first + i * ROWS);
    }
}

static void eight_runs_of_a_tier_become_one(void **state)
{
    (void)state;
    OWNED(shop) struct shop x;
    shop_make(&x);
    for (size_t round = 1; round <= 8; round++) {
        assert_int_equal(go_on(&x), ROUND);
        assert_int_equal(files(&x), round < 8 ? round : 1);
        is_right(&x);
    }
    (void)go_on(&x);
    assert_int_equal(files(&x), 2);
    assert_int_equal(make(&x), 0);
    is_right(&x);
}

/* The n-th file of the index: one bit of its first block. */
static void damage(const struct shop *x, size_t n)
{
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    uint8_t byte = 0;
    assert_done(io_list(x->index, &names, &e), &e);
    OWNED(text) char *path = io_join(x->index, names.name[n]);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 120), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 120), 1);
    (void)close(fd);
}

static void a_damaged_block_does_not_stop_merging(void **state)
{
    (void)state;
    for (size_t n = 0; n < 7; n += 3) {
        OWNED(shop) struct shop x;
        shop_make(&x);
        for (size_t round = 1; round < 8; round++)
            (void)go_on(&x);
        damage(&x, n);
        assert_true(go_on(&x) >= ROUND * (8 - n));
        assert_in_range(files(&x), 1, 7);
        is_right(&x);
        for (size_t round = 0; round < 8; round++)
            (void)go_on(&x);
        assert_in_range(files(&x), 1, 8);
        is_right(&x);
    }
}

static void what_is_no_damage_is_handed_on(void **state)
{
    (void)state;
    OWNED(shop) struct shop x;
    OWNED(io_names) struct io_names names = {0};
    OWNED(entityindex) struct entityindex *index = NULL;
    err e = ERR_INIT;
    shop_make(&x);
    (void)go_on(&x);
    assert_done(io_list(x.index, &names, &e), &e);
    OWNED(text) char *path = io_join(x.index, names.name[0]);
    const struct entityindex_place place = place_of(&x);
    /* A link to itself cannot be opened, whoever tries. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(path, path), 0);
    assert_fails(entityindex_open(&place, &progress_silent, &index, &e), &e, ERR_STORAGE);
    assert_mentions(&e, names.name[0]);
    struct stat facts;
    assert_int_equal(lstat(path, &facts), 0); /* it is not taken away */
}

static void runs_of_bases_that_went_go(void **state)
{
    (void)state;
    OWNED(shop) struct shop x;
    err e = ERR_INIT;
    char kept[80], text[UUID_TEXT];
    uuid full;
    shop_make(&x);
    (void)go_on(&x);
    memcpy(full.b, x.chain->link[0].commit->header->snapshot.data, sizeof full.b);
    (void)snprintf(kept, sizeof kept, "lines-%s.run", uuid_format(&full, text));
    const char *const name[] = {kept, "lines-00000000-0000-4000-8000-000000000001.run", "rows-1.run"};
    for (size_t i = 0; i < 3; i++) {
        OWNED(text) char *path = io_join(x.index, name[i]);
        assert_done(io_store(path, bytes_text("x"), &e), &e);
    }
    (void)go_on(&x);
    for (size_t i = 0; i < 3; i++) {
        OWNED(text) char *path = io_join(x.index, name[i]);
        assert_int_equal(io_exists(path), i == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_runs_of_a_tier_become_one),
        cmocka_unit_test(a_damaged_block_does_not_stop_merging),
        cmocka_unit_test(what_is_no_damage_is_handed_on),
        cmocka_unit_test(runs_of_bases_that_went_go),
    };
    return cmocka_run_group_tests_name("entityindex", tests, NULL, NULL);
}
