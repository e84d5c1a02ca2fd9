#include "agent/heal/heal.h"

#include "agent/base/basesame.h"
#include "agent/base/baseschema.h"
#include "agent/base/tablemsg.h"
#include "agent/heal/healrecord.h"
#include "agent/heal/healtables.h"
#include "agent/lineage.h"
#include "agent/pg/gate.h"
#include "agent/pg/lockturns.h"
#include "agent/pg/schema.h"
#include "agent/pg/server.h"
#include "agent/pg/slot.h"
#include "agent/seal/seal.h"
#include "agent/setup/objects.h"
#include "agent/setup/replident.h"
#include "agent/setup/slotwait.h"
#include "proto/pbmem.h"
#include "store/io.h"

#define TRIES 5            /* that DDL got into */
#define OPEN_TRIES 2       /* so many of them before the gate keeps DDL out */
#define SLOT_PATIENCE "5s" /* for the slot's snapshot while the gate is closed */
#define LOCK_PATIENCE_MS 30000

struct heal {
    struct datadir *d;
    const char *conninfo;
    const char *why;
    const struct progress *progress;
    struct heal_result *out;
    struct pgconn *conn;
    struct server_facts server;
    Pgstrand__SetupRecord *setup;
    struct known known;
    uint32_t publication_oid;
};

static void heal_fini(struct heal *h)
{
    known_fini(&h->known);
    pgconn_close(h->conn);
    if (h->setup != NULL)
        pbmem_free(&h->setup->base);
}
OWN_VALUE(heal, heal_fini);

static void say(const struct heal *h, const char *line)
{
    h->progress->say(h->progress->context, line);
}

static status connect(struct heal *h, err *e)
{
    TRY(pgconn_open(h->conninfo, PGCONN_QUERY, &h->conn, e));
    TRY(server_facts_read(h->conn, &h->server, e));
    TRY(setuprecord_load(h->d, &h->setup, e));
    if (h->server.in_recovery)
        return err_set(
            e, ERR_TIMEOUT,
            "the server is a standby in recovery: waiting until it is promoted, or name the primary "
            "in [source] conninfo");
    if (strcmp(h->server.wal_level, "logical") != 0)
        return err_set(e, ERR_TIMEOUT,
                       "wal_level is %s: run ALTER SYSTEM SET wal_level = 'logical' and restart PostgreSQL",
                       h->server.wal_level);
    return DONE;
}

/* Everything that is in the log belongs to the old incarnation's chain. */
static status seal_tail(struct heal *h, err *e)
{
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, .offline = true};
    OWNED(seal_result) struct seal_result sealed = {0};
    if (!seal_snapshot(h->d, &request, h->progress, &sealed, e).ok)
        return err_wrap(e, "sealing the end of the old incarnation");
    return DONE;
}

static status make_objects(struct heal *h, err *e)
{
    char node[UUID_TEXT];
    const enum objects_mode mode = h->server.superuser ? OBJECTS_FULL : OBJECTS_REDUCED;
    TRY(replident_check(h->conn, h->d->config->tiers, e));
    TRY(objects_install(h->conn, uuid_format(&h->d->identity.node, node), mode, e));
    TRY(replident_raise(h->conn, h->d->config->tiers, h->setup, h->progress, e));
    TRY(objects_publish(h->conn, h->d->identity.publication, mode, &h->publication_oid, e));
    h->setup->has_event_trigger = true;
    h->setup->event_trigger = mode == OBJECTS_FULL;
    return setuprecord_save(h->d, h->setup, e);
}

/* A slot in use is somebody's who lives: perhaps the agent that this data directory was copied from. */
static status renew_slot(struct heal *h, struct pgconn *replication, struct slot_export *point, err *e)
{
    const char *name = h->d->identity.slot;
    struct slot_facts slot;
    TRY(server_slot(h->conn, name, &slot, e));
    if (slot.active)
        return err_set(
            e, ERR_TIMEOUT,
            "replication slot %s is in use by server process %d: if another agent runs on a copy of "
            "this data directory, stop one of them and give it an identity of its own (pgstrand "
            "identity new)",
            name, slot.active_pid);
    if (slot.state != SLOT_ABSENT)
        TRY(pgconn_execf(h->conn, e, "SELECT pg_catalog.pg_drop_replication_slot('%s')", name));
    return slotwait_create(replication, h->conn, name, SLOT_PERMANENT, h->progress, point, e);
}

