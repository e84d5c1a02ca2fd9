#include "agent/setup/initrun.h"
#include "agent/setup/replident.h"
#include "agent/setup/tend.h"
#include "agent/setup/uncaptured.h"
#include "agent/setup/wallimit.h"
#include "agent/workflow/workflow.h"
#include "agent/workflow/workflowrecord.h"
#include "proto/pbmem.h"
#include "store/io.h"

static status make_objects(struct init_run *run, err *e)
{
    char node[UUID_TEXT];
    TRY(objects_install(run->conn, uuid_format(&run->d->identity.node, node), run->mode, e));
    run->record->has_trigger_made = 1;
    run->record->trigger_made = 1;
    run->record->has_event_trigger = 1;
    run->record->event_trigger = run->mode == OBJECTS_FULL;
    return setuprecord_save(run->d, run->record, e);
}

static status raise_identities(struct init_run *run, err *e)
{
    status raised = replident_raise(run->conn, run->d->config->tiers, run->record, run->progress, e);
    err later = ERR_INIT; /* the names are kept even when one of the tables could not be changed */
    status saved = setuprecord_save(run->d, run->record, raised.ok ? e : &later);
    return raised.ok ? saved : raised;
}

/* The identities come before the publication: a published table without one makes the application's UPDATE
 * fail. The triggers, made before, look after tables that appear in between; those of a transaction that was
 * running then are found by the second look. */
static status publish(struct init_run *run, err *e)
{
    TRY(tend_rules(run->conn, run->d->config->tiers, e));
    TRY(raise_identities(run, e));
    uint32_t oid = 0;
    TRY(objects_publish(run->conn, run->d->identity.publication, run->mode, &oid, e));
    TRY(initidentity_publication(run, oid, e));
    run->record->has_publication_made = 1;
    run->record->publication_made = 1;
    TRY(setuprecord_save(run->d, run->record, e));
    return raise_identities(run, e);
}

static status limit_wal(struct init_run *run, err *e)
{
    if (run->options->wal_limit == WAL_LIMIT_NEVER) /* now: an earlier try may have set it */
        return wallimit_decline(run->conn, run->d, run->record, run->progress, e);
    return wallimit_set(run->conn, run->d, run->d->config->slot_wal_limit_mb,
                        run->options->wal_limit == WAL_LIMIT_ALWAYS, run->record, run->progress, e);
}

static status complete(struct init_run *run, err *e)
{
    TRY(uncaptured_note(run->preflight, run->record, e));
    run->record->has_complete = 1;
    run->record->complete = 1;
    return setuprecord_save(run->d, run->record, e);
}

/* ---- as a workflow ---- */

struct flow {
    struct init_run run;
    struct init_options options; /* as the run has them */
    const Pgstrand__InitJob *asked;
    struct init_result *out;
    bool cancelled; /* by setup_cancel, which has undone it */
};

static void flow_fini(struct flow *f)
{
    pgconn_close(f->run.conn);
    if (f->run.record != NULL)
        pbmem_free(&f->run.record->base);
    f->run.conn = NULL;
    f->run.record = NULL;
}
OWN_VALUE(flow, flow_fini);

static void reset(void *context)
{
    flow_fini(context);
}

/* Killed between the set-up record's last write and the workflow's. */
static bool is_complete(const struct flow *f)
{
    return f->run.record != NULL && f->run.record->complete;
}

/* Whoever goes on with it next, also without any option, goes by what was said last. */
static status agree(struct flow *f, struct workflow *w, err *e)
{
    Pgstrand__InitJob *j = workflow_record(w)->job->init;
    struct init_options *o = &f->options;
    if (workflow_resumed(w) && !o->wal_limit_said)
        o->wal_limit = (enum wal_limit)j->wal_limit;
    if (workflow_resumed(w) && o->jobs == 0)
        o->jobs = (int)j->jobs;
    j->wal_limit = (uint32_t)o->wal_limit;
    j->jobs = (uint32_t)o->jobs;
    return f->asked == NULL ? DONE : workflowrecord_set_text(&j->conninfo, f->asked->conninfo, e);
}

static status settle_step(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    f->run.progress = workflow_progress(w);
    TRY(agree(f, w, e));
    TRY(setuprecord_load(f->run.d, &f->run.record, e));
    TRY(pgconn_open(f->run.options->conninfo, PGCONN_QUERY, &f->run.conn, e));
    return is_complete(f) ? initidentity_check(&f->run, e) : initidentity_settle(&f->run, f->out, e);
}

static status objects_step(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    (void)w;
    return is_complete(f) ? DONE : make_objects(&f->run, e);
}

