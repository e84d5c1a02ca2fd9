#include "agent/heal/heal.h"
#include "agent/heal/healrecord.h"
#include "agent/lineage.h"
#include "agent/seal/seal.h"
#include "agent/setup/initrun.h"
#include "proto/pbmem.h"

bool initheir_is_due(const struct init_run *run)
{
    return datadir_awaits_init(run->d);
}

status initheir_check(const struct init_run *run, err *e)
{
    char node[UUID_TEXT];
    bool known = false;
    (void)uuid_format(&run->d->identity.node, node);
    TRY(objects_are_ours(run->conn, node, &known, e)); /* the node captured it before, or begins to */
    if (!known)
        TRY(objects_had_restored(run->conn, node, &known, e));
    if (known)
        return DONE;
    return err_set(e, ERR_REFUSED,
                   "database %s is none that node %s was restored into, and what it lacks would be sealed as "
                   "deleted: name that one with --source, or restore into this one first (--mode replace)",
                   pgconn_database(run->conn), node);
}

static void say_healed(const struct init_run *run, const struct heal_result *r)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%llu tables compared with the chain, %llu differ",
                   (unsigned long long)r->tables, (unsigned long long)r->differ);
    run->progress->say(run->progress->context, line);
    if (!r->broken)
        return;
    (void)snprintf(line, sizeof line, "a new FULL follows when the agent runs: %s", r->reason);
    run->progress->say(run->progress->context, line);
}

/* What heal makes is recorded as init's before it is made: an interruption leaves nothing that nobody knows.
 */
static status claim_slot(struct init_run *run, err *e)
{
    run->record->has_slot_made = 1;
    run->record->slot_made = 1;
    return setuprecord_save(run->d, run->record, e);
}

static status begin_incarnation(struct init_run *run, err *e)
{
    struct healrecord_settled settled;
    struct heal_result healed;
    TRY(healrecord_settle(run->d, &settled, e));
    if (!settled.finished) {
        TRY(claim_slot(run, e));
        TRY(heal_run(run->d, run->options->conninfo, "the node was taken over from another machine",
                     run->progress, &healed, e));
        say_healed(run, &healed);
    }
    pbmem_free(&run->record->base); /* heal has written into it */
    run->record = NULL;
    return setuprecord_load(run->d, &run->record, e);
}

/* The incarnation's first link: it carries the hand-over. Heal does not insist on it. */
static status seal_link(struct init_run *run, struct init_result *out, err *e)
{
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL,
                                         .conninfo = run->options->conninfo};
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(chain) struct chain *chain = NULL;
    TRY(seal_snapshot(run->d, &request, run->progress, &sealed, e));
    TRY(lineage_load(run->d, &chain, e));
    const Pgstrand__SnapshotHeader *last = chain->link[chain->count - 1].commit->header;
    run->record->has_base_sealed = 1;
    run->record->base_sealed = 1;
    TRY(setuprecord_save(run->d, run->record, e));
    return uuid_from_bytes(pbmem_view(last->snapshot), "snapshot", &out->snapshot, e);
}

status initheir_run(struct init_run *run, struct init_result *out, err *e)
{
    out->continued = true;
    if (initheir_is_due(run))
        TRY(begin_incarnation(run, e));
    return seal_link(run, out, e);
}
