#include "agent/daemon/sealer.h"

#include <time.h>

#include "agent/breaks.h"
#include "agent/daemon/records.h"
#include "agent/daemon/report.h"
#include "agent/seal/schemaversion.h"
#include "agent/seal/sealassets.h"
#include "agent/seal/sealflow.h"
#include "agent/ship/retention.h"

#define TICK_MS 200
#define FILES_PAUSE_MOST 32      /* intervals between two looks at files that cannot be sealed */
#define VERSION_PATIENCE_MS 3000 /* how long a dump waits for the log to have its DDL */

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void report_result(const struct seal_result *r)
{
    char id[UUID_TEXT];
    if (r->nothing_new)
        return;
    report_line(REPORT_EVENT, "sealed %s %s: seq %llu to %llu, %llu rows, %llu actions, %llu bytes",
                r->type == PGSTRAND__SNAPSHOT_TYPE__FULL ? "FULL" : "INCREMENTAL",
                uuid_format(&r->snapshot, id), (unsigned long long)r->first_seq,
                (unsigned long long)r->last_seq, (unsigned long long)r->rows, (unsigned long long)r->actions,
                (unsigned long long)r->size);
}

static bool is_stopping(void *board)
{
    return board_is_busy(board);
}

enum seal_when { BY_SCHEDULE, AT_STOP, AT_STOP_OFFLINE };

static void tell(struct sealer *s, uint64_t sealed)
{
    const char *first = NULL;
    for (int task = SEALER_TASKS; task-- > 0;)
        if (s->problem[task][0] != '\0')
            first = s->problem[task];
    board_sealed(s->board, sealed, first);
}

static void mended(struct sealer *s, enum sealer_task task, uint64_t sealed)
{
    s->problem[task][0] = '\0';
    tell(s, sealed);
}

static void complain(struct sealer *s, err *e, const char *what, enum sealer_task task)
{
    (void)err_wrap(e, "%s", what);
    if (strcmp(s->problem[task], e->message) != 0)
        report_line(REPORT_PROBLEM, "%s", e->message);
    (void)snprintf(s->problem[task], sizeof s->problem[task], "%s", e->message);
    tell(s, s->schedule.sealed_seq);
}

/* Where bases of single tables are enough after a change of the schema, they are made instead of a FULL. */
static status prefer_tables(struct sealer *s, struct seal_request *request, uint32_t **table, err *e)
{
    TRY(breaks_tables(s->data->catalog, table, &request->table_count, e));
    if (request->table_count == 0)
        return DONE;
    request->type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL;
    request->tables = *table;
    return DONE;
}

/* Bases of single tables fail behind a long transaction, which a FULL waits for. A disk or a connection that
 * fails them is no better for a FULL, nor is somebody who cancels what he takes for too long. */
static status make(struct sealer *s, const struct seal_request *request, const struct progress *progress,
                   struct seal_result *result, err *e)
{
    const struct sealflow how = {.stop = WORKFLOW_RESTS, .scheduled = true};
    const bool sealed = sealflow_run(s->data, request, &how, progress, result, e).ok;
    s->tables_failed = !sealed && request->table_count > 0 && e->class != ERR_STORAGE &&
                       e->class != ERR_NETWORK && !pgconn_was_cancelled(e);
    return sealed ? DONE : FAILED;
}

/* What is due; afterwards the schedule knows the chain's end. */
static status seal(struct sealer *s, enum schedule_due due, enum seal_when when, err *e)
{
    OWNED(memory) uint32_t *table = NULL;
    OWNED(seal_result) struct seal_result result = {0};
    struct board_facts facts;
    size_t open = 0;
    uint64_t last_break = 0;
    uint64_t sealed = 0;
    const bool bases = due == DUE_FULL || due == DUE_NEW_FULL;
    struct seal_request request = {.type = bases ? PGSTRAND__SNAPSHOT_TYPE__FULL
                                                 : PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL,
                                   .offline = when == AT_STOP_OFFLINE};
    struct progress progress = report_events;
    /* Bases wait for a log that nobody feeds any more. What needs the log as it is, is finished. */
    if (when == BY_SCHEDULE && bases) {
        progress.context = s->board;
        progress.stopped = is_stopping;
    }
    board_facts(s->board, &facts);
    if (due == DUE_FULL && !s->tables_failed)
        TRY(prefer_tables(s, &request, &table, e));
    TRY(make(s, &request, &progress, &result, e));
    report_result(&result);
    TRY(breaks_open(s->data->catalog, &open, &last_break, e));
    TRY(records_sealed_seq(s->data, &sealed, e));
    schedule_sealed(&s->schedule, now_ms(), sealed, facts.log_bytes, bases || open == 0);
    if (request.type == PGSTRAND__SNAPSHOT_TYPE__FULL)
        schedule_full(&s->schedule, now_ms(), sealed);
    if (bases && open > 0)
        schedule_changed(&s->schedule, now_ms()); /* more DDL came while it was made */
    memset(s->problem, 0, sizeof s->problem);     /* pruning is tried now, and files were looked at */
    tell(s, sealed);
    return DONE;
}

