/* The last write of a healing fails, or never comes: the next look finishes it. */
#include "agent/breaks.h"
#include "agent/heal/healrecord.h"
#include "agent/setup/setuprecord.h"
#include "store/actionlog.h"
#include "tests/lib/scratch.h"

static const uuid next = {{7, 7, 7}};

struct healing {
    struct datadir *d;
    Pgstrand__HealRecord record;
    uint8_t incarnation[16];
    uuid old;
};

/* A data directory with a log of the old incarnation, and what a healing has written down. */
static void begin(struct scratch *s, struct healing *h)
{
    uint8_t recovery[SIGNING_KEY_LEN];
    err e = ERR_INIT;
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    assert_done(datadir_open(scratch_path(s, "data"), NULL, DATADIR_CREATE, &h->d, &e), &e);
    assert_done(datadir_new_identity(h->d, NULL, NULL, "till 3", recovery, &e), &e);
    assert_done(setuprecord_load(h->d, &setup, &e), &e);
    assert_done(setuprecord_save(h->d, setup, &e), &e);
    h->old = h->d->identity.incarnation;
    memcpy(h->incarnation, next.b, sizeof next.b);
    pgstrand__heal_record__init(&h->record);
    h->record.incarnation = (ProtobufCBinaryData){sizeof h->incarnation, h->incarnation};
    h->record.system_identifier = (char *)(uintptr_t) "12345";
    h->record.timeline = 3;
    h->record.slot_lsn = 500;
    h->record.seq = 1;
    h->record.why = (char *)(uintptr_t) "the slot is gone";
    h->record.broken = (char *)(uintptr_t) "table t was dropped meanwhile";
    h->record.has_publication_oid = true;
    h->record.publication_oid = 4711;
    assert_done(healrecord_save(h->d, &h->record, &e), &e);
}

static struct logwriter *log_of(const struct healing *h)
{
    const struct log_options o = {.node = h->d->identity.node, .incarnation = h->old};
    struct logwriter *w = NULL;
    err e = ERR_INIT;
    assert_done(logwriter_open(h->d->log, &o, &w, &e), &e);
    return w;
}

static void switch_log(const struct healing *h)
{
    OWNED(logwriter) struct logwriter *w = log_of(h);
    const struct action a = {.kind = ACTION_MESSAGE, .prefix = bytes_text("p"), .content = bytes_text("c")};
    struct commit c = {.lsn = 499, .end_lsn = 500};
    err e = ERR_INIT;
    assert_done(logwriter_succeed(w, &next, &e), &e);
    assert_done(logwriter_put(w, &a, 499, &e), &e);
    assert_done(logwriter_commit(w, &c, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
}

static void expect_finished(struct healing *h)
{
    size_t open = 0;
    uint64_t last = 0;
    err e = ERR_INIT;
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    assert_true(uuid_equal(&h->d->identity.incarnation, &next));
    assert_true(uuid_equal(&h->d->identity.previous, &h->old));
    assert_int_equal(h->d->identity.publication_oid, 4711);
    assert_int_equal(h->d->identity.timeline, 3);
    assert_done(setuprecord_load(h->d, &setup, &e), &e);
    assert_int_equal(setup->slot_lsn, 500);
    assert_done(breaks_open(h->d->catalog, &open, &last, &e), &e);
    assert_int_equal(open, 1);
    assert_int_equal(last, 1);
}

/* Every write of the catalogue fails in turn. */
static void a_write_that_failed_is_made_up_for(void **state)
{
    (void)state;
    bool whole = false;
    for (uint64_t n = 1; !whole; n++) {
        OWNED(scratch) struct scratch s = scratch_make();
        struct healing h;
        struct healrecord_settled settled;
        err e = ERR_INIT;
        assert_true(n < 20);
        begin(&s, &h);
        switch_log(&h);
        io_fault_arm(IO_FAULT_FAIL, n, "catalog");
        whole = healrecord_adopt(h.d, &h.record, &e).ok;
        io_fault_arm(IO_FAULT_NONE, 0, NULL);
        assert_true(whole || n > 1 || e.class == ERR_STORAGE);
        if (!whole) {
            assert_true(uuid_equal(&h.d->identity.incarnation, &h.old)); /* what was set is not kept */
            assert_done(healrecord_settle(h.d, &settled, &e), &e);
            assert_true(settled.finished && settled.broken);
        }
        expect_finished(&h);
        assert_done(healrecord_settle(h.d, &settled, &e), &e); /* nothing is left to do */
        assert_false(settled.finished);
        datadir_close(h.d);
        assert_true(!whole || n > 1); /* it failed once at least */
    }
}

static void before_the_switch_all_is_forgotten(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct healing h;
    struct healrecord_settled settled;
    size_t open = 0;
    uint64_t last = 0;
    err e = ERR_INIT;
    begin(&s, &h);
    logwriter_close(log_of(&h));
    assert_done(healrecord_settle(h.d, &settled, &e), &e);
    assert_false(settled.finished);
    assert_true(uuid_equal(&h.d->identity.incarnation, &h.old));
    assert_done(breaks_open(h.d->catalog, &open, &last, &e), &e);
    assert_int_equal(open, 0);
    switch_log(&h); /* by a later healing: the record of this one is gone */
    assert_done(healrecord_settle(h.d, &settled, &e), &e);
    assert_false(settled.finished);
    datadir_close(h.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_failed_is_made_up_for),
        cmocka_unit_test(before_the_switch_all_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
