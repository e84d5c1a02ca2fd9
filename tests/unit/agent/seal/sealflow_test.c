/* Seals that were killed or have failed, and what is known of them afterwards. Without a server. */
#include "tests/unit/agent/seal/shop.h"

#include "agent/breaks.h"
#include "agent/seal/sealflow.h"
#include "agent/workflow/workflowrecord.h"

#define STATE(name) PGSTRAND__WORKFLOW_RECORD__STATE__##name

enum { PARENT, CREATE, VALIDATE };

static const struct sealflow by_hand = {.stop = WORKFLOW_CANCELS};

static status seal(struct datadir *d, struct seal_result *out, err *e)
{
    const struct seal_request request = {.type = INCREMENTAL, .offline = true};
    return sealflow_run(d, &request, &by_hand, &progress_silent, out, e);
}

static status seal_in_child(struct datadir *d, const void *context, err *e)
{
    struct seal_result out;
    (void)context;
    return seal(d, &out, e);
}

static bool seal_killed(struct shop *s, enum io_fault action, uint64_t nth, const char *pattern)
{
    return shop_killed(s, seal_in_child, NULL, (struct shop_fault){action, nth, pattern});
}

static void reopen(struct shop *s)
{
    err e = ERR_INIT;
    datadir_close(s->d);
    assert_done(datadir_open(s->scratch.path, NULL, DATADIR_EXISTING, &s->d, &e), &e);
}

static void shut(struct shop *s)
{
    datadir_close(s->d);
    s->d = NULL;
}

static size_t links(const struct shop *s)
{
    err e = ERR_INIT;
    OWNED(chain) struct chain *chain = NULL;
    assert_done(chain_load(s->d->chain, &chain, &e), &e);
    return chain->count;
}

/* Of the n-th last. */
static Pgstrand__WorkflowRecord *last_record(struct shop *s, size_t back)
{
    err e = ERR_INIT;
    Pgstrand__WorkflowRecord *found = NULL;
    OWNED(workflow_list) struct workflow_list all = {0};
    assert_done(workflowrecord_list(s->d, &all, &e), &e);
    assert_true(all.count > back);
    found = all.record[all.count - 1 - back];
    all.record[all.count - 1 - back] = NULL;
    return found;
}

static void one_row(struct shop *s)
{
    shop_open(s);
    shop_row(s, s->orders, 1, "one");
    shop_commit(s);
}

/* Killed behind a step that had nothing to do, it is no damage of the chain that nothing is in it. */
static void a_kill_where_there_was_nothing_to_seal(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    bool seen = false;
    err e = ERR_INIT;
    one_row(&s);
    shop_sealed(&s, INCREMENTAL);
    shop_shut(&s);
    for (uint64_t nth = 1; !seal_killed(&s, IO_FAULT_KILL, nth, "catalog.mdb"); nth++) {
        reopen(&s);
        PB_OWNED(Pgstrand__WorkflowRecord) *killed = NULL;
        OWNED(workflow_list) struct workflow_list all = {0};
        assert_done(workflowrecord_list(s.d, &all, &e), &e);
        if (all.count > 0 && workflowrecord_is_open(all.record[all.count - 1])) {
            killed = last_record(&s, 0);
            seen |= killed->step[CREATE]->state == STATE(SKIPPED) &&
                    killed->step[VALIDATE]->state == STATE(IN_PROGRESS);
            assert_done(sealflow_resume(s.d, killed, &by_hand, &progress_silent, &e), &e);
        }
        assert_int_equal(links(&s), 2);
        shut(&s);
    }
    assert_true(seen);
    reopen(&s);
}

