/*
 * workflowview: long operations for people and scripts.
 */
#ifndef PGSTRAND_WORKFLOWVIEW_H
#define PGSTRAND_WORKFLOWVIEW_H

#include "agent/workflow/workflowrecord.h"
#include "tools/jsonout.h"

/* {uuid, name, type, status, running, step, progress, retries, error, ...}; `steps`: with each step. */
json_t *workflowview_json(const struct datadir *d, const Pgstrand__WorkflowRecord *w, bool steps);

MUST_CHECK status workflowview_list(const struct datadir *d, const struct workflow_list *all, err *e);
MUST_CHECK status workflowview_show(const struct datadir *d, const Pgstrand__WorkflowRecord *w, err *e);

#endif
