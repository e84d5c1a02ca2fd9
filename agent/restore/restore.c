#include "agent/restore/restore.h"

#include <inttypes.h>

#include "agent/restore/dryrun.h"
#include "agent/restore/fresh.h"
#include "agent/restore/inherit.h"
#include "agent/restore/job.h"
#include "agent/restore/load/emptied.h"
#include "agent/restore/load/newdb.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/pieces.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/rolemap.h"
#include "agent/restore/merge/merge.h"
#include "agent/restore/parallel.h"
#include "agent/restore/plan/place.h"
#include "agent/restore/replace.h"
#include "store/io.h"

void restore_result_fini(struct restore_result *r)
{
    for (size_t i = 0; i < r->table_count; i++) {
        free(r->table[i].schema);
        free(r->table[i].name);
    }
    for (size_t i = 0; i < r->orphan_count; i++) {
        free(r->orphan[i].constraint);
        free(r->orphan[i].table);
        free(r->orphan[i].parent);
    }
    for (size_t i = 0; i < r->skipped_count; i++)
        free(r->skipped[i]);
    for (size_t i = 0; i < r->warning_count; i++)
        free(r->warning[i]);
    free(r->link);
    free(r->orphan);
    free(r->table);
    free(r->skipped);
    free(r->warning);
    *r = (struct restore_result){0};
}

/* ---- which tiers come ---- */

#define TRAVELS (TIER_BIT(TIER_BUSINESS) | TIER_BIT(TIER_AUDIT))

static status choose_tiers(const struct place *place, const struct restore_request *request, unsigned *tiers,
                           err *e)
{
    *tiers = place->same_device ? TRAVELS | TIER_BIT(TIER_DEVICE) : TRAVELS;
    if (request->tiers != 0)
        *tiers &= request->tiers;
    if (*tiers == 0)
        return err_set(e, ERR_VALIDATION,
                       "nothing is left to restore: rows of the device tier return only to their own device, "
                       "transient ones are kept nowhere");
    return (*tiers & TIER_BIT(TIER_DEVICE)) != 0 ? place_check_device_files(place, e) : DONE;
}

/* Rows of another business have no place among ours. */
static status check_dataset(const struct datadir *d, const struct place *place, err *e)
{
    char theirs[UUID_TEXT], ours[UUID_TEXT];
    if (!d->has_identity || uuid_equal(&d->identity.dataset, &place->dataset))
        return DONE;
    return err_set(
        e, ERR_VALIDATION,
        "%s has a chain of dataset %s, and %s belongs to dataset %s: restore it with a data directory of its "
        "own (--data)",
        place->chain->dir, uuid_format(&place->dataset, theirs), d->root,
        uuid_format(&d->identity.dataset, ours));
}

/* ---- the report ---- */

static status report_tables(struct job *job, err *e)
{
    const struct plan *p = job->plan;
    struct restore_result *out = job->out;
    out->table = calloc(p->count + 1, sizeof *out->table);
    if (out->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < p->count; i++) {
        const struct plan_table *from = &p->table[i];
        struct restored_table *to = &out->table[out->table_count];
        if (!from->comes)
            continue;
        out->table_count++;
        to->schema = strdup(from->message->schema);
        to->name = strdup(from->message->name);
        if (to->schema == NULL || to->name == NULL)
            return err_no_memory(e);
        to->tier = (enum tier)from->message->tier;
        to->rows = job->proof[i].expected.rows;
        table_digest_bytes(&job->proof[i].expected, to->digest);
        to->proven = job->proof[i].proven;
        to->base_rows = from->base_digest.rows;
        to->actions = from->actions;
        to->failed = job->proof[i].failed;
        to->compared = job->proof[i].compared;
        to->changes = job->proof[i].changes;
        out->rows += to->rows;
    }
    return DONE;
}

static status report_skipped(struct job *job, err *e)
{
    for (size_t i = 0; i < job->plan->count; i++) {
        const Pgstrand__Table *t = job->plan->table[i].message;
        const char *why = (job->plan->tiers & TIER_BIT(t->tier)) != 0 ? "not named"
                          : job->same_device                          ? "its tier was not asked for"
                                                                      : "it belongs to another device";
        if (!job->plan->table[i].comes)
            TRY(job_skip(job, e, "%s.%s (%s): %s", t->schema, t->name, tier_name((enum tier)t->tier), why));
    }
    return DONE;
}

