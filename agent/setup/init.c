#include "agent/setup/initrun.h"
#include "agent/setup/replident.h"
#include "agent/setup/tend.h"
#include "agent/setup/wallimit.h"
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
    if (!run->options->wal_limit)
        return DONE;
    return wallimit_set(run->conn, run->d, run->d->config->slot_wal_limit_mb, run->record, run->progress, e);
}

static status complete(struct init_run *run, err *e)
{
    run->record->has_complete = 1;
    run->record->complete = 1;
    return setuprecord_save(run->d, run->record, e);
}

static status run_steps(struct init_run *run, struct init_result *out, err *e)
{
    TRY(initidentity_settle(run, out, e));
    TRY(make_objects(run, e));
    TRY(publish(run, e));
    TRY(limit_wal(run, e));
    TRY(run->d->identity.taken_over ? initheir_run(run, out, e) : initbase_run(run, out, e));
    /* The slot has waited for every transaction that was older than the publication: none can bring a table
     * now that nobody has looked at. */
    TRY(raise_identities(run, e));
    return complete(run, e);
}

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
    return uuid_from_bytes(bytes_of(first->header->snapshot.data, first->header->snapshot.len), "snapshot",
                           &out->snapshot, e);
}

static void init_run_fini(struct init_run *run)
{
    pgconn_close(run->conn);
    if (run->record != NULL)
        pbmem_free(&run->record->base);
}
OWN_VALUE(init_run, init_run_fini);

status setup_init(struct datadir *d, const struct init_options *options, const struct preflight *preflight,
                  const struct progress *progress, struct init_result *out, err *e)
{
    OWNED(text) char *lock_path = io_join(d->root, "agent.lock");
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(init_run)
    struct init_run run = {.d = d,
                           .options = options,
                           .preflight = preflight,
                           .progress = progress,
                           .mode = preflight->server.superuser ? OBJECTS_FULL : OBJECTS_REDUCED};
    *out = (struct init_result){0};

    TRY(setuprecord_load(d, &run.record, e));
    TRY(pgconn_open(options->conninfo, PGCONN_QUERY, &run.conn, e));
    if (run.record->complete) {
        TRY(initidentity_check(&run, e));
        return report_complete(d, out, e);
    }
    TRY(preflight_verdict(preflight, e));
    if (lock_path == NULL)
        return err_no_memory(e);
    if (!io_lock(lock_path, false, &lock, e).ok)
        return err_wrap(e, "another init or the agent is at work in %s", d->root);
    return run_steps(&run, out, e);
}
