#include "agent/restore/fold/rowmap.h"
#include "agent/restore/fold/shapes.h"

#include "proto/tuple.h"
#include "tests/lib/check.h"

/* ---- rows ---- */

static const uint16_t abc[] = {1, 2, 3}, cad[] = {3, 1, 4}, one[] = {1};
static const char *const missing[] = {NULL, NULL, "it's\tnew"};

static struct rowmap *made(const uint16_t *from, uint16_t count, const uint16_t *to, uint16_t columns)
{
    err e = ERR_INIT;
    struct rowmap *m = NULL;
    const struct rowmap_columns left = {count, from}, right = {columns, to};
    assert_done(rowmap_make(&left, &right, missing, &m, &e), &e);
    return m;
}

static void lines_by_number(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(rowmap) struct rowmap *m = made(abc, 3, cad, 3);
    OWNED(buf) struct buf out = {0};
    assert_false(rowmap_is_identity(m));
    assert_done(rowmap_lines(m, bytes_text("1\t2\\t\t\\N\n\\\\\t\t3\n"), &out, &e), &e);
    assert_string_equal(buf_cstring(&out), "\\N\t1\tit's\\tnew\n3\t\\\\\tit's\\tnew\n");
}

static void lines_that_do_not_fit(void **state)
{
    (void)state;
    static const char *const bad[] = {"1\t2\n", "1\t2\t3\t4\n", "1\t2\t3"};
    OWNED(rowmap) struct rowmap *m = made(abc, 3, cad, 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err e = ERR_INIT;
        OWNED(buf) struct buf out = {0};
        assert_fails(rowmap_lines(m, bytes_text(bad[i]), &out, &e), &e, ERR_STORAGE);
    }
}

static void no_columns_at_all(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(rowmap) struct rowmap *m = made(one, 0, one, 1);
    OWNED(buf) struct buf out = {0};
    assert_done(rowmap_lines(m, bytes_text("\n\n"), &out, &e), &e);
    assert_string_equal(buf_cstring(&out), "\\N\n\\N\n");
}

static void tuples_by_number(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(rowmap) struct rowmap *m = made(abc, 3, cad, 3);
    OWNED(buf) struct buf row = {0};
    OWNED(buf) struct buf scratch = {0};
    struct bytes out;
    struct value v;
    tuple_begin(&row, 3);
    tuple_put(&row, (struct value){VALUE_TEXT, bytes_text("one")});
    tuple_put(&row, (struct value){.kind = VALUE_NULL});
    tuple_put(&row, (struct value){.kind = VALUE_UNCHANGED});
    assert_done(rowmap_tuple(m, buf_view(&row), &scratch, &out, &e), &e);
    struct tuple t = tuple_open(out);
    assert_int_equal(t.count, 3);
    assert_true(tuple_next(&t, &v) && v.kind == VALUE_UNCHANGED);
    assert_true(tuple_next(&t, &v) && v.kind == VALUE_TEXT && bytes_equal(v.text, bytes_text("one")));
    assert_true(tuple_next(&t, &v) && v.kind == VALUE_TEXT && bytes_equal(v.text, bytes_text("it's\tnew")));
    /* No old row stays none; a short one is damage. */
    assert_done(rowmap_tuple(m, (struct bytes){0}, &scratch, &out, &e), &e);
    assert_int_equal(out.len, 0);
    buf_reset(&row);
    tuple_begin(&row, 1);
    tuple_put(&row, (struct value){.kind = VALUE_NULL});
    assert_fails(rowmap_tuple(m, buf_view(&row), &scratch, &out, &e), &e, ERR_STORAGE);
}

/* ---- shapes ---- */

struct table {
    Pgstrand__Column column[3];
    Pgstrand__Column *columns[3];
    Pgstrand__Table message;
    Pgstrand__Table *list[1];
    Pgstrand__Schema schema;
};

static void make_table(struct table *t, uint32_t oid, size_t count, const char *const *name,
                       const uint32_t *attnum)
{
    pgstrand__table__init(&t->message);
    pgstrand__schema__init(&t->schema);
    t->message.oid = oid;
    t->message.column = t->columns;
    t->message.n_column = count;
    for (size_t i = 0; i < count; i++) {
        pgstrand__column__init(&t->column[i]);
        t->column[i].name = (char *)(uintptr_t)name[i];
        t->column[i].type = 25;
        t->column[i].has_attnum = true;
        t->column[i].attnum = attnum[i];
        t->columns[i] = &t->column[i];
    }
    t->list[0] = &t->message;
    t->schema.table = t->list;
    t->schema.n_table = 1;
}

