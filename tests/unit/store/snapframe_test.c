#include "store/snapframe.h"

#include "proto/pbmem.h"
#include "store/merkle.h"
#include "store/snaplayout.h"
#include "store/snapnames.h"
#include "tests/lib/check.h"

static const struct frame sample = {.type = FRAME_DATA,
                                    .flags = FRAME_FIRST | FRAME_LAST,
                                    .section = 3,
                                    .number = 0x01020304,
                                    .table = 7,
                                    .stored = 5,
                                    .raw = 9,
                                    .first_seq = 0x1122334455667788,
                                    .last_seq = 0x1122334455667799};

static void the_bytes_of_a_header(void **state)
{
    (void)state;
    static const uint8_t wanted[60] = {
        'P',  'G',  'S',  'F',  1,    0,    3,    0,    3,    0,    0,    0,    4,    3,    2,    1,
        7,    0,    0,    0,    5,    0,    0,    0,    9,    0,    0,    0,    0,    0,    0,    0,
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x99, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    uint8_t header[FRAME_HEADER_LEN];
    struct frame back;
    err e = ERR_INIT;
    snapframe_encode(&sample, bytes_text("12345"), header);
    assert_memory_equal(header, wanted, sizeof wanted);
    assert_done(snapframe_decode(header, &back, &e), &e);
    uint8_t again[FRAME_HEADER_LEN];
    snapframe_encode(&back, bytes_text("12345"), again);
    assert_memory_equal(again, header, sizeof again);
    assert_int_equal(back.number, sample.number);
    assert_true(back.last_seq == sample.last_seq);
    assert_done(snapframe_check(header, bytes_text("12345"), &e), &e);
    assert_fails(snapframe_check(header, bytes_text("12346"), &e), &e, ERR_STORAGE);
}

static void impossible_headers(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 'X'}, {4, 0},  {4, 4},  {5, 1},  {6, 8},  {6, 7 + 8}, {6, 4},
                 {7, 1},   {23, 1}, {27, 1}, {28, 1}, {48, 1}, {59, 1}};
    err e = ERR_INIT;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t header[FRAME_HEADER_LEN];
        struct frame out;
        snapframe_encode(&sample, bytes_text("12345"), header);
        header[wrong[i].at] = wrong[i].value;
        assert_fails(snapframe_decode(header, &out, &e), &e, ERR_STORAGE);
    }
}

static void leaf_of(struct hasher *h, uint8_t number, uint8_t out[static SHA256_LEN])
{
    err e = ERR_INIT;
    assert_done(hasher_once(h, bytes_of(&number, 1), out, &e), &e);
}

static void node_of(struct hasher *h, const uint8_t *left, const uint8_t *right, uint8_t *out)
{
    uint8_t text[16 + 2 * SHA256_LEN];
    err e = ERR_INIT;
    memcpy(text, "pgstrand-node-v1", 16);
    memcpy(text + 16, left, SHA256_LEN);
    memcpy(text + 16 + SHA256_LEN, right, SHA256_LEN);
    assert_done(hasher_once(h, bytes_of(text, sizeof text), out, &e), &e);
}

/* Five leaves: ((0 1) (2 3)) 4. */
static void the_shape_of_the_tree(void **state)
{
    (void)state;
    OWNED(hasher) struct hasher *h = NULL;
    struct merkle m = {0};
    uint8_t leaf[5][SHA256_LEN], a[SHA256_LEN], b[SHA256_LEN], wanted[SHA256_LEN], got[SHA256_LEN];
    err e = ERR_INIT;
    assert_done(hasher_new(&h, &e), &e);
    for (uint8_t i = 0; i < 5; i++) {
        leaf_of(h, i, leaf[i]);
        assert_done(merkle_add(&m, h, leaf[i], &e), &e);
    }
    node_of(h, leaf[0], leaf[1], a);
    node_of(h, leaf[2], leaf[3], b);
    node_of(h, a, b, a);
    node_of(h, a, leaf[4], wanted);
    assert_done(merkle_tree(&m, h, got, &e), &e);
    assert_memory_equal(got, wanted, sizeof got);
}

static void a_root_depends_on_all_of_it(void **state)
{
    (void)state;
    OWNED(hasher) struct hasher *h = NULL;
    struct merkle none = {0}, one = {0};
    uint8_t salt[2][MERKLE_SALT_LEN] = {{1}, {2}}, leaf[SHA256_LEN], root[5][SHA256_LEN];
    err e = ERR_INIT;
    assert_done(hasher_new(&h, &e), &e);
    leaf_of(h, 1, leaf);
    assert_done(merkle_add(&one, h, leaf, &e), &e);
    assert_done(merkle_root(&none, &none, salt[0], h, root[0], &e), &e);
    assert_done(merkle_root(&none, &none, salt[1], h, root[1], &e), &e);
    assert_done(merkle_root(&one, &none, salt[0], h, root[2], &e), &e);
    assert_done(merkle_root(&none, &one, salt[0], h, root[3], &e), &e);
    assert_done(merkle_root(&one, &one, salt[0], h, root[4], &e), &e);
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(root[i], root[k], SHA256_LEN);
}