static status report_links(struct job *job, err *e)
{
    const struct plan *p = job->plan;
    struct restore_result *out = job->out;
    out->link = calloc(p->chain->count, sizeof *out->link);
    if (out->link == NULL)
        return err_no_memory(e);
    for (size_t i = p->base; i < p->chain->count; i++) {
        const Pgstrand__SnapshotHeader *h = p->chain->link[i].commit->header;
        struct restored_link *to = &out->link[out->link_count];
        if (!plan_reads(p, i))
            continue;
        out->link_count++;
        to->number = h->number;
        to->type = h->type;
        TRY(uuid_from_bytes(bytes_of(h->snapshot.data, h->snapshot.len), "snapshot", &to->snapshot, e));
    }
    return DONE;
}

static status report_target(struct job *job, err *e)
{
    const struct restore_target *target = &job->request->target;
    const struct plan *p = job->plan;
    const Pgstrand__SnapshotHeader *h = p->chain->link[plan_last_link(p, p->seq)].commit->header;
    job->out->seq = p->seq;
    job->out->actions = p->actions;
    job->out->rounded = p->between != 0 || (target->kind == TARGET_SEQ && target->seq != p->seq);
    if (p->between != 0)
        TRY(job_warn(
            job, e,
            "the target lies between changes of the schema that were made too quickly one after the other "
            "to know what it was between them: rounded down to the commit before the first, seq %" PRIu64,
            p->seq));
    else if (job->out->rounded)
        TRY(job_warn(job, e,
                     "seq %" PRIu64 " lies inside a transaction: rounded down to the commit before it, seq "
                     "%" PRIu64,
                     target->seq, p->seq));
    const Pgstrand__SnapshotHeader *last = p->chain->link[p->chain->count - 1].commit->header;
    if (target->kind == TARGET_TIME && p->log == NULL && target->time > last->last_time)
        TRY(job_warn(job, e, "the chain ends at seq %" PRIu64 ", before the time that was asked for",
                     p->seq));
    return uuid_from_bytes(bytes_of(h->snapshot.data, h->snapshot.len), "snapshot", &job->out->snapshot, e);
}

/* ---- the steps ---- */

static status check_target(struct job *job, struct pgconn *c, err *e)
{
    TRY(replayed_check(c, e));
    if (job->request->mode == RESTORE_REPLACE)
        return replace_check(job, c, e);
    if (job->request->mode == RESTORE_MERGE)
        return merge_check(job, c, e);
    TRY(fresh_check(job->plan, c, e));
    return job->request->jobs > 1 ? parallel_check(c, e) : DONE;
}

/* Below, making and dropping a database costs more than a second connection saves. */
#define PARALLEL_FROM ((uint64_t)64 << 20) /* bytes of rows */

/* Not asked for a number: two connections, where that pays and disturbs nobody; else one transaction. */
static status choose_jobs(const struct job *job, struct pgconn *c, int *jobs, err *e)
{
    uint64_t bytes = 0;
    bool fits = false;
    *jobs = 1;
    if (job->request->mode != RESTORE_FRESH || job->request->skip)
        return DONE;
    TRY(pieces_bytes(job->plan, &bytes, e));
    if (bytes >= PARALLEL_FROM)
        TRY(newdb_suits(c, &fits, e));
    if (fits)
        *jobs = 2;
    return DONE;
}

static status load(struct job *job, struct pgconn **c, err *e)
{
    if (job->request->mode == RESTORE_REPLACE)
        return replace_run(job, *c, e);
    if (job->request->mode == RESTORE_MERGE)
        return merge_run(job, *c, e);
    if (job->request->jobs > 1)
        return parallel_run(job, c, e);
    return fresh_run(job, *c, e);
}

static status gather(struct job *job, err *e)
{
    TRY(job_gather(job, e));
    TRY(report_target(job, e));
    TRY(report_links(job, e));
    return report_skipped(job, e);
}