static status publish_step(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    (void)w;
    return is_complete(f) ? DONE : publish(&f->run, e);
}

static status limit_step(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    if (f->run.options->wal_limit == WAL_LIMIT_NEVER)
        workflow_skip(w);
    return is_complete(f) ? DONE : limit_wal(&f->run, e);
}

static status base_step(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    (void)w;
    if (is_complete(f))
        return DONE;
    return f->run.d->identity.taken_over ? initheir_run(&f->run, f->out, e)
                                         : initbase_run(&f->run, f->out, e);
}

/* The slot has waited for every transaction that was older than the publication: none can bring a table now
 * that nobody has looked at. */
static status finish_step(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    (void)w;
    if (is_complete(f))
        return DONE;
    TRY(raise_identities(&f->run, e));
    return complete(&f->run, e);
}

/* Each looks at what is there already, so that all can be begun again: tables may have come since. */
static const struct workflow_step steps[] = {
    {"VALIDATE", settle_step, WORKFLOW_ANEW | WORKFLOW_HASTY, 0},
    {"OBJECTS", objects_step, WORKFLOW_ANEW, WORKFLOW_AFTER(0)},
    {"PUBLISH", publish_step, WORKFLOW_ANEW, WORKFLOW_AFTER(1)},
    {"WAL_LIMIT", limit_step, WORKFLOW_ANEW, WORKFLOW_AFTER(0)},
    {"CREATE_SNAPSHOT", base_step, WORKFLOW_ANEW, WORKFLOW_AFTER(2) | WORKFLOW_AFTER(3)},
    {"COMPLETE", finish_step, WORKFLOW_LASTING, WORKFLOW_AFTER(4)},
};

/* Behind its base a chain has begun: then init is completed, or uninstalled. */
static bool may_undo(const struct flow *f)
{
    return f->run.d->has_identity && !f->run.record->complete && !f->run.record->base_sealed;
}

/* Cancelled, everything goes from the database again; failed or killed, it stays for the next try. */
static void undo(void *context, struct workflow *w, const err *why)
{
    struct flow *f = context;
    err failed = ERR_INIT;
    char line[ERR_TEXT + 64];
    flow_fini(f);
    if (f->cancelled || why->class != ERR_INTERRUPTED ||
        !setuprecord_load(f->run.d, &f->run.record, &failed).ok || !may_undo(f) ||
        inituninstall(f->run.d, f->run.options->conninfo, &progress_silent, &failed).ok)
        return;
    (void)snprintf(line, sizeof line, "what init has made is still there (pgstrand uninstall): %s",
                   failed.message);
    workflow_progress(w)->say(workflow_progress(w)->context, line);
}

static struct workflow_spec spec_of(struct flow *f, Pgstrand__WorkflowJob *job)
{
    return (struct workflow_spec){.type = PGSTRAND__WORKFLOW_RECORD__TYPE__BACKUP,
                                  .name = "init",
                                  .job = job,
                                  .step = steps,
                                  .count = sizeof steps / sizeof steps[0],
                                  .context = f,
                                  .reset = reset,
                                  .undo = undo,
                                  .stop = WORKFLOW_RESTS,
                                  .alone = true,
                                  .retries = f->run.options->retries};
}

/* One that was interrupted or has failed goes on: what it was asked for is asked for again. */
static status find_open(struct datadir *d, uuid *out, bool *found, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    *found = false;
    TRY(workflowrecord_list(d, &all, e));
    for (size_t i = all.count; i-- > 0 && !*found;) {
        const Pgstrand__WorkflowRecord *at = all.record[i];
        if (at->job->init == NULL)
            continue;
        *found = workflowrecord_is_open(at) || at->state == PGSTRAND__WORKFLOW_RECORD__STATE__FAILED;
        *out = workflowrecord_id(at);
        break;
    }
    return DONE;
}

static status run_flow(struct flow *f, const struct progress *progress, err *e)
{
    Pgstrand__WorkflowJob job = PGSTRAND__WORKFLOW_JOB__INIT;
    Pgstrand__InitJob packed = PGSTRAND__INIT_JOB__INIT;
    OWNED(text) char *conninfo = NULL;
    uuid id;
    bool found = false;
    TRY(pgconn_stored_conninfo(f->run.conn, f->run.options->conninfo, &conninfo, e));
    packed.conninfo = conninfo;
    packed.jobs = (uint32_t)f->run.options->jobs;
    packed.wal_limit = (uint32_t)f->run.options->wal_limit;
    job.init = &packed;
    f->asked = &packed;
    const struct workflow_spec spec = spec_of(f, &job);
    TRY(find_open(f->run.d, &id, &found, e));
    return workflow_run(f->run.d, &spec, found ? &id : NULL, progress, NULL, e);
}

