#include "agent/workflow/workflow.h"

#include <time.h>

#include "agent/workflow/workflowrecord.h"
#include "tests/lib/scratch.h"

#define STATE(name) PGSTRAND__WORKFLOW_RECORD__STATE__##name

enum { LOOK, DO, END, STEPS };

/* Three steps that count, and fail as they are told. */
struct work {
    struct datadir *d;
    int runs[STEPS];
    int resets, undone;
    int fail_at; /* step; -1: none */
    int failures;
    enum err_class class;
    bool cancel; /* asked for while the step runs */
    enum err_class undone_by;
};

static status work(struct work *k, int step, struct workflow *w, err *e)
{
    k->runs[step]++;
    if (k->cancel && k->fail_at == step)
        TRY(workflowrecord_ask_cancel(k->d, workflow_id(w), e));
    if (k->cancel && k->fail_at == step)
        for (int i = 0; i < 6000 && !progress_stopped(workflow_progress(w)); i++)
            nanosleep(&(struct timespec){0, 10000000}, NULL);
    if (k->fail_at == step && k->failures > 0) {
        k->failures--;
        return err_set(e, k->class, "step %d broke", step);
    }
    workflow_progress(w)->step(workflow_progress(w)->context, "counting", (uint64_t)step, STEPS);
    return DONE;
}

static status look(void *context, struct workflow *w, err *e)
{
    return work(context, LOOK, w, e);
}

static status act(void *context, struct workflow *w, err *e)
{
    return work(context, DO, w, e);
}

static status finish(void *context, struct workflow *w, err *e)
{
    return work(context, END, w, e);
}

static void reset(void *context)
{
    ((struct work *)context)->resets++;
}

static void undo(void *context, struct workflow *w, const err *why)
{
    struct work *k = context;
    (void)w;
    k->undone++;
    k->undone_by = why->class;
}

static const struct workflow_step steps[] = {
    {"LOOK", look, WORKFLOW_ANEW | WORKFLOW_HASTY, 0},
    {"DO", act, WORKFLOW_LASTING | WORKFLOW_FINAL, WORKFLOW_AFTER(LOOK)},
    {"END", finish, WORKFLOW_LASTING, WORKFLOW_AFTER(DO)},
};

struct bench {
    struct scratch scratch;
    struct datadir *d;
    struct work work;
    Pgstrand__WorkflowJob job;
    struct workflow_spec spec;
    uuid id;
};

static void bench_make(struct bench *b)
{
    err e = ERR_INIT;
    *b = (struct bench){.scratch = scratch_make()};
    assert_done(datadir_open(scratch_path(&b->scratch, "data"), NULL, DATADIR_CREATE, &b->d, &e), &e);
    b->d->config->workflow_retry_first = 1;
    b->work = (struct work){.d = b->d, .fail_at = -1};
    pgstrand__workflow_job__init(&b->job);
    b->spec = (struct workflow_spec){.type = PGSTRAND__WORKFLOW_RECORD__TYPE__BACKUP,
                                     .name = "counting",
                                     .job = &b->job,
                                     .step = steps,
                                     .count = STEPS,
                                     .context = &b->work,
                                     .reset = reset,
                                     .undo = undo};
}

static void bench_end(struct bench *b)
{
    datadir_close(b->d);
    scratch_remove(&b->scratch);
}
OWN_VALUE(bench, bench_end);

/* From now on the step fails so many times. */
static void breaks(struct bench *b, int step, int times, enum err_class class)
{
    b->work.fail_at = step;
    b->work.failures = times;
    b->work.class = class;
}

static status run(struct bench *b, const uuid *id, err *e)
{
    return workflow_run(b->d, &b->spec, id, &progress_silent, &b->id, e);
}

static Pgstrand__WorkflowRecord *record(struct bench *b)
{
    err e = ERR_INIT;
    Pgstrand__WorkflowRecord *r = NULL;
    assert_done(workflowrecord_load(b->d, &b->id, &r, &e), &e);
    assert_non_null(r);
    return r;
}

static void runs(struct bench *b, const uuid *id)
{
    err e = ERR_INIT;
    assert_done(run(b, id, &e), &e);
}

static void run_fails(struct bench *b, const uuid *id, enum err_class class)
{
    err e = ERR_INIT;
    assert_fails(run(b, id, &e), &e, class);
}

static void assert_state(struct bench *b, Pgstrand__WorkflowRecord__State state)
{
    PB_OWNED(Pgstrand__WorkflowRecord) *r = record(b);
    assert_int_equal(r->state, state);
}