static bool resolves(const struct shapes *s, uint32_t oid, const char *first, const char *second,
                     uint16_t *attnum)
{
    struct column columns[2] = {{.name = (char *)(uintptr_t)first, .type = 25},
                                {.name = (char *)(uintptr_t)second, .type = 25}};
    const struct relation r = {.oid = oid, .column_count = 2, .columns = columns};
    return shapes_resolve(s, &r, attnum);
}

static const char *const names[] = {"a", "b"};

/* First the base, then what DDL tells, then the version that comes into force. */
static void numbers_of_names(void **state)
{
    static const uint32_t before[] = {1, 2}, after[] = {1, 5};
    (void)state;
    err e = ERR_INIT;
    OWNED(shapes) struct shapes *s = NULL;
    struct table base, later;
    Pgstrand__SchemaVersion version = PGSTRAND__SCHEMA_VERSION__INIT;
    Pgstrand__SchemaChange change = PGSTRAND__SCHEMA_CHANGE__INIT;
    Pgstrand__SchemaChange *changes[] = {&change};
    Pgstrand__SchemaVersion *list[] = {&version};
    const struct versions versions = {.version = list, .count = 1};
    uint16_t attnum[2];
    make_table(&base, 100, 2, names, before);
    make_table(&later, 100, 2, names, after);
    change.last_seq = 50;
    version.schema = &later.schema;
    version.change = changes;
    version.n_change = 1;
    assert_done(shapes_new(&base.schema, &versions, &s, &e), &e);
    assert_true(resolves(s, 100, "a", "b", attnum) && attnum[1] == 2);
    assert_false(resolves(s, 100, "a", "c", attnum));
    /* Dropped and added again in between; stale news are worth the next version's. */
    const uint64_t epoch = shapes_epoch(s);
    assert_done(
        shapes_ddl(
            s,
            bytes_text(
                "[{\"class\": 1259, \"oid\": 100, \"columns\": [{\"n\": 1, \"name\": \"a\", \"type\": 25},"
                " {\"n\": 2, \"name\": \"x\", \"type\": 25, \"generated\": \"s\"},"
                " {\"n\": 3, \"name\": \"b\", \"type\": 25}]}]"),
            &e),
        &e);
    assert_true(shapes_epoch(s) > epoch);
    assert_true(resolves(s, 100, "a", "b", attnum) && attnum[1] == 3);
    assert_done(shapes_ddl(s,
                           bytes_text("[{\"class\": 1259, \"oid\": 100, \"stale\": true, \"columns\": "
                                      "[{\"n\": 1, \"name\": \"a\", \"type\": 25},"
                                      " {\"n\": 3, \"name\": \"b\", \"type\": 25}]}]"),
                           &e),
                &e);
    assert_true(resolves(s, 100, "a", "b", attnum) && attnum[1] == 5);
    assert_done(shapes_reach(s, 51, &e), &e);
    assert_true(resolves(s, 100, "a", "b", attnum) && attnum[1] == 5);
}

/* Rows of CREATE TABLE AS come before any word of their table; a version after that may be of other columns.
 */
static void rows_before_their_table(void **state)
{
    static const uint32_t before[] = {1, 2}, after[] = {1, 3};
    (void)state;
    err e = ERR_INIT;
    OWNED(shapes) struct shapes *s = NULL;
    struct table base, later;
    Pgstrand__SchemaVersion version = PGSTRAND__SCHEMA_VERSION__INIT;
    Pgstrand__SchemaVersion *list[] = {&version};
    const struct versions versions = {.version = list, .count = 1};
    uint16_t attnum[2];
    make_table(&base, 100, 2, names, before);
    make_table(&later, 200, 2, names, after);
    version.schema = &later.schema;
    Pgstrand__SchemaChange change = PGSTRAND__SCHEMA_CHANGE__INIT;
    Pgstrand__SchemaChange *changes[] = {&change};
    change.last_seq = 50;
    version.change = changes;
    version.n_change = 1;
    assert_done(shapes_new(&base.schema, &versions, &s, &e), &e);
    assert_true(resolves(s, 200, "a", "b", attnum) && attnum[0] == 1 && attnum[1] == 2);
    assert_true(resolves(s, 200, "a", "gone since", attnum) && attnum[1] == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_by_number),   cmocka_unit_test(lines_that_do_not_fit),
        cmocka_unit_test(no_columns_at_all), cmocka_unit_test(tuples_by_number),
        cmocka_unit_test(numbers_of_names),  cmocka_unit_test(rows_before_their_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
