/*
 * drill: restores into a scratch database, compares every table, drops it, and records what was proven.
 *
 * The scratch database is made on the server of drill.conninfo (else the captured one's), like the database
 * there: encoding and locale. It is called pgstrand_drill_<node>, carries a comment, and goes however the
 * drill ends; what a kill leaves goes with the next one. A workflow of type RESTORE: SCRATCH RESTORE COMPARE
 * DROP RECORD; begun again, it begins anew.
 *
 * Threads: one.
 */
#ifndef PGSTRAND_DRILL_H
#define PGSTRAND_DRILL_H

#include "agent/restore/restoreflow.h"

struct drill_request {
    const char *conninfo; /* NULL: the configuration's */
    const char *from;     /* as of a restore */
    const uuid *node;
    struct restore_target target;
    int jobs;
    uint64_t memory;
};

/* ERR_STORAGE when a table is not what it should be; also recorded. */
MUST_CHECK status drill_run(struct datadir *d, const struct drill_request *request,
                            const struct restoreflow *how, const struct progress *progress,
                            struct restore_result *out, err *e);

MUST_CHECK status drill_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                               const struct restoreflow *how, const struct progress *progress,
                               struct restore_result *out, err *e);
MUST_CHECK status drill_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e);

/* By [drill] of the configuration: is one due? `why_not` gets a line when the chain is too large for it, else
 * "". */
MUST_CHECK status drill_is_due(struct datadir *d, bool *due, char why_not[static 160], err *e);

#endif