static void what_a_killed_one_published_is_its_own(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    one_row(&s);
    shop_shut(&s);
    for (uint64_t nth = 1, count = 1; count == 1; nth++) {
        assert_false(seal_killed(&s, IO_FAULT_KILL_AFTER, nth, ".commit"));
        reopen(&s);
        count = links(&s);
        shut(&s);
    }
    reopen(&s);
    PB_OWNED(Pgstrand__WorkflowRecord) *killed = last_record(&s, 0);
    assert_int_equal(killed->step[CREATE]->state, STATE(IN_PROGRESS));
    assert_done(seal(s.d, &sealed, &e), &e);
    assert_false(sealed.nothing_new);
    assert_int_equal(sealed.last_seq, 1);
    assert_int_equal(sealed.actions, 1);
    assert_memory_equal(sealed.snapshot.b, killed->job->seal->snapshot.data, sizeof sealed.snapshot.b);
    assert_int_equal(links(&s), 2);
    PB_OWNED(Pgstrand__WorkflowRecord) *completed = last_record(&s, 1);
    assert_memory_equal(completed->workflow.data, killed->workflow.data, sizeof(uuid));
    assert_int_equal(completed->state, STATE(COMPLETED));
}

/* Of the same type, under the same name, at the same place. */
static void what_another_sealed_is_not(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    one_row(&s);
    shop_shut(&s);
    assert_false(seal_killed(&s, IO_FAULT_KILL, 1, ".commit"));
    reopen(&s);
    assert_int_equal(links(&s), 1);
    shop_sealed(&s, INCREMENTAL);
    assert_int_equal(links(&s), 2);
    assert_done(seal(s.d, &sealed, &e), &e);
    assert_true(sealed.nothing_new);
    PB_OWNED(Pgstrand__WorkflowRecord) *killed = last_record(&s, 1);
    assert_int_equal(killed->state, STATE(CANCELLED));
}

/* ---- by schedule: who goes on may ask for something else ---- */

static const struct sealflow by_schedule = {.stop = WORKFLOW_RESTS, .scheduled = true};
static const uint32_t rewritten[] = {7};

static status seal_by_schedule(struct datadir *d, bool based, err *e)
{
    const struct seal_request request = {.type = INCREMENTAL,
                                         .offline = true,
                                         .tables = based ? rewritten : NULL,
                                         .table_count = based ? 1 : 0};
    OWNED(seal_result) struct seal_result out = {0};
    return sealflow_run(d, &request, &by_schedule, &progress_silent, &out, e);
}

static status scheduled_in_child(struct datadir *d, const void *context, err *e)
{
    (void)context;
    return seal_by_schedule(d, false, e);
}

/* A plain one, killed behind the rename that makes its commit file, the third call on it, or before all. */
static void kill_scheduled(struct shop *s, bool published)
{
    const struct shop_fault behind = {IO_FAULT_KILL_AFTER, 3, ".commit"},
                            before = {IO_FAULT_KILL, 1, ".snap"};
    shut(s);
    assert_false(shop_killed(s, scheduled_in_child, NULL, published ? behind : before));
    reopen(s);
    assert_int_equal(links(s), published ? 2 : 1);
}

static void break_rows(struct shop *s)
{
    err e = ERR_INIT;
    char what[] = "ALTER TABLE";
    uint32_t table = rewritten[0];
    Pgstrand__SchemaBreak record = PGSTRAND__SCHEMA_BREAK__INIT;
    const struct catalog_key key = catalog_key_u64(1);
    record.seq = 1;
    record.what = what;
    record.has_rows = record.rows = true;
    record.table = &table;
    record.n_table = 1;
    assert_done(catalog_put(s->d->catalog, CATALOG_BREAK, catalog_key_bytes(&key), &record.base, &e), &e);
}

static size_t breaks(struct shop *s)
{
    err e = ERR_INIT;
    size_t open = 0;
    uint64_t last = 0;
    assert_done(breaks_open(s->d->catalog, &open, &last, &e), &e);
    return open;
}

/* As if the killed one had new bases of the rewritten table; that takes a server. */
static void make_based(struct shop *s)
{
    err e = ERR_INIT;
    PB_OWNED(Pgstrand__WorkflowRecord) *killed = last_record(s, 0);
    uint32_t *table = malloc(sizeof *table);
    assert_non_null(table);
    *table = rewritten[0];
    killed->job->seal->table = table;
    killed->job->seal->n_table = 1;
    assert_done(workflowrecord_save(s->d, killed, &e), &e);
}

/* That everything of this section begins with. */
static void killed_and_broken(struct shop *s, bool published)
{
    one_row(s);
    shop_shut(s);
    kill_scheduled(s, published);
    break_rows(s);
}

