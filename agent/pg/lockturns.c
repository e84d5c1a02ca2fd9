#include "agent/pg/lockturns.h"

#include <time.h>

#define TURN_MAX_MS 500
#define PAUSE_MIN_MS 50 /* doubled each time */
#define PAUSE_MAX_MS 1000

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

status lockturns_begin(struct pgconn *c, int64_t patience_ms, struct lockturns *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'", 0, NULL,
                     &rows, e));
    const int64_t half = pgrows_count(rows) > 0 ? pgrows_int(rows, 0, 0) / 2 : TURN_MAX_MS;
    out->turn_ms = half < 1 ? 1 : half > TURN_MAX_MS ? TURN_MAX_MS : (int)half;
    out->until = now_ms() + patience_ms;
    out->pause_ms = PAUSE_MIN_MS;
    return DONE;
}

bool lockturns_again(struct lockturns *t)
{
    if (now_ms() >= t->until)
        return false;
    const struct timespec wait = {t->pause_ms / 1000, t->pause_ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
    t->pause_ms = t->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : t->pause_ms * 2;
    return true;
}

status lockturns_take(struct pgconn *c, const char *lock, int64_t patience_ms, err *e)
{
    struct lockturns t;
    TRY(lockturns_begin(c, patience_ms, &t, e));
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_lock", e));
    while (!pgconn_execf(c, e, "SET LOCAL lock_timeout = %d; %s", t.turn_ms, lock).ok) {
        err rolled = ERR_INIT; /* the first failure is the one to tell */
        if (e->class != ERR_TIMEOUT || !pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_lock", &rolled).ok ||
            !lockturns_again(&t))
            return FAILED;
        *e = ERR_INIT;
    }
    return pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_lock; SET LOCAL lock_timeout = 0", e);
}
