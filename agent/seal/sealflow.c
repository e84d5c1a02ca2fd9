#include "agent/seal/sealflow.h"

#include "agent/breaks.h"
#include "agent/lineage.h"
#include "agent/seal/sealmade.h"
#include "agent/seal/sealrun.h"
#include "agent/workflow/workflowrecord.h"
#include "proto/pbmem.h"

struct flow {
    struct datadir *d;
    struct seal_request request;
    struct seal_result *out;
    struct sealrun run; /* from the first step to the last: the chain is read once */
    uuid snapshot;      /* that it gets */
    bool anew; /* the record is of an earlier try that failed: what that one published does not matter */
};

enum { PARENT, CREATE, VALIDATE };

static void flow_fini(struct flow *f)
{
    sealrun_fini(&f->run);
}
OWN_VALUE(flow, flow_fini);

static void reset(void *context)
{
    struct flow *f = context;
    sealrun_fini(&f->run);
    seal_result_fini(f->out);
}

/* ---- the steps ---- */

/* What this try is for: one by schedule may go on with the record of another that made nothing. */
static status keep_tables(const struct seal_request *r, Pgstrand__SealJob *j, err *e)
{
    uint32_t *table = calloc(r->table_count + 1, sizeof *table);
    if (table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < r->table_count; i++)
        table[i] = r->tables[i];
    free(j->table);
    j->table = table;
    j->n_table = r->table_count;
    return DONE;
}

/* In the record before anything is made under it: so it can be told whose a snapshot is, and what it has. */
static status choose_id(struct flow *f, Pgstrand__SealJob *j, err *e)
{
    uint8_t *data = malloc(sizeof f->snapshot.b);
    if (data == NULL)
        return err_no_memory(e);
    free(j->snapshot.data);
    j->snapshot = (ProtobufCBinaryData){sizeof f->snapshot.b, data};
    j->has_snapshot = true;
    TRY(uuid_random(&f->snapshot, e));
    memcpy(data, f->snapshot.b, sizeof f->snapshot.b);
    f->request.snapshot = &f->snapshot;
    return keep_tables(&f->request, j, e);
}

static status validate_parent(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    Pgstrand__SealJob *j = workflow_record(w)->job->seal;
    TRY(seal_begin(f->d, &f->request, workflow_progress(w), &f->run, e));
    if (workflow_completed(w, CREATE) || (!f->anew && sealmade_find(f->run.chain, j) != NULL))
        return DONE;
    f->anew = false;
    return choose_id(f, j, e);
}

static status create(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    const Pgstrand__SealJob *j = workflow_record(w)->job->seal;
    const struct chain_link *made = sealmade_find(f->run.chain, j);
    if (made != NULL) {
        sealrun_tell(made, f->out);
        return sealmade_settle(f->d, made, e); /* killed just there, or failed */
    }
    TRY(seal_run(&f->run, f->out, e));
    if (f->out->nothing_new)
        workflow_skip(w);
    return DONE;
}

/* What was sealed is in the chain as it was read from the disk again (chain_append). */
static status validate(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    const Pgstrand__WorkflowRecord *r = workflow_record(w);
    if (f->out->nothing_new || r->step[CREATE]->state == PGSTRAND__WORKFLOW_RECORD__STATE__SKIPPED) {
        workflow_skip(w);
        return DONE;
    }
    /* a version that chose no name before completed it, and saw it there */
    if (!r->job->seal->has_snapshot || sealmade_find(f->run.chain, r->job->seal) != NULL)
        return DONE;
    return err_set(e, ERR_STORAGE, "the snapshot that was sealed is not in the chain %s: run pgstrand verify",
                   f->d->chain);
}

static const struct workflow_step steps[] = {
    [PARENT] = {"VALIDATE_PARENT", validate_parent, WORKFLOW_ANEW, 0},
    [CREATE] = {"CREATE_SNAPSHOT", create, WORKFLOW_LASTING | WORKFLOW_FINAL, WORKFLOW_AFTER(PARENT)},
    [VALIDATE] = {"VALIDATE_SNAPSHOT", validate, WORKFLOW_LASTING, WORKFLOW_AFTER(CREATE)},
};

