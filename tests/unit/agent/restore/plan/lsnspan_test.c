#include "tests/lib/check.h"

#include "agent/restore/plan/lsnspan.h"
#include "tests/unit/store/logfixture.h"

#define LINKS 5

/* Links 0 and 1 are of one incarnation, 2 of the next, 3 and 4 of the newest, whose LSNs begin anew. */
struct history {
    uint8_t incarnation[3][16];
    Pgstrand__SnapshotHeader header[LINKS];
    Pgstrand__SnapshotCommit commit[LINKS];
    struct chain_link link[LINKS];
    struct chain chain;
};

static void make(struct history *h)
{
    static const struct {
        int incarnation;
        uint64_t first_seq, last_seq, first_lsn;
    } link[LINKS] = {
        {0, 0, 10, 1000}, {0, 11, 20, 1100}, {1, 21, 30, 5000}, {2, 31, 40, 300}, {2, 41, 50, 400}};
    memset(h, 0, sizeof *h);
    memcpy(h->incarnation[2], fixture_incarnation.b, 16);
    h->incarnation[0][0] = 1;
    h->incarnation[1][0] = 2;
    for (size_t i = 0; i < LINKS; i++) {
        pgstrand__snapshot_header__init(&h->header[i]);
        pgstrand__snapshot_commit__init(&h->commit[i]);
        h->header[i].incarnation = (ProtobufCBinaryData){16, h->incarnation[link[i].incarnation]};
        h->header[i].first_seq = link[i].first_seq;
        h->header[i].last_seq = link[i].last_seq;
        h->header[i].first_lsn = link[i].first_lsn;
        h->commit[i].header = &h->header[i];
        h->link[i].commit = &h->commit[i];
    }
    h->chain = (struct chain){.link = h->link, .count = LINKS};
}

static void each_incarnation_is_a_span(void **state)
{
    (void)state;
    struct history h;
    OWNED(lsnspans) struct lsnspans s = {0};
    err e = ERR_INIT;
    make(&h);
    assert_done(lsnspans_fill(&s, &h.chain, NULL, &e), &e);
    assert_int_equal(s.count, 3);
    assert_int_equal(s.span[0].first_seq, 0);
    assert_int_equal(s.span[0].last_seq, 20);
    assert_int_equal(s.span[1].first_seq, 21);
    assert_int_equal(s.span[1].last_seq, 30);
    assert_int_equal(s.span[2].first_seq, 31);
    assert_true(s.span[2].last_seq == UINT64_MAX);
    assert_ptr_equal(lsnspans_last(&s), &s.span[2]);
    static const size_t of_link[LINKS] = {0, 0, 1, 2, 2};
    for (size_t i = 0; i < LINKS; i++)
        assert_ptr_equal(lsnspans_of_link(&s, &h.chain, i), &s.span[of_link[i]]);
}

/* LSNs of different incarnations do not compare: the newest that had begun by then. */
static void an_lsn_belongs_to_the_newest_that_had_begun(void **state)
{
    (void)state;
    struct history h;
    OWNED(lsnspans) struct lsnspans s = {0};
    err e = ERR_INIT;
    make(&h);
    assert_done(lsnspans_fill(&s, &h.chain, NULL, &e), &e);
    assert_ptr_equal(lsnspans_of_lsn(&s, 299), &s.span[0]); /* before all of them */
    assert_ptr_equal(lsnspans_of_lsn(&s, 300), &s.span[2]);
    assert_ptr_equal(lsnspans_of_lsn(&s, 9999), &s.span[2]);
    h.header[3].first_lsn = 7000;
    lsnspans_fini(&s);
    assert_done(lsnspans_fill(&s, &h.chain, NULL, &e), &e);
    assert_ptr_equal(lsnspans_of_lsn(&s, 6999), &s.span[1]);
    assert_ptr_equal(lsnspans_of_lsn(&s, 4999), &s.span[0]);
}

/* An incarnation that has sealed nothing yet is known by the log alone. */
static void the_log_may_have_one_more(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch dir = scratch_make();
    struct history h;
    OWNED(lsnspans) struct lsnspans s = {0};
    OWNED(logwriter) struct logwriter *w = NULL;
    const uuid next = {{9, 9}};
    struct log_options o = fixture_options();
    err e = ERR_INIT;
    make(&h);
    o.start_seq = 50;
    assert_done(logwriter_open(dir.dir, &o, &w, &e), &e);
    assert_done(lsnspans_fill(&s, &h.chain, dir.dir, &e), &e);
    assert_int_equal(s.count, 3); /* the chain's own */
    lsnspans_fini(&s);
    assert_done(logwriter_succeed(w, &next, &e), &e);
    assert_done(fixture_transaction(w, fixture_relation(w, 10, 0), 77, 2, 50, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
    assert_done(lsnspans_fill(&s, &h.chain, dir.dir, &e), &e);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.span[2].last_seq, 50);
    assert_int_equal(s.span[3].first_seq, 51);
    assert_int_equal(s.span[3].first_lsn, 77);
    OWNED(lsnspans) struct lsnspans none = {0};
    assert_fails(lsnspans_fill(&none, &h.chain, "/nonexistent", &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_incarnation_is_a_span),
        cmocka_unit_test(an_lsn_belongs_to_the_newest_that_had_begun),
        cmocka_unit_test(the_log_may_have_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
