#include "agent/restore/dryrun.h"

#include "agent/glob.h"
#include "agent/restore/fold/stages.h"
#include "agent/restore/load/emptied.h"
#include "agent/restore/load/targetdb.h"
#include "agent/restore/merge/stagediff.h"

static status nowhere(void *context, struct bytes lines, err *e)
{
    (void)context;
    (void)lines;
    (void)e;
    return DONE;
}

static status count_rows(struct job *job, size_t i, err *e)
{
    struct table_proof *proof = &job->proof[i];
    const struct fold_sink sink = {NULL, nowhere};
    TRY(stages_emit(job->plan, job->fold, &job->plan->table[i], job->d->spool, &sink, &proof->expected, e));
    proof->changes.added = proof->expected.rows;
    proof->compared = true;
    return DONE;
}

status dryrun_fresh(struct job *job, err *e)
{
    for (size_t i = 0; i < job->plan->count; i++)
        if (job->plan->table[i].comes)
            TRY(count_rows(job, i, e));
    return DONE;
}

static status compare(struct job *job, struct pgconn *c, size_t i, err *e)
{
    const Pgstrand__Table *t = job->plan->table[i].message;
    struct table_proof *proof = &job->proof[i];
    OWNED(stage) struct stage s = {0};
    TRY(stage_open(job, c, i, &s, e));
    TRY(stage_load(&s, job, c, e));
    TRY(stagediff_count(&s, c, &proof->changes, e));
    proof->compared = true;
    if (job->request->diff == NULL || !glob_list_match(job->request->diff, t->schema, t->name))
        return DONE;
    return stagediff_tell(&s, job, c, true, e);
}

static status compare_all(struct job *job, struct pgconn *c, err *e)
{
    for (size_t i = 0; i < job->plan->count; i++) {
        const Pgstrand__Table *t = job->plan->table[i].message;
        if (!job->plan->table[i].comes || t->partition_root)
            continue;
        job->progress->step(job->progress->context, "compare", i, job->plan->count);
        if (!compare(job, c, i, e).ok)
            return err_wrap(e, "comparing %s.%s", t->schema, t->name);
    }
    return DONE;
}

status dryrun_replace(struct job *job, struct pgconn *c, err *e)
{
    struct targetdb t;
    TRY(targetdb_read(c, &t, e));
    TRY(targetdb_check_event_triggers(c, &t, e));
    TRY(targetdb_begin(c, &t, e));
    if (!compare_all(job, c, e).ok) {
        targetdb_rollback(c);
        return FAILED;
    }
    return pgconn_exec(c, "ROLLBACK", e);
}