/* ---- the switch ---- */

/* Nothing may lie between the chain's end and the new incarnation. */
static status check_sealed(const struct heal *h, const struct healwriter *writer, err *e)
{
    OWNED(chain) struct chain *chain = NULL;
    TRY(lineage_load(h->d, &chain, e));
    if (chain->count > 0 &&
        chain->link[chain->count - 1].commit->header->last_seq + 1 == healwriter_first_seq(writer))
        return DONE;
    return err_set(e, ERR_TIMEOUT, "the log grew while its end was sealed; trying again");
}

static void fill_record(const struct heal *h, uuid *next, lsn point, uint64_t seq, Pgstrand__HealRecord *out)
{
    pgstrand__heal_record__init(out);
    out->incarnation = pbmem_uuid(next);
    out->system_identifier = pbmem_text(h->server.system_identifier);
    out->timeline = h->server.timeline;
    out->slot_lsn = point;
    out->seq = seq;
    out->why = pbmem_text(h->why);
    out->broken = h->out->broken ? h->out->reason : NULL;
    out->has_publication_oid = true;
    out->publication_oid = h->publication_oid;
}

/* From here on the record decides what a new start makes of it. */
static status switch_over(struct heal *h, struct healwriter *writer, uuid *next, lsn point, err *e)
{
    Pgstrand__HealRecord record;
    fill_record(h, next, point, healwriter_first_seq(writer), &record);
    TRY(healrecord_save(h->d, &record, e));
    TRY(healwriter_finish(writer, &h->out->seq, e));
    return healrecord_adopt(h->d, &record, e);
}

/* ---- one state of all tables ---- */

/* The tables that are compared, the largest first. */
struct held {
    const struct table_info **table;
    size_t count;
};

static void held_fini(struct held *held)
{
    free(held->table);
}
OWN_VALUE(held, held_fini);

static int by_size(const void *a, const void *b)
{
    const struct table_info *left = *(const struct table_info *const *)a;
    const struct table_info *right = *(const struct table_info *const *)b;
    return left->bytes != right->bytes ? (left->bytes < right->bytes ? 1 : -1) : (left < right ? -1 : 1);
}

static status pick(const struct table_list *tables, struct held *out, err *e)
{
    out->table = calloc(tables->count + 1, sizeof *out->table);
    if (out->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < tables->count; i++)
        if (tablemsg_has_rows(&tables->table[i]))
            out->table[out->count++] = &tables->table[i];
    qsort(out->table, out->count, sizeof *out->table, by_size);
    return DONE;
}

/* Definitions come from newer catalogues than the snapshot's. So every table is locked against changes of its
 * shape, as pg_dump does, until it is compared; when the schema is still that of the snapshot then, it stays
 * so. */
static status hold_still(struct heal *h, struct pgconn *reading, const struct held *held, bool *torn, err *e)
{
    OWNED(buf) struct buf names = {0};
    struct schema_fingerprint seen, now;
    for (size_t i = 0; i < held->count; i++) {
        table_quote(&names, held->table[i]->schema, held->table[i]->name);
        buf_u8(&names, 0);
    }
    TRY(buf_done(&names, e));
    const bool locked = lockturns_take_each(reading, buf_view(&names), LOCK_PATIENCE_MS, e).ok;
    *torn = !locked && basesame_is_gone(e); /* since */
    if (!locked)
        return *torn ? DONE : FAILED;
    TRY(schema_fingerprint(reading, &seen, e));
    TRY(schema_fingerprint(h->conn, &now, e));
    *torn = memcmp(seen.hash, now.hash, sizeof now.hash) != 0;
    return DONE;
}

