#include "agent/workflow/workflow.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "agent/workflow/retry.h"
#include "agent/workflow/workflowrecord.h"
#include "agent/workflow/workflowwatch.h"
#include "proto/base/pgtime.h"
#include "proto/pbmem.h"

#define NAP_MS 50
#define STEPS_MAX 32

#define STATE(name) PGSTRAND__WORKFLOW_RECORD__STATE__##name

struct workflow {
    struct datadir *d;
    const struct workflow_spec *spec;
    const struct progress *outer;
    struct progress progress; /* that the steps are given */
    uuid id;
    Pgstrand__WorkflowRecord *record;
    struct io_lock *lock;
    struct workflowwatch watch;
    bool resumed;
    bool too_late; /* to be cancelled */
    bool skipped;  /* the running step */
    size_t at;     /* the running step */
};

static void workflow_fini(struct workflow *w)
{
    workflowwatch_fini(&w->watch);
    io_unlock(w->lock);
    if (w->record != NULL)
        pbmem_free(&w->record->base);
}
OWN_VALUE(workflow, workflow_fini);

/* ---- for steps ---- */

const struct progress *workflow_progress(struct workflow *w)
{
    return &w->progress;
}

const uuid *workflow_id(const struct workflow *w)
{
    return &w->id;
}

bool workflow_resumed(const struct workflow *w)
{
    return w->resumed;
}

bool workflow_completed(const struct workflow *w, size_t step)
{
    const Pgstrand__WorkflowRecord__State state = w->record->step[step]->state;
    return (w->spec->step[step].kind & WORKFLOW_ANEW) == 0 &&
           (state == STATE(COMPLETED) || state == STATE(SKIPPED));
}

Pgstrand__WorkflowRecord *workflow_record(struct workflow *w)
{
    return w->record;
}

status workflow_save(struct workflow *w, err *e)
{
    return workflowrecord_save(w->d, w->record, e);
}

void workflow_skip(struct workflow *w)
{
    w->skipped = true;
}

/* ---- what the steps tell ---- */

static void on_say(void *context, const char *line)
{
    const struct workflow *w = context;
    w->outer->say(w->outer->context, line);
}

static void on_step(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct workflow *w = context;
    w->outer->step(w->outer->context, what, done, total);
    workflowwatch_tell(&w->watch, what, done, total);
}

static bool is_stopped(void *context)
{
    const struct workflow *w = context;
    return !w->too_late && (atomic_load(&w->watch.cancelled) || progress_stopped(w->outer));
}

/* ---- the record ---- */

static void fill_steps(const struct workflow_spec *spec, Pgstrand__WorkflowRecord__Step *step,
                       Pgstrand__WorkflowRecord__Step **list, uint32_t (*after)[STEPS_MAX])
{
    for (size_t i = 0; i < spec->count; i++) {
        pgstrand__workflow_record__step__init(&step[i]);
        step[i].name = pbmem_text(spec->step[i].name);
        step[i].state = STATE(PENDING);
        step[i].after = after[i];
        for (uint32_t k = 0; k < i; k++)
            if ((spec->step[i].after & WORKFLOW_AFTER(k)) != 0)
                after[i][step[i].n_after++] = k;
        list[i] = &step[i];
    }
}

static status make(struct workflow *w, err *e)
{
    const struct workflow_spec *spec = w->spec;
    Pgstrand__WorkflowRecord record = PGSTRAND__WORKFLOW_RECORD__INIT;
    Pgstrand__WorkflowRecord__Step step[STEPS_MAX];
    Pgstrand__WorkflowRecord__Step *list[STEPS_MAX];
    uint32_t after[STEPS_MAX][STEPS_MAX];
    fill_steps(spec, step, list, after);
    record.workflow = pbmem_uuid(&w->id);
    record.type = spec->type;
    record.state = STATE(PENDING);
    record.name = pbmem_text(spec->name);
    record.job = spec->job;
    record.step = list;
    record.n_step = spec->count;
    record.created = pgtime_now();
    record.max_retries = spec->retries != NULL ? *spec->retries : (uint32_t)w->d->config->workflow_retries;
    TRY(workflowrecord_prune(w->d, e));
    TRY(workflowrecord_save(w->d, &record, e));
    return workflowrecord_load(w->d, &w->id, &w->record, e);
}

