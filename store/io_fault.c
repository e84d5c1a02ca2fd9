#include "store/io_fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/io_place.h"

#define PATTERN_MAX 256 /* bytes of a pattern, NUL included */

static struct {
    pthread_mutex_t lock; /* over all but `calls` and `armed` */
    atomic_uint_fast64_t calls;
    atomic_bool armed;
    enum io_fault action;
    uint64_t nth;
    uint64_t matched; /* calls that fit the pattern since arming */
    bool places;      /* only calls from places that are not in a file count */
    char pattern[PATTERN_MAX];
} plan = {.lock = PTHREAD_MUTEX_INITIALIZER};

void io_fault_arm(enum io_fault action, uint64_t nth, const char *pattern)
{
    pthread_mutex_lock(&plan.lock);
    plan.action = action;
    plan.nth = nth;
    plan.matched = 0;
    plan.places = false;
    plan.pattern[0] = '\0';
    if (pattern != NULL)
        strncat(plan.pattern, pattern, sizeof plan.pattern - 1);
    atomic_store(&plan.calls, 0);
    atomic_store(&plan.armed, action != IO_FAULT_NONE);
    pthread_mutex_unlock(&plan.lock);
}

uint64_t io_fault_calls(void)
{
    return atomic_load(&plan.calls);
}

static bool fits(const char *path)
{
    return path != NULL && strstr(path, plan.pattern) != NULL;
}

/* SIGKILL and not abort: nothing may run, as in a power cut of this process. */
static void die(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* A slow disk. */
static void linger(void)
{
    const struct timespec t = {(time_t)(plan.nth / 1000), (long)(plan.nth % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

/* What this call shall do; the lock is held. */
static enum io_fault decide(enum io_call call, const char *path, const char *other)
{
    if (!fits(path) && !fits(other))
        return IO_FAULT_NONE;
    const uint64_t place = plan.places ? io_place_of(call) : IO_PLACE_NONE;
    if (plan.places && place == IO_PLACE_NONE)
        return IO_FAULT_NONE;
    plan.matched++;
    if (plan.places && plan.matched == plan.nth)
        io_place_note(place);
    if (plan.action == IO_FAULT_FULL) /* a full disk stays full, but one can still delete on it */
        return plan.matched >= plan.nth && call != IO_CALL_UNLINK ? IO_FAULT_FULL : IO_FAULT_NONE;
    if (plan.action == IO_FAULT_SLOW)
        return IO_FAULT_SLOW;
    return plan.matched == plan.nth ? plan.action : IO_FAULT_NONE;
}

struct io_gate io_fault_enter(enum io_call call, const char *path, const char *other)
{
    struct io_gate gate = {0};
    atomic_fetch_add(&plan.calls, 1);
    if (!atomic_load(&plan.armed))
        return gate;
    pthread_mutex_lock(&plan.lock);
    enum io_fault action = decide(call, path, other);
    pthread_mutex_unlock(&plan.lock);
    switch (action) {
    case IO_FAULT_NONE:
        break;
    case IO_FAULT_FAIL:
        gate.code = EIO;
        break;
    case IO_FAULT_FULL:
        gate.code = ENOSPC;
        break;
    case IO_FAULT_SHORT:
        gate.code = EIO;
        gate.half = true;
        break;
    case IO_FAULT_KILL:
        die();
        break;
    case IO_FAULT_KILL_AFTER:
        gate.after = true;
        break;
    case IO_FAULT_SLOW:
        linger();
        break;
    }
    return gate;
}

void io_fault_leave(const struct io_gate *gate)
{
    if (gate->after)
        die();
}

static const struct {
    const char *word;
    enum io_fault action;
} words[] = {
    {"fail", IO_FAULT_FAIL},
    {"full", IO_FAULT_FULL},
    {"short", IO_FAULT_SHORT},
    {"kill", IO_FAULT_KILL},
    {"killafter", IO_FAULT_KILL_AFTER},
    {"slow", IO_FAULT_SLOW},
};

/* "K/N"; unset: all. */
static bool read_share(const char *text, struct io_place_share *out)
{
    char *end = NULL;
    *out = (struct io_place_share){0, 1};
    if (text == NULL || text[0] == '\0')
        return true;
    out->mine = strtoull(text, &end, 10);
    if (*end != '/')
        return false;
    out->of = strtoull(end + 1, &end, 10);
    return *end == '\0' && out->mine < out->of;
}

static status count_places(const char *file, err *e)
{
    struct io_place_share share;
    const char *text = getenv("PGSTRAND_IO_FAULT_SHARE");
    if (!read_share(text, &share))
        return err_set(e, ERR_USAGE,
                       "PGSTRAND_IO_FAULT_SHARE=%s is not K/N with K below N; it is for tests, unset it",
                       text);
    pthread_mutex_lock(&plan.lock);
    io_place_begin(file, share);
    plan.places = true;
    pthread_mutex_unlock(&plan.lock);
    return DONE;
}

status io_fault_from_env(bool *armed, err *e)
{
    *armed = false;
    const char *text = getenv("PGSTRAND_IO_FAULT");
    if (text == NULL || text[0] == '\0')
        return DONE;
    size_t length = strcspn(text, ":");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) != length || strncmp(words[i].word, text, length) != 0)
            continue;
        char *end = NULL;
        const char *digits = text[length] == ':' ? text + length + 1 : "";
        unsigned long long nth = strtoull(digits, &end, 10);
        if (nth == 0 || digits[0] == '-' || (*end != '\0' && *end != ':') ||
            (*end == ':' && strlen(end + 1) >= PATTERN_MAX))
            break;
        io_fault_arm(words[i].action, nth, *end == ':' ? end + 1 : NULL);
        const char *file = getenv("PGSTRAND_IO_FAULT_PLACES");
        if (file != NULL && file[0] != '\0')
            TRY(count_places(file, e));
        *armed = true;
        return DONE;
    }
    return err_set(
        e, ERR_USAGE,
        "PGSTRAND_IO_FAULT=%s is not ACTION:N[:PATTERN] with ACTION one of fail, full, short, kill, "
        "killafter, slow and N from 1; it is for tests, unset it",
        text);
}