/* ---- running ---- */

static struct workflow_spec spec_of(struct flow *f, Pgstrand__WorkflowJob *job, const struct sealflow *how)
{
    static const uint32_t none = 0; /* sealing without the server is done offline; what waits has waited */
    static const char *const names[][2] = {{"", ""},
                                           {"seal full", "seal full by schedule"},
                                           {"seal incremental", "seal incremental by schedule"},
                                           {"seal differential", "seal differential by schedule"}};
    return (struct workflow_spec){.type = PGSTRAND__WORKFLOW_RECORD__TYPE__BACKUP,
                                  .name = names[f->request.type][how->scheduled],
                                  .job = job,
                                  .step = steps,
                                  .count = sizeof steps / sizeof steps[0],
                                  .context = f,
                                  .reset = reset,
                                  .stop = how->stop,
                                  .alone = how->alone,
                                  .later = how->scheduled,
                                  .retries = how->scheduled ? NULL : &none};
}

/* ---- by schedule ---- */

static bool is_scheduled(const Pgstrand__WorkflowRecord *record)
{
    const Pgstrand__SealJob *j = record->job->seal;
    return j != NULL && j->scheduled && workflowrecord_is_open(record);
}

/* The newest of this type that has not ended, which nobody else has. */
static status find_scheduled(struct datadir *d, Pgstrand__SnapshotType type, Pgstrand__WorkflowRecord **out,
                             err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    *out = NULL;
    TRY(workflowrecord_list(d, &all, e));
    for (size_t i = all.count; i-- > 0 && *out == NULL;)
        if (is_scheduled(all.record[i]) && all.record[i]->job->seal->type == (uint32_t)type &&
            !workflowrecord_is_running(d, all.record[i])) {
            *out = all.record[i];
            all.record[i] = NULL;
        }
    return DONE;
}

status sealflow_interrupted(struct datadir *d, bool *found, Pgstrand__SnapshotType *type, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    *found = false;
    TRY(workflowrecord_list(d, &all, e));
    for (size_t i = all.count; i-- > 0 && !*found;) {
        /* one that was killed again and again waits for the schedule */
        *found = is_scheduled(all.record[i]) && all.record[i]->retries < all.record[i]->max_retries &&
                 !workflowrecord_is_running(d, all.record[i]);
        *type = *found ? (Pgstrand__SnapshotType)all.record[i]->job->seal->type : *type;
    }
    return DONE;
}

static void fill(struct flow *f, struct datadir *d, const Pgstrand__SealJob *j, struct seal_result *out)
{
    *f = (struct flow){.d = d, .out = out};
    f->request = (struct seal_request){.type = (Pgstrand__SnapshotType)j->type,
                                       .name = j->name,
                                       .description = j->description,
                                       .conninfo = j->conninfo,
                                       .offline = j->offline,
                                       .tables = j->table,
                                       .table_count = j->n_table};
}

/* ---- what was interrupted ---- */

/* `anew`: what its last try has published does not matter. */
static status go_on(struct datadir *d, const Pgstrand__WorkflowRecord *record, const struct sealflow *how,
                    bool anew, const struct progress *progress, struct seal_result *out, err *e)
{
    OWNED(flow) struct flow f;
    uuid id = workflowrecord_id(record);
    fill(&f, d, record->job->seal, out);
    f.anew = anew;
    const struct sealflow by = {how->stop, how->alone, record->job->seal->scheduled};
    const struct workflow_spec spec = spec_of(&f, record->job, &by);
    return workflow_run(d, &spec, &id, progress, NULL, e);
}

/* Those that were killed or have failed, and that nobody has, against the chain as it is. */
struct leftovers {
    struct workflow_list all;
    struct chain *chain; /* NULL: not loaded yet, or damaged, which the sealing that follows tells */
    bool looked;
};

static void leftovers_fini(struct leftovers *l)
{
    workflow_list_fini(&l->all);
    chain_free(l->chain);
}
OWN_VALUE(leftovers, leftovers_fini);

