#include <time.h>

#include "agent/base/base.h"
#include "agent/base/baseschema.h"
#include "agent/breaks.h"
#include "agent/pg/gate.h"
#include "agent/seal/sealassets.h"
#include "agent/seal/sealrun.h"
#include "agent/setup/slotwait.h"

#define STAGE_TRIES 4
#define SLOT_PATIENCE "5s" /* for the slot's snapshot while the gate is closed */

static status write_config(struct sealrun *run, struct snapwriter *writer, struct framecoder *coder,
                           const char *server_version, err *e)
{
    for (int tries = 1; !sealschema_config(writer, coder, run->d, server_version, run->conn, e).ok; tries++)
        if (!sealrun_asks_again(run, tries, e))
            return FAILED;
    return DONE;
}

static status write_sections(struct sealrun *run, struct snapwriter *writer, const struct sealstaged *s,
                             const char *server_version, err *e)
{
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(sealassets) struct sealassets files = {0};
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    TRY(framecoder_new(run->d->config->seal_level, &coder, e));
    TRY(baseschema_load(run->d, &schema, e));
    schema->table = s->table; /* lent for packing: the records own them */
    schema->n_table = s->table_count;
    status written = sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema->base, e);
    schema->table = NULL;
    schema->n_table = 0;
    TRY(written);
    TRY(sealrun_sequences(run, writer, coder, e));
    TRY(write_config(run, writer, coder, server_version, e));
    TRY(sealstaged_write(run->d, s, run->progress, writer, e));
    TRY(sealassets_look(run, true, &files, e));
    return sealassets_write(run, &files, writer, coder, e);
}

static status write_full(struct sealrun *run, const struct seal_range *range, struct seal_result *out, err *e)
{
    OWNED(sealstaged) struct sealstaged staged = {0};
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    struct sealheader header;
    TRY(sealstaged_load(run->d, &staged, e));
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

/* A FULL is wanted most after DDL: the gate keeps more of it out until the schema is dumped. */
static status close_gate(struct sealrun *run, const char *conninfo, struct pgconn *replication,
                         struct gate *gate, err *e)
{
    TRY(gate_close(conninfo, run->d->identity.database, gate, e));
    return gate->conn == NULL ? DONE : pgconn_exec(replication, "SET lock_timeout = '" SLOT_PATIENCE "'", e);
}

/* Fresh bases of all tables; the snapshot lives as long as the replication connection. */
static status stage_once(struct sealrun *run, int tries, struct slot_export *point, err *e)
{
    OWNED(gate) struct gate gate = {0};
    OWNED(pgconn) struct pgconn *replication = NULL;
    OWNED(pgconn) struct pgconn *reading = NULL;
    char name[64];
    const char *conninfo = run->request->conninfo == NULL ? run->d->config->conninfo : run->request->conninfo;
    /* The slot of the try before may end a little later than its connection. */
    (void)snprintf(name, sizeof name, "pgstrand_base_%.8s_%lld_%d",
                   run->d->identity.slot + sizeof "pgstrand_" - 1, (long long)time(NULL), tries);
    TRY(pgconn_open(conninfo, PGCONN_REPLICATION, &replication, e));
    if (tries > 1)
        TRY(close_gate(run, conninfo, replication, &gate, e));
    TRY(slotwait_create(replication, run->conn, name, SLOT_TEMPORARY, run->progress, point, e));
    const struct base_request request = {.conninfo = conninfo,
                                         .snapshot = point->snapshot,
                                         .lsn = point->lsn,
                                         .jobs = run->d->config->base_jobs,
                                         .gate = &gate,
                                         .here = pgconn_is_here(run->conn)};
    TRY(baseschema_connect(&request, &reading, e));
    table_list_free(run->tables);
    run->tables = NULL;
    TRY(table_list_read(reading, run->d->config->tiers, &run->tables, e));
    TRY(base_clear(run->d, e));
    return base_copy(run->d, &request, run->tables, run->progress, e);
}

/* When DDL came between the snapshot and the schema's dump, or TRUNCATE before a table's rows were read: once
 * more, behind the gate. */
static status stage_bases(struct sealrun *run, struct slot_export *point, err *e)
{
    for (int tries = 1;; tries++) {
        *e = ERR_INIT;
        if (stage_once(run, tries, point, e).ok)
            return DONE;
        if (e->class != ERR_TIMEOUT || tries == STAGE_TRIES || progress_stopped(run->progress))
            return FAILED;
    }
}

status sealfull_run(struct sealrun *run, struct seal_result *out, err *e)
{
    struct slot_export point;
    struct seal_range range = {0};
    struct commit last = {0};
    uint64_t seq = 0;
    bool found = false;
    TRY(stage_bases(run, &point, e));
    TRY(sealrun_wait_for_log(run, point.lsn, e));
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
