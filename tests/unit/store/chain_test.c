#include "store/chain.h"

#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

#define FULL PGSTRAND__SNAPSHOT_TYPE__FULL
#define INCREMENTAL PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL
#define DIFFERENTIAL PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL

static void add(struct snapmake *m, const char *dir, Pgstrand__SnapshotType type, uint64_t first,
                uint64_t last)
{
    free(snapmake_next(m, dir, type, first, last));
}

/* A FULL and two INCREMENTALs. */
static void three(struct snapmake *m, const char *dir)
{
    snapmake_init(m);
    add(m, dir, FULL, 1, 0);
    add(m, dir, INCREMENTAL, 1, 10);
    add(m, dir, INCREMENTAL, 11, 20);
}

static void refused(const char *dir, const char *why)
{
    struct chain *c = NULL;
    err e = ERR_INIT;
    assert_fails(chain_load(dir, &c, &e), &e, ERR_STORAGE);
    assert_mentions(&e, why);
}

/* Removes the commit whose name begins with this number. */
static void lose(const char *dir, char number)
{
    OWNED(io_names) struct io_names names = {0};
    err e = ERR_INIT;
    assert_done(io_list(dir, &names, &e), &e);
    for (size_t i = 0; i < names.count; i++) {
        OWNED(text) char *path = io_join(dir, names.name[i]);
        if (names.name[i][15] == number && strstr(names.name[i], ".commit") != NULL)
            assert_done(io_unlink(path, &e), &e);
    }
}

static void a_whole_chain_loads(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(chain) struct chain *c = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    assert_done(chain_load(s.dir, &c, &e), &e);
    assert_int_equal(c->count, 0);
    chain_free(c);
    c = NULL;
    char label[] = "before the move";
    three(&m, s.dir);
    m.header.name = label;
    add(&m, s.dir, DIFFERENTIAL, 1, 20);
    m.header.name = NULL;
    add(&m, s.dir, FULL, 21, 20);
    add(&m, s.dir, INCREMENTAL, 21, 25);
    assert_done(chain_load(s.dir, &c, &e), &e);
    assert_int_equal(c->count, 6);
    for (uint64_t i = 0; i < c->count; i++)
        assert_int_equal(c->link[i].commit->header->number, i);
    assert_ptr_equal(chain_find(c, "before the move"), &c->link[3]);
    assert_ptr_equal(chain_find(c, c->link[2].name), &c->link[2]);
    char text[UUID_TEXT];
    uuid second = snapmake_uuid(0xb0, 1);
    assert_ptr_equal(chain_find(c, uuid_format(&second, text)), &c->link[1]);
    assert_null(chain_find(c, "nothing"));
}

static void missing_links(void **state)
{
    (void)state;
    for (char number = '0'; number <= '1'; number++) {
        OWNED(scratch) struct scratch s = scratch_make();
        struct snapmake m;
        three(&m, s.dir);
        lose(s.dir, number);
        refused(s.dir, "missing");
    }
}

static void forks(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct snapmake m, other;
    three(&m, s.dir);
    other = m; /* borrows its UUIDs from m; they are not changed */
    other.header.number = 1;
    other.snapshot = snapmake_uuid(0xbb, 9);
    other.header.snapshot = pbmem_uuid(&other.snapshot);
    char *name = NULL;
    err e = ERR_INIT;
    assert_done(snapmake_try(&other, s.dir, &name, &e), &e);
    free(name);
    refused(s.dir, "forks");
}

