#include "agent/capture/capture.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/capture/session.h"
#include "store/io.h"

/* Between two tries to connect; doubled each time. */
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 15000

static status read_setup(struct capture *c, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    TRY(catalog_get(c->data->catalog, CATALOG_SETUP, (struct bytes){0}, (ProtobufCMessage **)(void *)&setup,
                    e));
    if (!c->data->has_identity || setup == NULL || !setup->has_complete || !setup->complete)
        return err_set(e, ERR_VALIDATION, "%s is not initialised completely: run pgstrand init",
                       c->data->root);
    c->slot_lsn = setup->has_slot_lsn ? setup->slot_lsn : LSN_NONE;
    c->ddl_rows = setup->has_event_trigger && setup->event_trigger;
    return DONE;
}

status capture_new(struct datadir *d, const char *conninfo, const struct capture_observer *observer,
                   struct capture **out, err *e)
{
    OWNED(capture) struct capture *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_no_memory(e);
    (void)pthread_mutex_init(&c->lock, NULL);
    c->data = d;
    c->observer = *observer;
    c->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->stop_event < 0)
        return err_errno(e, errno, "cannot make an event descriptor");
    c->conninfo = strdup(conninfo != NULL ? conninfo : "");
    if (c->conninfo == NULL)
        return err_no_memory(e);
    TRY(read_setup(c, e));
    TRY(tablebook_load(d->catalog, &d->identity.dataset, &c->book, e));
    *out = c;
    c = NULL;
    return DONE;
}

void capture_free(struct capture *c)
{
    if (c == NULL)
        return;
    tablebook_free(c->book);
    free(c->conninfo);
    if (c->stop_event >= 0)
        (void)close(c->stop_event);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void capture_stop(struct capture *c)
{
    const uint64_t one = 1;
    atomic_store(&c->stop, true);
    ssize_t ignored = write(c->stop_event, &one, sizeof one); /* it fails only when it is readable anyway */
    (void)ignored;
}

void capture_trim(struct capture *c, uint64_t through)
{
    atomic_store(&c->trim_through, through);
    (void)pthread_mutex_lock(&c->lock);
    if (c->exchange != NULL)
        exchange_wake(c->exchange);
    (void)pthread_mutex_unlock(&c->lock);
}

struct capture_progress capture_progress(const struct capture *c)
{
    return (struct capture_progress){.received = atomic_load(&c->received),
                                     .server_end = atomic_load(&c->server_end)};
}

/*
 * Is it worth another try? Whatever the server says is: a changed password or certificate, a privilege taken
 * away, a full disk over there are put right by people while we wait. Damage and refusals of our own are not.
 */
static bool may_heal(const err *e)
{
    return err_is_transient(e) || io_is_full(e) || e->origin == FROM_LIBPQ;
}

/* Half of it at random, so that many agents do not come back in step. */
static int64_t jittered(int64_t ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return ms / 2 + (int64_t)((uint64_t)t.tv_nsec % (uint64_t)(ms / 2 + 1));
}

bool capture_pause(struct capture *c, int64_t ms)
{
    struct pollfd fd = {.fd = c->stop_event, .events = POLLIN};
    (void)poll(&fd, 1, (int)ms); /* a signal may cut it short */
    return atomic_load(&c->stop);
}

enum capture_loss capture_loss(const struct capture *c)
{
    return c->loss;
}

status capture_renew(struct capture *c, err *e)
{
    struct tablebook *book = NULL;
    TRY(datadir_load_identity(c->data, e));
    TRY(read_setup(c, e));
    TRY(tablebook_load(c->data->catalog, &c->data->identity.dataset, &book, e));
    tablebook_free(c->book);
    c->book = book;
    c->loss = LOSS_NONE;
    c->stuck = false;
    return DONE;
}

status capture_run(struct capture *c, err *e)
{
    int64_t backoff = BACKOFF_MIN_MS;
    while (!atomic_load(&c->stop)) {
        err why = ERR_INIT;
        const bool finished = session_run(c, &why).ok;
        if (finished || atomic_load(&c->stop))
            break;
        c->observer.connection(c->observer.context, &why);
        if (!may_heal(&why)) {
            *e = why;
            return FAILED;
        }
        if (c->connected && !io_is_full(&why) && !c->stuck)
            backoff = BACKOFF_MIN_MS;
        (void)capture_pause(c, jittered(backoff));
        backoff = backoff * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff * 2;
    }
    return DONE;
}
