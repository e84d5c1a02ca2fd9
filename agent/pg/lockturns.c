#include "agent/pg/lockturns.h"

#include <string.h>
#include <time.h>

#define TURN_MAX_MS 500
#define SAVEPOINTS_MAX 1000 /* each costs the server about 10 KiB until the transaction's end */
#define PAUSE_MIN_MS 50     /* doubled each time */
#define PAUSE_MAX_MS 1000

int64_t lockturns_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

status lockturns_turn(struct pgconn *c, int *turn_ms, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'", 0, NULL,
                     &rows, e));
    const int64_t half = pgrows_count(rows) > 0 ? pgrows_int(rows, 0, 0) / 2 : TURN_MAX_MS;
    *turn_ms = half < 1 ? 1 : half > TURN_MAX_MS ? TURN_MAX_MS : (int)half;
    return DONE;
}

status lockturns_begin(struct pgconn *c, int64_t patience_ms, struct lockturns *out, err *e)
{
    TRY(lockturns_turn(c, &out->turn_ms, e));
    out->until = lockturns_now() + patience_ms;
    out->pause_ms = PAUSE_MIN_MS;
    return DONE;
}

bool lockturns_again(struct lockturns *t)
{
    if (lockturns_now() >= t->until)
        return false;
    const struct timespec wait = {t->pause_ms / 1000, t->pause_ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
    t->pause_ms = t->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : t->pause_ms * 2;
    return true;
}

/* lock_timeout counts for each lock anew: the later ones have what the turn has left. */
static status take_turn(struct pgconn *c, struct bytes tables, int turn_ms, bool each, err *e)
{
    const int64_t until = lockturns_now() + turn_ms;
    const char *end = (const char *)tables.data + tables.len;
    size_t i = 0;
    for (const char *name = (const char *)tables.data; name < end; name += strlen(name) + 1, i++) {
        const int64_t left = until - lockturns_now();
        if (each && i < SAVEPOINTS_MAX)
            TRY(pgconn_execf(c, e, "SAVEPOINT pgstrand_lock_%zu", i));
        TRY(pgconn_execf(c, e, "SET LOCAL lock_timeout = %d; LOCK TABLE ONLY %s IN ACCESS SHARE MODE",
                         left < 1 ? 1 : (int)left, name));
    }
    return DONE;
}

static status take(struct pgconn *c, struct bytes tables, int64_t patience_ms, bool each, err *e)
{
    struct lockturns t;
    TRY(lockturns_begin(c, patience_ms, &t, e));
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_lock", e));
    while (!take_turn(c, tables, t.turn_ms, each, e).ok) {
        err rolled = ERR_INIT; /* the first failure is the one to tell */
        const bool waited = strcmp(e->sqlstate, "55P03") == 0;
        if (!waited || !pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_lock", &rolled).ok ||
            !lockturns_again(&t))
            return FAILED;
        *e = ERR_INIT;
    }
    return DONE;
}

status lockturns_take(struct pgconn *c, struct bytes tables, int64_t patience_ms, err *e)
{
    TRY(take(c, tables, patience_ms, false, e));
    return pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_lock; SET LOCAL lock_timeout = 0", e);
}

status lockturns_take_each(struct pgconn *c, struct bytes tables, int64_t patience_ms, err *e)
{
    TRY(take(c, tables, patience_ms, true, e));
    return pgconn_exec(c, "SET LOCAL lock_timeout = 0", e);
}

/* The savepoint has the setting that there was before it. */
status lockturns_let_go(struct pgconn *c, size_t i, err *e)
{
    if (i >= SAVEPOINTS_MAX)
        return DONE;
    return pgconn_execf(c, e, "ROLLBACK TO SAVEPOINT pgstrand_lock_%zu; SET LOCAL lock_timeout = 0", i);
}
