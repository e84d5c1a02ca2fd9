#include <time.h>

#include "agent/base/base.h"
#include "agent/base/baseschema.h"
#include "agent/breaks.h"
#include "agent/pg/gate.h"
#include "agent/pg/slot.h"
#include "agent/seal/sealrun.h"
#include "proto/base/arena.h"

#define CATCH_UP_SECONDS 120 /* how long a FULL waits for the log to reach the base's LSN */
#define POLL_MS 20
#define SLOT_PATIENCE "5s" /* for the slot's snapshot while the gate is closed */

/* The tables of a FULL, gathered from the records of the staged bases. */
struct staged {
    Pgstrand__BaseTableRecord **record; /* in the catalogue's order: by oid, then part */
    size_t count;
    Pgstrand__Table **table; /* one for each oid; points into the records */
    size_t table_count;
    uint32_t *number; /* of record i's table */
};

static void staged_fini(struct staged *s)
{
    for (size_t i = 0; i < s->count; i++)
        pbmem_free(&s->record[i]->base);
    free(s->record);
    free(s->table);
    free(s->number);
}
OWN_VALUE(staged, staged_fini);

static status keep_record(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct staged *s = context;
    (void)key;
    OWNED(buf) struct buf packed = {0};
    Pgstrand__BaseTableRecord **grown = realloc(s->record, (s->count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_no_memory(e);
    s->record = grown;
    TRY(pbmem_pack(message, &packed, e));
    TRY(PB_UNPACK(grown[s->count], pgstrand__base_table_record__descriptor, buf_view(&packed), "base record",
                  0, e));
    s->count++;
    return DONE;
}

/* Numbers the tables; a record that is left over from another cut of a table is left out (number 0). */
static status number_tables(struct staged *s, err *e)
{
    s->table = calloc(s->count + 1, sizeof(Pgstrand__Table *));
    s->number = calloc(s->count + 1, sizeof *s->number);
    if (s->table == NULL || s->number == NULL)
        return err_no_memory(e);
    const Pgstrand__BaseTableRecord *first = NULL;
    for (size_t i = 0; i < s->count; i++) {
        Pgstrand__BaseTableRecord *record = s->record[i];
        if (record->part == 0) {
            first = record;
            record->table->number = (uint32_t)s->table_count + 1;
            s->table[s->table_count++] = record->table;
        }
        bool belongs = first != NULL && first->oid == record->oid && record->part < first->parts &&
                       record->lsn == first->lsn;
        s->number[i] = belongs ? first->table->number : 0;
    }
    return DONE;
}

static status load_staged(struct datadir *d, struct staged *out, err *e)
{
    TRY(catalog_each(d->catalog, CATALOG_BASE_TABLE, keep_record, out, e));
    return number_tables(out, e);
}

/* ROWS: a section for each tier that has tables, their row files one after the other, business first. */
static status write_rows(struct sealrun *run, struct snapwriter *writer, const struct staged *s, err *e)
{
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        struct snapsection *section = NULL;
        for (size_t i = 0; i < s->count; i++) {
            if (s->number[i] == 0 || (enum tier)s->record[i]->table->tier != tier)
                continue;
            OWNED(text) char *path = io_join(run->d->base, s->record[i]->file);
            if (path == NULL)
                return err_no_memory(e);
            if (section == NULL)
                TRY(snapwriter_section(writer, tier, PGSTRAND__SECTION_KIND__ROWS, &section, e));
            TRY(snapsection_import(section, path, s->number[i], e));
            run->progress->step(run->progress->context, "seal", i + 1, s->count);
        }
    }
    return DONE;
}

static status write_sections(struct sealrun *run, struct snapwriter *writer, const struct staged *s,
                             const char *server_version, err *e)
{
    OWNED(framecoder) struct framecoder *coder = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    TRY(framecoder_new(run->d->config->seal_level, &coder, e));
    TRY(baseschema_load(run->d, &schema, e));
    schema->table = s->table; /* lent for packing: the records own them */
    schema->n_table = s->table_count;
    status written = sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema->base, e);
    schema->table = NULL;
    schema->n_table = 0;
    TRY(written);
    TRY(sealschema_sequences(writer, coder, run->conn, run->tables, e));
    TRY(sealschema_config(writer, coder, run->d, server_version, e));
    return write_rows(run, writer, s, e);
}

static status write_full(struct sealrun *run, const struct seal_range *range, struct seal_result *out, err *e)
{
    OWNED(staged) struct staged staged = {0};
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    struct sealheader header;
    TRY(load_staged(run->d, &staged, e));
    TRY(sealheader_fill(run->d, run->request, run->chain, range, pgconn_server_version(run->conn), &header,
                        e));
    TRY(sealrun_open(run, &header.message, &writer, e));
    TRY(write_sections(run, writer, &staged, header.server_version, e));
    TRY(sealrun_publish(run, writer, out, e));
    TRY(breaks_heal(run->d->catalog, out->last_seq, e));
    return base_clear(run->d, e);
}

/* The latest LSN any of the staged tables is exact at. */
static status latest_base(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    lsn *latest = context;
    lsn at = ((const Pgstrand__BaseTableRecord *)(const void *)message)->lsn;
    (void)key;
    (void)e;
    if (at > *latest)
        *latest = at;
    return DONE;
}

