#include "store/shares.h"

#include <pthread.h>
#include <unistd.h>

struct share {
    status (*run)(void *context, uint32_t share, err *e);
    void *context;
    uint32_t number;
    pthread_t thread;
    bool started;
    status done;
    err why;
};

static void *run_one(void *argument)
{
    struct share *s = argument;
    s->done = s->run(s->context, s->number, &s->why);
    return NULL;
}

uint32_t shares_count(uint64_t useful, uint32_t most)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t count = online > 1 ? (uint64_t)online : 1;
    count = count < most ? count : most;
    count = count < SHARES_MOST ? count : SHARES_MOST;
    count = count < useful ? count : useful;
    return count > 1 ? (uint32_t)count : 1;
}

status shares_run(uint32_t count, status (*run)(void *context, uint32_t share, err *e), void *context, err *e)
{
    struct share other[SHARES_MOST];
    for (uint32_t i = 1; i < count; i++) {
        other[i] =
            (struct share){.run = run, .context = context, .number = i, .done = FAILED, .why = ERR_INIT};
        other[i].started = pthread_create(&other[i].thread, NULL, run_one, &other[i]) == 0;
    }
    status done = run(context, 0, e);
    for (uint32_t i = 1; i < count; i++) {
        if (other[i].started)
            (void)pthread_join(other[i].thread, NULL);
        else
            (void)run_one(&other[i]);
        if (done.ok && !other[i].done.ok) {
            done = FAILED;
            *e = other[i].why;
        }
    }
    return done;
}
