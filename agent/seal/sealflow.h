/*
 * sealflow: sealing as a workflow of type BACKUP (agent/workflow): what was begun and killed goes on.
 *
 *   VALIDATE_PARENT    the chain is loaded and tidied; what comes gets its UUID         anew
 *   CREATE_SNAPSHOT    schema, rows, actions; read back; published by its commit file   lasting, final
 *   VALIDATE_SNAPSHOT  it is in the chain                                               lasting
 *
 * Whether a snapshot was published before a kill is asked of the chain, by its UUID. Threads: one.
 */
#ifndef PGSTRAND_SEALFLOW_H
#define PGSTRAND_SEALFLOW_H

#include "agent/seal/seal.h"
#include "agent/workflow/workflow.h"

struct sealflow {
    enum workflow_stop stop;
    bool alone;
    bool scheduled; /* by the agent, whose schedule makes the pauses between tries */
};

/* Takes the place of others that were killed: what they would seal it seals. One that was killed or that
 * failed when its snapshot was there is completed, and when it was asked for the same within the hour its
 * snapshot is the result: only what came since is sealed, behind it. One by schedule goes on with the record
 * of the last that was to be tried again, or was killed.
 */
MUST_CHECK status sealflow_run(struct datadir *d, const struct seal_request *request,
                               const struct sealflow *how, const struct progress *progress,
                               struct seal_result *out, err *e);
MUST_CHECK status sealflow_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                                  const struct sealflow *how, const struct progress *progress, err *e);
/* Completes those that were killed or that failed when their snapshot was there, before anything is made to
 * the same end. */
MUST_CHECK status sealflow_settle(struct datadir *d, const struct sealflow *how,
                                  const struct progress *progress, err *e);
/* What a killed or failed one of this job had published at `created` is the answer to `request`, typed `now`.
 */
bool sealflow_answers(const Pgstrand__SealJob *job, pgtime created, const struct seal_request *request,
                      pgtime now);
/* Was one by schedule killed? Then what it was for is due at once. */
MUST_CHECK status sealflow_interrupted(struct datadir *d, bool *found, Pgstrand__SnapshotType *type, err *e);
MUST_CHECK status sealflow_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e);

#endif
