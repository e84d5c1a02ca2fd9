#include "agent/restore/job.h"

#include "agent/restore/filter/rowfilter.h"
#include "agent/restore/fold/gather.h"
#include "agent/restore/plan/chainconf.h"
#include "proto/base/array.h"

void job_fini(struct job *job)
{
    for (size_t i = 0; i < job->left_out_count; i++)
        free(job->left_out[i].line);
    free(job->left_out);
    job->left_out = NULL;
    job->left_out_count = 0;
}

static status append(char ***list, size_t *count, char *line, err *e)
{
    OWNED(text) char *mine = line;
    if (line == NULL)
        return err_no_memory(e);
    TRY(array_one_more(list, *count, sizeof **list, e));
    (*list)[(*count)++] = mine;
    mine = NULL;
    return DONE;
}

static char *format_line(const char *format, va_list arguments)
{
    char *line = NULL;
    return vasprintf(&line, format, arguments) < 0 ? NULL : line;
}

status job_warn(struct job *job, err *e, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line = format_line(format, arguments);
    va_end(arguments);
    if (line != NULL)
        job->progress->say(job->progress->context, line);
    return append(&job->out->warning, &job->out->warning_count, line, e);
}

status job_skip(struct job *job, err *e, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line = format_line(format, arguments);
    va_end(arguments);
    return append(&job->out->skipped, &job->out->skipped_count, line, e);
}

struct fold_options job_fold_options(const struct datadir *d, const struct restore_request *request)
{
    bool may_share = request->jobs == 0 && request->mode == RESTORE_FRESH && !request->skip;
    uint64_t memory = request->memory != 0 ? request->memory : d->config->restore_memory;
    return (struct fold_options){.memory = (size_t)(memory / 3 * 2),
                                 .dir = d->spool,
                                 .emitters = may_share           ? 2
                                             : request->jobs > 1 ? (unsigned)request->jobs
                                                                 : 1};
}

/* What capture noticed without a DDL action: a relation that changed its shape. */
static status check_break(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    const struct plan *p = ((const struct job *)context)->plan;
    const Pgstrand__SchemaBreak *b = (const Pgstrand__SchemaBreak *)(const void *)record;
    (void)key;
    /* DDL is looked at in the log */
    if (plan_is_before(p, b->seq, b->lsn, p->base_lsn) || b->seq > p->seq || b->ddl)
        return DONE;
    return gather_schema_changed(p, 0, b->seq, b->seq, b->what, e);
}

status job_gather(struct job *job, err *e)
{
    TRY(gather_run(job->plan, job->fold, job->progress, e));
    return job->own ? catalog_each(job->d->catalog, CATALOG_BREAK, check_break, job, e) : DONE;
}

static status make_filter(struct job *job, const struct config *c, err *e)
{
    const struct rowfilter_options options = {.rules = {c->business_root, c->business_key,
                                                        c->business_demo_column, c->business_demo_ids,
                                                        c->business_shared, c->business_exclude},
                                              .business = job->request->business,
                                              .no_demo = job->request->no_demo,
                                              .dir = job->d->spool};
    char line[ERR_TEXT];
    TRY(rowfilter_make(job->plan, job->fold, &options, &job->plan->filter, e));
    for (size_t i = 0; rowfilter_note(job->plan->filter, i, line, sizeof line); i++)
        TRY(job_warn(job, e, "%s", line));
    return DONE;
}

/* Rules that are set here come before those that the chain brings along. */
status job_filter(struct job *job, err *e)
{
    OWNED(config) struct config *theirs = NULL;
    if (job->request->business == NULL && !job->request->no_demo)
        return DONE;
    if (job->request->tables != NULL)
        return err_set(
            e, ERR_USAGE,
            "--business and --no-demo need all tables to tell what belongs to whom: leave --tables out");
    if (*job->d->config->business_root != '\0')
        return make_filter(job, job->d->config, e);
    TRY(chainconf_load(job, &theirs, e));
    return make_filter(job, theirs, e);
}