/* ---- for callers ---- */

static status report_complete(struct datadir *d, struct init_result *out, err *e)
{
    PB_OWNED(Pgstrand__SnapshotRecord) *first = NULL;
    ProtobufCMessage *found = NULL;
    struct catalog_key key = catalog_key_snapshot(&d->identity.incarnation, 0);
    out->already_complete = true;
    TRY(catalog_get(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &found, e));
    first = (Pgstrand__SnapshotRecord *)(void *)found;
    if (first == NULL)
        return DONE;
    out->rows = first->rows;
    return uuid_from_bytes(pbmem_view(first->header->snapshot), "snapshot", &out->snapshot, e);
}

/* Its workflow, too, unless an agent is at work: it may have been killed before that was written. */
static status end_complete(struct flow *f, const char *lock_path, const struct progress *progress, err *e)
{
    OWNED(io_lock) struct io_lock *lock = NULL;
    err busy = ERR_INIT;
    uuid id;
    bool open = false;
    TRY(find_open(f->run.d, &id, &open, e));
    if (open && io_lock(lock_path, false, &lock, &busy).ok)
        TRY(run_flow(f, progress, e));
    return report_complete(f->run.d, f->out, e);
}

static void begin(struct flow *f, struct datadir *d, const struct init_options *options,
                  const struct preflight *preflight, struct init_result *out)
{
    *out = (struct init_result){0};
    *f = (struct flow){
        .options = *options,
        .run = {.d = d,
                .options = &f->options,
                .preflight = preflight,
                .progress = &progress_silent,
                .mode = preflight != NULL && preflight->server.superuser ? OBJECTS_FULL : OBJECTS_REDUCED},
        .out = out};
}

status setup_init(struct datadir *d, const struct init_options *options, const struct preflight *preflight,
                  const struct progress *progress, struct init_result *out, err *e)
{
    OWNED(text) char *lock_path = io_join(d->root, "agent.lock");
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(flow) struct flow f;
    begin(&f, d, options, preflight, out);
    TRY(setuprecord_load(d, &f.run.record, e));
    TRY(pgconn_open(options->conninfo, PGCONN_QUERY, &f.run.conn, e));
    if (lock_path == NULL)
        return err_no_memory(e);
    if (is_complete(&f)) {
        TRY(initidentity_check_complete(&f.run, e));
        return end_complete(&f, lock_path, progress, e);
    }
    TRY(preflight_verdict(preflight, e));
    if (!io_lock(lock_path, false, &lock, e).ok)
        return err_wrap(e, "another init or the agent is at work in %s", d->root);
    return run_flow(&f, progress, e);
}

status setup_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                    const struct progress *progress, err *e)
{
    const Pgstrand__InitJob *job = record->job->init;
    const struct init_options options = {
        .conninfo = job->conninfo, .jobs = (int)job->jobs, .wal_limit = (enum wal_limit)job->wal_limit};
    OWNED(preflight) struct preflight *found = NULL;
    struct init_result result;
    OWNED(pgconn) struct pgconn *c = NULL;
    TRY(pgconn_open(job->conninfo, PGCONN_QUERY, &c, e));
    TRY(preflight_run(c, d->config->tiers, &found, e));
    pgconn_close(c);
    c = NULL;
    const status done = setup_init(d, &options, found, progress, &result, e);
    explicit_bzero(result.recovery_secret, sizeof result.recovery_secret); /* kept until it is shown */
    return done;
}

status setup_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    const struct init_options options = {.conninfo = record->job->init->conninfo};
    struct init_result none;
    OWNED(text) char *lock_path = io_join(d->root, "agent.lock");
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(flow) struct flow f;
    begin(&f, d, &options, NULL, &none);
    if (lock_path == NULL)
        return err_no_memory(e);
    if (!io_lock(lock_path, false, &lock, e).ok)
        return err_wrap(e, "another init or the agent is at work in %s", d->root);
    TRY(setuprecord_load(d, &f.run.record, e));
    if (d->has_identity && !may_undo(&f))
        return err_set(e, ERR_REFUSED,
                       "its base is sealed: pgstrand init completes it, pgstrand uninstall takes it away");
    if (d->has_identity && !inituninstall(d, options.conninfo, &progress_silent, e).ok)
        return err_wrap(e, "what init has made cannot be taken away");
    f.cancelled = true;
    const struct workflow_spec spec = spec_of(&f, record->job);
    uuid id = workflowrecord_id(record);
    return workflow_abandon(d, &spec, &id, e);
}