/* Somebody sealed a FULL by hand since it became due, or what failed, a FULL or bases by schedule or by hand,
 * failed behind its publication: there is nothing to do, and no problem any more. */
static bool is_made(struct sealer *s, enum schedule_due due)
{
    const struct sealflow how = {.stop = WORKFLOW_RESTS};
    err e = ERR_INIT, unsettled = ERR_INIT; /* then it is made once more */
    struct board_facts facts;
    size_t open = 0;
    uint64_t last_break = 0, sealed = 0, full = 0;
    pgtime full_time = 0;
    (void)sealflow_settle(s->data, &how, &report_events, &unsettled).ok;
    if (!breaks_open(s->data->catalog, &open, &last_break, &e).ok ||
        !records_sealed_seq(s->data, &sealed, &e).ok || !records_full(s->data, &full, &full_time, &e).ok)
        return false;
    const bool newer = full > s->schedule.full_seq;
    if (due == DUE_FULL ? open > 0 : !newer)
        return false;
    board_facts(s->board, &facts);
    schedule_sealed(&s->schedule, now_ms(), sealed, facts.log_bytes, open == 0);
    if (newer)
        schedule_full(&s->schedule, now_ms(), full);
    mended(s, SEALER_SEALS, sealed);
    return true;
}

/* What retention does not keep goes when something newer is there, or when it could not go then. */
static void prune(struct sealer *s)
{
    OWNED(retention_result) struct retention_result r = {0};
    err e = ERR_INIT;
    const bool pruned = retention_own(s->data, NULL, false, &progress_silent, &r, &e).ok;
    if (pruned || e.class != ERR_REFUSED || schedule_prune_due(&s->schedule, now_ms()))
        schedule_pruned(&s->schedule, now_ms(), pruned);
    if (pruned)
        mended(s, SEALER_PRUNES, s->schedule.sealed_seq);
    else if (e.class != ERR_REFUSED) /* somebody reads: next time */
        complain(s, &e, "cannot prune", SEALER_PRUNES);
    if (pruned && r.pruned > 0)
        report_line(REPORT_EVENT, "pruned %zu snapshots, %llu bytes: seq %llu and later can be restored",
                    r.pruned, (unsigned long long)r.freed, (unsigned long long)r.first_seq);
}

static void seal_due(struct sealer *s, enum schedule_due due)
{
    err e = ERR_INIT;
    const bool full = due == DUE_FULL || due == DUE_NEW_FULL;
    if (full && is_made(s, due))
        return;
    if (seal(s, due, BY_SCHEDULE, &e).ok) {
        prune(s);
        return;
    }
    if (is_stopping(s->board)) /* given up, not failed: the next start makes it */
        return;
    schedule_failed(&s->schedule, now_ms(), full);
    complain(s, &e, full ? "cannot make a new base" : "cannot seal", SEALER_SEALS);
}

/* Is something open that bases of single tables would not heal? */
static bool wants_full(struct sealer *s)
{
    err e = ERR_INIT;
    OWNED(memory) uint32_t *table = NULL;
    size_t count = 0;
    return !breaks_tables(s->data->catalog, &table, &count, &e).ok || count == 0;
}

/* The schema after a change of it; a FULL where that is not enough. */
static void version_due(struct sealer *s)
{
    err e = ERR_INIT;
    enum schemaversion_outcome outcome = SCHEMAVERSION_LATER;
    size_t open = 0;
    uint64_t last_break = 0;
    const bool took =
        schemaversion_take(s->data, s->data->config->conninfo, VERSION_PATIENCE_MS, &outcome, &e).ok &&
        breaks_open(s->data->catalog, &open, &last_break, &e).ok;
    schedule_versioned(&s->schedule, now_ms(), took && outcome != SCHEMAVERSION_LATER);
    if (!took && !is_stopping(s->board))
        complain(s, &e, "cannot keep the changed schema", SEALER_SEALS);
    if (!took || outcome == SCHEMAVERSION_LATER)
        return;
    if (outcome == SCHEMAVERSION_TAKEN)
        report_line(REPORT_EVENT, "the changed schema is kept");
    if (outcome == SCHEMAVERSION_IMPOSSIBLE || open > 0)
        schedule_broken(&s->schedule, now_ms(), outcome == SCHEMAVERSION_IMPOSSIBLE || wants_full(s));
    mended(s, SEALER_SEALS, s->schedule.sealed_seq);
}

