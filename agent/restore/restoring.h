/*
 * restoring: one restore between its steps, each of which may be the last: restore_run runs them one after
 * the other, restoreflow as a workflow.
 *
 * Ownership: filled by the steps; restoring_fini releases what they made (with the target's transaction) and
 * leaves what the caller set: then they may begin again. Threads: one.
 */
#ifndef PGSTRAND_RESTORING_H
#define PGSTRAND_RESTORING_H

#include "agent/restore/job.h"
#include "agent/restore/plan/place.h"
#include "agent/restore/takeover.h"

struct restoring {
    /* set by the caller */
    struct datadir *d;
    struct restore_request *request; /* its number of jobs is chosen on the way */
    const struct progress *progress;
    struct restore_result *out;
    const uuid *workflow;    /* NULL: none */
    uuid new_node;           /* of the identity that is made where there is none; UUID_NIL: any */
    const uint8_t *recovery; /* the recovery key's secret, of a node that is taken over; NULL: not given */
    struct bytes handover;   /* that an earlier try has signed; len 0: none */
    struct bytes handover_signature;

    struct place place;
    struct plan *plan;
    struct fold *fold;
    struct table_proof *proof;
    struct job job;
    struct takeover takeover;
    struct pgconn *conn;
    bool fits; /* the target; else why not */
    err unfit;
    bool jobs_chosen; /* they were not asked for */
    bool committed;   /* by this workflow, before it was interrupted */
};
void restoring_fini(struct restoring *r);
OWN_VALUE(restoring, restoring_fini);

/* Which snapshots, which tables, which device. Looks at the chain only. */
MUST_CHECK status restoring_plan(struct restoring *r, err *e);
MUST_CHECK status restoring_connect(struct restoring *r, err *e);
/* Takes the target for itself, and sees whether it can hold what comes. */
MUST_CHECK status restoring_check(struct restoring *r, err *e);
/* Reads the actions. */
MUST_CHECK status restoring_fold(struct restoring *r, err *e);
/* Writes, proves, commits. */
MUST_CHECK status restoring_load(struct restoring *r, err *e);
/* The identity of a new machine; the report. */
MUST_CHECK status restoring_record(struct restoring *r, err *e);

#endif
