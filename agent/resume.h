/*
 * resume: goes on with a workflow of any kind that was interrupted, has failed or was cancelled.
 *
 * Threads: one; as the datadir.
 */
#ifndef PGSTRAND_RESUME_H
#define PGSTRAND_RESUME_H

#include "agent/restore/restore.h"
#include "agent/workflow/workflow.h"

struct resume_result {
    bool restored;
    struct restore_result restore; /* of a restore */
};
void resume_result_fini(struct resume_result *r);
OWN_VALUE(resume_result, resume_result_fini);

/* ERR_REFUSED while another process has it. `alone`: nothing else goes on in this process. */
MUST_CHECK status resume_run(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                             enum workflow_stop stop, bool alone, const struct progress *progress,
                             struct resume_result *out, err *e);

/* One that is running is asked to stop; of one that nobody has, what it left behind goes. */
MUST_CHECK status resume_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e);

/* Is it one that goes on by itself, when the agent starts? Those of init go on with init, seals by schedule
 * with the schedule. */
bool resume_is_due(const struct datadir *d, const Pgstrand__WorkflowRecord *record);

#endif
