#include "tools/health.h"

#include "agent/owner.h"
#include "agent/proofs.h"
#include "agent/setup/uncaptured.h"
#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "store/snapreader.h"
#include "store/vault.h"
#include "tools/diskusage.h"
#include "tools/output.h"

#define SILENT_SECONDS 60 /* an agent that has not reported for so long hangs */
#define USEC 1000000.0

void health_fini(struct health *h)
{
    for (size_t i = 0; i < h->problem_count; i++)
        free(h->problem[i]);
    free(h->problem);
    free(h->readers);
}

__attribute__((format(printf, 3, 4))) static status problem(struct health *h, err *e, const char *format, ...)
{
    va_list values;
    char *text = NULL;
    TRY(array_one_more(&h->problem, h->problem_count, sizeof *h->problem, e));
    va_start(values, format);
    int len = vasprintf(&text, format, values);
    va_end(values);
    if (len < 0)
        return err_no_memory(e);
    h->problem[h->problem_count++] = text;
    return DONE;
}

/* ---- the agent ---- */

static status look_at_agent(struct datadir *d, struct health *h, err *e)
{
    PB_OWNED(Pgstrand__AgentState) *state = NULL;
    char ago[OUTPUT_TEXT];

    if (h->agent != AGENT_RUNNING)
        return problem(h, e, "%s", agentstate_words(h->agent));
    TRY(agentstate_load(d, &state, e));
    if (state == NULL)
        return DONE; /* just started */
    double silent = (double)(pgtime_now() - state->updated) / USEC;
    if (state->has_updated && silent > SILENT_SECONDS)
        TRY(problem(h, e, "the agent has not reported for %s: look at its messages",
                    output_duration(silent, ago)));
    if (state->has_connected && !state->connected && state->n_problem == 0)
        TRY(problem(h, e, "the agent is not connected to the database"));
    h->told = state->has_connected && !state->connected && state->n_problem > 0;
    for (size_t i = 0; i < state->n_problem; i++)
        TRY(problem(h, e, "%s", state->problem[i]));
    return DONE;
}

static status look_at_setup(struct datadir *d, struct health *h, bool *ready, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    TRY(agentstate_setup(d, &setup, e));
    *ready = setup != NULL && setup->complete;
    if (setup == NULL)
        return problem(h, e, "no database is captured here yet: run pgstrand init");
    return *ready ? DONE : problem(h, e, "init did not finish: run pgstrand init again");
}

/* ---- the log ---- */

static status look_at_log(struct datadir *d, struct health *h, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    err why = ERR_INIT;
    h->has_log = logreader_open(d->log, &log, &why).ok && logreader_state(log, &h->log, &why).ok;
    if (!h->has_log && h->agent == AGENT_RUNNING)
        return problem(h, e, "the log cannot be read: %s", why.message);
    return DONE;
}

static status on_break(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    const Pgstrand__SchemaBreak *at = (const Pgstrand__SchemaBreak *)(const void *)record;
    (void)key;
    if (at->has_healed_seq)
        return DONE;
    if (at->ddl && !at->rows)
        return problem(
            context, e,
            "the schema changed at seq %llu (%s) and is not kept yet: pgstrand-agent does that, or "
            "pgstrand seal",
            (unsigned long long)at->seq, at->what);
    if (at->n_table > 0)
        return problem(
            context, e,
            "the schema changed at seq %llu (%s): what it changed cannot be restored before its next base, "
            "which pgstrand-agent makes; or run pgstrand seal --type full",
            (unsigned long long)at->seq, at->what);
    return problem(
        context, e,
        "the schema changed at seq %llu (%s): later changes cannot be restored before the next FULL; run "
        "pgstrand seal --type full",
        (unsigned long long)at->seq, at->what);
}

/* ---- the chain ---- */