static status take(struct workflow *w, err *e)
{
    char id[UUID_TEXT];
    TRY(workflowrecord_load(w->d, &w->id, &w->record, e));
    if (w->record == NULL)
        return err_set(e, ERR_VALIDATION, "there is no workflow %s", uuid_format(&w->id, id));
    bool same = w->record->n_step == w->spec->count;
    for (size_t i = 0; same && i < w->spec->count; i++)
        same = strcmp(w->record->step[i]->name, w->spec->step[i].name) == 0;
    if (!same)
        return err_set(
            e, ERR_VALIDATION,
            "workflow %s has other steps: it was begun by another version; cancel it and begin anew",
            uuid_format(&w->id, id));
    w->resumed = true;
    /* Suspended, it is no worse than before; ended, somebody wants a new set of tries; killed, it may kill
     * again. */
    if (w->record->state == STATE(IN_PROGRESS))
        w->record->retries++;
    else if (w->record->state != STATE(PENDING))
        w->record->retries = 0;
    if (w->spec->retries != NULL && *w->spec->retries != w->record->max_retries) {
        w->record->max_retries = *w->spec->retries; /* somebody asks for as many, from here on */
        w->record->retries = 0;
    }
    w->record->has_cancel = false;
    w->record->cancel = false;
    w->record->has_retry_at = false;
    w->record->has_ended = false;
    return workflowrecord_set_error(&w->record->error, NULL, e);
}

static status open(struct workflow *w, const uuid *id, err *e)
{
    if (w->spec->count > STEPS_MAX)
        return err_set(e, ERR_VALIDATION, "a workflow has at most %d steps", STEPS_MAX);
    if (id != NULL)
        w->id = *id;
    else
        TRY(uuid_random(&w->id, e));
    TRY(workflowrecord_lock(w->d, &w->id, &w->lock, e));
    TRY(id != NULL ? take(w, e) : make(w, e));
    w->record->has_pid = true;
    w->record->pid = (uint32_t)getpid();
    return DONE;
}

/* ---- running ---- */

/* What is completed and what it waits for is written down at once: one commit a step. */
static status begin_step(struct workflow *w, size_t i, err *e)
{
    Pgstrand__WorkflowRecord__Step *step = w->record->step[i];
    char id[UUID_TEXT];
    for (size_t k = 0; k < step->n_after; k++) {
        const Pgstrand__WorkflowRecord__Step *before = w->record->step[step->after[k]];
        if (before->state != STATE(COMPLETED) && before->state != STATE(SKIPPED))
            return err_set(e, ERR_VALIDATION, "step %s of workflow %s cannot come before %s", step->name,
                           uuid_format(&w->id, id), before->name);
    }
    w->at = i;
    workflowwatch_begin(&w->watch, i);
    w->skipped = false;
    w->record->state = STATE(IN_PROGRESS);
    step->state = STATE(IN_PROGRESS);
    step->has_started = true;
    step->started = pgtime_now();
    step->has_ended = false;
    return workflow_save(w, e);
}

/* Behind what cannot be taken back there is nothing left to cancel. */
static void pass_step(struct workflow *w, size_t i)
{
    if ((w->spec->step[i].kind & WORKFLOW_FINAL) == 0)
        return;
    w->too_late = true;
    atomic_store(&w->watch.too_late, true);
}

static void end_step(struct workflow *w, size_t i)
{
    Pgstrand__WorkflowRecord__Step *step = w->record->step[i];
    step->state = w->skipped ? STATE(SKIPPED) : STATE(COMPLETED);
    workflowwatch_take(&w->watch, step);
    step->has_ended = true;
    step->ended = pgtime_now();
    pass_step(w, i);
}

