#include "agent/restore/merge/caughtup.h"

#include <time.h>

#include "agent/pg/server.h"
#include "store/actionlog.h"

#define POLL_NS INT64_C(5000000)
#define POLLS_MOST 2000 /* ten seconds */

/* A commit of ours flushes all that was committed before, also asynchronously; the agent leaves the message
 * out of the log. Where it may not be sent, the server's own writer is waited for. */
static void nudge(const struct job *job)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    err ignored = ERR_INIT;
    if (pgconn_open(job->request->conninfo, PGCONN_QUERY, &c, &ignored).ok)
        (void)pgconn_exec(c, "SELECT pg_catalog.pg_logical_emit_message(true, 'pgstrand.wait', '')", &ignored)
            .ok;
}

static status wait_for(const struct job *job, lsn target, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    struct log_state state;
    const struct timespec pause = {.tv_nsec = POLL_NS};
    TRY(logreader_open(job->d->log, &log, e));
    for (int polls = 0; polls < POLLS_MOST; polls++) {
        TRY(logreader_state(log, &state, e));
        if (state.position.end_lsn >= target)
            return DONE;
        (void)nanosleep(&pause, NULL);
    }
    return err_set(e, ERR_TIMEOUT,
                   "which rows are newer on the target is not known: its log does not have its last changes "
                   "yet (start the agent, or --newer replace)");
}

status caughtup_wait(struct job *job, struct pgconn *c, err *e)
{
    lsn inserted = LSN_NONE, flushed = LSN_NONE;
    TRY(server_wal(c, &inserted, &flushed, e));
    nudge(job);
    return wait_for(job, inserted, e);
}
