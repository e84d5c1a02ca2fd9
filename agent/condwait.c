#include "agent/condwait.h"

void condwait_init(pthread_cond_t *c)
{
    pthread_condattr_t clock;
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &clock);
    (void)pthread_condattr_destroy(&clock);
}

struct timespec condwait_deadline(int64_t ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}

int condwait_until(pthread_cond_t *c, pthread_mutex_t *lock, const struct timespec *deadline)
{
    return pthread_cond_timedwait(c, lock, deadline);
}