static status look_at_chain(struct datadir *d, struct health *h, err *e)
{
    OWNED(vault) struct vault *own = NULL;
    OWNED(vault_names) struct vault_names names = {0};
    OWNED(text) char *dir = NULL;
    const uuid *incarnation = &d->identity.incarnation;
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    uint8_t hash[SHA256_LEN];
    err why = ERR_INIT;

    TRY(vault_open(d->snapshots, false, &own, e));
    TRY(vault_list(own, &d->identity.node, incarnation, &names, e));
    if (names.count == 0 && !uuid_equal(&d->identity.previous, &UUID_NIL)) {
        vault_names_free(&names); /* the present one has sealed nothing yet */
        incarnation = &d->identity.previous;
        TRY(vault_list(own, &d->identity.node, incarnation, &names, e));
    }
    if (names.count == 0)
        return problem(h, e, "there is no snapshot yet: nothing could be restored");
    const char *last = names.name[names.count - 1];
    TRY(vault_local_dir(own, &d->identity.node, incarnation, &dir, e));
    if (!snapcommit_load(dir, last, &commit, hash, &why).ok)
        return problem(h, e, "the last snapshot is damaged: %s", why.message);
    TRY(uuid_from_bytes(pbmem_view(commit->header->snapshot), "snapshot", &h->snapshot, e));
    h->has_snapshot = true;
    h->snapshot_number = commit->header->number;
    h->snapshot_seq = commit->header->last_seq;
    h->snapshot_time = commit->header->created;
    h->owner_shown = commit->has_recovery_key;
    return DONE;
}

/* Said while this machine lives: afterwards it is too late. */
static status look_at_owner(struct datadir *d, struct health *h, err *e)
{
    bool certified = false;
    if (!h->has_snapshot || h->owner_shown)
        return DONE;
    TRY(owner_is_certified(d, &certified, e));
    if (certified)
        return problem(
            h, e,
            "no snapshot carries the recovery key's certificate of this device yet: run pgstrand seal, "
            "then ship");
    return problem(
        h, e,
        "no other machine could take this node over, since the recovery key has not certified this "
        "device: run pgstrand identity certify");
}

/* ---- what is proven ---- */

static status look_at_proofs(struct datadir *d, struct health *h, err *e)
{
    PB_OWNED(Pgstrand__ProofRecord) *good = NULL;
    PB_OWNED(Pgstrand__ProofRecord) *last = NULL;
    const struct config *c = d->config;
    char ago[OUTPUT_TEXT];
    TRY(proofs_last(d, &good, &last, e));
    if (good != NULL) {
        h->proven = true;
        h->proven_seq = good->seq;
        h->proven_time = good->time;
        h->proven_by_drill = good->drill;
    }
    if (last != NULL && !last->good)
        TRY(problem(h, e, "the last drill failed: %s (pgstrand drill tries again)",
                    last->error != NULL ? last->error->text : "its record does not say why"));
    if (good == NULL || c->drill_warn_after == 0)
        return DONE;
    const double age = (double)(pgtime_now() - good->time) / USEC;
    if (age <= (double)c->drill_warn_after)
        return DONE;
    return problem(h, e, "the last proven restore is %s old: run pgstrand drill", output_duration(age, ago));
}

/* ---- the server ---- */

/* Where the agent runs and has said what is wrong, it also says what it does about it. */
static status look_at_slot(const struct datadir *d, struct health *h, err *e)
{
    const struct slot_facts *s = &h->slot;
    char left[OUTPUT_TEXT], held[OUTPUT_TEXT];

    if ((s->state == SLOT_ABSENT || s->state == SLOT_LOST) && h->told)
        return DONE;
    if (s->state == SLOT_ABSENT)
        return problem(h, e,
                       "the replication slot %s does not exist on the server: the agent begins a new "
                       "incarnation, with what differs",
                       d->identity.slot);
    if (s->state == SLOT_LOST)
        return problem(
            h, e,
            "the replication slot %s is lost, %s: the agent begins a new incarnation, with what differs",
            d->identity.slot, slot_lost_words(s));
    if (s->state == SLOT_UNRESERVED)
        return problem(h, e,
                       "the replication slot %s is about to be lost at the next checkpoint: raise "
                       "max_slot_wal_keep_size now, and let the agent catch up",
                       d->identity.slot);
    if (server_slot_is_near(s))
        return problem(
            h, e,
            "the replication slot %s is near its WAL limit: it holds %s and is lost after %s more; let the "
            "agent catch up or raise max_slot_wal_keep_size",
            d->identity.slot, output_size((uint64_t)s->retained_bytes, held),
            output_size((uint64_t)s->safe_wal_size, left));
    return DONE;
}

/* How old the oldest change is that is not durable here: the walsender's own measure while it is connected
 * (pg_stat_replication.flush_lag), else since the last commit in the log. */
