#include "proto/relation.h"

#include <action.pb-c.h>

#include "proto/tuple.h"
#include "tests/unit/proto/samples.h"

static struct column items_columns[] = {
    {.name = "id", .type = 23, .typmod = -1, .key = true, .attnum = 1},
    {.name = "Größe", .type = 1700, .typmod = 786438, .attnum = 2},
    {.name = "part", .type = 25, .typmod = -1, .key = true},
};

static struct relation items(void)
{
    return (struct relation){.version = 300,
                             .oid = 16384,
                             .schema = "public",
                             .name = "shopItems",
                             .replica_identity = 'd',
                             .table = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
                             .tier = TIER_DEVICE,
                             .column_count = 3,
                             .columns = items_columns};
}

static void assert_same(const struct relation *a, const struct relation *b)
{
    assert_true(relation_same_shape(a, b));
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->oid, b->oid);
    assert_int_equal(a->tier, b->tier);
    assert_true(uuid_equal(&a->table, &b->table));
    for (uint16_t i = 0; i < a->column_count; i++)
        assert_int_equal(a->columns[i].attnum, b->columns[i].attnum);
}

/* protobuf-c unpacks what relation_encode wrote, and packs the same bytes. */
static void encodes_as_protobuf_c(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf ours = {0};
    struct relation r = items();
    relation_encode(&r, &ours);
    Pgstrand__Relation *pb = pgstrand__relation__unpack(NULL, ours.len, ours.data);
    assert_non_null(pb);
    assert_string_equal(pb->name, "shopItems");
    assert_int_equal(pb->replica_identity, 'd');
    assert_int_equal(pb->n_columns, 3);
    assert_int_equal(pb->columns[0]->typmod, -1);
    assert_int_equal(pb->columns[1]->typmod, 786438);
    assert_false(pb->columns[2]->has_attnum);
    uint8_t *theirs = malloc(ours.len);
    assert_non_null(theirs);
    assert_int_equal(pgstrand__relation__get_packed_size(pb), ours.len);
    assert_int_equal(pgstrand__relation__pack(pb, theirs), ours.len);
    assert_memory_equal(theirs, ours.data, ours.len);
    free(theirs);
    pgstrand__relation__free_unpacked(pb, NULL);
}

static void decodes_and_copies(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf raw = {0};
    OWNED(relation) struct relation *back = NULL;
    OWNED(relation) struct relation *copy = NULL;
    struct relation r = items();
    relation_encode(&r, &raw);
    assert_done(relation_decode(buf_view(&raw), &back, &e), &e);
    assert_same(&r, back);
    assert_done(relation_copy(back, &copy, &e), &e);
    assert_same(&r, copy);
    assert_ptr_not_equal(copy->columns[0].name, back->columns[0].name);
}

static void a_table_without_columns(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf raw = {0};
    OWNED(relation) struct relation *back = NULL;
    OWNED(relation) struct relation *copy = NULL;
    struct relation r = items();
    r.column_count = 0;
    relation_encode(&r, &raw);
    assert_done(relation_decode(buf_view(&raw), &back, &e), &e);
    assert_done(relation_copy(back, &copy, &e), &e);
    assert_same(&r, copy);
    assert_false(relation_is_keyed(copy));
}

static void damage_is_refused(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf raw = {0};
    struct relation r = items();
    relation_encode(&r, &raw);
    size_t whole = 0;
    for (size_t len = 0; len < raw.len; len++) {
        err e = ERR_INIT;
        OWNED(relation) struct relation *back = NULL;
        uint8_t *exact = sample_exact(raw.data, len);
        whole += relation_decode(bytes_of(exact, len), &back, &e).ok;
        free(exact);
    }
    assert_int_equal(whole, 3); /* cut behind the tier, and behind each column but the last */
    for (size_t bit = 0; bit < 8 * raw.len; bit++) {
        err e = ERR_INIT;
        OWNED(relation) struct relation *back = NULL;
        uint8_t *exact = sample_exact(raw.data, raw.len);
        exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (relation_decode(bytes_of(exact, raw.len), &back, &e).ok)
            assert_true(back->column_count <= 3 && strlen(back->name) > 0);
        else
            assert_int_equal(e.class, ERR_STORAGE);
        free(exact);
    }
}

