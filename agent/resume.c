#include "agent/resume.h"

#include "agent/drill.h"
#include "agent/restore/load/quarantine.h"
#include "agent/seal/sealflow.h"
#include "agent/setup/setup.h"
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

/* The restore is done but for these. */
static status retry_left_out(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                             const struct progress *progress, err *e)
{
    PB_OWNED(Pgstrand__WorkflowRecord) *now = NULL;
    OWNED(io_lock) struct io_lock *lock = NULL;
    const Pgstrand__RestoreJob *job = record->job->restore;
    uuid id = workflowrecord_id(record);
    uint64_t left = 0;
    char line[96];
    TRY(workflowrecord_lock(d, &id, &lock, e));
    TRY(workflowrecord_load(d, &id, &now, e));
    if (now == NULL)
        return unknown(record, e);
    TRY(quarantine_retry(d, &id, job->reach != NULL ? job->reach : job->conninfo, job->mode == RESTORE_MERGE,
                         progress, &left, e));
    now->has_left_out = true;
    now->left_out = left;
    now->retries++;
    TRY(workflowrecord_save(d, now, e));
    (void)snprintf(line, sizeof line,
                   "%llu of the rows that were left out are in the target now, %llu are not",
                   (unsigned long long)(record->left_out > left ? record->left_out - left : 0),
                   (unsigned long long)left);
    progress->say(progress->context, line);
    return DONE;
}

status resume_run(struct datadir *d, const Pgstrand__WorkflowRecord *record, enum workflow_stop stop,
                  bool alone, const struct progress *progress, struct resume_result *out, err *e)
{
    const struct restoreflow how = {.stop = stop, .alone = alone};
    if (record->job->drill != NULL)
        return drill_resume(d, record, &how, progress, &out->restore, e);
    if (record->job->seal != NULL) {
        const struct sealflow seal = {.stop = stop, .alone = alone};
        return sealflow_resume(d, record, &seal, progress, e);
    }
    if (record->job->init != NULL)
        return setup_resume(d, record, progress, e);
    if (record->job->restore != NULL && record->state == PGSTRAND__WORKFLOW_RECORD__STATE__COMPLETED &&
        record->left_out > 0)
        return retry_left_out(d, record, progress, e);
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
    if (record->job->seal != NULL)
        return sealflow_cancel(d, record, e);
    if (record->job->init != NULL)
        return setup_cancel(d, record, e);
    if (record->job->restore != NULL)
        return restoreflow_cancel(d, record, e);
    return unknown(record, e);
}

bool resume_is_due(const struct datadir *d, const Pgstrand__WorkflowRecord *record)
{
    const bool scheduled = record->job->seal != NULL && record->job->seal->scheduled;
    return workflowrecord_is_open(record) && record->job->init == NULL && !scheduled &&
           !workflowrecord_is_running(d, record);
}
