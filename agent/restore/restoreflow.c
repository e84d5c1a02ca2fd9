#include "agent/restore/restoreflow.h"

#include "agent/proofs.h"
#include "agent/restore/hooks.h"
#include "agent/restore/load/newdb.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/restorejob.h"
#include "agent/restore/restorekept.h"
#include "agent/restore/restorereport.h"
#include "agent/workflow/workflowrecord.h"

enum { VALIDATE, CHECK_SCHEMA, FOLD, HOOKS_BEFORE, LOAD, RECORD, HOOKS_AFTER };

struct flow {
    struct datadir *d;
    struct restore_request request; /* as asked for, until what a first try found takes its place */
    struct restorekept kept;        /* which the request borrows */
    struct restoring r;
    struct hook_facts facts;
    uuid workflow;
    pgtime began;
    bool paused; /* SQL before the restore is committed, in this or an earlier try */
};

static void flow_fini(struct flow *f)
{
    restoring_fini(&f->r);
    hook_facts_fini(&f->facts);
}
OWN_VALUE(flow, flow_fini);

static Pgstrand__RestoreJob *job_of(struct workflow *w)
{
    return workflow_record(w)->job->restore;
}

/* ---- before a try ---- */

/* Whatever an earlier try made known of the new identity stays. */
static void reset(void *context)
{
    struct flow *f = context;
    struct restore_result kept = *f->r.out;
    restoring_fini(&f->r);
    hook_facts_fini(&f->facts);
    restore_result_fini(f->r.out);
    f->r.out->new_identity = kept.new_identity;
    memcpy(f->r.out->recovery_secret, kept.recovery_secret, sizeof kept.recovery_secret);
    explicit_bzero(kept.recovery_secret, sizeof kept.recovery_secret);
}

/* ---- the steps ---- */

static status validate(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    Pgstrand__RestoreJob *j = job_of(w);
    f->workflow = *workflow_id(w);
    f->r.workflow = &f->workflow;
    f->r.progress = workflow_progress(w);
    if (f->began == 0)
        f->began = pgtime_now();
    TRY(restorekept_take(&f->kept, j, &f->r, e));
    TRY(restoring_plan(&f->r, e));
    TRY(restorekept_planned(&f->r, j, e));
    TRY(hooks_facts(f->d, f->r.request, &f->r.place, NULL, &f->workflow, &f->facts, e));
    f->r.job.facts = &f->facts;
    TRY(restoring_connect(&f->r, e));
    return restorekept_connected(&f->r, j, e);
}

static status check_schema(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    TRY(restoring_check(&f->r, e));
    if (workflow_completed(w, LOAD))
        f->r.committed = true;
    if (f->r.job.migrated)
        workflow_record(w)->type = PGSTRAND__WORKFLOW_RECORD__TYPE__MIGRATION;
    return DONE;
}

static status fold(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    if (f->r.committed) { /* there is nothing left to load */
        f->r.plan->seq = job_of(w)->seq;
        workflow_skip(w);
        TRY(restorereport_target(&f->r.job, e));
        return restorereport_skipped(&f->r.job, e);
    }
    TRY(restoring_fold(&f->r, e));
    return restorekept_folded(&f->r, job_of(w), e);
}

static status before(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    if (f->r.committed || f->r.out->before || !hooks_any(f->d->config))
        workflow_skip(w);
    if (f->r.committed || f->r.out->before)
        return DONE;
    TRY(hooks_facts(f->d, f->r.request, &f->r.place, &f->r.job, &f->workflow, &f->facts, e));
    bool begun = false;
    const status done = hooks_before(f->d->config, f->r.request->conninfo, &f->facts, &begun, e);
    f->paused = f->paused || begun;
    return done;
}

static status load(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    TRY(restoring_load(&f->r, e));
    workflow_record(w)->has_left_out = true;
    workflow_record(w)->left_out = f->r.job.left_out_count;
    return DONE;
}

static status record(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    (void)w;
    TRY(restoring_record(&f->r, e));
    if (f->r.committed)
        return DONE;
    return proofs_record(f->d, f->r.request, f->r.out, &f->workflow, f->began, e);
}

static status after(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    if (!hooks_any(f->d->config)) {
        workflow_skip(w);
        return DONE;
    }
    TRY(hooks_facts(f->d, f->r.request, &f->r.place, &f->r.job, &f->workflow, &f->facts, e));
    if (!hooks_after(f->d->config, f->r.request->conninfo, HOOKS_RESTORED, &f->facts, e).ok)
        return err_wrap(e, "restored, but afterwards");
    return DONE;
}

