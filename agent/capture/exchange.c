#include "agent/capture/exchange.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/condwait.h"

status exchange_init(struct exchange *x, lsn durable, err *e)
{
    *x = (struct exchange){.event = -1};
    atomic_init(&x->durable, durable);
    (void)pthread_mutex_init(&x->lock, NULL);
    condwait_init(&x->wake);
    x->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (x->event < 0)
        return err_errno(e, errno, "cannot make an event descriptor");
    TRY(batch_init(&x->batch[0], e));
    TRY(batch_init(&x->batch[1], e));
    x->spare = &x->batch[1];
    return DONE;
}

void exchange_fini(struct exchange *x)
{
    batch_fini(&x->batch[0]);
    batch_fini(&x->batch[1]);
    if (x->event >= 0)
        (void)close(x->event);
    (void)pthread_cond_destroy(&x->wake);
    (void)pthread_mutex_destroy(&x->lock);
}

static void tell_receiver(struct exchange *x)
{
    const uint64_t one = 1;
    /* It fails only when the counter is full, and then the descriptor is readable anyway. */
    ssize_t ignored = write(x->event, &one, sizeof one);
    (void)ignored;
}

struct batch *exchange_first(struct exchange *x)
{
    return &x->batch[0];
}

struct batch *exchange_swap(struct exchange *x, struct batch *full)
{
    (void)pthread_mutex_lock(&x->lock);
    struct batch *next = x->spare;
    if (next != NULL) {
        x->spare = NULL;
        x->waiting = full;
        (void)pthread_cond_signal(&x->wake);
    }
    (void)pthread_mutex_unlock(&x->lock);
    return next;
}

bool exchange_ready(struct exchange *x)
{
    (void)pthread_mutex_lock(&x->lock);
    const bool ready = x->spare != NULL;
    (void)pthread_mutex_unlock(&x->lock);
    return ready;
}

void exchange_close(struct exchange *x)
{
    (void)pthread_mutex_lock(&x->lock);
    x->closed = true;
    (void)pthread_cond_signal(&x->wake);
    (void)pthread_mutex_unlock(&x->lock);
}

int exchange_event(const struct exchange *x)
{
    return x->event;
}

void exchange_event_clear(struct exchange *x)
{
    uint64_t count;
    ssize_t ignored = read(x->event, &count, sizeof count); /* nothing there is as good */
    (void)ignored;
}

lsn exchange_durable(struct exchange *x)
{
    return atomic_load_explicit(&x->durable, memory_order_acquire);
}

bool exchange_ended(struct exchange *x, err *failure)
{
    (void)pthread_mutex_lock(&x->lock);
    const bool ended = x->ended;
    if (ended)
        *failure = x->failure;
    (void)pthread_mutex_unlock(&x->lock);
    return ended;
}

struct batch *exchange_take(struct exchange *x, int timeout_ms, bool *closed)
{
    const struct timespec deadline = condwait_deadline(timeout_ms < 0 ? 0 : timeout_ms);
    int code = 0;
    (void)pthread_mutex_lock(&x->lock);
    while (x->waiting == NULL && !x->closed && !x->woken && code != ETIMEDOUT) {
        if (timeout_ms < 0)
            code = pthread_cond_wait(&x->wake, &x->lock);
        else
            code = condwait_until(&x->wake, &x->lock, &deadline);
    }
    struct batch *taken = x->waiting;
    x->waiting = NULL;
    x->woken = false;
    *closed = taken == NULL && x->closed;
    (void)pthread_mutex_unlock(&x->lock);
    return taken;
}

void exchange_give_back(struct exchange *x, struct batch *done)
{
    batch_reset(done);
    (void)pthread_mutex_lock(&x->lock);
    x->spare = done;
    (void)pthread_mutex_unlock(&x->lock);
    tell_receiver(x);
}

void exchange_set_durable(struct exchange *x, lsn durable)
{
    const lsn before = atomic_exchange_explicit(&x->durable, durable, memory_order_acq_rel);
    if (before != durable)
        tell_receiver(x);
}

void exchange_end(struct exchange *x, const err *failure)
{
    (void)pthread_mutex_lock(&x->lock);
    x->ended = true;
    if (failure != NULL)
        x->failure = *failure;
    (void)pthread_mutex_unlock(&x->lock);
    tell_receiver(x);
}

void exchange_wake(struct exchange *x)
{
    (void)pthread_mutex_lock(&x->lock);
    x->woken = true;
    (void)pthread_cond_signal(&x->wake);
    (void)pthread_mutex_unlock(&x->lock);
}
