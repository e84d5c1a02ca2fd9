#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/base.h"
#include "agent/base/baseschema.h"
#include "agent/pg/gate.h"
#include "agent/seal/seal.h"
#include "agent/setup/initrun.h"
#include "agent/setup/slotwait.h"
#include "proto/pbmem.h"

#define TRIES 5            /* bases that DDL got into */
#define OPEN_TRIES 2       /* so many of them before the gate keeps DDL out */
#define PAUSE_S 2          /* between them */
#define SLOT_PATIENCE "5s" /* for a slot's snapshot while the gate is closed */
#define RELEASE_TURNS 50   /* of 100 ms: until a slot's former holder is gone */

static void pause_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static status record_slot(struct init_run *run, lsn at, err *e)
{
    run->record->has_slot_made = 1;
    run->record->slot_made = 1;
    run->record->has_slot_lsn = 1;
    run->record->slot_lsn = at;
    return setuprecord_save(run->d, run->record, e);
}

/* Someone holds our slot although the agent does not run (init has its lock): an init that was killed while
 * the server was still making the slot. */
static status release(struct init_run *run, struct slot_facts *slot, err *e)
{
    for (int turn = 0; slot->active && turn < RELEASE_TURNS; turn++) {
        TRY(pgconn_execf(run->conn, e, "SELECT pg_catalog.pg_terminate_backend(%d)", slot->active_pid));
        pause_ms(100);
        TRY(server_slot(run->conn, run->d->identity.slot, slot, e));
    }
    if (slot->active)
        return err_set(e, ERR_REFUSED,
                       "replication slot %s is in use by process %d of the server: stop whatever reads it",
                       run->d->identity.slot, slot->active_pid);
    return DONE;
}

/* A slot that lost its WAL before its base was sealed is worth nothing. */
static status renew_lost(struct init_run *run, struct slot_facts *slot, err *e)
{
    if (slot->state != SLOT_LOST)
        return DONE;
    run->progress->say(run->progress->context, "the replication slot has lost its WAL: init makes it anew");
    TRY(pgconn_execf(run->conn, e, "SELECT pg_catalog.pg_drop_replication_slot('%s')",
                     run->d->identity.slot));
    TRY(base_clear(run->d, e));
    slot->state = SLOT_ABSENT;
    return DONE;
}

/* The point that the tables still missing are copied at: the new slot's own, or a temporary slot's beside it.
 */
static status take_point(struct init_run *run, struct pgconn *replication, struct slot_export *point, err *e)
{
    const char *name = run->d->identity.slot;
    struct slot_facts slot;
    TRY(server_slot(run->conn, name, &slot, e));
    TRY(release(run, &slot, e));
    TRY(renew_lost(run, &slot, e));
    if (slot.state == SLOT_ABSENT) {
        TRY(slotwait_create(replication, run->conn, name, SLOT_PERMANENT, run->progress, point, e));
        return record_slot(run, point->lsn, e);
    }
    if (!run->record->slot_made)
        TRY(record_slot(run, slot.confirmed_flush, e));
    char temporary[64];
    (void)snprintf(temporary, sizeof temporary, "pgstrand_base_%.8s_%lld", name + sizeof "pgstrand_" - 1,
                   (long long)time(NULL));
    return slotwait_create(replication, run->conn, temporary, SLOT_TEMPORARY, run->progress, point, e);
}

static status copy_and_seal(struct init_run *run, const struct slot_export *point, struct gate *gate,
                            struct seal_result *sealed, err *e)
{
    const int jobs = run->options->jobs > 0 ? run->options->jobs : run->d->config->base_jobs;
    const struct base_request request = {.conninfo = run->options->conninfo,
                                         .snapshot = point->snapshot,
                                         .lsn = point->lsn,
                                         .jobs = jobs,
                                         .gate = gate,
                                         .here = pgconn_is_here(run->conn)};
    OWNED(pgconn) struct pgconn *reading = NULL;
    OWNED(table_list) struct table_list *tables = NULL;
    TRY(baseschema_connect(&request, &reading, e));
    TRY(table_list_read(reading, run->d->config->tiers, &tables, e));
    TRY(base_tidy(run->d, tables, e));
    TRY(base_copy(run->d, &request, tables, run->progress, e));
    return seal_first_full(run->d, run->conn, run->options->conninfo, tables, sealed, e);
}

static status attempt(struct init_run *run, bool close_gate, struct seal_result *sealed, err *e)
{
    OWNED(gate) struct gate gate = {0};
    OWNED(pgconn) struct pgconn *replication = NULL; /* its exported snapshot lives as long as it is idle */
    struct slot_export point;
    TRY(pgconn_open(run->options->conninfo, PGCONN_REPLICATION, &replication, e));
    if (close_gate)
        TRY(gate_close(run->options->conninfo, pgconn_database(run->conn), &gate, e));
    if (gate.conn != NULL) /* older transactions must not hold the slot up, and it all DDL */
        TRY(pgconn_exec(replication, "SET lock_timeout = '" SLOT_PATIENCE "'", e));
    TRY(take_point(run, replication, &point, e));
    return copy_and_seal(run, &point, &gate, sealed, e);
}

/* Was the FULL published before an interruption that kept it from being recorded? */
static status find_sealed(struct init_run *run, Pgstrand__SnapshotRecord **out, err *e)
{
    ProtobufCMessage *found = NULL;
    struct catalog_key key = catalog_key_snapshot(&run->d->identity.incarnation, 0);
    TRY(seal_reconcile(run->d, e));
    TRY(catalog_get(run->d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &found, e));
    *out = (Pgstrand__SnapshotRecord *)(void *)found;
    if (*out != NULL && !(*out)->complete) {
        pbmem_free(found);
        *out = NULL;
    }
    return DONE;
}

static status record_sealed(struct init_run *run, err *e)
{
    run->record->has_base_sealed = 1;
    run->record->base_sealed = 1;
    return setuprecord_save(run->d, run->record, e);
}

status initbase_run(struct init_run *run, struct init_result *out, err *e)
{
    PB_OWNED(Pgstrand__SnapshotRecord) *before = NULL;
    TRY(find_sealed(run, &before, e));
    if (before != NULL) {
        out->rows = before->rows;
        TRY(base_clear(run->d, e));
        TRY(uuid_from_bytes(pbmem_view(before->header->snapshot), "snapshot", &out->snapshot, e));
        return record_sealed(run, e);
    }
    for (int try = 1;; try++) {
        OWNED(seal_result) struct seal_result sealed = {0};
        if (attempt(run, try > OPEN_TRIES, &sealed, e).ok) {
            out->snapshot = sealed.snapshot;
            out->rows = sealed.rows;
            return record_sealed(run, e);
        }
        /* DDL committed while the schema was dumped, or the snapshot has gone: what is copied is kept, the
         * rest comes under a new one. */
        const bool torn = e->class == ERR_TIMEOUT && (e->sqlstate[0] == '\0' || try > OPEN_TRIES);
        if (!torn || try == TRIES)
            return err_wrap(e, "the base is not complete (run init again to go on)");
        char line[ERR_TEXT + 64];
        (void)snprintf(line, sizeof line, "the base goes on under a new snapshot: %s", e->message);
        run->progress->say(run->progress->context, line);
        pause_ms(PAUSE_S * 1000L);
    }
}
