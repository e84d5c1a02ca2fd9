#include "tools/recoverykey.h"

#include "tests/lib/check.h"
#include "tests/lib/scratch.h"

static void what_was_printed_is_read(void **state)
{
    (void)state;
    uint8_t secret[SIGNING_KEY_LEN], again[SIGNING_KEY_LEN];
    char text[RECOVERYKEY_TEXT], loose[2 * RECOVERYKEY_TEXT];
    err e = ERR_INIT;
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(i * 37 + 200);
    assert_int_equal(strlen(recoverykey_format(secret, text)), RECOVERYKEY_TEXT - 9);
    assert_done(recoverykey_parse(bytes_text(text), again, &e), &e);
    assert_memory_equal(secret, again, sizeof secret);
    /* Typed by a person: capitals, blanks, a line end, no groups. */
    (void)snprintf(loose, sizeof loose, "  %.20s %s\r\n", text, text + 20);
    for (char *c = loose; *c != '\0'; c++)
        *c = *c >= 'a' && *c <= 'f' ? (char)(*c - 'a' + 'A') : *c == '-' ? ' ' : *c;
    assert_done(recoverykey_parse(bytes_text(loose), again, &e), &e);
    assert_memory_equal(secret, again, sizeof secret);
}

static void refused(const char *text, size_t len, const char *why)
{
    uint8_t out[SIGNING_KEY_LEN];
    err e = ERR_INIT;
    assert_fails(recoverykey_parse(bytes_of(text, len), out, &e), &e, ERR_USAGE);
    assert_mentions(&e, why);
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'a', sizeof text);
    refused(text, 0, "this has 0");
    refused(text, 63, "this has 63");
    refused(text, 65, "this has 65");
    refused(text, sizeof text, "this has 4096");
    text[30] = 'g';
    refused(text, 64, "this is none");
    text[30] = '\0';
    refused(text, 64, "this is none");
    text[30] = '\xff';
    refused(text, 64, "this is none");
}

static void a_file_that_is_none(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(text) char *path = io_join(s.dir, "key");
    uint8_t out[SIGNING_KEY_LEN];
    err e = ERR_INIT;
    assert_fails(recoverykey_load(path, out, &e), &e, ERR_STORAGE);
    assert_done(io_store(path, bytes_text("0123"), &e), &e);
    e = ERR_INIT;
    assert_fails(recoverykey_load(path, out, &e), &e, ERR_USAGE);
    assert_mentions(&e, path);
    char large[5000];
    memset(large, '0', sizeof large);
    assert_done(io_store(path, bytes_of(large, sizeof large), &e), &e);
    e = ERR_INIT;
    assert_false(recoverykey_load(path, out, &e).ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_printed_is_read),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(a_file_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
