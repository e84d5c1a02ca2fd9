/*
 * restorekept: what the first try of a restore found and its record keeps beside the request (restorejob), so
 * that later tries, also of other processes, end as that one would have: where it stops, which chain that is
 * of, the new machine's identity, the signed hand-over, the way to the target.
 *
 * Each is written once its step has it; the workflow makes the record durable. Threads: one.
 */
#ifndef PGSTRAND_RESTOREKEPT_H
#define PGSTRAND_RESTOREKEPT_H

#include "agent/restore/restoring.h"

/* The chain that an earlier try chose: the request points at these. */
struct restorekept {
    uuid node, incarnation;
};

/*
 * Into the restore, before it plans: what an earlier try left in the record, if there was one. `r` borrows
 * from the job and, its request, from `kept`, which both outlive it. ERR_STORAGE when a UUID is damaged.
 */
MUST_CHECK status restorekept_take(struct restorekept *kept, const Pgstrand__RestoreJob *j,
                                   struct restoring *r, err *e);

/* From the restore into the record, behind restoring_plan, restoring_connect and restoring_fold. */
MUST_CHECK status restorekept_planned(const struct restoring *r, Pgstrand__RestoreJob *j, err *e);
MUST_CHECK status restorekept_connected(const struct restoring *r, Pgstrand__RestoreJob *j, err *e);
MUST_CHECK status restorekept_folded(const struct restoring *r, Pgstrand__RestoreJob *j, err *e);

#endif