/* Each one thing that does not fit in a child of a good FULL. */
static void children_that_do_not_fit(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 10; wrong++) {
        static const char *const why[] = {"another version of its parent",
                                          "its parent is not",
                                          "another dataset",
                                          "another device than",
                                          "device key",
                                          "adjoin",
                                          "stands on",
                                          "incarnation before, is missing",
                                          "stands on",
                                          "names a base"};
        OWNED(scratch) struct scratch s = scratch_make();
        struct snapmake m;
        char *name = NULL;
        err e = ERR_INIT;
        snapmake_init(&m);
        add(&m, s.dir, FULL, 1, 5);
        snapmake_begin(&m, wrong == 9 ? FULL : INCREMENTAL, wrong == 5 ? 7 : 6, 9);
        if (wrong == 0)
            m.parent_hash[3] ^= 1;
        else if (wrong == 1)
            m.parent.b[3] ^= 1;
        else if (wrong == 2)
            m.dataset.b[3] ^= 1;
        else if (wrong == 3)
            m.device.b[3] ^= 1;
        else if (wrong == 4)
            assert_done(signing_key_new(&m.key, &e), &e);
        else if (wrong == 6)
            m.base = snapmake_uuid(0xb0, 77);
        else if (wrong == 7) {
            lose(s.dir, '0');
            m.header.number = 0;
        } else if (wrong == 8)
            m.header.has_base_snapshot = false;
        else if (wrong == 9)
            m.header.has_base_snapshot = true;
        assert_done(snapmake_try(&m, s.dir, &name, &e), &e);
        free(name);
        refused(s.dir, why[wrong]);
    }
}

/* Two incarnations in folders beside each other, the second one beginning with an INCREMENTAL. */
struct lineage {
    char *older, *newer;
};

static void lineage_fini(struct lineage *l)
{
    free(l->older);
    free(l->newer);
}
OWN_VALUE(lineage, lineage_fini);

static void lineage_folders(const char *dir, struct lineage *out)
{
    err e = ERR_INIT;
    out->older = io_join(dir, "a2000000-0000-4000-8000-000000000001");
    out->newer = io_join(dir, "a2000000-0000-4000-8000-000000000002");
    assert_done(io_make_dir(out->older, &e), &e);
    assert_done(io_make_dir(out->newer, &e), &e);
}

static void lineage_make(const char *dir, struct snapmake *m, struct lineage *out)
{
    err e = ERR_INIT;
    lineage_folders(dir, out);
    three(m, out->older);
    m->incarnation = snapmake_uuid(0xa2, 2);
    m->header.incarnation = pbmem_uuid(&m->incarnation);
    snapmake_begin(m, INCREMENTAL, 21, 30);
    m->header.number = 0;
    m->snapshot = snapmake_uuid(0xc0, 0);
    char *name = NULL;
    assert_done(snapmake_try(m, out->newer, &name, &e), &e);
    free(name);
    add(m, out->newer, INCREMENTAL, 31, 40);
}

static void an_incarnation_goes_on_from_the_one_before(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(lineage) struct lineage l = {0};
    OWNED(chain) struct chain *c = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    lineage_make(s.dir, &m, &l);
    assert_done(chain_load(l.newer, &c, &e), &e);
    assert_int_equal(c->count, 5);
    assert_int_equal(c->own, 3);
    assert_string_equal(c->link[2].dir, l.older);
    assert_string_equal(c->link[3].dir, l.newer);
    assert_int_equal(c->link[3].commit->header->number, 0);
    assert_true(chain_same_incarnation(&c->link[3], &c->link[4]));
    assert_false(chain_same_incarnation(&c->link[2], &c->link[3]));
    chain_free(c);
    c = NULL;
    assert_done(chain_load(l.older, &c, &e), &e);
    assert_int_equal(c->count, 3);
    assert_int_equal(c->own, 0);
    assert_done(chain_succeed(c, l.newer, &e), &e);
    assert_int_equal(c->own, 3);
    assert_string_equal(c->link[0].dir, l.older);
}

static void an_incarnation_without_the_one_before(void **state)
{
    (void)state;
    for (char number = '0'; number <= '2'; number++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(lineage) struct lineage l = {0};
        struct snapmake m;
        lineage_make(s.dir, &m, &l);
        lose(l.older, number);
        refused(l.newer, "missing");
    }
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(lineage) struct lineage l = {0};
    struct snapmake m;
    lineage_make(s.dir, &m, &l);
    lose(l.newer, '0');
    refused(l.newer, "begins with number 1");
}