static const struct workflow_step steps[] = {
    [VALIDATE] = {"VALIDATE", validate, WORKFLOW_ANEW | WORKFLOW_HASTY, 0},
    [CHECK_SCHEMA] = {"CHECK_SCHEMA", check_schema, WORKFLOW_ANEW, WORKFLOW_AFTER(VALIDATE)},
    [FOLD] = {"FOLD", fold, WORKFLOW_ANEW, WORKFLOW_AFTER(VALIDATE)},
    [HOOKS_BEFORE] = {"HOOKS_BEFORE", before, WORKFLOW_LASTING, WORKFLOW_AFTER(CHECK_SCHEMA)},
    [LOAD] = {"LOAD", load, WORKFLOW_LASTING | WORKFLOW_FINAL,
              WORKFLOW_AFTER(CHECK_SCHEMA) | WORKFLOW_AFTER(FOLD) | WORKFLOW_AFTER(HOOKS_BEFORE)},
    [RECORD] = {"RECORD", record, WORKFLOW_LASTING, WORKFLOW_AFTER(LOAD)},
    [HOOKS_AFTER] = {"HOOKS_AFTER", after, WORKFLOW_LASTING, WORKFLOW_AFTER(LOAD)},
};

/* ---- what did not come to its end ---- */

/* A step that an earlier process left begun may have committed its SQL: rather resumed once too often. */
static bool is_paused(const struct flow *f, const struct workflow *w,
                      const Pgstrand__WorkflowRecord__Step *step)
{
    switch (step->state) {
    case PGSTRAND__WORKFLOW_RECORD__STATE__COMPLETED:
        return true;
    case PGSTRAND__WORKFLOW_RECORD__STATE__IN_PROGRESS:
    case PGSTRAND__WORKFLOW_RECORD__STATE__FAILED:
        return f->paused || (workflow_resumed(w) && *f->d->config->hooks_before_sql != '\0');
    default:
        return false;
    }
}

static void resume_paused(struct flow *f, struct workflow *w, enum hooks_result result)
{
    err why = ERR_INIT;
    char line[ERR_TEXT + 64];
    Pgstrand__WorkflowRecord__Step *step = workflow_record(w)->step[HOOKS_BEFORE];
    if (!is_paused(f, w, step))
        return;
    step->state = PGSTRAND__WORKFLOW_RECORD__STATE__PENDING; /* another try pauses again */
    f->paused = false;
    if (hooks_facts(f->d, f->r.request, NULL, NULL, &f->workflow, &f->facts, &why).ok &&
        hooks_after(f->d->config, f->r.request->conninfo, result, &f->facts, &why).ok)
        return;
    (void)snprintf(line, sizeof line, "after the restore has ended: %s", why.message);
    workflow_progress(w)->say(workflow_progress(w)->context, line);
}

/* The transaction is rolled back with its connection; a new database that was not swapped in goes. */
static void undo(void *context, struct workflow *w, const err *why)
{
    struct flow *f = context;
    err ignored = ERR_INIT; /* a server that is away: the next restore clears it away */
    f->workflow = *workflow_id(w);
    restoring_fini(&f->r);
    if (workflow_completed(w, LOAD))
        return;
    if (f->r.request->mode == RESTORE_FRESH && f->r.request->jobs != 1)
        (void)newdb_clear(f->r.request->conninfo, NULL, &ignored).ok;
    resume_paused(f, w, why->class == ERR_INTERRUPTED ? HOOKS_CANCELLED : HOOKS_FAILED);
}

/* ---- running ---- */

static Pgstrand__WorkflowRecord__Type type_of(const struct restore_request *request)
{
    return request->mode == RESTORE_MERGE ? PGSTRAND__WORKFLOW_RECORD__TYPE__REPLAY
                                          : PGSTRAND__WORKFLOW_RECORD__TYPE__RESTORE;
}

static status name_of(const struct restore_request *request, char **out, err *e)
{
    static const char *const words[] = {"restore into", "restore over", "merge into"};
    OWNED(text) char *target = NULL;
    TRY(pgconn_without_password(request->conninfo, &target, e));
    if (asprintf(out, "%s %s", words[request->mode], target) < 0) {
        *out = NULL;
        return err_no_memory(e);
    }
    return DONE;
}

static void begin(struct flow *f, struct datadir *d, const struct restore_request *request,
                  const struct progress *progress, struct restore_result *out)
{
    *f = (struct flow){.d = d, .request = *request};
    f->r = (struct restoring){.d = d, .request = &f->request, .progress = progress, .out = out};
}

static status make_spec(struct flow *f, const struct restoreflow *how, Pgstrand__WorkflowJob *job,
                        char **name, struct workflow_spec *out, err *e)
{
    TRY(name_of(f->r.request, name, e));
    *out = (struct workflow_spec){.type = type_of(f->r.request),
                                  .name = *name,
                                  .job = job,
                                  .step = steps,
                                  .count = sizeof steps / sizeof steps[0],
                                  .context = f,
                                  .reset = reset,
                                  .undo = undo,
                                  .stop = how->stop,
                                  .alone = how->alone,
                                  .retries = how->retries};
    return DONE;
}

