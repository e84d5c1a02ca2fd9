#include "agent/setup/slotwait.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY_S 2

/* Without the statements' text: it may hold what is nobody's business. */
static const char blockers_query[] =
    "SELECT pg_catalog.string_agg(w.what, ', ') FROM ("
    " SELECT 'pid ' || pid || ' (' || coalesce(usename, '?') || ' in ' || coalesce(datname, '?') || ', ' ||"
    "  coalesce(state, 'state unknown') || ', since ' || pg_catalog.to_char(xact_start, 'HH24:MI:SS') || ' "
    "UTC)' AS what"
    "  FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()"
    " UNION ALL SELECT 'prepared transaction ' || gid || ' in ' || database FROM pg_catalog.pg_prepared_xacts"
    " LIMIT 3) w";

struct creation {
    struct pgconn *replication;
    const char *name;
    enum slot_life life;
    struct slot_export made;
    status result;
    err why;
};

static void *create(void *at)
{
    struct creation *job = at;
    job->result = slot_create(job->replication, job->name, job->life, &job->made, &job->why);
    return NULL;
}

/* Says who is waited for, when that has changed. Looking is a courtesy: its failure is none. */
static void tell(struct pgconn *query, const struct progress *progress, char **told)
{
    OWNED(text) char *now = NULL;
    err ignored = ERR_INIT;
    if (!pgconn_value(query, blockers_query, &now, &ignored).ok || now == NULL)
        return;
    if (*told != NULL && strcmp(*told, now) == 0)
        return;
    char line[1024];
    (void)snprintf(line, sizeof line, "the replication slot waits for transactions that are older: %s", now);
    progress->say(progress->context, line);
    free(*told);
    *told = now;
    now = NULL;
}

status slotwait_create(struct pgconn *replication, struct pgconn *query, const char *name,
                       enum slot_life life, const struct progress *progress, struct slot_export *out, err *e)
{
    struct creation job = {.replication = replication, .name = name, .life = life};
    OWNED(text) char *told = NULL;
    pthread_t thread;
    int code = pthread_create(&thread, NULL, create, &job);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    for (;;) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += LOOK_EVERY_S;
        if (pthread_timedjoin_np(thread, NULL, &until) != ETIMEDOUT)
            break;
        tell(query, progress, &told);
        if (progress_stopped(progress))
            pgconn_cancel(replication);
    }
    if (!job.result.ok) {
        *e = job.why;
        return err_wrap(e, "cannot make replication slot %s", name);
    }
    *out = job.made;
    return DONE;
}
