/*
 * workflowwatch: the thread that looks for a cancel while a workflow runs, and writes down how far it is:
 * what reports that may be any thread, and the catalogue's handle is of one.
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
    pthread_mutex_t lock; /* over what was told, and the end */
    pthread_cond_t wake;
    bool ended;
    size_t step;
    char what[64];
    uint64_t done, total;
    bool told;    /* something, of this step */
    bool unsaved; /* since it was written down */
    pthread_t thread;
    bool started;
};
MUST_CHECK status workflowwatch_start(struct workflowwatch *w, const struct datadir *d, const uuid *id,
                                      bool alone, err *e);
/* From here on it is this step that tells. */
void workflowwatch_begin(struct workflowwatch *w, size_t step);
/* Any thread. */
void workflowwatch_tell(struct workflowwatch *w, const char *what, uint64_t done, uint64_t total);
/* What was told last, into the step's record. */
void workflowwatch_take(struct workflowwatch *w, Pgstrand__WorkflowRecord__Step *out);
void workflowwatch_fini(struct workflowwatch *w);
OWN_VALUE(workflowwatch, workflowwatch_fini);

#endif
