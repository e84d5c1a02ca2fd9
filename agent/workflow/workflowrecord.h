/*
 * workflowrecord: workflows as the catalogue keeps them, and which of them a process has.
 *
 * A process that runs a workflow holds the lock DATA/workflows/UUID.lock; it goes with the process, however
 * that ends. A record that says IN_PROGRESS while nobody holds the lock was interrupted.
 *
 * Ownership: records are freed by pbmem_free. Threads: as the datadir's catalogue.
 */
#ifndef PGSTRAND_WORKFLOWRECORD_H
#define PGSTRAND_WORKFLOWRECORD_H

#include "agent/datadir.h"
#include "store/io.h"

/* So many that have ended are kept, the newest; of the agent's own seals, which come every few minutes,
 * fewer. */
#define WORKFLOWRECORD_KEPT 200
#define WORKFLOWRECORD_KEPT_SCHEDULED 20

/* NULL in *out when there is none. */
MUST_CHECK status workflowrecord_load(struct datadir *d, const uuid *id, Pgstrand__WorkflowRecord **out,
                                      err *e);
/* Sets `updated`. Keeps a `cancel` that somebody else asked for meanwhile. */
MUST_CHECK status workflowrecord_save(struct datadir *d, Pgstrand__WorkflowRecord *record, err *e);

/* All of them, the oldest first. */
struct workflow_list {
    Pgstrand__WorkflowRecord **record;
    size_t count;
};
MUST_CHECK status workflowrecord_list(struct datadir *d, struct workflow_list *out, err *e);
void workflow_list_fini(struct workflow_list *l);
OWN_VALUE(workflow_list, workflow_list_fini);

/* The one whose UUID begins with `word`; ERR_VALIDATION when there is none or more than one. */
MUST_CHECK status workflowrecord_find(struct datadir *d, const char *word, Pgstrand__WorkflowRecord **out,
                                      err *e);

/* ERR_REFUSED when a process has it. */
MUST_CHECK status workflowrecord_lock(const struct datadir *d, const uuid *id, struct io_lock **out, err *e);
bool workflowrecord_is_running(const struct datadir *d, const Pgstrand__WorkflowRecord *record);

/* PENDING or IN_PROGRESS: it has not ended. */
bool workflowrecord_is_open(const Pgstrand__WorkflowRecord *record);

/* Asks whoever runs it to stop. */
MUST_CHECK status workflowrecord_ask_cancel(struct datadir *d, const uuid *id, err *e);

/* Forgets the oldest that have ended, beyond these numbers; those with rows in the quarantine stay. */
MUST_CHECK status workflowrecord_prune(struct datadir *d, err *e);

uuid workflowrecord_id(const Pgstrand__WorkflowRecord *record);
const char *workflowrecord_type(Pgstrand__WorkflowRecord__Type type);    /* "BACKUP" */
const char *workflowrecord_state(Pgstrand__WorkflowRecord__State state); /* "IN_PROGRESS" */

/* Fields of a record: malloc'ed copies. NULL clears. */
MUST_CHECK status workflowrecord_set_text(char **field, const char *text, err *e);
MUST_CHECK status workflowrecord_set_error(Pgstrand__ErrorRecord **field, const err *why, err *e);

#endif
