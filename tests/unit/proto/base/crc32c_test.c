#include "proto/base/crc32c.h"
#include "tests/lib/check.h"

/* The check value of the CRC catalogue for CRC-32/ISCSI, and the vectors of RFC 3720, B.4. */
static void known_values(void **state)
{
    (void)state;
    uint8_t run[32];
    assert_int_equal(crc32c(0, bytes_text("123456789")), 0xE3069283u);
    memset(run, 0x00, sizeof run);
    assert_int_equal(crc32c(0, bytes_of(run, sizeof run)), 0x8A9136AAu);
    memset(run, 0xff, sizeof run);
    assert_int_equal(crc32c(0, bytes_of(run, sizeof run)), 0x62A8AB43u);
    for (size_t i = 0; i < sizeof run; i++)
        run[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, bytes_of(run, sizeof run)), 0x46DD794Eu);
    assert_int_equal(crc32c(0, bytes_of("", 0)), 0);
}

/* Cut anywhere, the pieces give what the whole gives. */
static void pieces_add_up(void **state)
{
    (void)state;
    const char *text = "a shop sells bread, milk and WiFi tokens";
    uint32_t whole = crc32c(0, bytes_text(text));
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        uint32_t crc = crc32c(0, bytes_of(text, cut));
        assert_int_equal(crc32c(crc, bytes_text(text + cut)), whole);
    }
}

static void one_flipped_bit_shows(void **state)
{
    (void)state;
    uint8_t page[64] = {0};
    uint32_t before = crc32c(0, bytes_of(page, sizeof page));
    for (size_t bit = 0; bit < 8 * sizeof page; bit++) {
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(crc32c(0, bytes_of(page, sizeof page)), before);
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(pieces_add_up),
        cmocka_unit_test(one_flipped_bit_shows),
    };
    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
