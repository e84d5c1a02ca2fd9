#include "agent/seal/sealflow.h"

#include "agent/lineage.h"
#include "agent/workflow/workflowrecord.h"

struct flow {
    struct datadir *d;
    struct seal_request request;
    struct seal_result *out;
    bool anew; /* the record is of an earlier try that failed: where the chain was then does not matter */
};

static void reset(void *context)
{
    struct flow *f = context;
    seal_result_fini(f->out);
}

/* ---- the chain ---- */

static struct bytes id_of(const struct chain_link *link)
{
    const ProtobufCBinaryData *id = &link->commit->header->snapshot;
    return bytes_of(id->data, id->len);
}

/* The newest snapshot of this type behind the noted one; NULL: there is none. */
static const struct chain_link *find_behind(const struct chain *chain, const Pgstrand__SealJob *j)
{
    const struct chain_link *found = NULL;
    for (size_t i = chain->count; i-- > 0;) {
        if (bytes_equal(id_of(&chain->link[i]), bytes_of(j->behind.data, j->behind.len)))
            return found;
        if (found == NULL && (uint32_t)chain->link[i].commit->header->type == j->type)
            found = &chain->link[i];
    }
    return NULL;
}

/* ---- the steps ---- */

static status validate_parent(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    Pgstrand__SealJob *j = workflow_record(w)->job->seal;
    OWNED(chain) struct chain *chain = NULL;
    TRY(seal_reconcile(f->d, &chain, e));
    if ((j->has_behind && !f->anew) || chain->count == 0)
        return DONE;
    f->anew = false;
    const struct bytes last = id_of(&chain->link[chain->count - 1]);
    free(j->behind.data);
    j->behind.data = malloc(last.len);
    if (j->behind.data == NULL)
        return err_no_memory(e);
    memcpy(j->behind.data, last.data, last.len);
    j->behind.len = last.len;
    j->has_behind = true;
    return DONE;
}

/* What an earlier process published. */
static status tell(const struct chain_link *link, struct seal_result *out, err *e)
{
    const Pgstrand__SnapshotCommit *c = link->commit;
    out->type = c->header->type;
    out->first_seq = c->header->first_seq;
    out->last_seq = c->header->last_seq;
    out->size = c->size;
    for (size_t i = 0; i < c->n_section; i++) {
        out->rows += c->section[i]->rows;
        out->actions += c->section[i]->actions;
    }
    return uuid_from_bytes(id_of(link), link->name, &out->snapshot, e);
}

static status create(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    OWNED(chain) struct chain *chain = NULL;
    if (workflow_resumed(w)) {
        TRY(lineage_load(f->d, &chain, e));
        const struct chain_link *made = find_behind(chain, workflow_record(w)->job->seal);
        if (made != NULL)
            return tell(made, f->out, e);
    }
    TRY(seal_snapshot(f->d, &f->request, workflow_progress(w), f->out, e));
    if (f->out->nothing_new)
        workflow_skip(w);
    return DONE;
}

static status validate(void *context, struct workflow *w, err *e)
{
    struct flow *f = context;
    OWNED(chain) struct chain *chain = NULL;
    if (f->out->nothing_new) {
        workflow_skip(w);
        return DONE;
    }
    TRY(lineage_load(f->d, &chain, e));
    if (find_behind(chain, workflow_record(w)->job->seal) != NULL)
        return DONE;
    return err_set(e, ERR_STORAGE, "the snapshot that was sealed is not in the chain %s: run pgstrand verify",
                   f->d->chain);
}

static const struct workflow_step steps[] = {
    {"VALIDATE_PARENT", validate_parent, WORKFLOW_ANEW, 0},
    {"CREATE_SNAPSHOT", create, WORKFLOW_LASTING | WORKFLOW_FINAL, WORKFLOW_AFTER(0)},
    {"VALIDATE_SNAPSHOT", validate, WORKFLOW_LASTING, WORKFLOW_AFTER(1)},
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

/* What was interrupted before: cancelled, or completed where its snapshot is there already. */
static status supersede(struct datadir *d, const struct seal_request *request, const struct sealflow *how,
                        const struct progress *progress, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    TRY(workflowrecord_list(d, &all, e));
    for (size_t i = 0; i < all.count; i++) {
        const Pgstrand__SealJob *j = all.record[i]->job->seal;
        if (j == NULL || !workflowrecord_is_open(all.record[i]) ||
            workflowrecord_is_running(d, all.record[i]) ||
            (j->type != (uint32_t)request->type && j->type != PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL))
            continue;
        err ended = ERR_INIT; /* it stays open, and the new one can be sealed all the same */
        if (!sealflow_cancel(d, all.record[i], &ended).ok)
            (void)sealflow_resume(d, all.record[i], how, progress, &ended).ok;
    }
    return DONE;
}

status sealflow_run(struct datadir *d, const struct seal_request *request, const struct sealflow *how,
                    const struct progress *progress, struct seal_result *out, err *e)
{
    struct flow f = {.d = d, .request = *request, .out = out};
    Pgstrand__WorkflowJob job = PGSTRAND__WORKFLOW_JOB__INIT;
    Pgstrand__SealJob packed = PGSTRAND__SEAL_JOB__INIT;
    *out = (struct seal_result){0};
    if (!how->scheduled)
        TRY(supersede(d, request, how, progress, e));
    packed.type = (uint32_t)request->type;
    packed.name = (char *)(uintptr_t)request->name;
    packed.description = (char *)(uintptr_t)request->description;
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

status sealflow_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record, const struct sealflow *how,
                       const struct progress *progress, err *e)
{
    OWNED(seal_result) struct seal_result out = {0};
    struct flow f;
    uuid id = workflowrecord_id(record);
    fill(&f, d, record->job->seal, &out);
    const struct sealflow by = {how->stop, how->alone, record->job->seal->scheduled};
    f.anew = by.scheduled && record->state != PGSTRAND__WORKFLOW_RECORD__STATE__IN_PROGRESS;
    const struct workflow_spec spec = spec_of(&f, record->job, &by);
    return workflow_run(d, &spec, &id, progress, NULL, e);
}

status sealflow_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    OWNED(seal_result) struct seal_result out = {0};
    const struct sealflow how = {.scheduled = record->job->seal->scheduled};
    struct flow f;
    uuid id = workflowrecord_id(record);
    fill(&f, d, record->job->seal, &out);
    const struct workflow_spec spec = spec_of(&f, record->job, &how);
    return workflow_abandon(d, &spec, &id, e);
}
