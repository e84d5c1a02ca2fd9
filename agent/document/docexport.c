#include "agent/document/docexport.h"

#include "agent/document/docmeta.h"
#include "agent/restore/fold/gather.h"
#include "agent/restore/fold/spillfile.h"
#include "agent/restore/fold/stages.h"
#include "agent/restore/job.h"
#include "agent/restore/plan/place.h"
#include "store/io.h"

static status put_lines(void *context, struct bytes lines, err *e)
{
    return docpart_lines(context, lines, e);
}

static status put_table(struct job *job, size_t i, struct docpart *part, err *e)
{
    struct plan_table *t = &job->plan->table[i];
    const struct fold_sink sink = {part, put_lines};
    TRY(docpart_table(part, t->message, e));
    if (stages_emit(job->plan, job->fold, t, job->d->spool, &sink, &job->proof[i].expected, e).ok)
        return DONE;
    return err_wrap(e, "exporting %s.%s", t->message->schema, t->message->name);
}

/* The tables of one part; those without rows are there as well. */
static status put_tables(struct job *job, bool device, struct docpart *part, err *e)
{
    for (size_t i = 0; i < job->plan->count; i++) {
        const struct plan_table *t = &job->plan->table[i];
        if (!t->comes || t->message->partition_root || (t->message->tier == PGSTRAND__TIER__DEVICE) != device)
            continue;
        job->progress->step(job->progress->context, "export", i, job->plan->count);
        if (progress_stopped(job->progress))
            return err_set(e, ERR_INTERRUPTED, "stopped while exporting");
        TRY(put_table(job, i, part, e));
    }
    job->progress->step(job->progress->context, "export", job->plan->count, job->plan->count);
    return docpart_end(part, e);
}

static status write_text(const struct docsink *sink, const char *text, err *e)
{
    return sink->write(sink->context, bytes_text(text), e);
}

static status put_document(struct job *job, const struct docexport_request *request,
                           const struct docsink *sink, struct docpart_facts *facts, err *e)
{
    OWNED(docpart) struct docpart *business = NULL;
    OWNED(docpart) struct docpart *device = NULL;
    OWNED(buf) struct buf metadata = {0};
    TRY(docpart_new(job->d->spool, &business, e));
    TRY(put_tables(job, false, business, e));
    *facts = *docpart_facts(business);
    if (request->full_device) {
        TRY(docpart_new(job->d->spool, &device, e));
        TRY(put_tables(job, true, device, e));
        facts->tables += docpart_facts(device)->tables;
        facts->records += docpart_facts(device)->records;
        facts->bytes += docpart_facts(device)->bytes;
    }
    TRY(docmeta_put(job, request, docpart_facts(business), device != NULL ? docpart_facts(device) : NULL,
                    &metadata, e));
    TRY(write_text(sink, "{\n\"metadata\": ", e));
    TRY(sink->write(sink->context, buf_view(&metadata), e));
    TRY(write_text(sink, ",\n\"businessData\": ", e));
    TRY(docpart_copy(business, sink, e));
    if (device != NULL) {
        TRY(write_text(sink, ",\n\"deviceData\": ", e));
        TRY(docpart_copy(device, sink, e));
    }
    return write_text(sink, "\n}\n", e);
}

static status prepare(struct job *job, err *e)
{
    TRY(job_gather(job, e));
    job->out->seq = job->plan->seq;
    return job_filter(job, e);
}

status docexport_run(struct datadir *d, const struct docexport_request *request,
                     const struct progress *progress, const struct docsink *sink,
                     struct restore_result *report, struct docpart_facts *facts, err *e)
{
    OWNED(place) struct place place = {0};
    OWNED(plan) struct plan *plan = NULL;
    OWNED(fold) struct fold *fold = NULL;
    unsigned tiers = TIER_BIT(TIER_BUSINESS) | TIER_BIT(TIER_AUDIT);
    struct restore_request what = request->what;
    *report = (struct restore_result){0};
    TRY(place_find(d, &what, &place, e));
    if (request->full_device) {
        tiers |= TIER_BIT(TIER_DEVICE);
        TRY(place_check_device_files(&place, e));
    }
    const struct plan_options options = {place.chain,          place.log,      &request->what.target, tiers,
                                         request->what.tables, &place.unsealed};
    TRY(plan_make(&options, &plan, e));
    const struct fold_options memory = job_fold_options(d, &what);
    TRY(spillfile_dir(d->spool, e));
    TRY(fold_new(&memory, &fold, e));
    OWNED(memory) struct table_proof *proof = calloc(plan->count + 1, sizeof *proof);
    if (proof == NULL)
        return err_no_memory(e);
    OWNED(job)
    struct job job = {.d = d,
                      .request = &what,
                      .progress = progress,
                      .plan = plan,
                      .fold = fold,
                      .proof = proof,
                      .out = report,
                      .own = place.own,
                      .same_device = place.same_device};
    report->same_device = place.same_device;
    TRY(prepare(&job, e));
    return put_document(&job, request, sink, facts, e);
}
