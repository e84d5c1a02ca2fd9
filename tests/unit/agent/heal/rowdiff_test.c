#include "agent/heal/rowdiff.h"

#include "tests/lib/check.h"
#include "tests/lib/scratch.h"

#define KEYS 400
#define COPIES 4

static const uint16_t first_column[] = {0};
static const struct fold_shape keyed = {.label = "t", .columns = 2, .key_count = 1, .key = first_column};
static const struct fold_shape multiset = {.label = "m", .columns = 2};

/* What the known rows become when the changes are made: by key the value, or how many there are of it. */
struct model {
    const struct fold_shape *shape;
    int value[KEYS];          /* keyed: -1: no such row */
    int copies[KEYS][COPIES]; /* multiset: rows "key\tvalue" */
    unsigned told[3];
};

static void parse(struct bytes line, int *key, int *value)
{
    char text[64];
    assert_true(line.len < sizeof text);
    memcpy(text, line.data, line.len);
    text[line.len] = '\0';
    assert_int_equal(sscanf(text, "%d\t%d", key, value), 2);
}

static status change(void *context, enum rowdiff_kind kind, struct bytes line, err *e)
{
    struct model *m = context;
    int key, value;
    (void)e;
    parse(line, &key, &value);
    m->told[kind]++;
    if (m->shape->key_count == 0) {
        assert_int_not_equal(kind, ROWDIFF_UPDATE);
        m->copies[key][value] += kind == ROWDIFF_CREATE ? 1 : -1;
        return DONE;
    }
    assert_true((m->value[key] < 0) == (kind == ROWDIFF_CREATE)); /* nothing is made twice, or gone twice */
    m->value[key] = kind == ROWDIFF_DELETE ? -1 : value;
    return DONE;
}

static void put(struct rowdiff *r, status (*where)(struct rowdiff *, struct bytes, err *), int key, int value)
{
    char line[32];
    err e = ERR_INIT;
    (void)snprintf(line, sizeof line, "%d\t%d", key, value);
    assert_done(where(r, bytes_text(line), &e), &e);
}

static void keyed_rows(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(rowdiff) struct rowdiff *r = NULL;
        struct model m = {.shape = &keyed};
        int found[KEYS];
        uint64_t changes = 0;
        unsigned differ = 0;
        err e = ERR_INIT;
        /* in the later rounds the memory is so small that there are many parts */
        assert_done(rowdiff_new(&keyed, s.dir, 1 << 20, round < 3 ? 0 : (uint64_t)(round - 2) << 23, &r, &e),
                    &e);
        for (int key = 0; key < KEYS; key++) {
            m.value[key] = round == 0 ? -1 : rand() % 5 - 1;
            found[key] = round == 1 ? -1 : round == 2 ? m.value[key] : rand() % 5 - 1;
            differ += m.value[key] != found[key];
            if (m.value[key] >= 0)
                put(r, rowdiff_known, key, m.value[key]);
        }
        for (int key = KEYS - 1; key >= 0; key--)
            if (found[key] >= 0)
                put(r, rowdiff_found, key, found[key]);
        const struct rowdiff_sink sink = {&m, change};
        assert_done(rowdiff_run(r, &sink, &changes, &e), &e);
        assert_memory_equal(m.value, found, sizeof found);
        assert_int_equal(changes, differ); /* and no change too many */
    }
}

static void counted_rows(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(rowdiff) struct rowdiff *r = NULL;
        struct model m = {.shape = &multiset};
        int found[KEYS][COPIES];
        uint64_t changes = 0;
        unsigned differ = 0;
        err e = ERR_INIT;
        assert_done(rowdiff_new(&multiset, s.dir, 1 << 20, (uint64_t)round << 23, &r, &e), &e);
        for (int key = 0; key < KEYS; key++) {
            for (int value = 0; value < COPIES; value++) {
                m.copies[key][value] = rand() % 4;
                found[key][value] = rand() % 4;
                differ += (unsigned)abs(m.copies[key][value] - found[key][value]);
                for (int n = 0; n < m.copies[key][value]; n++)
                    put(r, rowdiff_known, key, value);
                for (int n = 0; n < found[key][value]; n++)
                    put(r, rowdiff_found, key, value);
            }
        }
        const struct rowdiff_sink sink = {&m, change};
        assert_done(rowdiff_run(r, &sink, &changes, &e), &e);
        assert_memory_equal(m.copies, found, sizeof found);
        assert_int_equal(changes, differ);
    }
}

static void two_known_rows_with_one_key(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(rowdiff) struct rowdiff *r = NULL;
    struct model m = {.shape = &keyed};
    const struct rowdiff_sink sink = {&m, change};
    uint64_t changes = 0;
    err e = ERR_INIT;
    assert_done(rowdiff_new(&keyed, s.dir, 1 << 20, 0, &r, &e), &e);
    put(r, rowdiff_known, 1, 1);
    put(r, rowdiff_known, 1, 2);
    assert_fails(rowdiff_run(r, &sink, &changes, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "two rows with one key");
}

static void a_line_of_too_few_columns(void **state)
{
    (void)state;
    static const uint16_t second[] = {1};
    const struct fold_shape shape = {.label = "t", .columns = 2, .key_count = 1, .key = second};
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(rowdiff) struct rowdiff *r = NULL;
    err e = ERR_INIT;
    assert_done(rowdiff_new(&shape, s.dir, 1 << 20, 0, &r, &e), &e);
    assert_fails(rowdiff_found(r, bytes_text("alone"), &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keyed_rows),
        cmocka_unit_test(counted_rows),
        cmocka_unit_test(two_known_rows_with_one_key),
        cmocka_unit_test(a_line_of_too_few_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
