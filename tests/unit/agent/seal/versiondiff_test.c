#include "agent/seal/versiondiff.h"
#include "agent/seal/versiontypes.h"

#include "tests/lib/check.h"

#define INT4 23
#define INT8 20
#define TEXT 25
#define VARCHAR 1043
#define NUMERIC 1700
#define FLOAT8 701
#define BOOL 16
#define UUID 2950
#define MOOD 20001 /* an enum */

/* ---- a schema before and after, and the DDL between ---- */

struct made {
    Pgstrand__Column column[4];
    Pgstrand__Column *columns[4];
    Pgstrand__Table table;
};

static void make(struct made *m, uint32_t oid, size_t count, const uint32_t *type)
{
    static char name[] = "t", schema[] = "app", column[] = "c";
    pgstrand__table__init(&m->table);
    m->table.oid = oid;
    m->table.schema = schema;
    m->table.name = name;
    m->table.tier = PGSTRAND__TIER__BUSINESS;
    m->table.column = m->columns;
    m->table.n_column = count;
    for (size_t i = 0; i < count; i++) {
        pgstrand__column__init(&m->column[i]);
        m->column[i].name = column;
        m->column[i].type = type[i];
        m->column[i].typmod = -1;
        m->column[i].has_attnum = true;
        m->column[i].attnum = (uint32_t)i + 1;
        m->columns[i] = &m->column[i];
    }
}

struct found {
    Pgstrand__RowsChanged *list;
    size_t count;
    Pgstrand__RowsRetold *retold;
    size_t retolds;
};

/* Compares one table (oid 100) before and after `touches` DDL actions, each a commit of its own at seq 10,
 * 20, ... */
static struct found compare(struct versionlabel *label, Pgstrand__Table *was, Pgstrand__Table *is,
                            struct ddl_touch *touch, size_t touches, const struct typeuse_list *uses,
                            const char *types)
{
    err e = ERR_INIT;
    struct found f = {0};
    static Pgstrand__SchemaChange change[4];
    Pgstrand__Schema before = PGSTRAND__SCHEMA__INIT, now = PGSTRAND__SCHEMA__INIT;
    Pgstrand__Table *befores[] = {was}, *nows[] = {is};
    const struct typeuse_list none = {0};
    before.table = befores;
    before.n_table = was != NULL;
    now.table = nows;
    now.n_table = 1;
    before.pre_data = now.pre_data = (char *)(uintptr_t)types;
    for (size_t i = 0; i < touches; i++) {
        pgstrand__schema_change__init(&change[i]);
        change[i].first_seq = change[i].last_seq = (i + 1) * 10;
        touch[i].change = i;
        touch[i].seq = (i + 1) * 10;
    }
    label->change = change;
    label->count = label->touches = touches;
    label->touch = touch;
    struct versiondiff diff;
    assert_done(versiondiff_find(label, &before, &now, uses != NULL ? uses : &none, &diff, &e), &e);
    f = (struct found){diff.changed, diff.changes, diff.retold, diff.retolds};
    return f;
}

static struct ddl_column column_of(uint32_t type, int32_t typmod)
{
    return (struct ddl_column){.attnum = 1, .name = "c", .type = type, .typmod = typmod};
}

static struct ddl_object told(struct ddl_column *column)
{
    return (struct ddl_object){.class = DDLOBJECTS_CLASS_RELATION,
                               .oid = 100,
                               .type = "table",
                               .identity = "app.t",
                               .has_columns = true,
                               .count = 1,
                               .column = column};
}

static struct ddl_object rewrite(unsigned reason, bool plain)
{
    return (struct ddl_object){.class = DDLOBJECTS_CLASS_RELATION,
                               .oid = 100,
                               .type = "table",
                               .identity = "app.t",
                               .reason = reason,
                               .plain = plain};
}

/* ---- tests ---- */

static bool follows(uint32_t from, uint32_t to, int32_t typmod)
{
    return versiontypes_follow((struct versiontype){from, -1}, (struct versiontype){to, typmod});
}

