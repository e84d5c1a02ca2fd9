/* Which connections are open: a process that is told to stop cancels what they do. */
#include <pthread.h>
#include <string.h>

#include "agent/pg/pglib.h"

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static struct pgconn *newest;

void pglib_enlist(struct pgconn *c)
{
    (void)pthread_mutex_lock(&guard);
    c->older = newest;
    newest = c;
    (void)pthread_mutex_unlock(&guard);
}

void pglib_delist(struct pgconn *c)
{
    (void)pthread_mutex_lock(&guard);
    struct pgconn **at = &newest;
    while (*at != NULL && *at != c)
        at = &(*at)->older;
    if (*at != NULL)
        *at = c->older;
    (void)pthread_mutex_unlock(&guard);
}

void pgconn_cancel_all(void)
{
    (void)pthread_mutex_lock(&guard);
    for (struct pgconn *c = newest; c != NULL; c = c->older)
        pgconn_cancel(c);
    (void)pthread_mutex_unlock(&guard);
}

bool pgconn_was_cancelled(const err *e)
{
    return strcmp(e->sqlstate, "57014") == 0;
}