/* `conninfo` NULL: the way to the target that the record has. */
static status go_on(struct datadir *d, const Pgstrand__WorkflowRecord *record, const char *conninfo,
                    const struct restoreflow *how, const struct progress *progress,
                    struct restore_result *out, err *e)
{
    OWNED(restorejob) struct restorejob job = {0};
    OWNED(text) char *name = NULL;
    struct workflow_spec spec;
    uuid id = workflowrecord_id(record);
    *out = (struct restore_result){0};
    TRY(restorejob_unpack(record->job->restore, &job, e));
    if (conninfo != NULL)
        job.request.conninfo = conninfo;
    OWNED(flow) struct flow f;
    begin(&f, d, &job.request, progress, out);
    TRY(make_spec(&f, how, record->job, &name, &spec, e));
    return workflow_run(d, &spec, &id, progress, NULL, e);
}

/* ---- others into the same target ---- */

/* Are its rows in the target? */
static status has_loaded(const Pgstrand__WorkflowRecord *record, const char *conninfo, bool *out, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    uuid id = workflowrecord_id(record);
    *out = record->n_step > LOAD && record->step[LOAD]->state == PGSTRAND__WORKFLOW_RECORD__STATE__COMPLETED;
    if (*out)
        return DONE;
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &c, e));
    return replayed_by(c, &id, out, e);
}

/* What is left to do behind the rows (a new machine's identity, hooks that go on with what was paused) is
 * done. */
static status complete(struct datadir *d, const Pgstrand__WorkflowRecord *record, const char *conninfo,
                       const struct restoreflow *how, const struct progress *progress, err *e)
{
    OWNED(restore_result) struct restore_result result = {0};
    uuid id = workflowrecord_id(record);
    char text[UUID_TEXT], line[UUID_TEXT + 128];
    (void)snprintf(line, sizeof line,
                   "completing workflow %s, which was interrupted when its rows were there",
                   uuid_format(&id, text));
    progress->say(progress->context, line);
    status done = go_on(d, record, conninfo, how, progress, &result, e);
    explicit_bzero(result.recovery_secret, sizeof result.recovery_secret); /* kept until it is shown */
    return done.ok ? DONE : err_wrap(e, "workflow %s", text);
}

/* Those that were interrupted must not come after this one. Nor is one of them this one, however much alike:
 * what they were to bring was chosen when they began. */
static status supersede(struct datadir *d, const Pgstrand__RestoreJob *job, const char *conninfo,
                        const struct restoreflow *how, const struct progress *progress, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    TRY(workflowrecord_list(d, &all, e));
    for (size_t i = all.count; i-- > 0;) {
        const Pgstrand__WorkflowRecord *at = all.record[i];
        char text[UUID_TEXT], line[UUID_TEXT + 128];
        bool loaded = false;
        if (at->job->restore == NULL || !workflowrecord_is_open(at) ||
            strcmp(at->job->restore->conninfo, job->conninfo) != 0 || workflowrecord_is_running(d, at))
            continue;
        TRY(has_loaded(at, conninfo, &loaded, e));
        if (loaded) {
            TRY(complete(d, at, conninfo, how, progress, e));
            continue;
        }
        TRY(restoreflow_cancel(d, at, e));
        uuid id = workflowrecord_id(at);
        (void)snprintf(line, sizeof line,
                       "workflow %s, which was interrupted, is cancelled: this one begins anew",
                       uuid_format(&id, text));
        progress->say(progress->context, line);
    }
    return DONE;
}

/* ---- for callers ---- */

status restoreflow_run(struct datadir *d, const struct restore_request *request,
                       const struct restoreflow *how, const struct progress *progress,
                       struct restore_result *out, uuid *made, err *e)
{
    OWNED(flow) struct flow f;
    PB_OWNED(Pgstrand__RestoreJob) *job = NULL;
    OWNED(text) char *name = NULL;
    Pgstrand__WorkflowJob wrapped = PGSTRAND__WORKFLOW_JOB__INIT;
    struct workflow_spec spec;
    *out = (struct restore_result){0};
    begin(&f, d, request, progress, out);
    f.r.recovery = how->recovery;
    TRY(restorejob_pack(request, &job, e));
    TRY(supersede(d, job, request->conninfo, how, progress, e));
    wrapped.restore = job;
    TRY(make_spec(&f, how, &wrapped, &name, &spec, e));
    return workflow_run(d, &spec, NULL, progress, made, e);
}

status restoreflow_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                          const struct restoreflow *how, const struct progress *progress,
                          struct restore_result *out, err *e)
{
    return go_on(d, record, NULL, how, progress, out, e);
}

status restoreflow_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    OWNED(restore_result) struct restore_result none = {0};
    OWNED(restorejob) struct restorejob job = {0};
    OWNED(text) char *name = NULL;
    const struct restoreflow how = {0};
    struct workflow_spec spec;
    uuid id = workflowrecord_id(record);
    TRY(restorejob_unpack(record->job->restore, &job, e));
    OWNED(flow) struct flow f;
    begin(&f, d, &job.request, &progress_silent, &none);
    TRY(make_spec(&f, &how, record->job, &name, &spec, e));
    return workflow_abandon(d, &spec, &id, e);
}
