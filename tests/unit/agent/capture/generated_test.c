#include "agent/capture/generated.h"
#include "proto/tuple.h"
#include "tests/lib/check.h"

static struct column columns[] = {{.name = "g", .type = 23, .key = true},
                                  {.name = "a", .type = 25, .key = true},
                                  {.name = "h", .type = 23}};

static void announce(struct rel_entry *rel)
{
    const struct relation sent = {
        .oid = 5, .schema = "s", .name = "t", .replica_identity = 'f', .column_count = 3, .columns = columns};
    err e = ERR_INIT;
    *rel = (struct rel_entry){.oid = 5};
    assert_done(relation_copy(&sent, &rel->shape, &e), &e);
}

static void forget(struct rel_entry *rel)
{
    relation_free(rel->shape);
    relation_free(rel->sent);
    free(rel->computed);
}

static void row(struct buf *out, uint16_t count)
{
    static const char *const values[] = {"one", "two", "three", "four"};
    tuple_begin(out, count);
    for (uint16_t i = 0; i < count; i++)
        tuple_put(out, (struct value){VALUE_TEXT, bytes_text(values[i])});
}

static void columns_and_values_go(void **state)
{
    (void)state;
    struct rel_entry rel;
    OWNED(buf) struct buf sent = {0};
    OWNED(buf) struct buf wanted = {0};
    OWNED(buf) struct buf out = {0};
    const struct generated_column now[] = {{"g", 23, true}, {"a", 25, false}, {"h", 23, true}};
    err e = ERR_INIT;
    announce(&rel);
    assert_done(generated_leave_out(&rel, now, 3, &e), &e);
    assert_int_equal(rel.shape->column_count, 1);
    assert_string_equal(rel.shape->columns[0].name, "a");
    row(&sent, 3);
    tuple_begin(&wanted, 1);
    tuple_put(&wanted, (struct value){VALUE_TEXT, bytes_text("two")});
    struct bytes stripped = buf_view(&sent);
    assert_done(generated_strip(&rel, &stripped, &out, &e), &e);
    assert_int_equal(stripped.len, wanted.len);
    assert_memory_equal(stripped.data, wanted.data, wanted.len);
    struct bytes absent = {0};
    assert_done(generated_strip(&rel, &absent, &out, &e), &e);
    assert_int_equal(absent.len, 0);
    forget(&rel);
}

static void a_relation_without_them_stays(void **state)
{
    (void)state;
    struct rel_entry rel;
    const struct generated_column now[] = {{"other", 23, true}};
    err e = ERR_INIT;
    announce(&rel);
    assert_done(generated_leave_out(&rel, now, 0, &e), &e);
    assert_null(rel.computed);
    assert_done(generated_leave_out(&rel, now, 1, &e), &e);
    assert_null(rel.computed);
    assert_int_equal(rel.shape->column_count, 3);
    forget(&rel);
}

/* The names of the columns that stay, with blanks between. */
static void kept_of(const struct generated_column *now, size_t count, char *out, size_t size)
{
    struct rel_entry rel;
    err e = ERR_INIT;
    size_t len = 0;
    announce(&rel);
    assert_done(generated_leave_out(&rel, now, count, &e), &e);
    out[0] = '\0';
    for (uint16_t i = 0; i < rel.shape->column_count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s ", rel.shape->columns[i].name);
    forget(&rel);
}

/* The stream says g, a, h; the catalogue says what became of them since. */
static void the_catalogue_may_be_ahead(void **state)
{
    (void)state;
    char kept[64];
    const struct generated_column renamed[] = {{"new", 23, true}, {"a", 25, false}, {"h", 23, false}};
    kept_of(renamed, 3, kept, sizeof kept);
    assert_string_equal(kept, "a h ");
    const struct generated_column both[] = {{"g", 23, false}, {"b", 25, false}, {"i", 23, true}};
    kept_of(both, 3, kept, sizeof kept);
    assert_string_equal(kept, "g a ");
    /* a column dropped, another one added: names count */
    const struct generated_column moved[] = {{"h", 23, false}, {"x", 25, false}, {"y", 23, true}};
    kept_of(moved, 3, kept, sizeof kept);
    assert_string_equal(kept, "g a h ");
    const struct generated_column fewer[] = {{"a", 25, false}, {"h", 23, true}};
    kept_of(fewer, 2, kept, sizeof kept);
    assert_string_equal(kept, "g a ");
    const struct generated_column retyped[] = {{"g", 20, true}, {"b", 25, true}, {"h", 23, false}};
    kept_of(retyped, 3, kept, sizeof kept);
    assert_string_equal(kept, "a h ");
}

static void rows_of_another_shape_are_damage(void **state)
{
    (void)state;
    struct rel_entry rel;
    OWNED(buf) struct buf out = {0};
    const struct generated_column now[] = {{"g", 23, true}, {"a", 25, false}};
    err e = ERR_INIT;
    announce(&rel);
    assert_done(generated_leave_out(&rel, now, 1, &e), &e);
    for (uint16_t count = 0; count <= 4; count++) {
        OWNED(buf) struct buf sent = {0};
        row(&sent, count);
        struct bytes stripped = buf_view(&sent);
        err why = ERR_INIT;
        assert_int_equal(generated_strip(&rel, &stripped, &out, &why).ok, count == 3);
        if (count != 3)
            assert_int_equal(why.class, ERR_STORAGE);
    }
    OWNED(buf) struct buf cut = {0};
    row(&cut, 3);
    struct bytes stripped = bytes_of(cut.data, cut.len - 1);
    assert_false(generated_strip(&rel, &stripped, &out, &e).ok);
    forget(&rel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_and_values_go),
        cmocka_unit_test(a_relation_without_them_stays),
        cmocka_unit_test(the_catalogue_may_be_ahead),
        cmocka_unit_test(rows_of_another_shape_are_damage),
    };
    return cmocka_run_group_tests_name("generated", tests, NULL, NULL);
}