static void types_whose_text_stays(void **state)
{
    (void)state;
    assert_true(follows(INT4, INT8, -1) && follows(INT4, NUMERIC, -1) && follows(INT8, TEXT, -1));
    assert_true(follows(UUID, VARCHAR, -1) && follows(NUMERIC, TEXT, -1) && follows(TEXT, VARCHAR, 14));
    assert_true(follows(FLOAT8, FLOAT8, -1));
    assert_false(follows(INT8, INT4, -1));
    assert_false(follows(INT4, NUMERIC, 655366)); /* (10,2): "5" becomes "5.00" */
    assert_false(follows(INT4, VARCHAR, 7));
    assert_false(follows(BOOL, TEXT, -1)); /* "t" becomes "true" */
    assert_false(follows(FLOAT8, TEXT, -1) || follows(TEXT, INT4, -1) || follows(NUMERIC, INT8, -1));
}

static void a_rewrite_of_unknown_values(void **state)
{
    static const uint32_t type[] = {INT8}, before[] = {INT4};
    static const struct {
        unsigned reason;
        bool plain, empty;
        size_t found;
    } cases[] = {
        {DDLOBJECTS_TYPE, true, false, 0},           {DDLOBJECTS_TYPE, false, false, 1},
        {DDLOBJECTS_TYPE, false, true, 0},           {DDLOBJECTS_PERSISTENCE, true, false, 1},
        {DDLOBJECTS_ACCESS_METHOD, false, false, 0}, {DDLOBJECTS_TYPE | DDLOBJECTS_DEFAULT, true, false, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWNED(versionlabel) struct versionlabel label = {0};
        struct made was, is;
        struct ddl_column column = column_of(INT8, -1);
        struct ddl_object first = rewrite(cases[i].reason, cases[i].plain), second = told(&column);
        struct ddl_touch touch[] = {{.tag = "ALTER TABLE", .count = 1, .object = &first},
                                    {.tag = "ALTER TABLE", .count = 1, .object = &second}};
        first.empty = cases[i].empty;
        make(&was, 100, 1, before);
        make(&is, 100, 1, type);
        const struct found f = compare(&label, &was.table, &is.table, touch, 2, NULL, NULL);
        if (f.count != cases[i].found)
            fail_msg("case %zu: %zu findings", i, f.count);
        if (f.count > 0)
            assert_true(f.list[0].oid == 100 && f.list[0].seq == 10);
        label = (struct versionlabel){.arena = label.arena};
    }
}

/* numeric(10,2), then (10,0), then (10,2) again: equal types at both ends, other values. */
static void what_the_types_were_between(void **state)
{
    static const uint32_t type[] = {NUMERIC};
    (void)state;
    OWNED(versionlabel) struct versionlabel label = {0};
    struct made was, is;
    struct ddl_column narrow = column_of(NUMERIC, 655364), wide = column_of(NUMERIC, 655366);
    struct ddl_object objects[] = {rewrite(DDLOBJECTS_TYPE, true), told(&narrow),
                                   rewrite(DDLOBJECTS_TYPE, true), told(&wide)};
    struct ddl_touch touch[4];
    for (size_t i = 0; i < 4; i++)
        touch[i] = (struct ddl_touch){.tag = "ALTER TABLE", .count = 1, .object = &objects[i]};
    make(&was, 100, 1, type);
    make(&is, 100, 1, type);
    was.column[0].typmod = is.column[0].typmod = 655366;
    const struct found f = compare(&label, &was.table, &is.table, touch, 4, NULL, NULL);
    assert_int_equal(f.count, 2);
    label = (struct versionlabel){.arena = label.arena};
}

/* A text that gets a length loses blanks at its end, one that loses it keeps all; a scale that goes leaves
 * "1.50" as it is. */
static void lengths_that_come_and_go(void **state)
{
    static const struct {
        uint32_t from, to;
        int32_t was, is;
        size_t found;
    } cases[] = {{TEXT, VARCHAR, -1, 14, 1},        {VARCHAR, VARCHAR, 14, 9, 1},
                 {VARCHAR, TEXT, 14, -1, 0},        {VARCHAR, VARCHAR, 14, -1, 0},
                 {NUMERIC, NUMERIC, 655366, -1, 0}, {NUMERIC, NUMERIC, -1, 655366, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWNED(versionlabel) struct versionlabel label = {0};
        struct made was, is;
        struct ddl_column column = column_of(cases[i].to, cases[i].is);
        struct ddl_object first = rewrite(DDLOBJECTS_TYPE, true), second = told(&column);
        struct ddl_touch touch[] = {{.tag = "ALTER TABLE", .count = 1, .object = &first},
                                    {.tag = "ALTER TABLE", .count = 1, .object = &second}};
        make(&was, 100, 1, &cases[i].from);
        make(&is, 100, 1, &cases[i].to);
        was.column[0].typmod = cases[i].was;
        is.column[0].typmod = cases[i].is;
        const struct found f = compare(&label, &was.table, &is.table, touch, 2, NULL, NULL);
        if (f.count != cases[i].found)
            fail_msg("case %zu: %zu findings", i, f.count);
        label = (struct versionlabel){.arena = label.arena};
    }
}

static void stale_columns_prove_nothing(void **state)
{
    static const uint32_t type[] = {INT8}, before[] = {INT4};
    (void)state;
    OWNED(versionlabel) struct versionlabel label = {0};
    struct made was, is;
    struct ddl_column column = column_of(INT8, -1);
    struct ddl_object first = rewrite(DDLOBJECTS_TYPE, true), second = told(&column);
    struct ddl_touch touch[] = {{.tag = "ALTER TABLE", .count = 1, .object = &first},
                                {.tag = "ALTER TABLE", .count = 1, .object = &second}};
    second.stale = true;
    make(&was, 100, 1, before);
    make(&is, 100, 1, type);
    assert_int_equal(compare(&label, &was.table, &is.table, touch, 2, NULL, NULL).count, 1);
    label = (struct versionlabel){.arena = label.arena};
}

/* A composite type (relation 300, type 301) and a label: only tables that have values of them are concerned.
 */
static void types_in_values(void **state)
{
    static const uint32_t type[] = {301};
    struct typeuse use[] = {{100, 301, 300}, {100, MOOD, 0}, {999, 301, 300}};
    const struct typeuse_list uses = {use, 3};
    (void)state;
    OWNED(versionlabel) struct versionlabel label = {0};
    struct made was, is;
    struct ddl_object composite = {
        .class = DDLOBJECTS_CLASS_RELATION, .oid = 300, .type = "composite type", .identity = "app.pair"};
    struct ddl_object label_of = {
        .class = DDLOBJECTS_CLASS_TYPE, .oid = MOOD, .type = "type", .identity = "app.mood"};
    struct ddl_object unused = {
        .class = DDLOBJECTS_CLASS_RELATION, .oid = 310, .type = "composite type", .identity = "app.other"};
    struct ddl_touch touch[] = {{.tag = "ALTER TYPE", .count = 1, .object = &composite},
                                {.tag = "ALTER TYPE", .count = 1, .object = &label_of},
                                {.tag = "ALTER TYPE", .count = 1, .object = &unused}};
    make(&was, 100, 1, type);
    make(&is, 100, 1, type);
    /* One command that left the labels as they were, then none: only the composite type counts. */
    const char *types = "\nCREATE TYPE app.mood AS ENUM (\n    'sad',\n    'happy'\n);\n";
    struct found f = compare(&label, &was.table, &is.table, touch, 3, &uses, types);
    assert_int_equal(f.count, 1);
    assert_true(f.list[0].oid == 100 && f.list[0].seq == 10);
    /* Two commands may have given a label's name away and to another one. */
    touch[2] = touch[1];
    f = compare(&label, &was.table, &is.table, touch, 3, &uses, types);
    assert_int_equal(f.count, 3);
    assert_true(f.list[1].seq == 20 && f.list[2].seq == 30);
    label = (struct versionlabel){.arena = label.arena};
}

/* A table whose rows are values of another one (of itself here): columns added, not renamed. */
static void rows_of_tables_in_values(void **state)
{
    static const uint32_t type[] = {INT4, INT4};
    struct typeuse use[] = {{100, 301, 100}};
    const struct typeuse_list uses = {use, 1};
    (void)state;
    OWNED(versionlabel) struct versionlabel label = {0};
    struct made was, is;
    struct ddl_column column = column_of(INT4, -1);
    struct ddl_object object = told(&column);
    struct ddl_touch touch[] = {{.tag = "ALTER TABLE", .count = 1, .object = &object}};
    make(&was, 100, 1, type);
    make(&is, 100, 1, type);
    assert_int_equal(compare(&label, &was.table, &is.table, touch, 1, &uses, NULL).count, 0);
    make(&is, 100, 2, type);
    assert_int_equal(compare(&label, &was.table, &is.table, touch, 1, &uses, NULL).count, 1);
    /* Not seen before: what ALTER did to it is not known. */
    assert_true(compare(&label, NULL, &is.table, touch, 1, &uses, NULL).count >= 1);
    label = (struct versionlabel){.arena = label.arena};
}

static struct ddl_object retold(void)
{
    return (struct ddl_object){
        .class = DDLOBJECTS_CLASS_RELATION, .oid = 100, .type = "table", .identity = "app.t", .retold = true};
}

/* Rewritten, told again: nothing is open, whatever the type is now; rewritten after it: it is. */
static void rows_told_again_after_a_rewrite(void **state)
{
    static const uint32_t type[] = {INT4}, before[] = {TEXT};
    struct typeuse use[] = {{100, MOOD, 0}};
    const struct typeuse_list uses = {use, 1};
    (void)state;
    OWNED(versionlabel) struct versionlabel label = {0};
    struct made was, is;
    struct ddl_column column = column_of(INT4, -1);
    struct ddl_object label_of = {
        .class = DDLOBJECTS_CLASS_TYPE, .oid = MOOD, .type = "type", .identity = "app.mood"};
    struct ddl_object objects[] = {rewrite(DDLOBJECTS_TYPE | DDLOBJECTS_PERSISTENCE, false), told(&column),
                                   retold(), rewrite(DDLOBJECTS_TYPE, false)};
    struct ddl_touch touch[4];
    for (size_t i = 0; i < 4; i++)
        touch[i] = (struct ddl_touch){.tag = "ALTER TABLE", .count = 1, .object = &objects[i]};
    make(&was, 100, 1, before);
    make(&is, 100, 1, type);
    struct found f = compare(&label, &was.table, &is.table, touch, 3, NULL, NULL);
    assert_int_equal(f.count, 0);
    assert_int_equal(f.retolds, 1);
    assert_true(f.retold[0].oid == 100 && f.retold[0].seq == 30);
    assert_int_equal(compare(&label, NULL, &is.table, touch, 3, NULL, NULL).count, 0); /* it was unlogged */
    f = compare(&label, &was.table, &is.table, touch, 4, NULL, NULL);
    assert_true(f.count == 1 && f.list[0].seq == 40 && f.retolds == 1);
    /* A type that changed before it does not matter any more, one that changed after it does. */
    touch[0] = (struct ddl_touch){.tag = "ALTER TYPE", .count = 1, .object = &label_of};
    assert_int_equal(compare(&label, &is.table, &is.table, touch, 3, &uses, NULL).count, 0);
    touch[3] = touch[0];
    assert_int_equal(compare(&label, &is.table, &is.table, touch, 4, &uses, NULL).count, 1);
    label = (struct versionlabel){.arena = label.arena};
}

/* The columns as they were told count: a type that changed since, one that was generated until then. */
static void what_changed_since_they_were_told(void **state)
{
    static const uint32_t type[] = {TEXT};
    (void)state;
    OWNED(versionlabel) struct versionlabel label = {0};
    struct made was, is;
    struct ddl_column column = column_of(FLOAT8, -1), generated = column_of(TEXT, -1);
    struct ddl_object shape = told(&column), again = retold();
    struct ddl_touch touch[] = {{.tag = "ALTER TABLE", .count = 1, .object = &shape},
                                {.tag = "ALTER TABLE", .count = 1, .object = &again}};
    make(&was, 100, 1, type);
    make(&is, 100, 1, type);
    assert_int_equal(compare(&label, &was.table, &is.table, touch, 2, NULL, NULL).count, 1);
    generated.generated = true;
    shape.column = &generated;
    assert_int_equal(compare(&label, &was.table, &is.table, touch, 2, NULL, NULL).count, 1);
    /* Columns that are not known for sure: the rows cannot be read. */
    shape.column = &column;
    shape.stale = true;
    const struct found f = compare(&label, &was.table, &is.table, touch, 2, NULL, NULL);
    assert_int_equal(f.retolds, 0);
    label = (struct versionlabel){.arena = label.arena};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_whose_text_stays),
        cmocka_unit_test(a_rewrite_of_unknown_values),
        cmocka_unit_test(what_the_types_were_between),
        cmocka_unit_test(lengths_that_come_and_go),
        cmocka_unit_test(stale_columns_prove_nothing),
        cmocka_unit_test(types_in_values),
        cmocka_unit_test(rows_of_tables_in_values),
        cmocka_unit_test(rows_told_again_after_a_rewrite),
        cmocka_unit_test(what_changed_since_they_were_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
