#include "agent/restore/restore.h"

#include <inttypes.h>

#include "agent/assets/assetrestore.h"
#include "agent/restore/dryrun.h"
#include "agent/restore/fold/spillfile.h"
#include "agent/restore/fresh.h"
#include "agent/restore/inherit.h"
#include "agent/restore/load/emptied.h"
#include "agent/restore/load/newdbswap.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/pieces.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/rolemap.h"
#include "agent/restore/load/tablespaces.h"
#include "agent/restore/merge/merge.h"
#include "agent/restore/merge/ownlog.h"
#include "agent/restore/parallel.h"
#include "agent/restore/replace.h"
#include "agent/restore/restorereport.h"
#include "agent/restore/restoring.h"
#include "store/io.h"

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

/* ---- what the steps do ---- */

static status check_target(struct job *job, struct pgconn *c, err *e)
{
    TRY(replayed_check(c, e));
    if (job->request->mode == RESTORE_REPLACE)
        return replace_check(job, c, e);
    if (job->request->mode == RESTORE_MERGE)
        return merge_check(job, c, e);
    TRY(fresh_check(job->plan, c, e));
    TRY(tablespaces_settle(job, c, e));
    return job->request->jobs > 1 ? parallel_check(c, e) : DONE;
}

/* Bytes of rows that a second connection has to take over: below, making and dropping a database costs more
 * than it saves. One connection loads a table, so it never takes over the largest. */
#define PARALLEL_FROM ((uint64_t)32 << 20)

