#include "proto/copytext.h"

#include "tests/unit/proto/samples.h"

static struct value text_of(const char *text)
{
    return (struct value){VALUE_TEXT, bytes_text(text)};
}

static void assert_line(const struct buf *line, const char *wanted)
{
    assert_int_equal(line->len, strlen(wanted));
    if (line->len > 0)
        assert_memory_equal(line->data, wanted, line->len);
}

/* Every byte, against the table of PostgreSQL's documentation of COPY. */
static void every_byte_is_escaped_as_documented(void **unused)
{
    (void)unused;
    static const struct {
        uint8_t byte;
        const char *escaped;
    } documented[] = {{8, "\\b"}, {12, "\\f"}, {10, "\\n"}, {13, "\\r"},
                      {9, "\\t"}, {11, "\\v"}, {92, "\\\\"}};
    for (unsigned byte = 1; byte < 256; byte++) {
        OWNED(buf) struct buf line = {0};
        char plain[2] = {(char)byte, '\0'};
        const char *wanted = plain;
        for (size_t i = 0; i < sizeof documented / sizeof documented[0]; i++)
            if (documented[i].byte == byte)
                wanted = documented[i].escaped;
        copytext_value(&line, true, text_of(plain));
        assert_line(&line, wanted);
    }
}

/* The plain way, a byte at a time, that the fast one must agree with. */
static void escape_slowly(struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *found = strchr("\bb\tt\nn\vv\ff\rr\\\\", text.data[i]);
        bool special = strchr("\b\t\n\v\f\r\\", text.data[i]) != NULL;
        if (special) {
            buf_u8(out, '\\');
            buf_u8(out, (uint8_t)found[1]);
        } else {
            buf_u8(out, text.data[i]);
        }
    }
}

/* Random text of all lengths around the 8 bytes that are looked at together, dense and sparse in escapes. */
static void fast_and_slow_agree(void **unused)
{
    (void)unused;
    uint64_t state = 11;
    OWNED(buf) struct buf slow = {0};
    OWNED(buf) struct buf fast = {0};
    OWNED(buf) struct buf back = {0};
    for (int round = 0; round < 20000; round++) {
        uint8_t text[64];
        size_t len = sample_random(&state) % sizeof text;
        uint64_t among = round % 3 == 0 ? 16 : round % 3 == 1 ? 128 : 255;
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)(1 + sample_random(&state) % among);
        uint8_t *exact = sample_exact(text, len);
        buf_reset(&slow);
        buf_reset(&fast);
        buf_reset(&back);
        escape_slowly(bytes_of(text, len), &slow);
        copytext_value(&fast, true, (struct value){VALUE_TEXT, {exact, len}});
        assert_true(bytes_equal(buf_view(&slow), buf_view(&fast)));
        assert_true(copytext_unescape(buf_view(&fast), &back));
        assert_true(bytes_equal(buf_view(&back), bytes_of(text, len)));
        free(exact);
    }
}

static void tuples_become_lines(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf tuple = {0};
    OWNED(buf) struct buf line = {0};
    tuple_begin(&tuple, 5);
    tuple_put(&tuple, (struct value){.kind = VALUE_NULL});
    tuple_put(&tuple, text_of("a\tb"));
    tuple_put(&tuple, text_of(""));
    tuple_put(&tuple, text_of("\\N"));
    tuple_put(&tuple, (struct value){.kind = VALUE_NULL});
    assert_done(copytext_tuple(buf_view(&tuple), (struct bytes){0}, &line, &e), &e);
    assert_line(&line, "\\N\ta\\tb\t\t\\\\N\t\\N");
}

static void lines_become_tuples(void **unused)
{
    (void)unused;
    static const char *const lines[] = {
        "",
        "\\N",
        "a",
        "\t",
        "\\N\t\\N",
        "1\t\ttee\\tpot\\\\\t\\N",
        "x",
        "\\\\N",
        "\\\\x41",
        "\\b\\f\\n\\r\\t\\v\\\\",
        "\xc3\xa4\t\\N\t",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        err e = ERR_INIT;
        OWNED(buf) struct buf tuple = {0};
        OWNED(buf) struct buf line = {0};
        assert_done(copytext_to_tuple(bytes_text(lines[i]), &tuple, &e), &e);
        assert_done(copytext_tuple(buf_view(&tuple), (struct bytes){0}, &line, &e), &e);
        assert_line(&line, lines[i]);
    }
}

static struct bytes tuple_with(const char *kinds, struct buf *tuple)
{
    buf_reset(tuple);
    tuple_begin(tuple, (uint16_t)strlen(kinds));
    for (; *kinds != '\0'; kinds++)
        tuple_put(tuple, (struct value){(enum value_kind) * kinds, bytes_text("new")});
    return buf_view(tuple);
}

static void unchanged_columns_come_from_the_old_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *kinds, *old, *wanted;
    } known[] = {
        {"u", "x\\ty", "x\\ty"},
        {"ut", "1\t2", "1\tnew"},
        {"tu", "1\t2", "new\t2"},
        {"nu", "1\t", "\\N\t"},
        {"utu", "\\N\t2\t\\\\", "\\N\tnew\t\\\\"},
        {"uuuu", "a\tb\tc\td", "a\tb\tc\td"},
        {"ttu", "1\t2", NULL}, /* too few columns */
        {"u", NULL, NULL},
        {"ttu", NULL, NULL},
    };
    OWNED(buf) struct buf tuple = {0};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        OWNED(buf) struct buf line = {0};
        struct bytes old = known[i].old == NULL ? (struct bytes){0} : bytes_text(known[i].old);
        struct bytes t = tuple_with(known[i].kinds, &tuple);
        if (known[i].wanted == NULL) {
            assert_fails(copytext_tuple(t, old, &line, &e), &e, ERR_STORAGE);
            continue;
        }
        assert_done(copytext_tuple(t, old, &line, &e), &e);
        assert_line(&line, known[i].wanted);
    }
}