/* One field that cannot be. */
static void out_of_range(void **unused)
{
    (void)unused;
    for (int i = 0; i < 7; i++) {
        err e = ERR_INIT;
        OWNED(buf) struct buf raw = {0};
        OWNED(relation) struct relation *back = NULL;
        struct column column = items_columns[0];
        struct relation r = items();
        r.columns = &column;
        r.column_count = 1;
        switch (i) {
        case 0:
            r.schema = "";
            break;
        case 1:
            r.name = "";
            break;
        case 2:
            r.replica_identity = 'x';
            break;
        case 3:
            r.tier = TIER_NONE;
            break;
        case 4:
            r.tier = (enum tier)5;
            break;
        case 5:
            column.name = "";
            break;
        default: /* none: the others fail for their own reason */
            break;
        }
        relation_encode(&r, &raw);
        status s = relation_decode(buf_view(&raw), &back, &e);
        assert_int_equal(s.ok, i == 6);
    }
}

static void fields_of_another_type(void **unused)
{
    (void)unused;
    static const char *const instead[] = {"4001", "0a00", "1801", "3001",
                                          "320101"}; /* behind a sound relation */
    for (size_t i = 0; i < sizeof instead / sizeof instead[0]; i++) {
        err e = ERR_INIT;
        OWNED(buf) struct buf raw = {0};
        OWNED(relation) struct relation *back = NULL;
        uint8_t field[8];
        struct relation r = items();
        relation_encode(&r, &raw);
        buf_bytes(&raw, field, from_hex(instead[i], field, sizeof field));
        assert_fails(relation_decode(buf_view(&raw), &back, &e), &e, ERR_STORAGE);
    }
}

static void columns_are_bounded(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf raw = {0};
    OWNED(relation) struct relation *back = NULL;
    OWNED(relation) struct relation *none = NULL;
    struct relation r = items();
    r.column_count = RELATION_COLUMNS_MAX;
    r.columns = calloc(RELATION_COLUMNS_MAX + 1, sizeof *r.columns);
    assert_non_null(r.columns);
    for (int i = 0; i <= RELATION_COLUMNS_MAX; i++)
        r.columns[i] = items_columns[1];
    relation_encode(&r, &raw);
    assert_done(relation_decode(buf_view(&raw), &back, &e), &e);
    r.column_count++;
    buf_reset(&raw);
    relation_encode(&r, &raw);
    assert_fails(relation_decode(buf_view(&raw), &none, &e), &e, ERR_STORAGE);
    free(r.columns);
}

static void shapes_differ_in_what_matters(void **unused)
{
    (void)unused;
    const struct relation a = items();
    struct column columns[3];
    struct relation b = a;
    b.columns = columns;
    memcpy(columns, items_columns, sizeof columns);
    b.version = 1;
    b.oid = 1;
    columns[0].attnum = 9;
    assert_true(relation_same_shape(&a, &b));
    columns[1].typmod = 1;
    assert_false(relation_same_shape(&a, &b));
    memcpy(columns, items_columns, sizeof columns);
    columns[2].key = false;
    assert_false(relation_same_shape(&a, &b));
    memcpy(columns, items_columns, sizeof columns);
    columns[2].name = "parts";
    assert_false(relation_same_shape(&a, &b));
    memcpy(columns, items_columns, sizeof columns);
    columns[0].type = 20;
    assert_false(relation_same_shape(&a, &b));
    memcpy(columns, items_columns, sizeof columns);
    b.replica_identity = 'f';
    assert_false(relation_same_shape(&a, &b));
    b = a;
    b.schema = "other";
    assert_false(relation_same_shape(&a, &b));
    b = a;
    b.column_count = 2;
    assert_false(relation_same_shape(&a, &b));
}

static void keyed_or_multiset(void **unused)
{
    (void)unused;
    struct relation r = items();
    assert_true(relation_is_keyed(&r));
    r.replica_identity = 'i';
    assert_true(relation_is_keyed(&r));
    r.replica_identity = 'f'; /* the server marks every column then */
    assert_false(relation_is_keyed(&r));
    r.replica_identity = 'n';
    assert_false(relation_is_keyed(&r));
    struct column keyless = {.name = "x", .type = 23, .typmod = -1};
    r = (struct relation){.replica_identity = 'd', .column_count = 1, .columns = &keyless};
    assert_false(relation_is_keyed(&r)); /* DEFAULT without a primary key */
}

/* "t7" is text 7, "n" null, "u" unchanged, "b7" binary. */
static struct bytes tuple_of(struct buf *b, const char *const *values, uint16_t count)
{
    buf_reset(b);
    tuple_begin(b, count);
    for (uint16_t i = 0; i < count; i++)
        tuple_put(b, (struct value){(enum value_kind)values[i][0], bytes_text(values[i] + 1)});
    return buf_view(b);
}

static void assert_key(const struct buf *key, const char *hex)
{
    uint8_t wanted[64];
    size_t len = sample_hex(hex, wanted, sizeof wanted);
    assert_int_equal(key->len, len);
    assert_memory_equal(key->data, wanted, len);
}