static void steps_run_once_and_are_written_down(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    runs(&b, NULL);
    PB_OWNED(Pgstrand__WorkflowRecord) *r = record(&b);
    assert_int_equal(r->state, STATE(COMPLETED));
    assert_int_equal(r->n_step, STEPS);
    for (size_t i = 0; i < STEPS; i++) {
        assert_int_equal(b.work.runs[i], 1);
        assert_int_equal(r->step[i]->state, STATE(COMPLETED));
        assert_true(r->step[i]->has_started && r->step[i]->has_ended);
    }
    assert_int_equal(r->step[END]->after[0], DO);
    assert_string_equal(r->step[END]->doing, "counting");
    assert_int_equal(b.work.undone, 0);
}

/* What is in memory is made again, what lasts is not. */
static void failures_that_may_pass_are_tried_again(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    breaks(&b, END, 2, ERR_NETWORK);
    runs(&b, NULL);
    PB_OWNED(Pgstrand__WorkflowRecord) *r = record(&b);
    assert_int_equal(r->state, STATE(COMPLETED));
    assert_int_equal(r->retries, 2);
    assert_int_equal(r->step[END]->retries, 2);
    assert_string_equal(r->step[END]->error->text, "step 2 broke");
    assert_string_equal(r->step[END]->error->name, "network");
    assert_int_equal(b.work.runs[LOOK], 3);
    assert_int_equal(b.work.runs[DO], 1);
    assert_int_equal(b.work.runs[END], 3);
    assert_int_equal(b.work.resets, 3);
}

static void after_the_last_retry_it_has_failed_and_can_be_resumed(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    breaks(&b, DO, 4, ERR_TIMEOUT); /* the first and three retries */
    run_fails(&b, NULL, ERR_TIMEOUT);
    PB_OWNED(Pgstrand__WorkflowRecord) *r = record(&b);
    assert_int_equal(r->state, STATE(FAILED));
    assert_int_equal(r->retries, 3);
    assert_string_equal(r->error->text, "step 1 broke");
    assert_non_null(strstr(r->advice, "pgstrand workflow resume"));
    assert_int_equal(b.work.undone, 1);
    runs(&b, &b.id);
    PB_OWNED(Pgstrand__WorkflowRecord) *now = record(&b);
    assert_int_equal(now->state, STATE(COMPLETED));
    assert_null(now->error);
    assert_null(now->advice);
    assert_int_equal(b.work.runs[DO], 5);
}

static void other_failures_are_not(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    breaks(&b, END, 1, ERR_SCHEMA);
    run_fails(&b, NULL, ERR_SCHEMA);
    assert_int_equal(b.work.runs[END], 1);
    /* What lasts is not done again by whoever goes on. */
    runs(&b, &b.id);
    assert_int_equal(b.work.runs[DO], 1);
    assert_int_equal(b.work.runs[END], 2);
}

/* A step that only looks, before anything was begun: the user hears at once. */
static void a_hasty_step_is_tried_once(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    breaks(&b, LOOK, 1, ERR_NETWORK);
    run_fails(&b, NULL, ERR_NETWORK);
    assert_int_equal(b.work.runs[LOOK], 1);
    assert_state(&b, STATE(FAILED));
}

static void cancelled_while_it_runs(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    b.work.fail_at = LOOK;
    b.work.cancel = true;
    run_fails(&b, NULL, ERR_INTERRUPTED);
    assert_state(&b, STATE(CANCELLED));
    assert_int_equal(b.work.runs[DO], 0);
    assert_int_equal(b.work.undone_by, ERR_INTERRUPTED);
}

static void behind_the_final_step_it_is_too_late(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    err e = ERR_INIT;
    breaks(&b, END, 1, ERR_VALIDATION);
    run_fails(&b, NULL, ERR_VALIDATION);
    e = ERR_INIT;
    assert_fails(workflow_abandon(b.d, &b.spec, &b.id, &e), &e, ERR_REFUSED);
    assert_mentions(&e, "only resumed");
}

static void one_process_at_a_time(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    OWNED(io_lock) struct io_lock *lock = NULL;
    bench_make(&b);
    err e = ERR_INIT;
    runs(&b, NULL);
    assert_done(workflowrecord_lock(b.d, &b.id, &lock, &e), &e);
    run_fails(&b, &b.id, ERR_REFUSED);
}

static bool stop_now(void *context)
{
    (void)context;
    return true;
}

/* The process ends, the workflow does not. */
static void suspended_it_waits_for_the_next_process(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    err e = ERR_INIT;
    struct progress stopping = progress_silent;
    stopping.stopped = stop_now;
    b.spec.stop = WORKFLOW_SUSPENDS;
    assert_fails(workflow_run(b.d, &b.spec, NULL, &stopping, &b.id, &e), &e, ERR_INTERRUPTED);
    assert_state(&b, STATE(PENDING));
    assert_int_equal(b.work.undone, 0);
    runs(&b, &b.id);
}