static void malformed_tuples_are_refused(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf tuple = {0};
    OWNED(buf) struct buf line = {0};
    struct bytes whole = tuple_with("tnt", &tuple);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *exact = sample_exact(whole.data, len);
        assert_fails(copytext_tuple(bytes_of(exact, len), (struct bytes){0}, &line, &e), &e, ERR_STORAGE);
        free(exact);
    }
    buf_u8(&tuple, 0);
    assert_fails(copytext_tuple(buf_view(&tuple), (struct bytes){0}, &line, &e), &e, ERR_STORAGE);
    assert_fails(copytext_tuple(tuple_with("tb", &tuple), (struct bytes){0}, &line, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "binary");
}

static void splitting(void **unused)
{
    (void)unused;
    struct bytes columns[2];
    assert_int_equal(copytext_split(bytes_text("a\t\\N\tc\\td"), columns, 2), 3);
    assert_true(bytes_equal(columns[0], bytes_text("a")));
    assert_true(bytes_equal(columns[1], bytes_text("\\N")));
    assert_int_equal(copytext_split(bytes_text(""), columns, 2), 1);
    assert_int_equal(columns[0].len, 0);
    assert_int_equal(copytext_split(bytes_text("\t"), columns, 2), 2);
    assert_int_equal(columns[1].len, 0);
    assert_int_equal(copytext_split((struct bytes){0}, columns, 2), 1);
}

static void unescaping(void **unused)
{
    (void)unused;
    static const struct {
        const char *column, *wanted;
    } known[] = {
        {"\\N", NULL}, {"N", "N"}, {"\\NN", "NN"}, {"a\\", "a"}, {"\\q", "q"}, {"\\\\\\\\", "\\\\"}, {"", ""},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        OWNED(buf) struct buf out = {0};
        uint8_t *exact = sample_exact(known[i].column, strlen(known[i].column));
        bool is_text = copytext_unescape(bytes_of(exact, strlen(known[i].column)), &out);
        assert_int_equal(is_text, known[i].wanted != NULL);
        assert_line(&out, known[i].wanted == NULL ? "" : known[i].wanted);
        free(exact);
    }
}

static void lines_that_are_none(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf tuple = {0};
    assert_fails(copytext_to_tuple(bytes_text("a\tb\n"), &tuple, &e), &e, ERR_STORAGE);
    uint8_t tabs[1600];
    memset(tabs, '\t', sizeof tabs);
    assert_done(copytext_to_tuple(bytes_of(tabs, 1599), &tuple, &e), &e);
    assert_fails(copytext_to_tuple(bytes_of(tabs, 1600), &tuple, &e), &e, ERR_STORAGE);
}

/* A buffer that ran out of memory stays bad, and the last look at it says so. */
static void no_memory(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf tuple = {0};
    struct buf full = {.bad = true};
    struct bytes t = tuple_with("tt", &tuple);
    assert_fails(copytext_tuple(t, (struct bytes){0}, &full, &e), &e, ERR_STORAGE);
    assert_fails(copytext_to_tuple(bytes_text("a\tb"), &full, &e), &e, ERR_STORAGE);
    assert_true(full.bad && full.len == 0);
}

/* What a real server sent of a row, and the line that COPY wrote of it: nasty values, all of ASCII alone. */
static void a_real_server_writes_the_same(void **unused)
{
    (void)unused;
    FILE *file = fopen(TEST_DATA "/copytext/pg15.txt", "r");
    assert_non_null(file);
    static char text[8192];
    static uint8_t tuple[2048];
    static uint8_t wanted[2048];
    size_t rows = 0;
    while (fgets(text, sizeof text, file) != NULL) {
        if (text[0] == '#')
            continue;
        err e = ERR_INIT;
        OWNED(buf) struct buf line = {0};
        OWNED(buf) struct buf back = {0};
        text[strcspn(text, "\n")] = '\0';
        char *space = strchr(text, ' ');
        assert_non_null(space);
        *space = '\0';
        struct bytes sent = bytes_of(tuple, from_hex(text, tuple, sizeof tuple));
        struct bytes copied = bytes_of(wanted, from_hex(space + 1, wanted, sizeof wanted));
        assert_done(copytext_tuple(sent, (struct bytes){0}, &line, &e), &e);
        assert_true(bytes_equal(buf_view(&line), copied));
        assert_done(copytext_to_tuple(copied, &back, &e), &e);
        assert_true(bytes_equal(buf_view(&back), sent));
        rows++;
    }
    (void)fclose(file);
    assert_int_equal(rows, 154);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_escaped_as_documented),
        cmocka_unit_test(fast_and_slow_agree),
        cmocka_unit_test(a_real_server_writes_the_same),
        cmocka_unit_test(tuples_become_lines),
        cmocka_unit_test(lines_become_tuples),
        cmocka_unit_test(unchanged_columns_come_from_the_old_line),
        cmocka_unit_test(malformed_tuples_are_refused),
        cmocka_unit_test(splitting),
        cmocka_unit_test(unescaping),
        cmocka_unit_test(lines_that_are_none),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests_name("copytext", tests, NULL, NULL);
}