static void incarnations_in_a_circle(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(lineage) struct lineage l = {0};
    struct snapmake m;
    char *name = NULL;
    err e = ERR_INIT;
    lineage_folders(s.dir, &l);
    snapmake_init(&m);
    snapmake_begin(&m, INCREMENTAL, 1, 10);
    m.parent = snapmake_uuid(0xc0, 0);
    m.header.has_parent = m.header.has_parent_hash = true;
    m.header.parent = pbmem_uuid(&m.parent);
    m.header.parent_hash = (ProtobufCBinaryData){SHA256_LEN, m.parent_hash};
    assert_done(snapmake_try(&m, l.older, &name, &e), &e);
    free(name);
    m.incarnation = snapmake_uuid(0xa2, 2);
    m.header.incarnation = pbmem_uuid(&m.incarnation);
    snapmake_begin(&m, INCREMENTAL, 11, 20);
    m.header.number = 0;
    m.snapshot = snapmake_uuid(0xc0, 0);
    assert_done(snapmake_try(&m, l.newer, &name, &e), &e);
    free(name);
    refused(l.newer, "circle");
    refused(l.older, "circle");
}

/* In one folder: two links are each other's parents, one is its own, and the first goes on from the last. */
static void links_in_a_circle(void **state)
{
    (void)state;
    static const struct {
        uint64_t link, parent;
    } wrong[] = {{1, 2}, {1, 1}, {2, 2}, {0, 2}, {0, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        OWNED(scratch) struct scratch s = scratch_make();
        struct snapmake m;
        snapmake_init(&m);
        for (uint64_t n = 0; n < 3; n++) {
            char *name = NULL;
            err e = ERR_INIT;
            snapmake_begin(&m, n == 0 ? FULL : INCREMENTAL, n == 0 ? 1 : 10 * n - 9, 10 * n);
            if (n == wrong[i].link) {
                m.parent = snapmake_uuid(0xb0, wrong[i].parent);
                m.header.has_parent = m.header.has_parent_hash = true;
                m.header.parent = pbmem_uuid(&m.parent);
                m.header.parent_hash = (ProtobufCBinaryData){SHA256_LEN, m.parent_hash};
            }
            assert_done(snapmake_try(&m, s.dir, &name, &e), &e);
            free(name);
        }
        refused(s.dir, "circle");
    }
}

/* A DIFFERENTIAL that is more, less or other than what came since the newest FULL. */
static void differentials_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        uint64_t first, last;
        const char *why;
    } wrong[] = {{0, 20, "not those since"},
                 {11, 20, "not those since"},
                 {1, 19, "not those since"},
                 {1, 21, "not those since"},
                 {1, 20, "another FULL than the newest"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        OWNED(scratch) struct scratch s = scratch_make();
        struct snapmake m;
        three(&m, s.dir);
        uuid first = m.base;
        if (i == 4) {
            add(&m, s.dir, FULL, 21, 20);
            m.base = first;
        }
        add(&m, s.dir, DIFFERENTIAL, wrong[i].first, wrong[i].last);
        refused(s.dir, wrong[i].why);
    }
}

static void a_forged_signature(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(memory) uint8_t *data = NULL;
    struct snapmake m;
    size_t len = 0;
    err e = ERR_INIT;
    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s.commit", s.dir, name);
    assert_done(io_load(path, 1 << 20, &data, &len, &e), &e);
    data[len - 20] ^= 4;
    assert_done(io_store(path, bytes_of(data, len), &e), &e);
    refused(s.dir, name);
}

