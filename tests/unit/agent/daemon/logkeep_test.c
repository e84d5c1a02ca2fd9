#include "tests/lib/check.h"

#include <sys/stat.h>

#include "agent/daemon/logkeep.h"
#include "store/io.h"
#include "tests/lib/scratch.h"

static void make(struct scratch *s, const char *name, size_t size)
{
    uint8_t *content = malloc(size);
    err e = ERR_INIT;
    assert_non_null(content);
    memset(content, 'x', size);
    assert_done(io_store(scratch_path(s, name), bytes_of(content, size), &e), &e);
    free(content);
}

static uint64_t through(struct scratch *s, uint64_t keep, uint64_t sealed)
{
    struct config config = {.log_keep_bytes = keep};
    const struct datadir d = {.log = s->dir, .config = &config};
    uint64_t seq = 0;
    err e = ERR_INIT;
    assert_done(logkeep_through(&d, sealed, &seq, &e), &e);
    return seq;
}

static void large_transactions_count_with_their_segments(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    make(&s, "seg-0000000000000001.mdb", 10000);
    make(&s, "seg-0000000000000100.mdb", 10000);
    make(&s, "seg-0000000000000200.mdb", 10000);
    assert_int_equal(through(&s, 15000, 1000), 0xff);
    assert_int_equal(through(&s, 10000, 1000), 0x1ff);
    assert_int_equal(through(&s, 500000, 1000), 0);
    make(&s, "bulk-0000000000000010.act", 1000000);
    assert_int_equal(through(&s, 500000, 1000), 0);
    make(&s, "bulk-0000000000000150.act", 1000000);
    assert_int_equal(through(&s, 500000, 1000), 0xff);
    assert_int_equal(through(&s, 500000, 7), 7); /* never what is not sealed */
    assert_int_equal(through(&s, 15000, 1000), 0xff);
    make(&s, "bulk-0000000000000210.act", 1000000);
    assert_int_equal(through(&s, 500000, 1000), 0x1ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(large_transactions_count_with_their_segments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
