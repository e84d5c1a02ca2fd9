#include "agent/drill.h"

#include <inttypes.h>

#include "agent/proofs.h"
#include "agent/restore/load/newdb.h"
#include "agent/restore/restorejob.h"
#include "agent/workflow/workflowrecord.h"

#define AGAIN_S 3600 /* after a drill that failed, unless drill.interval is shorter */
#define NAME_SIZE 64

struct drill {
    struct datadir *d;
    const char *conninfo;
    char name[NAME_SIZE]; /* of the scratch database */
    char *scratch;        /* conninfo of it */
    struct restore_request request;
    struct restore_result *out;
    struct newdb db;
    uuid workflow;
    pgtime began;
};

static void drill_fini(struct drill *k)
{
    newdb_drop(&k->db);
    newdb_fini(&k->db);
    if (k->scratch != NULL)
        explicit_bzero(k->scratch, strlen(k->scratch));
    free(k->scratch);
    k->scratch = NULL;
}
OWN_VALUE(drill, drill_fini);

static void reset(void *context)
{
    struct drill *k = context;
    drill_fini(k);
    restore_result_fini(k->out);
}

/* ---- the steps ---- */

static status make_scratch(void *context, struct workflow *w, err *e)
{
    struct drill *k = context;
    OWNED(pgconn) struct pgconn *model = NULL;
    k->workflow = *workflow_id(w);
    k->began = pgtime_now();
    TRY(pgconn_open(k->conninfo, PGCONN_QUERY, &model, e));
    if (!newdb_make(model, k->conninfo, k->name, &k->db, e).ok)
        return err_wrap(e, "making the scratch database %s", k->name);
    return pgconn_with_database(k->conninfo, k->name, &k->scratch, e);
}

static status restore(void *context, struct workflow *w, err *e)
{
    struct drill *k = context;
    k->request.conninfo = k->scratch;
    return restore_run(k->d, &k->request, workflow_progress(w), k->out, e);
}

/* restore_run has read every table back and failed on the first difference; nothing may have been left out of
 * that. */
static status compare(void *context, struct workflow *w, err *e)
{
    const struct drill *k = context;
    (void)w;
    for (size_t i = 0; i < k->out->table_count; i++)
        if (!k->out->table[i].proven)
            return err_set(e, ERR_STORAGE, "table %s.%s was restored, but not proven",
                           k->out->table[i].schema, k->out->table[i].name);
    return DONE;
}

static status drop(void *context, struct workflow *w, err *e)
{
    struct drill *k = context;
    (void)w;
    newdb_drop(&k->db);
    newdb_fini(&k->db);
    return newdb_clear(k->conninfo, k->name, e);
}

static status record(void *context, struct workflow *w, err *e)
{
    struct drill *k = context;
    (void)w;
    return proofs_record_drill(k->d, k->out, &k->workflow, k->began, NULL, e);
}

enum { SCRATCH, RESTORE, COMPARE, DROP, RECORD };

static const struct workflow_step steps[] = {
    [SCRATCH] = {"SCRATCH", make_scratch, WORKFLOW_ANEW | WORKFLOW_HASTY, 0},
    [RESTORE] = {"RESTORE", restore, WORKFLOW_ANEW, WORKFLOW_AFTER(SCRATCH)},
    [COMPARE] = {"COMPARE", compare, WORKFLOW_ANEW, WORKFLOW_AFTER(RESTORE)},
    [DROP] = {"DROP", drop, WORKFLOW_ANEW, WORKFLOW_AFTER(SCRATCH)},
    [RECORD] = {"RECORD", record, WORKFLOW_LASTING | WORKFLOW_FINAL, WORKFLOW_AFTER(COMPARE)},
};

/* A cancelled drill says nothing about the backup; a failed one does. */
static void undo(void *context, struct workflow *w, const err *why)
{
    struct drill *k = context;
    err ignored = ERR_INIT; /* a server that is away: the next drill clears it away */
    k->workflow = *workflow_id(w);
    newdb_drop(&k->db);
    newdb_fini(&k->db);
    (void)newdb_clear(k->conninfo, k->name, &ignored).ok;
    if (why->class != ERR_INTERRUPTED)
        (void)proofs_record_drill(k->d, k->out, &k->workflow, k->began != 0 ? k->began : pgtime_now(), why,
                                  &ignored)
            .ok;
}

/* ---- running ---- */

static void begin(struct drill *k, struct datadir *d, const char *conninfo, struct restore_result *out)
{
    const uuid *node = &d->identity.node;
    *out = (struct restore_result){0};
    *k = (struct drill){.d = d, .out = out};
    k->conninfo = conninfo != NULL                     ? conninfo
                  : *d->config->drill_conninfo != '\0' ? d->config->drill_conninfo
                                                       : d->config->conninfo;
    (void)snprintf(k->name, sizeof k->name, "pgstrand_drill_%02x%02x%02x%02x", node->b[0], node->b[1],
                   node->b[2], node->b[3]);
}