static bool is_left(struct datadir *d, const Pgstrand__WorkflowRecord *record)
{
    const bool failed = record->state == PGSTRAND__WORKFLOW_RECORD__STATE__FAILED;
    return record->job->seal != NULL && (failed || workflowrecord_is_open(record)) &&
           !workflowrecord_is_running(d, record);
}

/* What it had published before that; NULL: nothing. */
static const struct chain_link *find_published(struct datadir *d, struct leftovers *l,
                                               const Pgstrand__SealJob *j)
{
    err damaged = ERR_INIT;
    if (!j->has_snapshot)
        return NULL;
    if (!l->looked && !lineage_load(d, &l->chain, &damaged).ok)
        l->chain = NULL;
    l->looked = true;
    return l->chain != NULL ? sealmade_find(l->chain, j) : NULL;
}

/* Microseconds: whoever types a command again that was killed does it soon; later another state is wanted. */
#define RECENT (INT64_C(3600) * 1000000)

static bool same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

bool sealflow_answers(const Pgstrand__SealJob *job, pgtime created, const struct seal_request *request,
                      pgtime now)
{
    return now - created < RECENT && !job->scheduled && job->type == (uint32_t)request->type &&
           job->n_table == 0 && request->table_count == 0 && same_text(job->name, request->name) &&
           same_text(job->description, request->description);
}

static status complete(struct datadir *d, const Pgstrand__WorkflowRecord *record, const struct sealflow *how,
                       const struct progress *progress, err *e)
{
    OWNED(seal_result) struct seal_result told = {0};
    const bool failed = record->state == PGSTRAND__WORKFLOW_RECORD__STATE__FAILED;
    char text[UUID_TEXT], line[UUID_TEXT + 128];
    uuid id = workflowrecord_id(record);
    TRY(go_on(d, record, how, false, progress, &told, e));
    (void)snprintf(line, sizeof line, "workflow %s %s when its snapshot was there: it is complete now",
                   uuid_format(&id, text), failed ? "failed" : "was interrupted");
    progress->say(progress->context, line);
    return DONE;
}

/* One that has published nothing: what is asked for now takes its place. It stays open when that fails, and
 * the new one can be sealed all the same. */
static void replace(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                    const struct seal_request *request, const struct sealflow *how,
                    const struct progress *progress)
{
    const Pgstrand__SealJob *j = record->job->seal;
    err ended = ERR_INIT;
    if (!workflowrecord_is_open(record) ||
        (j->type != (uint32_t)request->type && j->type != PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL))
        return;
    if (sealflow_cancel(d, record, &ended).ok)
        return;
    ended = ERR_INIT;
    (void)complete(d, record, how, progress, &ended).ok;
}

/* What ended badly before: completed where its snapshot is there already, else cancelled. `made`: what is
 * asked for, if one of them has sealed that; nothing_new: none has. */
static status supersede(struct datadir *d, const struct seal_request *request, const struct sealflow *how,
                        const struct progress *progress, struct seal_result *made, err *e)
{
    OWNED(leftovers) struct leftovers left = {0};
    TRY(workflowrecord_list(d, &left.all, e));
    for (size_t i = 0; i < left.all.count; i++) {
        const Pgstrand__WorkflowRecord *record = left.all.record[i];
        if (!is_left(d, record))
            continue;
        const struct chain_link *link = find_published(d, &left, record->job->seal);
        err ended = ERR_INIT;
        if (link == NULL)
            replace(d, record, request, how, progress);
        else
            (void)complete(d, record, how, progress, &ended).ok;
        if (link != NULL &&
            sealflow_answers(record->job->seal, link->commit->header->created, request, pgtime_now()))
            sealrun_tell(link, made);
    }
    return DONE;
}

status sealflow_settle(struct datadir *d, const struct sealflow *how, const struct progress *progress, err *e)
{
    OWNED(leftovers) struct leftovers left = {0};
    TRY(workflowrecord_list(d, &left.all, e));
    for (size_t i = 0; i < left.all.count; i++) {
        err ended = ERR_INIT; /* it is as before, and what it was for is made once more */
        if (is_left(d, left.all.record[i]) && find_published(d, &left, left.all.record[i]->job->seal) != NULL)
            (void)complete(d, left.all.record[i], how, progress, &ended).ok;
    }
    return DONE;
}