static status compare_and_switch(struct heal *h, struct pgconn *reading, const struct table_list *all,
                                 const struct held *held, const struct slot_export *point, err *e)
{
    OWNED(healwriter) struct healwriter *writer = NULL;
    uuid next;
    TRY(uuid_random(&next, e));
    TRY(healwriter_new(h->d, &next, point->lsn, h->why, &writer, e));
    TRY(check_sealed(h, writer, e));
    struct healtables tables = {
        .d = h->d,
        .conn = reading,
        .conninfo = h->conninfo,
        .snapshot = point->snapshot,
        .tables = all,
        .held = held->table,
        .held_count = held->count,
        .known = &h->known,
        .writer = writer,
        .progress = h->progress,
        .renumbered = strcmp(h->server.system_identifier, h->d->identity.system_identifier) != 0,
        .out = h->out};
    say(h, "comparing the database with its last known state");
    TRY(healtables_run(&tables, e));
    h->out->incarnation = next;
    return switch_over(h, writer, &next, point->lsn, e);
}

/* One slot and its snapshot; *torn: DDL came between, and nothing was done. */
static status attempt(struct heal *h, bool close_gate, bool *torn, err *e)
{
    OWNED(gate) struct gate gate = {0};
    OWNED(pgconn) struct pgconn *replication = NULL; /* its exported snapshot lives as long as it is idle */
    OWNED(pgconn) struct pgconn *reading = NULL;
    OWNED(table_list) struct table_list *tables = NULL;
    OWNED(held) struct held held = {0};
    struct slot_export point;
    TRY(pgconn_open(h->conninfo, PGCONN_REPLICATION, &replication, e));
    if (close_gate)
        TRY(gate_close(h->conninfo, pgconn_database(h->conn), &gate, e));
    if (gate.conn != NULL) /* older transactions must not hold the slot up, and it all DDL */
        TRY(pgconn_exec(replication, "SET lock_timeout = '" SLOT_PATIENCE "'", e));
    TRY(renew_slot(h, replication, &point, e));
    const struct base_request request = {
        .conninfo = h->conninfo, .snapshot = point.snapshot, .lsn = point.lsn, .jobs = 1};
    TRY(baseschema_connect(&request, &reading, e));
    TRY(table_list_read(reading, h->d->config->tiers, &tables, e));
    TRY(pick(tables, &held, e));
    TRY(hold_still(h, reading, &held, torn, e));
    gate_open(&gate);
    return *torn ? DONE : compare_and_switch(h, reading, tables, &held, &point, e);
}

/* Nobody may seal while the incarnations change. */
static status begin_incarnation(struct heal *h, err *e)
{
    OWNED(text) char *path = io_join(h->d->root, DATADIR_SEAL_LOCK);
    OWNED(io_lock) struct io_lock *lock = NULL;
    bool torn = true;
    if (path == NULL)
        return err_no_memory(e);
    TRY(io_lock(path, true, &lock, e));
    for (int try = 1; torn && try <= TRIES; try++)
        TRY(attempt(h, try > OPEN_TRIES, &torn, e));
    if (torn)
        return err_set(e, ERR_TIMEOUT,
                       "the schema of database %s changed while its tables were to be compared (%d tries)",
                       pgconn_database(h->conn), TRIES);
    return DONE;
}

/* The new incarnation's first link, so that the chain shows it; the next sealing makes up for it. */
static void seal_first(struct heal *h)
{
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL};
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    if (!seal_snapshot(h->d, &request, h->progress, &sealed, &e).ok)
        say(h, e.message);
}

status heal_run(struct datadir *d, const char *conninfo, const char *why, const struct progress *progress,
                struct heal_result *out, err *e)
{
    OWNED(heal)
    struct heal h = {.d = d, .conninfo = conninfo, .why = why, .progress = progress, .out = out};
    *out = (struct heal_result){0};
    TRY(connect(&h, e));
    TRY(seal_tail(&h, e));
    TRY(known_load(d, progress, &h.known, e));
    TRY(make_objects(&h, e));
    TRY(begin_incarnation(&h, e));
    seal_first(&h);
    return DONE;
}