static status stopped(const struct workflow *w, err *e)
{
    char id[UUID_TEXT];
    const bool cancelled = atomic_load(&w->watch.cancelled) || w->spec->stop == WORKFLOW_CANCELS;
    return err_set(e, ERR_INTERRUPTED, "workflow %s was %s", uuid_format(&w->id, id),
                   cancelled ? "cancelled" : "suspended");
}

/* Somebody who asks for it may always; nobody does when the agent starts. */
static status check_tries(const struct workflow *w, err *e)
{
    char id[UUID_TEXT];
    const bool by_itself = w->spec->stop == WORKFLOW_SUSPENDS || w->spec->later;
    const uint32_t most =
        w->record->max_retries > 0 ? w->record->max_retries : 1; /* --retries 0 is of failures */
    if (!by_itself || w->record->retries <= most)
        return DONE;
    return err_set(e, ERR_TIMEOUT,
                   "workflow %s was interrupted again and again: it is not gone on with by itself",
                   uuid_format(&w->id, id));
}

static status try_once(struct workflow *w, err *e)
{
    TRY(check_tries(w, e));
    for (size_t i = 0; i < w->spec->count; i++) {
        if (workflow_completed(w, i)) {
            pass_step(w, i);
            continue;
        }
        if (is_stopped(w))
            return stopped(w, e);
        TRY(begin_step(w, i, e));
        TRY(w->spec->step[i].run(w->spec->context, w, e));
        end_step(w, i);
    }
    return DONE;
}

/* False: it is not to be waited for any longer. */
static bool wait_until(const struct workflow *w, pgtime until)
{
    const struct timespec nap = {0, NAP_MS * 1000000L};
    while (pgtime_now() < until) {
        if (atomic_load(&w->watch.cancelled) || progress_stopped(w->outer))
            return false;
        (void)nanosleep(&nap, NULL);
    }
    return true;
}

static void note_failure(struct workflow *w, const err *why)
{
    err ignored = ERR_INIT; /* the failure is the one to tell */
    Pgstrand__WorkflowRecord__Step *step = w->record->step[w->at];
    step->state = STATE(FAILED);
    workflowwatch_take(&w->watch, step);
    step->has_ended = true;
    step->ended = pgtime_now();
    (void)workflowrecord_set_error(&step->error, why, &ignored).ok;
}

/* How long until another try; -1: there is none. */
static int64_t pause_of(const struct workflow *w, const err *why)
{
    const struct config *c = w->d->config;
    const struct retry_policy policy = {w->record->max_retries, c->workflow_retry_first,
                                        c->workflow_retry_most};
    const bool fresh = w->record->retries == 0 && !w->resumed;
    if (fresh && (w->spec->step[w->at].kind & WORKFLOW_HASTY) != 0)
        return -1;
    return retry_pause_ms(&policy, why, w->record->retries);
}

static void plan_try(struct workflow *w, int64_t pause)
{
    err ignored = ERR_INIT; /* a record that cannot be written does not keep it from trying */
    w->record->retries++;
    w->record->step[w->at]->retries++;
    w->record->has_retry_at = true;
    w->record->retry_at = pgtime_now() + pause * 1000;
    (void)workflow_save(w, &ignored).ok;
}

/* Another try, after a pause? */
static bool again(struct workflow *w, const err *why)
{
    const int64_t pause = pause_of(w, why);
    char line[ERR_TEXT + 128];
    if (pause < 0 || w->spec->later)
        return false;
    plan_try(w, pause);
    (void)snprintf(line, sizeof line, "%s; again in %.1f s (try %u of %u)", why->message,
                   (double)pause / 1000, w->record->retries + 1, w->record->max_retries + 1);
    w->progress.say(w->progress.context, line);
    const bool waited = wait_until(w, w->record->retry_at);
    w->record->has_retry_at = false;
    return waited;
}

static status run_all(struct workflow *w, err *e)
{
    for (;;) {
        w->spec->reset(w->spec->context);
        if (try_once(w, e).ok)
            return DONE;
        /* What is cancelled fails in its own way. */
        if (is_stopped(w) && e->class != ERR_INTERRUPTED)
            (void)stopped(w, e).ok;
        note_failure(w, e);
        if (e->class == ERR_INTERRUPTED || !again(w, e))
            return is_stopped(w) && e->class != ERR_INTERRUPTED ? stopped(w, e) : FAILED;
        *e = ERR_INIT;
    }
}