static status dry_run(struct job *job, struct pgconn *c, const err *unfit, err *e)
{
    if (unfit->class != ERR_NONE)
        TRY(job_warn(job, e, "the target would be refused: %s", unfit->message));
    else if (job->request->mode == RESTORE_REPLACE)
        TRY(dryrun_replace(job, c, e));
    else if (job->request->mode == RESTORE_MERGE && !job->out->before)
        TRY(merge_run(job, c, e));
    else if (job->request->mode == RESTORE_FRESH)
        TRY(dryrun_fresh(job, e));
    return report_tables(job, e);
}

/* Merged before, and nothing else asked for: then there is nothing to do. */
static status look_back(struct job *job, struct pgconn *c, err *e)
{
    struct replayed replayed;
    char name[UUID_TEXT];
    if (job->request->mode != RESTORE_MERGE || job->request->again)
        return DONE;
    TRY(replayed_read(job, c, &replayed, e));
    job->out->before = replayed.before;
    if (!replayed.before)
        return DONE;
    return job_warn(job, e,
                    "the target has merged seq %" PRIu64 " of snapshot %s already: nothing to do (--again "
                    "compares once more)",
                    job->out->seq, uuid_format(&job->out->snapshot, name));
}

static status run(struct job *job, const struct place *place, err *e)
{
    const struct restore_request *request = job->request;
    OWNED(pgconn) struct pgconn *c = NULL;
    TRY(pgconn_open(request->conninfo, PGCONN_QUERY, &c, e));
    if (!request->dry_run)
        TRY(replayed_lock(c, e));
    err unfit = ERR_INIT;
    bool fits = check_target(job, c, &unfit).ok;
    if (!fits && !request->dry_run) {
        *e = unfit;
        return FAILED;
    }
    TRY(gather(job, e));
    TRY(orphans_foresee(job, e));
    if (fits && request->mode == RESTORE_REPLACE)
        TRY(emptied_say_lost(job, c, e));
    if (fits)
        TRY(look_back(job, c, e));
    if (request->dry_run)
        return dry_run(job, c, &unfit, e);
    if (job->request->jobs == 0)
        TRY(choose_jobs(job, c, &job->request->jobs, e));
    if (!job->out->before)
        TRY(load(job, &c, e));
    if (!place->same_device && !job->d->has_identity)
        TRY(inherit_identity(job, place, e));
    return report_tables(job, e);
}

status restore_run(struct datadir *d, const struct restore_request *asked, const struct progress *progress,
                   struct restore_result *out, err *e)
{
    struct restore_request own = *asked, *request = &own;
    OWNED(place) struct place place = {0};
    OWNED(plan) struct plan *plan = NULL;
    OWNED(fold) struct fold *fold = NULL;
    unsigned tiers = 0;
    *out = (struct restore_result){0};
    if (request->jobs > 1 && request->mode != RESTORE_FRESH)
        return err_set(e, ERR_USAGE, "several jobs can only restore into an empty database (--mode fresh)");
    if (request->jobs > 1 && request->skip)
        return err_set(e, ERR_USAGE,
                       "several jobs cannot leave rows out: --on-error skip goes with --jobs 1");
    TRY(place_find(d, request, &place, e));
    TRY(check_dataset(d, &place, e));
    TRY(choose_tiers(&place, request, &tiers, e));
    const struct plan_options options = {place.chain, place.log,       &request->target,
                                         tiers,       request->tables, &place.unsealed};
    TRY(plan_make(&options, &plan, e));
    TRY(rolemap_apply(plan->schema, request->role, request->role_count, e));
    const struct fold_options memory = job_fold_options(d, request);
    TRY(io_make_dir(d->spool, e));
    TRY(fold_new(&memory, &fold, e));
    OWNED(memory) struct table_proof *proof = calloc(plan->count + 1, sizeof *proof);
    if (proof == NULL)
        return err_no_memory(e);
    OWNED(job)
    struct job job = {d,   request,           progress,  plan, fold, proof,
                      out, place.same_device, place.own, NULL, 0,    false};
    out->same_device = place.same_device;
    if (!place.same_device)
        TRY(job_warn(&job, e, "different device: rows of the device tier stay behind"));
    return run(&job, &place, e);
}