static void keys_are_canonical(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    struct relation r = items();
    OWNED(buf) struct buf tuple = {0};
    OWNED(buf) struct buf old = {0};
    OWNED(buf) struct buf key = {0};
    const char *const row[] = {"t101", "t2.50", "n"};
    assert_done(relation_key(&r, tuple_of(&tuple, row, 3), (struct bytes){0}, &key, &e), &e);
    assert_key(&key, "00000003 313031 ffffffff");
    /* From an old key: the other columns are null in it. */
    const char *const old_row[] = {"t101", "n", "tx"};
    const char *const new_row[] = {"t7", "u", "u"};
    buf_reset(&key);
    assert_done(relation_key(&r, tuple_of(&old, old_row, 3), (struct bytes){0}, &key, &e), &e);
    assert_key(&key, "00000003 313031 00000001 78");
    buf_reset(&key);
    assert_done(relation_key(&r, tuple_of(&tuple, new_row, 3), buf_view(&old), &key, &e), &e);
    assert_key(&key, "00000001 37 00000001 78");
    /* A multiset: the whole row. */
    r.replica_identity = 'f';
    buf_reset(&key);
    assert_done(relation_key(&r, tuple_of(&tuple, row, 3), (struct bytes){0}, &key, &e), &e);
    assert_key(&key, "00000003 313031 00000004 322e3530 ffffffff");
}

static void keys_that_cannot_be_made(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    struct relation r = items();
    OWNED(buf) struct buf tuple = {0};
    OWNED(buf) struct buf old = {0};
    OWNED(buf) struct buf key = {0};
    const char *const row[] = {"t1", "n", "u", "n"};
    const char *const binary[] = {"b1", "n", "n"};
    assert_fails(relation_key(&r, tuple_of(&tuple, row, 2), (struct bytes){0}, &key, &e), &e, ERR_SCHEMA);
    assert_mentions(&e, "public.shopItems");
    assert_fails(relation_key(&r, tuple_of(&tuple, row, 4), (struct bytes){0}, &key, &e), &e, ERR_SCHEMA);
    assert_fails(relation_key(&r, tuple_of(&tuple, row, 3), (struct bytes){0}, &key, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "part");
    assert_fails(relation_key(&r, buf_view(&tuple), tuple_of(&old, row, 3), &key, &e), &e, ERR_STORAGE);
    assert_fails(relation_key(&r, buf_view(&tuple), tuple_of(&old, row, 2), &key, &e), &e, ERR_SCHEMA);
    assert_fails(relation_key(&r, tuple_of(&tuple, binary, 3), (struct bytes){0}, &key, &e), &e, ERR_STORAGE);
    const char *const good[] = {"t1", "tx", "ty"};
    struct bytes whole = tuple_of(&tuple, good, 3);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *exact = sample_exact(whole.data, len);
        assert_fails(relation_key(&r, bytes_of(exact, len), (struct bytes){0}, &key, &e), &e, ERR_STORAGE);
        if (len > 0)
            assert_fails(relation_key(&r, whole, bytes_of(exact, len), &key, &e), &e, ERR_STORAGE);
        free(exact);
    }
}

/* Computed apart, with Python's hashlib.sha1 and uuid.UUID(bytes=..., version=5). */
static void entities_and_tables_have_known_uuids(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    uuid dataset;
    uuid table;
    uuid entity;
    char text[UUID_TEXT];
    assert_done(uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8", &dataset, &e), &e);
    assert_done(relation_table_uuid(&dataset, "public", "shopItems", &table, &e), &e);
    assert_string_equal(uuid_format(&table, text), "06ce40dc-4169-52dd-9cc5-785507a0a704");
    struct bytes key = bytes_of("\0\0\0\3"
                                "101",
                                7);
    assert_done(relation_entity(&dataset, &table, key, &entity, &e), &e);
    assert_string_equal(uuid_format(&entity, text), "0f30de84-52f9-546f-998d-b009424f072f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_protobuf_c),
        cmocka_unit_test(decodes_and_copies),
        cmocka_unit_test(a_table_without_columns),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(out_of_range),
        cmocka_unit_test(fields_of_another_type),
        cmocka_unit_test(columns_are_bounded),
        cmocka_unit_test(shapes_differ_in_what_matters),
        cmocka_unit_test(keyed_or_multiset),
        cmocka_unit_test(keys_are_canonical),
        cmocka_unit_test(keys_that_cannot_be_made),
        cmocka_unit_test(entities_and_tables_have_known_uuids),
    };
    return cmocka_run_group_tests_name("relation", tests, NULL, NULL);
}
