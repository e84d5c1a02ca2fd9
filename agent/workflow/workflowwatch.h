/*
 * workflowwatch: the thread that looks for a cancel while a workflow runs.
 */
#ifndef PGSTRAND_WORKFLOWWATCH_H
#define PGSTRAND_WORKFLOWWATCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/datadir.h"

struct workflowwatch {
    struct catalog *catalog; /* its own handle */
    uuid id;
    bool alone;
    atomic_bool cancelled;
    atomic_bool too_late; /* what runs now may not be disturbed any more */
    atomic_bool ended;
    pthread_t thread;
    bool started;
};
MUST_CHECK status workflowwatch_start(struct workflowwatch *w, const struct datadir *d, const uuid *id,
                                      bool alone, err *e);
void workflowwatch_fini(struct workflowwatch *w);
OWN_VALUE(workflowwatch, workflowwatch_fini);

#endif