/* A workflow that kills whoever takes it up is not taken up for ever. */
static void interrupted_too_often_it_has_failed(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    err e = ERR_INIT;
    b.spec.stop = WORKFLOW_SUSPENDS;
    runs(&b, NULL);
    for (int i = 0; i < 4; i++) {
        PB_OWNED(Pgstrand__WorkflowRecord) *r = record(&b);
        r->state = STATE(IN_PROGRESS); /* as a kill leaves it */
        r->step[END]->state = STATE(IN_PROGRESS);
        assert_done(workflowrecord_save(b.d, r, &e), &e);
        if (i < 3)
            assert_done(run(&b, &b.id, &e), &e);
        else
            assert_fails(run(&b, &b.id, &e), &e, ERR_TIMEOUT);
        b.work.failures = 0;
    }
    assert_state(&b, STATE(FAILED));
    assert_mentions(&e, "interrupted");
}

static void as_a_kill_leaves_it(struct bench *b)
{
    err e = ERR_INIT;
    PB_OWNED(Pgstrand__WorkflowRecord) *r = record(b);
    r->state = STATE(IN_PROGRESS);
    r->step[END]->state = STATE(IN_PROGRESS);
    assert_done(workflowrecord_save(b->d, r, &e), &e);
}

/* No retries are none after a failure; who was killed has not failed. */
static void without_retries_one_kill_is_gone_on_from(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    const uint32_t none = 0;
    b.spec.stop = WORKFLOW_SUSPENDS;
    b.spec.retries = &none;
    runs(&b, NULL);
    as_a_kill_leaves_it(&b);
    runs(&b, &b.id);
    as_a_kill_leaves_it(&b);
    run_fails(&b, &b.id, ERR_TIMEOUT);
}

/* Whoever goes on may ask for another number of them. */
static void retries_that_are_asked_for_later_count(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    bench_make(&b);
    const uint32_t none = 0, one = 1;
    b.spec.retries = &none;
    breaks(&b, END, 1, ERR_NETWORK);
    run_fails(&b, NULL, ERR_NETWORK);
    as_a_kill_leaves_it(&b);
    b.spec.retries = &one;
    breaks(&b, END, 1, ERR_NETWORK);
    runs(&b, &b.id);
    PB_OWNED(Pgstrand__WorkflowRecord) *r = record(&b);
    assert_int_equal(r->max_retries, 1);
    assert_int_equal(r->retries, 1);
    /* Not asked for again, they stay. */
    b.spec.retries = NULL;
    breaks(&b, LOOK, 2, ERR_NETWORK);
    run_fails(&b, &b.id, ERR_NETWORK);
    PB_OWNED(Pgstrand__WorkflowRecord) *now = record(&b);
    assert_int_equal(now->max_retries, 1);
}

static void those_that_ended_are_forgotten_in_time(void **state)
{
    (void)state;
    OWNED(bench) struct bench b;
    OWNED(workflow_list) struct workflow_list all = {0};
    bench_make(&b);
    err e = ERR_INIT;
    runs(&b, NULL);
    uuid first = b.id;
    PB_OWNED(Pgstrand__WorkflowRecord) *r = record(&b);
    for (int i = 0; i < WORKFLOWRECORD_KEPT + 5; i++) {
        assert_done(uuid_random((uuid *)(void *)r->workflow.data, &e), &e);
        r->created++;
        assert_done(workflowrecord_save(b.d, r, &e), &e);
    }
    assert_done(workflowrecord_prune(b.d, &e), &e);
    assert_done(workflowrecord_list(b.d, &all, &e), &e);
    assert_int_equal(all.count, WORKFLOWRECORD_KEPT);
    for (size_t i = 0; i < all.count; i++) {
        uuid id = workflowrecord_id(all.record[i]);
        assert_false(uuid_equal(&id, &first));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_run_once_and_are_written_down),
        cmocka_unit_test(failures_that_may_pass_are_tried_again),
        cmocka_unit_test(after_the_last_retry_it_has_failed_and_can_be_resumed),
        cmocka_unit_test(other_failures_are_not),
        cmocka_unit_test(a_hasty_step_is_tried_once),
        cmocka_unit_test(cancelled_while_it_runs),
        cmocka_unit_test(behind_the_final_step_it_is_too_late),
        cmocka_unit_test(one_process_at_a_time),
        cmocka_unit_test(suspended_it_waits_for_the_next_process),
        cmocka_unit_test(interrupted_too_often_it_has_failed),
        cmocka_unit_test(without_retries_one_kill_is_gone_on_from),
        cmocka_unit_test(retries_that_are_asked_for_later_count),
        cmocka_unit_test(those_that_ended_are_forgotten_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
