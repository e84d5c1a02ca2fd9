#include "agent/waiting.h"

#include <inttypes.h>
#include <time.h>

#include "agent/agentstate.h"
#include "agent/pg/server.h"
#include "store/actionlog.h"
#include "store/io.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define POLL_FIRST_NS INT64_C(1000000)
#define POLL_MOST_NS INT64_C(20000000)
#define NUDGE_AFTER_NS INT64_C(150000000)

struct wait {
    struct datadir *d;
    struct pgconn *c;
    const struct progress *progress;
    struct logreader *log; /* NULL: the agent has not made it yet */
    struct log_state state;
    lsn target;
    int64_t began;
    bool nudged;
};

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

static void nap(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
    (void)nanosleep(&t, NULL); /* a signal may cut it short: the loop looks again */
}

static status look(struct wait *w, err *e)
{
    if (w->log == NULL) {
        err absent = ERR_INIT;
        if (!logreader_open(w->d->log, &w->log, &absent).ok) {
            w->log = NULL;
            return DONE; /* not there before the agent's first start */
        }
    }
    return logreader_state(w->log, &w->state, e);
}

/*
 * The server sends what is flushed; the place where it inserts can be ahead of that for long when nobody
 * commits. A commit moves both; the agent leaves this message out of the log. Whoever may not do it waits for
 * the next commit of somebody else.
 */
static void nudge(struct wait *w)
{
    err ignored = ERR_INIT;
    w->nudged = true;
    if (w->c != NULL)
        (void)!pgconn_exec(w->c, "SELECT pg_catalog.pg_logical_emit_message(true, 'pgstrand.wait', '')",
                           &ignored)
            .ok;
}

static status timed_out(const struct wait *w, double timeout, err *e)
{
    char target[LSN_TEXT], at[LSN_TEXT];
    lsn end = w->state.position.end_lsn;
    return err_set(e, ERR_TIMEOUT, "after %g s the log is at %s, %" PRIu64 " bytes short of %s; %s", timeout,
                   lsn_format(end, at), w->target - end, lsn_format(w->target, target),
                   agentstate_words(agentstate_life(w->d)));
}

static status poll_log(struct wait *w, double timeout, err *e)
{
    int64_t pause = POLL_FIRST_NS;
    for (;;) {
        if (progress_stopped(w->progress))
            return err_set(e, ERR_INTERRUPTED, "interrupted");
        TRY(look(w, e));
        int64_t spent = now_ns() - w->began;
        if (w->log != NULL && w->state.position.end_lsn >= w->target)
            return DONE;
        if ((double)spent >= timeout * (double)NS_PER_SECOND)
            return timed_out(w, timeout, e);
        if (!w->nudged && spent >= NUDGE_AFTER_NS)
            nudge(w);
        nap(pause);
        pause = pause * 2 < POLL_MOST_NS ? pause * 2 : POLL_MOST_NS;
    }
}

status waiting_run(struct datadir *d, struct pgconn *c, lsn target, double timeout,
                   const struct progress *progress, struct waited *out, err *e)
{
    struct wait w = {.d = d, .c = c, .progress = progress, .target = target, .began = now_ns()};

    if (target == LSN_NONE) {
        lsn flushed = LSN_NONE;
        TRY(server_wal(c, &w.target, &flushed, e));
        if (flushed < w.target)
            nudge(&w);
    }
    status done = poll_log(&w, timeout, e);
    logreader_close(w.log);
    TRY(done);
    *out = (struct waited){.seq = w.state.position.last_seq, .lsn = w.state.position.end_lsn};
    return DONE;
}