/* ---- how it ended ---- */

static void advise(struct workflow *w, const err *why)
{
    char id[UUID_TEXT], text[256];
    err ignored = ERR_INIT;
    (void)snprintf(text, sizeof text, "%s, then pgstrand workflow resume %s", retry_advice(why->class),
                   uuid_format(&w->id, id));
    (void)workflowrecord_set_text(&w->record->advice, text, &ignored).ok;
}

static void end(struct workflow *w, Pgstrand__WorkflowRecord__State state, const err *why)
{
    err ignored = ERR_INIT;
    w->record->state = state;
    w->record->has_ended = true;
    w->record->ended = pgtime_now();
    (void)workflowrecord_set_error(&w->record->error, why, &ignored).ok;
    if (state == STATE(FAILED))
        advise(w, why);
    else
        (void)workflowrecord_set_text(&w->record->advice, NULL, &ignored).ok;
}

static bool is_suspended(const struct workflow *w, const err *why)
{
    return why->class == ERR_INTERRUPTED && w->spec->stop != WORKFLOW_CANCELS &&
           !atomic_load(&w->watch.cancelled);
}

/* The caller's schedule comes again. */
static bool comes_again(struct workflow *w, const err *why)
{
    const int64_t pause = w->spec->later && why->class != ERR_INTERRUPTED ? pause_of(w, why) : -1;
    if (pause < 0)
        return false;
    w->record->state = STATE(PENDING);
    plan_try(w, pause);
    return true;
}

/* The failure is told even when it cannot be written down. */
static status conclude(struct workflow *w, status ran, err *e)
{
    err ignored = ERR_INIT;
    if (ran.ok) {
        end(w, STATE(COMPLETED), NULL);
        return workflow_save(w, e);
    }
    if (comes_again(w, e))
        return FAILED;
    if (is_suspended(w, e)) {
        w->record->state = STATE(PENDING);
        (void)workflow_save(w, &ignored).ok;
        return FAILED;
    }
    if (w->spec->undo != NULL)
        w->spec->undo(w->spec->context, w, e);
    end(w, e->class == ERR_INTERRUPTED ? STATE(CANCELLED) : STATE(FAILED), e);
    (void)workflow_save(w, &ignored).ok;
    return FAILED;
}

status workflow_run(struct datadir *d, const struct workflow_spec *spec, const uuid *id,
                    const struct progress *progress, uuid *made, err *e)
{
    OWNED(workflow) struct workflow w = {.d = d, .spec = spec, .outer = progress};
    w.progress = (struct progress){&w, on_say, on_step, is_stopped};
    TRY(open(&w, id, e));
    if (made != NULL)
        *made = w.id;
    TRY(workflowwatch_start(&w.watch, d, &w.id, spec->alone, e));
    return conclude(&w, run_all(&w, e), e);
}

status workflow_abandon(struct datadir *d, const struct workflow_spec *spec, const uuid *id, err *e)
{
    OWNED(workflow) struct workflow w = {.d = d, .spec = spec, .outer = &progress_silent, .too_late = true};
    err why = ERR_INIT;
    char text[UUID_TEXT];
    w.progress = (struct progress){&w, on_say, on_step, is_stopped};
    TRY(open(&w, id, e));
    for (size_t i = 0; i < spec->count; i++)
        if (workflow_completed(&w, i) && (spec->step[i].kind & WORKFLOW_FINAL) != 0)
            return err_set(e, ERR_REFUSED,
                           "workflow %s has done what it was for (%s): it cannot be cancelled, only resumed",
                           uuid_format(&w.id, text), spec->step[i].name);
    (void)err_set(&why, ERR_INTERRUPTED, "workflow %s was cancelled", uuid_format(&w.id, text)).ok;
    spec->reset(spec->context);
    if (spec->undo != NULL)
        spec->undo(spec->context, &w, &why);
    end(&w, STATE(CANCELLED), &why);
    return workflow_save(&w, e);
}