/* Signatures are checked at the end of a chain only, but no link before it can be another than it was. */
static void a_link_in_the_middle_is_changed(void **state)
{
    (void)state;
    static const char *const why[] = {"signature", "cut short", "-000000000000000a-incremental"};
    for (size_t wrong = 0; wrong < sizeof why / sizeof why[0]; wrong++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(memory) uint8_t *data = NULL;
        struct snapmake m;
        size_t len = 0;
        err e = ERR_INIT;
        snapmake_init(&m);
        add(&m, s.dir, FULL, 1, 0);
        OWNED(text) char *name = snapmake_next(&m, s.dir, INCREMENTAL, 1, 10);
        add(&m, s.dir, INCREMENTAL, 11, 20);
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s.commit", s.dir, name);
        assert_done(io_load(path, 1 << 20, &data, &len, &e), &e);
        data[wrong == 2 ? 40 : len - 20] ^= 4;
        assert_done(io_store(path, bytes_of(data, wrong == 1 ? len - 1 : len), &e), &e);
        refused(s.dir, why[wrong]);
    }
}

static void a_link_is_appended(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(chain) struct chain *c = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    three(&m, s.dir);
    assert_done(chain_load(s.dir, &c, &e), &e);
    OWNED(text) char *name = snapmake_next(&m, s.dir, INCREMENTAL, 21, 30);
    assert_done(chain_append(c, name, &e), &e);
    assert_int_equal(c->count, 4);
    assert_string_equal(c->link[3].name, name);
    assert_memory_equal(c->link[3].hash, m.parent_hash, SHA256_LEN);
    OWNED(text) char *far = snapmake_next(&m, s.dir, INCREMENTAL, 32, 40);
    assert_fails(chain_append(c, far, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "adjoin");
}

static void tidy_keeps_what_is_committed(void **state)
{
    (void)state;
    static const char *const junk[] = {".snap.part", ".snap.1.part", ".device.part", ".commit.part",
                                       ".snap",      ".snap.12",     ".device"};
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(io_names) struct io_names before = {0};
    OWNED(io_names) struct io_names after = {0};
    OWNED(chain) struct chain *c = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    three(&m, s.dir);
    assert_done(io_store(scratch_path(&s, "sealer.lock"), bytes_text(""), &e), &e);
    assert_done(io_store(scratch_path(&s, "notes.snap"), bytes_text("the user's"), &e), &e);
    assert_done(io_list(s.dir, &before, &e), &e);
    snapmake_begin(&m, INCREMENTAL, 21, 30);
    OWNED(text) char *name = snapname_format(&m.header);
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        char file[200];
        (void)snprintf(file, sizeof file, "%s%s", name, junk[i]);
        assert_done(io_store(scratch_path(&s, file), bytes_text("x"), &e), &e);
    }
    char again[400];
    (void)snprintf(again, sizeof again, "%s.part", before.name[0]);
    assert_done(io_store(scratch_path(&s, again), bytes_text("x"), &e), &e);
    assert_done(chain_tidy(s.dir, &e), &e);
    assert_done(io_list(s.dir, &after, &e), &e);
    assert_int_equal(after.count, before.count);
    for (size_t i = 0; i < after.count; i++)
        assert_string_equal(after.name[i], before.name[i]);
    assert_done(chain_load(s.dir, &c, &e), &e);
    assert_int_equal(c->count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_chain_loads),
        cmocka_unit_test(an_incarnation_goes_on_from_the_one_before),
        cmocka_unit_test(an_incarnation_without_the_one_before),
        cmocka_unit_test(missing_links),
        cmocka_unit_test(forks),
        cmocka_unit_test(children_that_do_not_fit),
        cmocka_unit_test(incarnations_in_a_circle),
        cmocka_unit_test(links_in_a_circle),
        cmocka_unit_test(differentials_that_do_not_fit),
        cmocka_unit_test(a_forged_signature),
        cmocka_unit_test(a_link_in_the_middle_is_changed),
        cmocka_unit_test(a_link_is_appended),
        cmocka_unit_test(tidy_keeps_what_is_committed),
    };
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