/* ---- running one ---- */

static status run(struct datadir *d, const struct seal_request *request, const struct sealflow *how,
                  const struct progress *progress, struct seal_result *out, err *e)
{
    OWNED(flow) struct flow f = {.d = d, .request = *request, .out = out};
    Pgstrand__WorkflowJob job = PGSTRAND__WORKFLOW_JOB__INIT;
    Pgstrand__SealJob packed = PGSTRAND__SEAL_JOB__INIT;
    packed.type = (uint32_t)request->type;
    packed.name = pbmem_text(request->name);
    packed.description = pbmem_text(request->description);
    packed.has_scheduled = packed.scheduled = how->scheduled;
    packed.has_offline = packed.offline = request->offline;
    packed.table = (uint32_t *)(uintptr_t)request->tables;
    packed.n_table = request->table_count;
    job.seal = &packed; /* the database is the configuration's: nothing of a connection is kept */
    const struct workflow_spec spec = spec_of(&f, &job, how);
    if (!how->scheduled)
        return workflow_run(d, &spec, NULL, progress, NULL, e);
    PB_OWNED(Pgstrand__WorkflowRecord) *last = NULL;
    TRY(find_scheduled(d, request->type, &last, e));
    f.anew = last != NULL && last->state == PGSTRAND__WORKFLOW_RECORD__STATE__PENDING;
    const uuid id = last != NULL ? workflowrecord_id(last) : UUID_NIL;
    return workflow_run(d, &spec, last != NULL ? &id : NULL, progress, NULL, e);
}

/* An interrupted one has made what is asked for; what came since is sealed behind it. A second FULL would
 * copy everything again: it is made only where the schema has changed in a way that wants one. */
static status run_behind(struct datadir *d, const struct seal_request *request, const struct sealflow *how,
                         const struct progress *progress, struct seal_result *made, struct seal_result *out,
                         err *e)
{
    const bool full = request->type == PGSTRAND__SNAPSHOT_TYPE__FULL;
    struct seal_request since = *request;
    size_t open = 0;
    uint64_t last = 0;
    TRY(breaks_open(d->catalog, &open, &last, e));
    if (full && open > 0)
        return run(d, request, how, progress, out, e);
    if (full)
        since = (struct seal_request){.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL,
                                      .conninfo = request->conninfo,
                                      .offline = request->offline};
    TRY(run(d, &since, how, progress, out, e));
    if (!full && !out->nothing_new)
        return DONE;
    seal_result_fini(out);
    *out = *made;
    *made = (struct seal_result){0};
    return DONE;
}

status sealflow_run(struct datadir *d, const struct seal_request *request, const struct sealflow *how,
                    const struct progress *progress, struct seal_result *out, err *e)
{
    OWNED(seal_result) struct seal_result made = {.nothing_new = true};
    *out = (struct seal_result){0};
    if (how->scheduled)
        return run(d, request, how, progress, out, e);
    TRY(supersede(d, request, how, progress, &made, e));
    return made.nothing_new ? run(d, request, how, progress, out, e)
                            : run_behind(d, request, how, progress, &made, out, e);
}

status sealflow_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record, const struct sealflow *how,
                       const struct progress *progress, err *e)
{
    OWNED(seal_result) struct seal_result out = {0};
    const bool anew =
        record->job->seal->scheduled && record->state != PGSTRAND__WORKFLOW_RECORD__STATE__IN_PROGRESS;
    return go_on(d, record, how, anew, progress, &out, e);
}

status sealflow_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    OWNED(seal_result) struct seal_result out = {0};
    const struct sealflow how = {.scheduled = record->job->seal->scheduled};
    OWNED(flow) struct flow f;
    uuid id = workflowrecord_id(record);
    fill(&f, d, record->job->seal, &out);
    const struct workflow_spec spec = spec_of(&f, record->job, &how);
    return workflow_abandon(d, &spec, &id, e);
}
