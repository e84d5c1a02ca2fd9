/*
 * loglag: how long after a transaction's commit it is durable: in the action log, or at a native
 * subscription.
 *
 *     loglag watch LOG SECONDS        writes "time position" whenever the log's durable position moves
 *     loglag watch-sub CONNINFO NAME SECONDS
 *                                     the same for flush_lsn of the replication connection NAME
 *     loglag report LOG FILE          FILE: what watch wrote. Every commit in the log that falls into its
 * time: their number, p50 and p99 in ms
 *
 * Times are the server's clock at commit and this machine's at the look: run it where the server runs. Both
 * watches look every 200 us, which is what the figures are good for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/pg/pgconn.h"
#include "store/actionlog.h"

#define LOOK_NS 200000L

static void told(pgtime at, lsn position, lsn *before)
{
    if (position != *before)
        (void)printf("%lld %llu\n", (long long)at, (unsigned long long)position);
    *before = position;
}

static void rest(void)
{
    const struct timespec t = {.tv_nsec = LOOK_NS};
    (void)nanosleep(&t, NULL);
}

static status watch(const char *dir, double seconds, err *e)
{
    OWNED(logreader) struct logreader *r = NULL;
    const pgtime until = pgtime_now() + (pgtime)(seconds * 1e6);
    lsn before = LSN_NONE;
    TRY(logreader_open(dir, &r, e));
    while (pgtime_now() < until) {
        struct log_state now;
        TRY(logreader_state(r, &now, e));
        told(pgtime_now(), now.position.end_lsn, &before);
        rest();
    }
    return DONE;
}

static status watch_sub(const char *conninfo, const char *name, double seconds, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    const pgtime until = pgtime_now() + (pgtime)(seconds * 1e6);
    lsn before = LSN_NONE;
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &c, e));
    while (pgtime_now() < until) {
        OWNED(pgrows) struct pgrows *rows = NULL;
        TRY(pgconn_query(c,
                         "SELECT coalesce((SELECT flush_lsn - '0/0'::pg_lsn FROM pg_stat_replication"
                         " WHERE application_name = $1 LIMIT 1), 0)::bigint",
                         1, &name, &rows, e));
        told(pgtime_now(), (lsn)pgrows_int(rows, 0, 0), &before);
        rest();
    }
    return DONE;
}

struct look {
    long long at;
    unsigned long long position;
};

struct looks {
    struct look *list;
    size_t count;
};

static status load(const char *path, struct looks *out, err *e)
{
    OWNED(stream) FILE *f = fopen(path, "r");
    struct look one;
    size_t cap = 0;
    if (f == NULL)
        return err_set(e, ERR_STORAGE, "cannot open %s", path);
    while (fscanf(f, "%lld %llu", &one.at, &one.position) == 2) {
        if (out->count == cap) {
            cap = cap == 0 ? 1024 : cap * 2;
            out->list = realloc(out->list, cap * sizeof *out->list);
            if (out->list == NULL)
                return err_no_memory(e);
        }
        out->list[out->count++] = one;
    }
    return out->count > 1 ? DONE : err_set(e, ERR_VALIDATION, "%s says nothing", path);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static status report(const char *dir, const char *path, err *e)
{
    OWNED(logreader) struct logreader *r = NULL;
    struct looks looks = {0};
    struct log_entry entry;
    OWNED(memory) double *lag = NULL;
    size_t count = 0;
    size_t at = 0;
    bool end = false;
    lsn last = LSN_NONE;
    TRY(load(path, &looks, e));
    OWNED(memory) struct look *list = looks.list;
    TRY(logreader_open(dir, &r, e));
    for (;;) {
        TRY(logreader_next(r, &entry, &end, e));
        if (end)
            break;
        if (entry.commit->lsn == last || entry.commit->time < list[0].at)
            continue;
        last = entry.commit->lsn;
        while (at < looks.count && list[at].position < entry.commit->end_lsn)
            at++;
        if (at == looks.count)
            break;
        double *more = realloc(lag, (count + 1) * sizeof *lag);
        if (more == NULL)
            return err_no_memory(e);
        lag = more;
        lag[count++] = (double)(list[at].at - entry.commit->time) / 1000;
    }
    if (count == 0)
        return err_set(e, ERR_VALIDATION, "no commit of the log falls into the time of %s", path);
    qsort(lag, count, sizeof *lag, by_value);
    (void)printf("%zu %.3f %.3f\n", count, lag[count / 2], lag[count * 99 / 100]);
    return DONE;
}

int main(int argc, char **argv)
{
    err e = ERR_INIT;
    status done = FAILED;
    if (argc == 4 && strcmp(argv[1], "watch") == 0)
        done = watch(argv[2], atof(argv[3]), &e);
    else if (argc == 5 && strcmp(argv[1], "watch-sub") == 0)
        done = watch_sub(argv[2], argv[3], atof(argv[4]), &e);
    else if (argc == 4 && strcmp(argv[1], "report") == 0)
        done = report(argv[2], argv[3], &e);
    else
        (void)err_set(&e, ERR_VALIDATION, "usage: see the head of loglag.c");
    if (!done.ok)
        (void)fprintf(stderr, "loglag: %s\n", e.message);
    return done.ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
