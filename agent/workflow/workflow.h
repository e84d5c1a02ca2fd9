/*
 * workflow: runs a long operation as named steps that survive a kill: where it stands is in the catalogue,
 * and whoever goes on begins behind the last step whose effect lasts.
 *
 * The steps are a table of functions. Each may be stopped at any moment and begun again. Two kinds:
 *
 *   LASTING   its effect outlives the process: completed once, it is not run again
 *   ANEW      what it makes is in memory, for the steps behind it: every try runs it again
 *
 * A failure that may pass (retry.h) is tried again after a pause, from the first step that is not completed,
 * with what was in memory made anew. Steps marked HASTY are not, in the first try: what fails before anything
 * was begun is told at once. After the last retry the workflow is FAILED; what it failed with and what to do
 * are in its record.
 *
 * Cancelled, by another process or by progress->stopped: noticed between steps, in what asks
 * progress_stopped, and, where the process does nothing else, in the server. From the step marked FINAL on it
 * is too late: what that step did cannot be taken back.
 *
 * Threads: one, and one of its own that looks for a cancel. Ownership: the spec and all in it outlive the
 * call.
 */
#ifndef PGSTRAND_WORKFLOW_H
#define PGSTRAND_WORKFLOW_H

#include "agent/datadir.h"
#include "agent/progress.h"

struct workflow;

#define WORKFLOW_LASTING 0u
#define WORKFLOW_ANEW 1u
#define WORKFLOW_HASTY 2u
#define WORKFLOW_FINAL 4u /* completed, it cannot be taken back */

struct workflow_step {
    const char *name;
    status (*run)(void *context, struct workflow *w, err *e);
    unsigned kind;
    uint32_t after; /* the steps (bits) that must be completed before; they come earlier in the table */
};
#define WORKFLOW_AFTER(number) (UINT32_C(1) << (number))

enum workflow_stop {
    WORKFLOW_CANCELS,  /* progress->stopped: somebody does not want it any more */
    WORKFLOW_SUSPENDS, /* the process ends: the next one goes on, by itself */
    WORKFLOW_RESTS     /* likewise, but when somebody asks for it */
};

struct workflow_spec {
    Pgstrand__WorkflowRecord__Type type;
    const char *name;           /* for people: "restore into shop on ..." */
    Pgstrand__WorkflowJob *job; /* what it was asked for */
    const struct workflow_step *step;
    size_t count; /* of steps, at most 32 */
    void *context;
    void (*reset)(void *context); /* before each try: what an earlier one left in memory goes */
    /* It ended without being completed, and `why` is what it ended with: what it left behind goes. May be
     * NULL. */
    void (*undo)(void *context, struct workflow *w, const err *why);
    enum workflow_stop stop;
    bool alone;              /* nothing else goes on in this process: its connections may be cancelled */
    bool later;              /* the caller has a schedule: another try is its next call, not made here */
    const uint32_t *retries; /* NULL: the configuration's; of one that goes on: what it has */
};

/*
 * `id` NULL: a new one. Else one that was interrupted, has failed or was cancelled goes on; its steps must be
 * the spec's. ERR_REFUSED while another process has it, ERR_INTERRUPTED when it was cancelled or suspended.
 */
MUST_CHECK status workflow_run(struct datadir *d, const struct workflow_spec *spec, const uuid *id,
                               const struct progress *progress, uuid *made, err *e);

/* Cancels one that no process has: `undo` as in the spec of its kind. */
MUST_CHECK status workflow_abandon(struct datadir *d, const struct workflow_spec *spec, const uuid *id,
                                   err *e);

/* ---- for steps ---- */

const struct progress *workflow_progress(struct workflow *w);
const uuid *workflow_id(const struct workflow *w);
/* Is it one that an earlier process began? */
bool workflow_resumed(const struct workflow *w);
/* Was this LASTING step completed? */
bool workflow_completed(const struct workflow *w, size_t step);
/* The record, to be changed by steps: the job's fields, type, left_out. workflow_save makes it durable. */
Pgstrand__WorkflowRecord *workflow_record(struct workflow *w);
MUST_CHECK status workflow_save(struct workflow *w, err *e);
/* The running step has nothing to do: it is told as SKIPPED. */
void workflow_skip(struct workflow *w);

#endif