/* Not asked for a number: two connections, where that pays and disturbs nobody; else one transaction. */
static status choose_jobs(const struct job *job, struct pgconn *c, int *jobs, err *e)
{
    uint64_t bytes = 0, largest = 0;
    bool fits = false;
    *jobs = 1;
    if (job->request->mode != RESTORE_FRESH || job->request->skip)
        return DONE;
    TRY(pieces_bytes(job->plan, &bytes, &largest, e));
    if (bytes - (largest > bytes / 2 ? largest : bytes / 2) >= PARALLEL_FROM)
        TRY(newdbswap_suits(c, job->request->conninfo, &fits, e));
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
    TRY(restorereport_target(job, e));
    TRY(restorereport_links(job, e));
    return restorereport_skipped(job, e);
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
    return restorereport_tables(job, e);
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

/* ---- the steps ---- */

void restoring_fini(struct restoring *r)
{
    pgconn_close(r->conn);
    job_fini(&r->job);
    for (size_t i = 0; r->proof != NULL && i < r->plan->count; i++)
        free(r->proof[i].expression);
    free(r->proof);
    fold_free(r->fold);
    plan_free(r->plan);
    takeover_fini(&r->takeover);
    place_fini(&r->place);
    r->conn = NULL;
    r->proof = NULL;
    r->fold = NULL;
    r->plan = NULL;
    r->fits = false;
    r->committed = false;
    if (r->jobs_chosen) /* another try: somebody may be connected now */
        r->request->jobs = 0;
    r->jobs_chosen = false;
}

static status check_request(const struct restore_request *request, err *e)
{
    if (request->jobs > 1 && request->mode != RESTORE_FRESH)
        return err_set(e, ERR_USAGE, "several jobs can only restore into an empty database (--mode fresh)");
    if (request->jobs > 1 && request->skip)
        return err_set(e, ERR_USAGE,
                       "several jobs cannot leave rows out: --on-error skip goes with --jobs 1");
    if (request->business == NULL && !request->no_demo)
        return DONE;
    if (request->deleted == MERGE_TAKE)
        return err_set(e, ERR_USAGE,
                       "whose a row was that the source deleted cannot be told: --deleted delete does not go "
                       "with --business or --no-demo");
    if (request->files != NULL)
        return err_set(e, ERR_USAGE,
                       "whose a file is cannot be told: --files does not go with --business or --no-demo");
    return DONE;
}

/* Which node the rows belong to from now on. */
static status choose_node(struct restoring *r, err *e)
{
    if (r->place.same_device)
        r->job.node = r->place.node;
    else if (r->d->has_identity)
        r->job.node = r->d->identity.node;
    else if (uuid_is_nil(&r->new_node))
        TRY(uuid_random(&r->new_node, e));
    if (!r->place.same_device && !r->d->has_identity)
        r->job.node = r->new_node;
    return DONE;
}

/* Before anything is looked at that takes time: who may not take a node over is told at once. */
static status take_over(struct restoring *r, err *e)
{
    TRY(takeover_check(r->d, r->request, &r->place, e));
    if (!takeover_is_asked(r->d, r->request))
        return DONE;
    if (r->handover.len > 0)
        return takeover_resume(r->d, &r->place, r->handover, r->handover_signature, &r->takeover, e);
    return takeover_sign(r->d, &r->place, r->recovery, &r->takeover, e);
}

status restoring_plan(struct restoring *r, err *e)
{
    unsigned tiers = 0;
    TRY(check_request(r->request, e));
    TRY(place_find(r->d, r->request, &r->place, e));
    TRY(check_dataset(r->d, &r->place, e));
    TRY(take_over(r, e));
    TRY(choose_tiers(&r->place, r->request, &tiers, e));
    const struct plan_options options = {r->place.chain, r->place.log,       &r->request->target,
                                         tiers,          r->request->tables, &r->place.unsealed};
    TRY(plan_make(&options, &r->plan, e));
    TRY(rolemap_apply(r->plan->schema, r->request->role, r->request->role_count, e));
    const struct fold_options memory = job_fold_options(r->d, r->request);
    TRY(spillfile_dir(r->d->spool, e));
    TRY(fold_new(&memory, &r->fold, e));
    r->proof = calloc(r->plan->count + 1, sizeof(*r->proof));
    if (r->proof == NULL)
        return err_no_memory(e);
    r->job = (struct job){.d = r->d,
                          .request = r->request,
                          .progress = r->progress,
                          .plan = r->plan,
                          .fold = r->fold,
                          .proof = r->proof,
                          .out = r->out,
                          .same_device = r->place.same_device,
                          .own = r->place.own,
                          .workflow = r->workflow};
    TRY(choose_node(r, e));
    r->out->same_device = r->place.same_device;
    if (r->place.same_device)
        return DONE;
    return job_warn(&r->job, e, "different device: rows of the device tier stay behind");
}

status restoring_connect(struct restoring *r, err *e)
{
    return pgconn_open(r->request->conninfo, PGCONN_QUERY, &r->conn, e);
}

status restoring_check(struct restoring *r, err *e)
{
    if (!r->request->dry_run)
        TRY(replayed_lock(r->conn, e));
    if (r->workflow != NULL)
        TRY(replayed_by(r->conn, r->workflow, &r->committed, e));
    if (r->committed)
        return DONE;
    TRY(ownlog_complete(r->d, r->request, r->progress, e));
    r->unfit = ERR_INIT;
    r->fits = check_target(&r->job, r->conn, &r->unfit).ok;
    if (r->fits || r->request->dry_run)
        return DONE;
    *e = r->unfit;
    return FAILED;
}

status restoring_fold(struct restoring *r, err *e)
{
    TRY(gather(&r->job, e));
    if (r->committed)
        return DONE;
    TRY(job_filter(&r->job, e));
    TRY(orphans_foresee(&r->job, e));
    if (r->fits && r->request->mode == RESTORE_REPLACE)
        TRY(emptied_say_lost(&r->job, r->conn, e));
    return r->fits ? look_back(&r->job, r->conn, e) : DONE;
}

status restoring_load(struct restoring *r, err *e)
{
    if (r->committed)
        return job_warn(
            &r->job, e,
            "the rows were there already, loaded and compared before the restore was interrupted");
    if (r->out->before)
        return DONE;
    if (r->request->jobs == 0) {
        TRY(choose_jobs(&r->job, r->conn, &r->request->jobs, e));
        r->jobs_chosen = true;
        r->request->drop_old = true; /* who did not ask for a new database need not see the old one */
    }
    return load(&r->job, &r->conn, e);
}

/* Several snapshots may lead to one seq when only files changed between them: the one that was named, else
 * the newest. */
static size_t link_of_files(const struct restoring *r)
{
    const struct restore_target *t = &r->request->target;
    const bool named = t->kind == TARGET_SNAPSHOT || t->kind == TARGET_NAME;
    const struct chain_link *link = named ? chain_find(r->place.chain, t->snapshot) : NULL;
    return link != NULL ? (size_t)(link - r->place.chain->link) : plan_last_link(r->plan, r->plan->seq);
}

/* Behind the rows: these are exchanged one by one, and a failure of theirs leaves the rows as they should be.
 */
static status bring_files(struct restoring *r, err *e)
{
    const bool configured =
        r->request->files != NULL && strcmp(r->request->files, RESTORE_FILES_CONFIGURED) == 0;
    const struct assetrestore_request request = {.chain = r->place.chain,
                                                 .last = link_of_files(r),
                                                 .tiers = r->plan->tiers,
                                                 .dir = configured ? NULL : r->request->files,
                                                 .config = r->d->config};
    struct restored_files *to = &r->out->files;
    struct assetrestore_result brought;
    if (r->request->files == NULL) {
        TRY(assetrestore_count(&request, &to->count, e));
        return to->count == 0
                   ? DONE
                   : job_warn(&r->job, e,
                              "%llu files that the chain has were not brought: --files DIR, or --files "
                              "configured, does",
                              (unsigned long long)to->count);
    }
    if (!assetrestore_run(&request, r->progress, &brought, e).ok)
        return err_wrap(e, "the rows are restored, but not the files");
    *to = (struct restored_files){true, brought.files, brought.changed, brought.bytes, brought.left};
    return brought.left == 0 ? DONE
                             : job_warn(&r->job, e, "%llu links that lead out of their folder were left out",
                                        (unsigned long long)brought.left);
}

status restoring_record(struct restoring *r, err *e)
{
    TRY(bring_files(r, e));
    if (!r->place.same_device && !r->d->has_identity)
        TRY(inherit_identity(&r->job, &r->place, e));
    if (r->takeover.handover != NULL)
        TRY(takeover_adopt(&r->job, &r->place, &r->takeover, r->conn, e));
    return restorereport_tables(&r->job, e);
}

status restore_run(struct datadir *d, const struct restore_request *asked, const struct progress *progress,
                   struct restore_result *out, err *e)
{
    struct restore_request request = *asked;
    OWNED(restoring) struct restoring r = {.d = d, .request = &request, .progress = progress, .out = out};
    *out = (struct restore_result){0};
    TRY(restoring_plan(&r, e));
    TRY(restoring_connect(&r, e));
    TRY(restoring_check(&r, e));
    TRY(restoring_fold(&r, e));
    if (request.dry_run)
        return dry_run(&r.job, r.conn, &r.unfit, e);
    TRY(restoring_load(&r, e));
    return restoring_record(&r, e);
}
