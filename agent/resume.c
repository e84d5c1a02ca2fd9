#include "agent/resume.h"

#include "agent/drill.h"
#include "agent/workflow/workflowrecord.h"

void resume_result_fini(struct resume_result *r)
{
    restore_result_fini(&r->restore);
}

static status unknown(const Pgstrand__WorkflowRecord *record, err *e)
{
    char id[UUID_TEXT];
    uuid workflow = workflowrecord_id(record);
    return err_set(e, ERR_VALIDATION, "workflow %s is of a kind that this pgstrand does not know",
                   uuid_format(&workflow, id));
}

status resume_run(struct datadir *d, const Pgstrand__WorkflowRecord *record, enum workflow_stop stop,
                  bool alone, const struct progress *progress, struct resume_result *out, err *e)
{
    const struct restoreflow how = {.stop = stop, .alone = alone};
    if (record->job->drill != NULL)
        return drill_resume(d, record, &how, progress, &out->restore, e);
    if (record->job->restore != NULL) {
        out->restored = true;
        return restoreflow_resume(d, record, &how, progress, &out->restore, e);
    }
    return unknown(record, e);
}

status resume_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    uuid id = workflowrecord_id(record);
    if (workflowrecord_is_running(d, record))
        return workflowrecord_ask_cancel(d, &id, e);
    if (record->job->drill != NULL)
        return drill_cancel(d, record, e);
    if (record->job->restore != NULL)
        return restoreflow_cancel(d, record, e);
    return unknown(record, e);
}

bool resume_is_due(const struct datadir *d, const Pgstrand__WorkflowRecord *record)
{
    return workflowrecord_is_open(record) && record->job->init == NULL &&
           !workflowrecord_is_running(d, record);
}
