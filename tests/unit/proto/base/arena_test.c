#include "proto/base/arena.h"
#include "tests/lib/check.h"

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    OWNED(arena) struct arena a = {0};
    uint8_t *piece[300];
    for (size_t i = 0; i < 300; i++) {
        piece[i] = arena_alloc(&a, i * 7);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        memset(piece[i], (int)(i & 0xff), i * 7);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(piece[i][k], i & 0xff);
    assert_true(a.used >= 300 * 299 / 2 * 7);
}

static void larger_than_a_chunk(void **state)
{
    (void)state;
    OWNED(arena) struct arena a = {0};
    uint8_t *big = arena_alloc(&a, 1 << 20);
    assert_non_null(big);
    memset(big, 1, 1 << 20);
    assert_non_null(arena_alloc(&a, 10));
}

static void reset_keeps_one_chunk(void **state)
{
    (void)state;
    OWNED(arena) struct arena a = {0};
    void *first = arena_alloc(&a, 100);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 10000));
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    arena_reset(&a);
    arena_reset(&a);
}

static void reset_gives_a_large_chunk_back(void **state)
{
    (void)state;
    OWNED(arena) struct arena a = {0};
    assert_non_null(arena_alloc(&a, 1 << 20));
    arena_reset(&a);
    assert_null(a.chunks);
    assert_non_null(arena_alloc(&a, 10));
}

static void copies_end_with_nul(void **state)
{
    (void)state;
    OWNED(arena) struct arena a = {0};
    char source[] = "till 3";
    char *copy = arena_copy(&a, bytes_text(source));
    source[0] = 'X';
    assert_string_equal(copy, "till 3");
    assert_string_equal(arena_copy(&a, bytes_of(NULL, 0)), "");
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    OWNED(arena) struct arena a = {0};
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    assert_non_null(arena_alloc(&a, 0));
}

static void lists_grow_in_it(void **state)
{
    (void)state;
    OWNED(arena) struct arena a = {0};
    uint32_t *list = NULL;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(arena_room(&a, &list, i, sizeof *list));
        list[i] = i * 3;
        assert_non_null(memset(arena_alloc(&a, 5), 0xff, 5)); /* what comes between does not hurt */
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(list[i], i * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(larger_than_a_chunk),
        cmocka_unit_test(reset_keeps_one_chunk),
        cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(reset_gives_a_large_chunk_back),
        cmocka_unit_test(lists_grow_in_it),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
