/* Which links a plan reads: the newest DIFFERENTIAL that the target takes in whole, and none before it. */
#include "tests/unit/agent/seal/shop.h"

#include "agent/restore/plan/plan.h"

static void seal(struct shop *s, Pgstrand__SnapshotType type, pgtime time)
{
    shop_again(s, time);
    shop_sealed(s, type);
}

/*
 * number   0     1      2     3      4      5     6     7     8      9     10
 * type     FULL  INCR   INCR  DIFF   INCR   INCR  DIFF  FULL  INCR   INCR  DIFF
 * seq      0     1      2     1..2   3      4     1..4  4     5      6     5..6
 * time           1000   1100         1200   1150              1300   1400
 */
static void eleven_links(struct shop *s)
{
    shop_open(s);
    seal(s, INCREMENTAL, 1000);
    seal(s, DIFFERENTIAL, 1100);
    seal(s, INCREMENTAL, 1200);
    seal(s, DIFFERENTIAL, 1150);
    shop_full(s, 4);
    seal(s, INCREMENTAL, 1300);
    seal(s, DIFFERENTIAL, 1400);
}

/* The numbers of the links that are read, once `seq` is known to be reached: "0 3 4". */
static void reads(const struct shop *s, const struct restore_target *target, uint64_t seq, const char *wanted)
{
    err e = ERR_INIT;
    OWNED(chain) struct chain *chain = NULL;
    OWNED(plan) struct plan *p = NULL;
    OWNED(buf) struct buf got = {0};
    assert_done(chain_load(s->d->chain, &chain, &e), &e);
    const struct plan_options options = {chain, NULL, target, ~0u, NULL, NULL};
    assert_done(plan_make(&options, &p, &e), &e);
    p->seq = seq;
    for (size_t i = 0; i < chain->count; i++)
        if (plan_reads(p, i))
            buf_printf(&got, "%s%zu", got.len == 0 ? "" : " ", i);
    assert_string_equal(buf_cstring(&got), wanted);
}

static void reads_to_seq(const struct shop *s, uint64_t seq, const char *wanted)
{
    const struct restore_target target = {.kind = TARGET_SEQ, .seq = seq};
    reads(s, &target, seq, wanted);
}

static void to_a_seq(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    eleven_links(&s);
    reads_to_seq(&s, 0, "0");
    reads_to_seq(&s, 1, "0 1");
    reads_to_seq(&s, 2, "0 3");
    reads_to_seq(&s, 3, "0 3 4");
    reads_to_seq(&s, 4, "7");
    reads_to_seq(&s, 5, "7 8");
    reads_to_seq(&s, 6, "7 10");
    const struct restore_target latest = {.kind = TARGET_LATEST};
    reads(&s, &latest, 6, "7 10");
    seal(&s, INCREMENTAL, 1500);
    reads(&s, &latest, 7, "7 10 11");
}

/* The clock stepped back at seq 4: nothing from seq 3 on is before 1200. */
static void to_a_time(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    struct restore_target target = {.kind = TARGET_TIME, .time = 1000};
    eleven_links(&s);
    reads(&s, &target, 1, "0 1");
    target.time = 1100;
    reads(&s, &target, 2, "0 3");
    target.time = 1199;
    reads(&s, &target, 2, "0 3");
    target.time = 1399;
    reads(&s, &target, 5, "7 8");
    target.time = 1400;
    reads(&s, &target, 6, "7 10");
}

/* Without the second FULL: the DIFFERENTIAL up to seq 4 holds a commit of 1200. */
static void a_time_within_the_shortcut(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    struct restore_target target = {.kind = TARGET_TIME, .time = 1199};
    shop_open(&s);
    seal(&s, INCREMENTAL, 1000);
    seal(&s, INCREMENTAL, 1200);
    seal(&s, DIFFERENTIAL, 1150);
    reads(&s, &target, 1, "0 1");
    target.time = 1200;
    reads(&s, &target, 3, "0 4");
}

static void to_an_lsn(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    eleven_links(&s);
    struct restore_target target = {.kind = TARGET_LSN, .lsn = s.next_lsn - 16};
    reads(&s, &target, 6, "7 10");
    target.lsn--;
    reads(&s, &target, 5, "7 8");
}

static void to_a_snapshot(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    eleven_links(&s);
    shop_again(&s, 1500);
    assert_done(shop_seal(&s, DIFFERENTIAL, "noon", &sealed, &e), &e);
    seal(&s, INCREMENTAL, 1600);
    const struct restore_target target = {.kind = TARGET_NAME, .snapshot = "noon"};
    reads(&s, &target, 7, "7 12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_a_seq),
        cmocka_unit_test(to_a_time),
        cmocka_unit_test(a_time_within_the_shortcut),
        cmocka_unit_test(to_an_lsn),
        cmocka_unit_test(to_a_snapshot),
    };
    return cmocka_run_group_tests_name("shortcut", tests, NULL, NULL);
}