/* Files alone make a snapshot due, too, as often as time does. */
static bool are_files_due(struct sealer *s, int64_t now)
{
    const struct schedule *at = &s->schedule;
    const int64_t pause = s->files_pause > 0 ? s->files_pause : at->interval_ms;
    bool changed = false;
    err e = ERR_INIT;
    if (at->interval_ms == 0 || now - at->sealed_at < pause || now - s->files_at < pause ||
        (at->retry_ms > 0 && now < at->retry_at))
        return false;
    s->files_at = now;
    if (sealassets_changed(s->data, &changed, &e).ok)
        mended(s, SEALER_LOOKS_AT_FILES, s->schedule.sealed_seq);
    else
        complain(s, &e, "cannot look at the files", SEALER_LOOKS_AT_FILES);
    return changed;
}

/* What cannot be read, or changes all the time, still differs: no reason for one snapshot after the other. */
static void files_sealed(struct sealer *s)
{
    const int64_t pause = s->files_pause > 0 ? s->files_pause : s->schedule.interval_ms;
    bool differ = false;
    err e = ERR_INIT; /* the next look tells it */
    if (!sealassets_changed(s->data, &differ, &e).ok || !differ)
        s->files_pause = 0;
    else
        s->files_pause = pause < s->schedule.interval_ms * FILES_PAUSE_MOST ? pause * 2 : pause;
}

/* What a kill or a stop has interrupted is due now. */
static enum schedule_due interrupted(struct sealer *s)
{
    bool found = false;
    Pgstrand__SnapshotType type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL;
    err e = ERR_INIT; /* then the schedule makes up for it */
    if (!sealflow_interrupted(s->data, &found, &type, &e).ok || !found)
        return DUE_NOTHING;
    return type == PGSTRAND__SNAPSHOT_TYPE__FULL ? DUE_NEW_FULL : DUE_INCREMENTAL;
}

static void *run(void *context)
{
    struct sealer *s = context;
    enum schedule_due left = interrupted(s);
    while (!board_wait(s->board, TICK_MS)) {
        struct board_facts facts;
        const int64_t now = now_ms();
        board_facts(s->board, &facts);
        if (facts.breaks != s->breaks_seen) {
            s->breaks_seen = facts.breaks;
            schedule_changed(&s->schedule, now);
        }
        enum schedule_due due =
            left != DUE_NOTHING ? left : schedule_due(&s->schedule, now, facts.last_seq, facts.log_bytes);
        const bool files = due == DUE_NOTHING && facts.connected && are_files_due(s, now);
        if (facts.connected)
            left = DUE_NOTHING;
        if (files)
            due = DUE_INCREMENTAL;
        if (due == DUE_VERSION && facts.connected)
            version_due(s);
        else if (due != DUE_NOTHING && facts.connected)
            seal_due(s, due);
        else if (schedule_prune_due(&s->schedule, now))
            prune(s);
        if (files)
            files_sealed(s);
        indexer_tick(&s->indexer, s->data, s->board, now, due == DUE_INCREMENTAL);
    }
    return NULL;
}

static status read_state(struct sealer *s, err *e)
{
    size_t open = 0;
    uint64_t last_break = 0;
    const struct config *config = s->data->config;
    s->schedule = (struct schedule){.interval_ms = (int64_t)config->seal_interval * 1000,
                                    .actions = config->seal_actions,
                                    .bytes = config->seal_bytes,
                                    .sealed_at = now_ms()};
    TRY(records_sealed_seq(s->data, &s->schedule.sealed_seq, e));
    s->schedule.full_ms = (int64_t)config->seal_full_interval * 1000;
    pgtime full_time = 0;
    TRY(records_full(s->data, &s->schedule.full_seq, &full_time, e));
    s->schedule.full_at = now_ms() - (pgtime_now() - full_time) / 1000;
    TRY(breaks_open(s->data->catalog, &open, &last_break, e));
    if (open > 0)
        schedule_changed(&s->schedule, now_ms());
    board_sealed(s->board, s->schedule.sealed_seq, NULL);
    return DONE;
}

status sealer_start(struct sealer *s, err *e)
{
    TRY(read_state(s, e));
    const int code = pthread_create(&s->thread, NULL, run, s);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    (void)pthread_setname_np(s->thread, "sealer"); /* for whoever looks what takes processor time */
    s->started = true;
    return DONE;
}

bool sealer_join(struct sealer *s, int seconds)
{
    struct timespec until;
    if (!s->started)
        return true;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    if (pthread_timedjoin_np(s->thread, NULL, &until) != 0)
        return false;
    s->started = false;
    return true;
}

/* The server may be going down together with us: then schema and sequences stay as in the parent. */
void sealer_last(struct sealer *s)
{
    err e = ERR_INIT;
    struct board_facts facts;
    board_facts(s->board, &facts);
    if (!s->data->config->seal_on_stop || facts.last_seq <= s->schedule.sealed_seq)
        return;
    if (seal(s, DUE_INCREMENTAL, AT_STOP, &e).ok)
        return;
    if (err_is_transient(&e) && seal(s, DUE_INCREMENTAL, AT_STOP_OFFLINE, &e).ok)
        return;
    report_line(REPORT_PROBLEM, "the last changes are in the log but not sealed: %s", e.message);
}
