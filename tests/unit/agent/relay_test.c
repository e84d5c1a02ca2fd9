/* Numbers through a relay: in order, in one thread at a time, and what a failure leaves. */
#include "tests/lib/check.h"

#include <pthread.h>

#include "agent/relay.h"

#define BLOCK 1000

struct taker {
    uint64_t next;    /* expected */
    uint64_t fail_at; /* UINT64_MAX: never */
    size_t calls;
    bool elsewhere; /* called in another thread than the test's */
    pthread_t test;
};

static status take(void *context, struct bytes block, err *e)
{
    struct taker *t = context;
    t->calls++;
    t->elsewhere = t->elsewhere || !pthread_equal(pthread_self(), t->test);
    for (size_t at = 0; at < block.len; at += sizeof t->next) {
        uint64_t got;
        memcpy(&got, block.data + at, sizeof got);
        if (got == t->fail_at)
            return err_set(e, ERR_STORAGE, "number %llu", (unsigned long long)got);
        assert_int_equal(got, t->next);
        t->next++;
    }
    return DONE;
}

static struct taker taker_of(uint64_t fail_at)
{
    return (struct taker){.fail_at = fail_at, .test = pthread_self()};
}

static struct relay *relay_to(struct taker *t)
{
    const struct relay_options options = {.bytes = BLOCK, .context = t, .take = take};
    struct relay *r = NULL;
    err e = ERR_INIT;
    assert_done(relay_new(&options, &r, &e), &e);
    return r;
}

static status put(struct relay *r, uint64_t number, err *e)
{
    buf_bytes(relay_block(r), &number, sizeof number);
    return relay_pass(r, e);
}

static void all_is_taken_in_order(void **state)
{
    (void)state;
    struct taker t = taker_of(UINT64_MAX);
    OWNED(relay) struct relay *r = relay_to(&t);
    err e = ERR_INIT;
    uint64_t next = 0;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 3000; i++)
            assert_done(put(r, next++, &e), &e);
        assert_done(relay_settle(r, &e), &e);
        assert_int_equal(t.next, next);
    }
    assert_true(t.elsewhere);
}

static void a_little_takes_no_thread(void **state)
{
    (void)state;
    struct taker t = taker_of(UINT64_MAX);
    OWNED(relay) struct relay *r = relay_to(&t);
    err e = ERR_INIT;
    assert_done(relay_settle(r, &e), &e);
    for (uint64_t i = 0; i < 10; i++)
        assert_done(put(r, i, &e), &e);
    assert_int_equal(t.calls, 0);
    assert_done(relay_settle(r, &e), &e);
    assert_int_equal(t.next, 10);
    assert_false(t.elsewhere);
}

/* Told again and again, and nothing that follows is taken. */
static void a_failure_stays(uint64_t fail_at, uint64_t count)
{
    struct taker t = taker_of(fail_at);
    OWNED(relay) struct relay *r = relay_to(&t);
    err e = ERR_INIT, again = ERR_INIT;
    status done = DONE;
    for (uint64_t i = 0; done.ok && i < count; i++)
        done = put(r, i, &e);
    if (done.ok)
        assert_fails(relay_settle(r, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "number");
    assert_fails(relay_settle(r, &again), &again, ERR_STORAGE);
    assert_string_equal(again.message, e.message);
    assert_int_equal(t.next, fail_at);
    buf_bytes(relay_block(r), &fail_at, sizeof fail_at);
    assert_fails(relay_settle(r, &again), &again, ERR_STORAGE);
    assert_int_equal(t.next, fail_at);
}

static void failures_stay(void **state)
{
    (void)state;
    a_failure_stays(5, 10);
    a_failure_stays(130, 100000);
    a_failure_stays(99990, 100000);
}

static void what_was_not_taken_is_dropped(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 3000; count = count * 2 + 1) {
        struct taker t = taker_of(UINT64_MAX);
        struct relay *r = relay_to(&t);
        err e = ERR_INIT;
        for (uint64_t i = 0; i < count; i++)
            assert_done(put(r, i, &e), &e);
        relay_free(r);
        assert_true(t.next <= count);
    }
    relay_free(NULL);
}

static status count_bytes(void *context, struct bytes block, err *e)
{
    size_t *bytes = context;
    (void)e;
    *bytes += block.len;
    return DONE;
}

static void a_block_may_be_large(void **state)
{
    (void)state;
    size_t bytes = 0;
    const struct relay_options options = {.bytes = BLOCK, .context = &bytes, .take = count_bytes};
    OWNED(relay) struct relay *r = NULL;
    err e = ERR_INIT;
    assert_done(relay_new(&options, &r, &e), &e);
    for (unsigned i = 0; i < 2 * RELAY_BLOCKS; i++) {
        uint8_t *room = buf_room(relay_block(r), 100 * BLOCK);
        memset(room, 'x', 100 * BLOCK);
        relay_block(r)->len += 100 * BLOCK;
        assert_done(relay_pass(r, &e), &e);
    }
    assert_done(relay_settle(r, &e), &e);
    assert_int_equal(bytes, 2 * RELAY_BLOCKS * 100 * BLOCK);
    assert_true(relay_block(r)->cap <= 4 * BLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_taken_in_order), cmocka_unit_test(a_little_takes_no_thread),
        cmocka_unit_test(failures_stay),         cmocka_unit_test(what_was_not_taken_is_dropped),
        cmocka_unit_test(a_block_may_be_large),
    };
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
