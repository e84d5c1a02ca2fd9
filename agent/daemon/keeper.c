#include "agent/daemon/keeper.h"

#include <stdlib.h>
#include <time.h>

#include "agent/daemon/logkeep.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/records.h"
#include "agent/daemon/report.h"

#define TICK_MS 1000
#define HEARTBEAT_MS 10000 /* the state is written at least this often, so that its age says something */
#define TRIM_MS 10000

struct said {
    struct board_facts facts;
    struct capture_progress progress;
    int64_t at;
    int64_t watchdog_at;
    int64_t trim_at;
    bool complained; /* that the catalogue cannot be written */
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static status write_tables(struct keeper *k, err *e)
{
    struct board_table *list = NULL;
    const size_t count = board_take_tables(k->board, &list);
    const status written = records_tables(k->data, list, count, e);
    board_free_tables(list, count);
    return written;
}

/* What cannot be written now is put back: a break must not get lost. */
static status write_breaks(struct keeper *k, err *e)
{
    struct board_break *list = NULL;
    struct board_facts facts;
    board_facts(k->board, &facts); /* before: what comes from here on has a later seq */
    const size_t count = board_take_breaks(k->board, &list);
    const status written = records_breaks(k->data, list, count, e);
    if (written.ok) {
        board_recorded(k->board, count);
        k->recorded = facts.last_seq;
    } else {
        board_put_back(k->board, list, count);
    }
    free(list);
    return written;
}

static bool changed(const struct said *said, const struct board_facts *facts,
                    const struct capture_progress *progress)
{
    return said->facts.connected != facts->connected || strcmp(said->facts.problem, facts->problem) != 0 ||
           strcmp(said->facts.seal_problem, facts->seal_problem) != 0 ||
           strcmp(said->facts.lacks, facts->lacks) != 0 || strcmp(said->facts.near, facts->near) != 0 ||
           said->progress.received != progress->received || said->progress.server_end != progress->server_end;
}

static status say_state(struct keeper *k, struct said *said, int64_t now, err *e)
{
    struct board_facts facts;
    const struct capture_progress progress = capture_progress(k->capture);
    board_facts(k->board, &facts);
    if (said->at != 0 && now - said->at < HEARTBEAT_MS && !changed(said, &facts, &progress))
        return DONE;
    TRY(records_agent(k->data, &facts, &progress, k->recorded, e));
    char text[LSN_TEXT];
    notify_send("STATUS=%s; seq %llu, durable up to %s%s%s", facts.connected ? "capturing" : facts.problem,
                (unsigned long long)facts.last_seq, lsn_format(facts.durable, text),
                facts.near[0] != '\0' ? "; " : "", facts.near);
    said->facts = facts;
    said->progress = progress;
    said->at = now;
    return DONE;
}

static void feed_watchdog(struct said *said, int64_t now)
{
    const int64_t every = notify_watchdog_ms();
    if (every == 0 || now - said->watchdog_at < every - TICK_MS)
        return;
    notify_send("WATCHDOG=1");
    said->watchdog_at = now;
}

static status trim(struct keeper *k, struct said *said, int64_t now, err *e)
{
    uint64_t through = 0;
    struct board_facts facts;
    if (now - said->trim_at < TRIM_MS)
        return DONE;
    said->trim_at = now;
    board_facts(k->board, &facts);
    TRY(logkeep_through(k->data, facts.sealed_seq, &through, e));
    if (through > 0)
        capture_trim(k->capture, through);
    return DONE;
}

static status tick(struct keeper *k, struct said *said, err *e)
{
    const int64_t now = now_ms();
    feed_watchdog(said, now);
    TRY(write_tables(k, e));
    TRY(write_breaks(k, e));
    TRY(say_state(k, said, now, e));
    return trim(k, said, now, e);
}

static void *run(void *context)
{
    struct keeper *k = context;
    struct said said = {.trim_at = now_ms()};
    for (bool stopping = false; !stopping;) {
        err e = ERR_INIT;
        stopping = board_wait(k->board, TICK_MS);
        const bool written = tick(k, &said, &e).ok;
        if (!written && !said.complained)
            report_line(REPORT_PROBLEM, "cannot write down the agent's state: %s", e.message);
        said.complained = !written;
    }
    return NULL;
}

status keeper_start(struct keeper *k, err *e)
{
    const int code = pthread_create(&k->thread, NULL, run, k);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    (void)pthread_setname_np(k->thread, "keeper");
    k->started = true;
    return DONE;
}

void keeper_join(struct keeper *k)
{
    err e = ERR_INIT;
    struct board_facts facts;
    if (!k->started)
        return;
    (void)pthread_join(k->thread, NULL);
    k->started = false;
    board_facts(k->board, &facts);
    const struct capture_progress progress = capture_progress(k->capture);
    const bool stopped_well = facts.problem[0] == '\0';
    if (!records_agent(k->data, stopped_well ? NULL : &facts, &progress, k->recorded, &e).ok)
        report_line(REPORT_PROBLEM, "cannot write down that the agent stopped: %s", e.message);
}
