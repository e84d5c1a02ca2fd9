#include "store/rowlayout.h"

#include "tests/lib/check.h"

#define LIMIT ((size_t)4 << 20)

static void there_and_back(const char *lines)
{
    OWNED(buf) struct buf columns = {0};
    OWNED(buf) struct buf back = {0};
    err e = ERR_INIT;
    assert_true(rowlayout_columns(bytes_text(lines), &columns));
    assert_done(rowlayout_rows(buf_view(&columns), LIMIT, &back, &e), &e);
    assert_true(back.len > 2 && back.data[0] == 0x0a);
    size_t prefix = back.len - strlen(lines);
    assert_memory_equal(back.data + prefix, lines, strlen(lines));
    /* and each line by itself */
    const char *at = lines;
    for (uint64_t row = 0;; row++) {
        OWNED(buf) struct buf line = {0};
        bool found = false;
        assert_done(rowlayout_line(buf_view(&columns), row, &line, &found, &e), &e);
        assert_int_equal(found, *at != '\0');
        if (!found)
            break;
        const size_t len = (size_t)(strchr(at, '\n') - at);
        assert_int_equal(line.len, len);
        assert_memory_equal(line.data, at, len);
        at += len + 1;
    }
}

static void lossless(void **state)
{
    (void)state;
    there_and_back("1\tapple\t\\N\n22\tpear\tx\n333\t\t\n");
    there_and_back("\n");
    there_and_back("\n\n\n");
    there_and_back("\t\t\t\n\t\t\t\n");
    there_and_back("one column\nonly\n");
    OWNED(buf) struct buf wide = {0};
    for (int row = 0; row < 3; row++)
        for (int i = 0; i < ROWLAYOUT_COLUMNS_MAX; i++)
            buf_printf(&wide, "%d%c", row * i, i + 1 == ROWLAYOUT_COLUMNS_MAX ? '\n' : '\t');
    there_and_back(buf_cstring(&wide));
}

/* Values of every length around the width that is copied at once, in memory that ends where the lines do. */
static void lengths_of_all_kinds(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        OWNED(buf) struct buf lines = {0};
        unsigned next = seed;
        const unsigned columns = 1 + seed % 7;
        for (unsigned value = 0; value < columns * (1 + seed % 40); value++) {
            for (unsigned i = next % (seed < 100 ? 40 : 6); i > 0; i--)
                buf_u8(&lines, (uint8_t)(' ' + i));
            buf_u8(&lines, value % columns + 1 == columns ? '\n' : '\t');
            next = next * 1103515245 + 12345;
            next = next >> 7 ^ next;
        }
        assert_false(lines.bad);
        OWNED(text) char *exact = strndup((const char *)lines.data, lines.len);
        there_and_back(exact);
    }
}

static void what_it_looks_like(void **state)
{
    (void)state;
    OWNED(buf) struct buf columns = {0};
    const char wanted[] = "\2\0\0\0\2\0\0\0\5\0\0\0\4\0\0\0"
                          "1\n22\na\nb\n";
    assert_true(rowlayout_columns(bytes_text("1\ta\n22\tb\n"), &columns));
    assert_int_equal(columns.len, sizeof wanted - 1);
    assert_memory_equal(columns.data, wanted, columns.len);
}

static void uneven_lines_stay_lines(void **state)
{
    (void)state;
    OWNED(buf) struct buf out = {0};
    assert_false(rowlayout_columns(bytes_text("1\t2\n3\n"), &out));
    assert_false(rowlayout_columns(bytes_text("1\n2\t3\n"), &out));
    assert_false(rowlayout_columns(bytes_text("1\t2\n3"), &out));
    assert_false(rowlayout_columns(bytes_text("1\t2\n3\t"), &out));
    assert_false(rowlayout_columns(bytes_text(""), &out));
    OWNED(buf) struct buf wide = {0};
    for (int i = 0; i < ROWLAYOUT_COLUMNS_MAX; i++)
        buf_text(&wide, "\t");
    buf_text(&wide, "\n");
    assert_false(rowlayout_columns(buf_view(&wide), &out));
}

static void damaged(void **state)
{
    (void)state;
    OWNED(buf) struct buf columns = {0};
    OWNED(buf) struct buf back = {0};
    err e = ERR_INIT;
    assert_true(rowlayout_columns(bytes_text("1\tapple\n22\tpear\n"), &columns));
    for (size_t len = 0; len < columns.len; len++) {
        OWNED(memory) uint8_t *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, columns.data, len);
        bool found = false;
        assert_fails(rowlayout_rows(bytes_of(exact, len), LIMIT, &back, &e), &e, ERR_STORAGE);
        assert_fails(rowlayout_line(bytes_of(exact, len), 1, &back, &found, &e), &e, ERR_STORAGE);
    }
    for (size_t i = 0; i < 16; i++) { /* the head: every other value is wrong */
        columns.data[i] ^= 0x81;
        assert_fails(rowlayout_rows(buf_view(&columns), LIMIT, &back, &e), &e, ERR_STORAGE);
        columns.data[i] ^= 0x81;
    }
    columns.data[17] = 'x'; /* a line feed less in one column, and one more in the other */
    columns.data[22] = '\n';
    assert_fails(rowlayout_rows(buf_view(&columns), LIMIT, &back, &e), &e, ERR_STORAGE);
    assert_true(rowlayout_columns(bytes_text("1\tapple\n22\tpear\n"), &columns));
    assert_fails(rowlayout_rows(buf_view(&columns), 17, &back, &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless),
        cmocka_unit_test(lengths_of_all_kinds),
        cmocka_unit_test(what_it_looks_like),
        cmocka_unit_test(uneven_lines_stay_lines),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests_name("rowlayout", tests, NULL, NULL);
}
