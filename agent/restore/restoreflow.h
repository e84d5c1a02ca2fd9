/*
 * restoreflow: a restore as a workflow (agent/workflow): steps that are kept in the catalogue of the data
 * directory, so that a restore that was killed goes on, and ends the same.
 *
 *   VALIDATE       the chain, what of it, the device; the target answers        anew
 *                  (a node that is taken over: the hand-over is signed)
 *   CHECK_SCHEMA   the target: whose, empty or fitting, its roles and types     anew
 *   FOLD           table bases and actions become final rows                    anew
 *   HOOKS_BEFORE   [hooks] before                                               lasting
 *   LOAD           clear, load, prove, replay remembered; one commit or swap    lasting, final
 *   RECORD         identity of a new machine, or the node's, with its chain; the proof   lasting
 *   HOOKS_AFTER    [hooks] after                                                lasting
 *
 * The record lies in the data directory that the restore is run with, also where that is made by it (a vault
 * restored on a machine that has none). Whether LOAD was committed before a kill is asked of the target:
 * pgstrand.replay names the workflow in the same transaction.
 *
 * Threads: one.
 */
#ifndef PGSTRAND_RESTOREFLOW_H
#define PGSTRAND_RESTOREFLOW_H

#include "agent/restore/restore.h"
#include "agent/workflow/workflow.h"

struct restoreflow {
    enum workflow_stop stop;
    bool alone;              /* nothing else goes on in this process */
    const uint32_t *retries; /* NULL: the configuration's */
    const uint8_t *recovery; /* the recovery key's secret, when a node is taken over; kept nowhere */
};

/*
 * A new one, always: it brings what is the target state now. One into the same target that was interrupted
 * and nobody has must not come after it: it is cancelled, or completed first when its rows are there already.
 * `made` (may be NULL) gets its UUID.
 */
MUST_CHECK status restoreflow_run(struct datadir *d, const struct restore_request *request,
                                  const struct restoreflow *how, const struct progress *progress,
                                  struct restore_result *out, uuid *made, err *e);

/* Goes on with one that was interrupted, failed or was cancelled, up to the seq that it had found. */
MUST_CHECK status restoreflow_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                                     const struct restoreflow *how, const struct progress *progress,
                                     struct restore_result *out, err *e);

/* One that no process has: what it left behind goes. */
MUST_CHECK status restoreflow_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e);

#endif