static struct workflow_spec spec_of(struct drill *k, Pgstrand__WorkflowJob *job,
                                    const struct restoreflow *how)
{
    return (struct workflow_spec){.type = PGSTRAND__WORKFLOW_RECORD__TYPE__RESTORE,
                                  .name = "drill",
                                  .job = job,
                                  .step = steps,
                                  .count = sizeof steps / sizeof steps[0],
                                  .context = k,
                                  .reset = reset,
                                  .undo = undo,
                                  .stop = how->stop,
                                  .alone = how->alone,
                                  .retries = how->retries};
}

/* One of this node that was killed would be gone on with some time; this one does what it was for. */
static status supersede(struct datadir *d, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    TRY(workflowrecord_list(d, &all, e));
    for (size_t i = 0; i < all.count; i++) {
        if (all.record[i]->job->drill == NULL || !workflowrecord_is_open(all.record[i]))
            continue;
        if (workflowrecord_is_running(d, all.record[i]))
            return err_set(e, ERR_REFUSED, "another drill is at work: wait until it has ended");
        TRY(drill_cancel(d, all.record[i], e));
    }
    return DONE;
}

status drill_run(struct datadir *d, const struct drill_request *request, const struct restoreflow *how,
                 const struct progress *progress, struct restore_result *out, err *e)
{
    OWNED(drill) struct drill k;
    Pgstrand__WorkflowJob job = PGSTRAND__WORKFLOW_JOB__INIT;
    Pgstrand__DrillJob packed = PGSTRAND__DRILL_JOB__INIT;
    PB_OWNED(Pgstrand__RestoreJob) *inner = NULL;
    OWNED(text) char *conninfo = NULL;
    begin(&k, d, request->conninfo, out);
    TRY(supersede(d, e));
    k.request = (struct restore_request){.conninfo = "",
                                         .from = request->from,
                                         .node = request->node,
                                         .target = request->target,
                                         .mode = RESTORE_FRESH,
                                         .orphans = ORPHANS_REPORT,
                                         .jobs = request->jobs > 0 ? request->jobs : 1,
                                         .memory = request->memory,
                                         .read_back = true,
                                         .no_analyze = true};
    TRY(restorejob_pack(&k.request, &inner, e));
    TRY(pgconn_without_password(k.conninfo, &conninfo, e));
    packed.conninfo = conninfo;
    packed.scratch = k.name;
    packed.restore = inner;
    job.drill = &packed;
    const struct workflow_spec spec = spec_of(&k, &job, how);
    return workflow_run(d, &spec, NULL, progress, NULL, e);
}

status drill_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record, const struct restoreflow *how,
                    const struct progress *progress, struct restore_result *out, err *e)
{
    OWNED(restorejob) struct restorejob inner = {0};
    OWNED(drill) struct drill k;
    uuid id = workflowrecord_id(record);
    begin(&k, d, record->job->drill->conninfo, out);
    TRY(restorejob_unpack(record->job->drill->restore, &inner, e));
    k.request = inner.request;
    const struct workflow_spec spec = spec_of(&k, record->job, how);
    return workflow_run(d, &spec, &id, progress, NULL, e);
}

status drill_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    OWNED(restore_result) struct restore_result none = {0};
    OWNED(drill) struct drill k;
    const struct restoreflow how = {0};
    uuid id = workflowrecord_id(record);
    begin(&k, d, record->job->drill->conninfo, &none);
    const struct workflow_spec spec = spec_of(&k, record->job, &how);
    return workflow_abandon(d, &spec, &id, e);
}

/* ---- by itself ---- */

static status add_size(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    (void)key;
    (void)e;
    *(uint64_t *)context += ((const Pgstrand__SnapshotRecord *)(const void *)record)->size;
    return DONE;
}

status drill_is_due(struct datadir *d, bool *due, char why_not[static 160], err *e)
{
    PB_OWNED(Pgstrand__ProofRecord) *good = NULL;
    PB_OWNED(Pgstrand__ProofRecord) *last = NULL;
    const struct config *c = d->config;
    uint64_t size = 0, pause = c->drill_interval;
    *due = false;
    why_not[0] = '\0';
    if (c->drill_interval == 0)
        return DONE;
    TRY(proofs_last_drill(d, &good, &last, e));
    if (last != NULL && !last->good && pause > AGAIN_S)
        pause = AGAIN_S;
    if (last != NULL && (uint64_t)(pgtime_now() - last->time) / 1000000 < pause)
        return DONE;
    TRY(catalog_each(d->catalog, CATALOG_SNAPSHOT, add_size, &size, e));
    *due = size > 0 && (c->drill_most_bytes == 0 || size <= c->drill_most_bytes);
    if (size > 0 && !*due)
        (void)snprintf(why_not, 160,
                       "no drill by itself: the snapshots have %" PRIu64
                       " bytes, more than drill.most_bytes (%" PRIu64 ")",
                       size, c->drill_most_bytes);
    return DONE;
}