static void names(void **state)
{
    (void)state;
    static const char good[] = "0000000000000002-000000000000000b-00000000000000ff-incremental-"
                               "c5010203-0405-4007-8009-0a0b0c0d0e0f";
    static const char *const bad[] = {
        "",
        "0000000000000002",
        "000000000000002-000000000000000b-00000000000000ff-full-c5010203-0405-4007-8009-0a0b0c0d0e0f",
        "0000000000000002-000000000000000B-00000000000000ff-full-c5010203-0405-4007-8009-0a0b0c0d0e0f",
        "0000000000000002-000000000000000b-00000000000000ff-half-c5010203-0405-4007-8009-0a0b0c0d0e0f",
        "0000000000000002-000000000000000b-00000000000000ff-full-c5010203-0405-4007-8009-0a0b0c0d0e0",
        "0000000000000002-000000000000000b-00000000000000ff-full-c5010203-0405-4007-8009-0a0b0c0d0e0f.x",
        "0000000000000002-000000000000000b-00000000000000ff-full-C5010203-0405-4007-8009-0a0b0c0d0e0f"};
    struct snapname n;
    assert_true(snapname_parse(good, &n));
    assert_int_equal(n.number, 2);
    assert_int_equal(n.first_seq, 11);
    assert_int_equal(n.last_seq, 255);
    assert_int_equal(n.type, PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL);
    assert_int_equal(n.id.b[15], 0x0f);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(snapname_parse(bad[i], &n));

    Pgstrand__SnapshotHeader header = PGSTRAND__SNAPSHOT_HEADER__INIT;
    header.number = n.number = 2;
    header.first_seq = 11;
    header.last_seq = 255;
    header.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL;
    assert_true(snapname_parse(good, &n));
    header.snapshot = pbmem_uuid(&n.id);
    OWNED(text) char *again = snapname_format(&header);
    assert_string_equal(again, good);
}

static void files_of_a_snapshot(void **state)
{
    (void)state;
#define NAME "0000000000000002-000000000000000b-00000000000000ff-full-c5010203-0405-4007-8009-0a0b0c0d0e0f"
    struct snapnames_file f;
    assert_true(snapnames_parse(NAME ".snap.12.part", &f));
    assert_true(f.staged && f.kind == SNAPNAMES_SNAP);
    assert_string_equal(f.name, NAME);
    assert_true(snapnames_parse(NAME ".device", &f));
    assert_true(!f.staged && f.kind == SNAPNAMES_DEVICE);
    assert_true(snapnames_parse(NAME ".commit", &f));
    assert_true(!f.staged && f.kind == SNAPNAMES_COMMIT);
    assert_false(snapnames_parse(NAME, &f));
    assert_false(snapnames_parse(NAME ".txt", &f));
    assert_false(snapnames_parse(".snap", &f));
    assert_false(snapnames_parse(NAME NAME ".snap", &f));
}

static void newer_formats_are_refused(void **state)
{
    (void)state;
    uint8_t preamble[SNAP_PREAMBLE_LEN] = "PGSTRSNP\2\0\0\0\1\0\0\0\4\0\0";
    size_t len = 0;
    err e = ERR_INIT;
    assert_done(snaplayout_header_len(preamble, &len, &e), &e); /* newer, but readable */
    assert_int_equal(len, SNAP_PREAMBLE_LEN + 4 + 4);
    preamble[12] = 2;
    assert_fails(snaplayout_header_len(preamble, &len, &e), &e, ERR_REFUSED);
    assert_mentions(&e, "newer");
    preamble[12] = 1;
    preamble[18] = 2; /* 128 KiB */
    assert_fails(snaplayout_header_len(preamble, &len, &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_a_header),
        cmocka_unit_test(impossible_headers),
        cmocka_unit_test(the_shape_of_the_tree),
        cmocka_unit_test(a_root_depends_on_all_of_it),
        cmocka_unit_test(names),
        cmocka_unit_test(files_of_a_snapshot),
        cmocka_unit_test(newer_formats_are_refused),
    };
    return cmocka_run_group_tests_name("snapframe", tests, NULL, NULL);
}