/* What the last record's seal was to publish, with a new base of the rewritten table, which has no rows. */
static void publish_based(struct shop *s)
{
    err e = ERR_INIT;
    PB_OWNED(Pgstrand__WorkflowRecord) *killed = last_record(s, 0);
    OWNED(sealrun) struct sealrun run = {0};
    OWNED(seal_result) struct seal_result out = {0};
    char public[] = "public", name[] = "orders";
    uuid id, table = {{7}};
    Pgstrand__Table t = PGSTRAND__TABLE__INIT, *list[] = {&t};
    t.number = 1;
    t.table = pbmem_uuid(&table);
    t.oid = rewritten[0];
    t.schema = public;
    t.name = name;
    memcpy(id.b, killed->job->seal->snapshot.data, sizeof id.b);
    const struct sealstaged rows = {.table = list, .table_count = 1};
    const struct seal_request request = {.type = INCREMENTAL, .offline = true, .snapshot = &id};
    assert_done(seal_begin(s->d, &request, &progress_silent, &run, &e), &e);
    assert_done(logreader_open(s->d->log, &run.log, &e), &e);
    assert_done(sealincremental_based(&run, 1, 0x2000, &rows, &out, &e), &e);
}

static void bases_that_a_killed_one_published_heal_though_nobody_asks_for_them(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    killed_and_broken(&s, false);
    publish_based(&s);
    assert_int_equal(breaks(&s), 1);
    assert_done(seal_by_schedule(s.d, false, &e), &e);
    assert_int_equal(breaks(&s), 0);
    assert_int_equal(links(&s), 2);
}

/* An older program left the tables of one try in the record of the next. */
static void bases_that_only_the_record_tells_of_heal_nothing(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    killed_and_broken(&s, true);
    make_based(&s);
    assert_done(seal_by_schedule(s.d, false, &e), &e);
    assert_int_equal(breaks(&s), 1);
    assert_int_equal(links(&s), 2);
    PB_OWNED(Pgstrand__WorkflowRecord) *completed = last_record(&s, 0);
    assert_int_equal(completed->state, STATE(COMPLETED));
}

static void bases_that_are_asked_for_are_not_what_a_killed_one_published(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    killed_and_broken(&s, true);
    assert_done(seal_by_schedule(s.d, true, &e), &e);
    assert_int_equal(breaks(&s), 1);
    PB_OWNED(Pgstrand__WorkflowRecord) *completed = last_record(&s, 0);
    assert_int_equal(completed->state, STATE(COMPLETED));
    assert_fails(seal_by_schedule(s.d, true, &e), &e, ERR_NETWORK); /* now they are made */
    assert_int_equal(breaks(&s), 1);
}

/* Bases were asked for, and not made; a plain one went on, and was killed itself. */
static void bases_that_were_once_asked_for_are_not_what_came_instead(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    killed_and_broken(&s, false);
    make_based(&s);
    kill_scheduled(&s, true);
    PB_OWNED(Pgstrand__WorkflowRecord) *killed = last_record(&s, 0);
    assert_int_equal(killed->job->seal->n_table, 0);
    assert_done(seal_by_schedule(s.d, false, &e), &e);
    assert_int_equal(breaks(&s), 1);
    assert_int_equal(links(&s), 2);
}

/* ---- not killed: it failed behind its publication, by a catalogue that could not be written ---- */

static void what_a_failed_one_published_is_its_own(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    one_row(&s);
    shop_shut(&s);
    reopen(&s);
    for (uint64_t nth = 1; links(&s) == 1; nth++) {
        io_fault_arm(IO_FAULT_FAIL, nth, "catalog.mdb");
        assert_fails(seal(s.d, &sealed, &e), &e, ERR_STORAGE);
        io_fault_arm(IO_FAULT_NONE, 0, NULL);
        seal_result_fini(&sealed);
    }
    PB_OWNED(Pgstrand__WorkflowRecord) *failed = last_record(&s, 0);
    assert_int_equal(failed->state, STATE(FAILED));
    assert_done(seal(s.d, &sealed, &e), &e);
    assert_false(sealed.nothing_new);
    assert_int_equal(sealed.actions, 1);
    assert_memory_equal(sealed.snapshot.b, failed->job->seal->snapshot.data, sizeof sealed.snapshot.b);
    assert_int_equal(links(&s), 2);
    PB_OWNED(Pgstrand__WorkflowRecord) *completed = last_record(&s, 1);
    assert_memory_equal(completed->workflow.data, failed->workflow.data, sizeof(uuid));
    assert_int_equal(completed->state, STATE(COMPLETED));
}