static status measure_lag(struct pgconn *c, struct health *h, err *e)
{
    OWNED(text) char *lag = NULL;
    char sql[160];

    lsn durable = h->has_log ? h->log.position.end_lsn : h->slot.confirmed_flush; /* no log: since init */
    h->lag_bytes = h->server_lsn > durable ? h->server_lsn - durable : 0;
    h->lag_seconds = h->lag_bytes == 0 ? 0 : -1;
    if (h->lag_bytes == 0)
        return DONE;
    if (h->slot.active) {
        (void)snprintf(
            sql, sizeof sql,
            "SELECT extract(epoch FROM flush_lag) FROM pg_catalog.pg_stat_replication WHERE pid = %d",
            h->slot.active_pid);
        TRY(pgconn_value(c, sql, &lag, e));
    }
    if (lag != NULL)
        h->lag_seconds = strtod(lag, NULL);
    else if (h->log.position.commit_time != 0)
        h->lag_seconds = (double)(pgtime_now() - h->log.position.commit_time) / USEC;
    return DONE;
}

static status look_for_publication(struct pgconn *c, const struct datadir *d, struct health *h, err *e)
{
    const char *const params[] = {d->identity.publication};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = $1", 1, params, &rows, e));
    if (pgrows_count(rows) > 0)
        return DONE;
    return problem(h, e,
                   "the publication %s does not exist in the database: the agent makes it again and begins a "
                   "new incarnation",
                   d->identity.publication);
}

__attribute__((format(printf, 2, 3))) static void lack(struct health *h, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(h->lack[h->lacks++], sizeof h->lack[0], format, values);
    va_end(values);
}

/* What the database has that is not captured, and who else reads its WAL. */
static status look_beside(struct pgconn *c, const struct datadir *d, struct health *h, err *e)
{
    OWNED(pgrows) struct pgrows *others = NULL;
    OWNED(pgrows) struct pgrows *unlogged = NULL;
    TRY(pgconn_query(c, uncaptured_others, 0, NULL, &others, e));
    TRY(pgconn_query(c, uncaptured_tables, 0, NULL, &unlogged, e));
    const int tables = pgrows_count(unlogged);
    if (tables > 0)
        lack(h, "%d unlogged table%s", tables, tables == 1 ? "" : "s");
    if (pgrows_bool(others, 0, 0))
        lack(h, "large objects");
    if (pgrows_bool(others, 0, 1))
        lack(h, "temporary tables");
    return server_other_readers(c, d->identity.slot, &h->readers, e);
}

static status ask_server(struct datadir *d, struct health *h, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    struct server_facts facts;
    lsn inserted = LSN_NONE;

    TRY(pgconn_open(d->config->conninfo, PGCONN_QUERY, &c, e));
    TRY(server_facts_read(c, &facts, e));
    TRY(server_wal(c, &inserted, &h->server_lsn, e));
    TRY(server_slot(c, d->identity.slot, &h->slot, e));
    TRY(look_beside(c, d, h, e));
    if (facts.in_recovery && !h->told)
        TRY(problem(h, e,
                    "the server is a standby in recovery: nothing is captured until it is promoted, or "
                    "[source] conninfo names the primary"));
    if (d->identity.system_identifier[0] != '\0' &&
        strcmp(d->identity.system_identifier, facts.system_identifier) != 0 && !h->told)
        TRY(problem(h, e, "this is another server than the one captured: system identifier %s, expected %s",
                    facts.system_identifier, d->identity.system_identifier));
    if (!h->told)
        TRY(look_for_publication(c, d, h, e));
    return measure_lag(c, h, e);
}

static status look_at_server(struct datadir *d, struct health *h, err *e)
{
    err why = ERR_INIT;
    if (!ask_server(d, h, &why).ok)
        return h->told ? DONE : problem(h, e, "%s", why.message);
    h->server_known = true;
    return look_at_slot(d, h, e);
}

static status look_around(struct datadir *d, struct health *h, err *e)
{
    TRY(look_at_agent(d, h, e));
    TRY(look_at_log(d, h, e));
    TRY(look_at_server(d, h, e));
    TRY(look_at_chain(d, h, e));
    TRY(look_at_owner(d, h, e));
    TRY(look_at_proofs(d, h, e));
    return catalog_each(d->catalog, CATALOG_BREAK, on_break, h, e);
}

status health_look(struct datadir *d, struct health *out, err *e)
{
    OWNED(health) struct health h = {.lag_seconds = -1};

    bool ready = false;

    TRY(look_at_setup(d, &h, &ready, e));
    h.agent = agentstate_life(d);
    if (ready) /* before that, all else is a consequence */
        TRY(look_around(d, &h, e));
    h.store_bytes = diskusage_of(d->root);
    *out = h;
    h = (struct health){0};
    return DONE;
}