/* The log begins at the slot's consistent point; the base may be later, when init was interrupted. */
static status log_start(struct datadir *d, lsn base, lsn *out, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    TRY(catalog_get(d->catalog, CATALOG_SETUP, (struct bytes){0}, (ProtobufCMessage **)(void *)&setup, e));
    *out = setup != NULL && setup->has_slot_lsn && setup->slot_lsn < base ? setup->slot_lsn : base;
    return DONE;
}

status seal_first_full(struct datadir *d, struct pgconn *c, const char *conninfo,
                       const struct table_list *tables, struct seal_result *out, err *e)
{
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__FULL, .conninfo = conninfo};
    OWNED(sealrun) struct sealrun run = {0};
    struct seal_range range = {.first_seq = 1, .last_seq = 0};
    TRY(sealrun_begin(d, &request, &progress_silent, &run, e));
    if (run.chain->count > 0)
        return err_set(e, ERR_REFUSED, "the chain in %s already has its first snapshot", d->chain);
    TRY(catalog_each(d->catalog, CATALOG_BASE_TABLE, latest_base, &range.last_lsn, e));
    TRY(log_start(d, range.last_lsn, &range.first_lsn, e));
    range.first_time = range.last_time = pgtime_now();
    run.conn = c;
    run.tables = (struct table_list *)(uintptr_t)tables; /* lent */
    status done = write_full(&run, &range, out, e);
    run.conn = NULL;
    run.tables = NULL;
    return done;
}

/* Waits until the log holds everything that ends before `target`. */
static status wait_for_log(struct sealrun *run, lsn target, err *e)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    for (int waited = 0; waited < CATCH_UP_SECONDS * 1000; waited += POLL_MS) {
        struct log_state state;
        TRY(logreader_state(run->log, &state, e));
        if (state.position.end_lsn >= target)
            return DONE;
        if (progress_stopped(run->progress))
            return err_set(e, ERR_INTERRUPTED, "stopped while waiting for the log");
        (void)nanosleep(&pause, NULL);
    }
    char text[LSN_TEXT];
    return err_set(
        e, ERR_TIMEOUT,
        "the log did not reach %s, the point of the new base, within %d s: is pgstrand-agent running?",
        lsn_format(target, text), CATCH_UP_SECONDS);
}

/* A FULL is wanted most after DDL: the gate keeps more of it out until the schema is dumped. */
static status close_gate(struct sealrun *run, const char *conninfo, struct pgconn *replication,
                         struct gate *gate, err *e)
{
    TRY(gate_close(conninfo, run->d->identity.database, gate, e));
    return gate->conn == NULL ? DONE : pgconn_exec(replication, "SET lock_timeout = '" SLOT_PATIENCE "'", e);
}

/* Fresh bases of all tables; the snapshot lives as long as the replication connection. */
static status stage_once(struct sealrun *run, bool gated, struct slot_export *point, err *e)
{
    OWNED(gate) struct gate gate = {0};
    OWNED(pgconn) struct pgconn *replication = NULL;
    OWNED(pgconn) struct pgconn *reading = NULL;
    char name[64];
    const char *conninfo = run->request->conninfo == NULL ? run->d->config->conninfo : run->request->conninfo;
    (void)snprintf(name, sizeof name, "pgstrand_base_%.8s_%lld",
                   run->d->identity.slot + sizeof "pgstrand_" - 1, (long long)time(NULL));
    TRY(pgconn_open(conninfo, PGCONN_REPLICATION, &replication, e));
    if (gated)
        TRY(close_gate(run, conninfo, replication, &gate, e));
    TRY(slot_create(replication, name, SLOT_TEMPORARY, point, e));
    const struct base_request request = {conninfo, point->snapshot, point->lsn, run->d->config->base_jobs,
                                         &gate};
    TRY(baseschema_connect(&request, &reading, e));
    table_list_free(run->tables);
    run->tables = NULL;
    TRY(table_list_read(reading, run->d->config->tiers, &run->tables, e));
    TRY(base_clear(run->d, e));
    return base_copy(run->d, &request, run->tables, run->progress, e);
}

/* When DDL came between the snapshot and the schema's dump: once more, behind the gate. */
static status stage_bases(struct sealrun *run, struct slot_export *point, err *e)
{
    err first = ERR_INIT;
    if (stage_once(run, false, point, &first).ok)
        return DONE;
    if (first.class == ERR_TIMEOUT && !progress_stopped(run->progress))
        return stage_once(run, true, point, e);
    *e = first;
    return FAILED;
}

status sealfull_run(struct sealrun *run, struct seal_result *out, err *e)
{
    struct slot_export point;
    struct seal_range range = {0};
    struct commit last = {0};
    uint64_t seq = 0;
    bool found = false;
    TRY(stage_bases(run, &point, e));
    TRY(wait_for_log(run, point.lsn, e));
    TRY(logreader_seq_before_lsn(run->log, point.lsn, &seq, e));
    TRY(sealincremental_run(run, seq, out, e));
    seal_result_fini(out);
    TRY(logreader_commit_at(run->log, seq, &last, &found, e));
    range.first_seq = seq + 1;
    range.last_seq = seq;
    range.first_lsn = range.last_lsn = point.lsn;
    range.first_time = range.last_time = found ? last.time : pgtime_now();
    return write_full(run, &range, out, e);
}