/* As a FULL by hand leaves its record and the chain then; one takes a server. */
static void fail_full(struct shop *s)
{
    err e = ERR_INIT;
    uuid id;
    assert_false(seal_killed(s, IO_FAULT_KILL, 1, ".snap"));
    reopen(s);
    PB_OWNED(Pgstrand__WorkflowRecord) *record = last_record(s, 0);
    record->job->seal->type = PGSTRAND__SNAPSHOT_TYPE__FULL;
    record->state = STATE(FAILED);
    assert_done(workflowrecord_save(s->d, record, &e), &e);
    shop_sealed(s, INCREMENTAL);
    memcpy(id.b, record->job->seal->snapshot.data, sizeof id.b);
    shop_full_as(s, 1, &id);
}

static void a_full_that_failed_behind_its_publication_is_not_made_twice(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    one_row(&s);
    shop_shut(&s);
    fail_full(&s);
    break_rows(&s);
    assert_done(sealflow_settle(s.d, &by_schedule, &progress_silent, &e), &e);
    assert_int_equal(breaks(&s), 0); /* by which the agent knows that no other is needed */
    assert_int_equal(links(&s), 3);
    PB_OWNED(Pgstrand__WorkflowRecord) *completed = last_record(&s, 0);
    assert_int_equal(completed->state, STATE(COMPLETED));
}

/* Whoever types a command again that was killed does it soon. */
static void the_same_within_the_hour_is_answered(void **state)
{
    (void)state;
    const pgtime made = INT64_C(800000000000000), hour = INT64_C(3600000000);
    char name[] = "noon", why[] = "before the move";
    uint32_t table = 1;
    Pgstrand__SealJob job = PGSTRAND__SEAL_JOB__INIT;
    job.type = INCREMENTAL;
    job.name = name;
    struct seal_request r = {.type = INCREMENTAL, .name = "noon"};
    assert_true(sealflow_answers(&job, made, &r, made));
    assert_true(sealflow_answers(&job, made, &r, made + hour - 1));
    assert_false(sealflow_answers(&job, made, &r, made + hour));
    assert_true(sealflow_answers(&job, made, &r, made - hour)); /* a clock that was put back */
    r.name = NULL;
    assert_false(sealflow_answers(&job, made, &r, made));
    job.name = NULL;
    r.name = "";
    assert_true(sealflow_answers(&job, made, &r, made));
    job.description = why;
    assert_false(sealflow_answers(&job, made, &r, made));
    job.description = NULL;
    r.type = PGSTRAND__SNAPSHOT_TYPE__FULL;
    assert_false(sealflow_answers(&job, made, &r, made));
    r.type = INCREMENTAL;
    r.tables = &table;
    r.table_count = 1;
    assert_false(sealflow_answers(&job, made, &r, made));
    r.table_count = 0;
    job.table = &table;
    job.n_table = 1;
    assert_false(sealflow_answers(&job, made, &r, made));
    job.n_table = 0;
    job.scheduled = true;
    assert_false(sealflow_answers(&job, made, &r, made));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_where_there_was_nothing_to_seal),
        cmocka_unit_test(what_a_killed_one_published_is_its_own),
        cmocka_unit_test(what_another_sealed_is_not),
        cmocka_unit_test(bases_that_a_killed_one_published_heal_though_nobody_asks_for_them),
        cmocka_unit_test(bases_that_only_the_record_tells_of_heal_nothing),
        cmocka_unit_test(bases_that_are_asked_for_are_not_what_a_killed_one_published),
        cmocka_unit_test(bases_that_were_once_asked_for_are_not_what_came_instead),
        cmocka_unit_test(what_a_failed_one_published_is_its_own),
        cmocka_unit_test(a_full_that_failed_behind_its_publication_is_not_made_twice),
        cmocka_unit_test(the_same_within_the_hour_is_answered),
    };
    return cmocka_run_group_tests_name("sealflow", tests, NULL, NULL);
}
