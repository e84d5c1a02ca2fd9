#include "agent/capture/receiver.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/* Messages read between two looks at the clock and at the committer. */
#define BURST 256
/* A durable position is told at once when nothing was said for this long. */
#define CONFIRM_MS 100
/*
 * Catching up: more than so many messages a millisecond, measured over a few of them. Then waking up for each
 * small packet would cost more than the packet, here and in the server, which sends one per message; so the
 * socket is left alone for a moment, less than its buffer takes to fill (about 280 small messages on Linux'
 * unix sockets, at 130,000 a second), and batches are larger and flushed less often.
 */
#define FLOWING_PER_MS 20
#define FLOWING_WINDOW_MS 5
#define FLOWING_NAP_NS 500000L
#define FLOWING_BYTES ((size_t)256 << 10)
#define FLOWING_MS 10

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static status send_status(struct receiver *r, err *e)
{
    const lsn durable = exchange_durable(r->exchange);
    lsn received = atomic_load(r->received);
    if (received < durable)
        received = durable;
    TRY(pgconn_stream_status(r->stream, received, durable, durable, false, e));
    r->confirmed = durable;
    r->status_at = now_ms();
    return DONE;
}

/* When the next update is due, in ms from now; 0 or less: now. */
static int64_t status_due(struct receiver *r)
{
    const bool news = exchange_durable(r->exchange) != r->confirmed;
    return r->status_at + (news ? CONFIRM_MS : r->status_ms) - now_ms();
}

static status keep_status(struct receiver *r, err *e)
{
    return status_due(r) <= 0 ? send_status(r, e) : DONE;
}

static void raise_to(_Atomic lsn *at, lsn value)
{
    if (value > atomic_load_explicit(at, memory_order_relaxed))
        atomic_store_explicit(at, value, memory_order_relaxed);
}

enum burst_end { BURST_PAUSE, BURST_MORE, BURST_FULL };

static bool put_message(struct receiver *r, struct bytes payload)
{
    if (!batch_is_large(payload))
        return batch_message(r->batch, payload);
    if (r->batch->len > 0)
        return false;
    batch_lend(r->batch, payload, pgconn_stream_keep(r->stream), pgconn_stream_release);
    return true;
}

/* Puts one event into the batch; *fits false: the event must be put again into the next one. */
static status take_event(struct receiver *r, const struct stream_event *event, bool *fits, err *e)
{
    if (event->kind == STREAM_DATA) {
        *fits = put_message(r, event->payload);
        if (*fits) /* 0 for what has no place in the WAL of its own: relations, types, the begin before an
                      origin */
            raise_to(r->received, event->start);
    } else {
        *fits = batch_keepalive(r->batch, event->end, event->reply_requested);
        if (*fits)
            raise_to(r->received, event->end);
        if (*fits && event->reply_requested)
            TRY(send_status(r, e));
    }
    raise_to(r->server_end, event->end);
    return DONE;
}

/* `event` may hold one that did not fit before. */
static status read_burst(struct receiver *r, struct stream_event *event, int *messages, enum burst_end *out,
                         err *e)
{
    for (int i = 0; i < BURST; i++) {
        bool fits = false;
        if (event->kind == STREAM_NOTHING)
            TRY(pgconn_stream_next(r->stream, event, e));
        if (event->kind == STREAM_END)
            return err_set(e, ERR_NETWORK, "the server ended the replication stream");
        if (event->kind == STREAM_NOTHING) {
            *out = BURST_PAUSE;
            return DONE;
        }
        TRY(take_event(r, event, &fits, e));
        (*messages)++;
        if (fits)
            event->kind = STREAM_NOTHING;
        if (!fits || r->batch->loan != NULL) {
            *out = BURST_FULL;
            return DONE;
        }
    }
    *out = BURST_MORE;
    return DONE;
}

/* `at_most`: ns. */
static status wait_for_more(struct receiver *r, bool socket, int64_t at_most, err *e)
{
    struct pollfd fds[] = {
        {.fd = exchange_event(r->exchange), .events = POLLIN},
        {.fd = r->stop_event, .events = POLLIN},
        {.fd = pgconn_socket(r->stream), .events = POLLIN},
    };
    int64_t due = status_due(r) * NS_PER_MS;
    if (at_most < due)
        due = at_most;
    if (due < 0)
        due = 0;
    const struct timespec limit = {.tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S};
    if (ppoll(fds, socket ? 3 : 2, &limit, NULL) < 0 && errno != EINTR)
        return err_errno(e, errno, "cannot wait for the server");
    if ((fds[0].revents & POLLIN) != 0)
        exchange_event_clear(r->exchange);
    return DONE;
}

/* Counts what came, and judges it at the end of each window. */
static void measure_flow(struct receiver *r, int messages, int64_t now)
{
    const int64_t spent = now - r->window_at;
    r->window_messages += messages;
    if (spent < FLOWING_WINDOW_MS)
        return;
    r->flowing = r->window_messages >= spent * FLOWING_PER_MS;
    r->window_messages = 0;
    r->window_at = now;
}

static bool worth_handing_over(const struct receiver *r, enum burst_end reached, int64_t now)
{
    if (r->batch->len == 0)
        return false;
    if (reached == BURST_FULL || r->batch->len >= FLOWING_BYTES)
        return true;
    return (reached == BURST_PAUSE && !r->flowing) || now - r->handed_at >= FLOWING_MS;
}

static status hand_over(struct receiver *r, enum burst_end reached, int64_t now, bool *handed, err *e)
{
    *handed = false;
    if (!worth_handing_over(r, reached, now))
        return DONE;
    const bool large = r->batch->loan != NULL;
    struct batch *next = exchange_swap(r->exchange, r->batch);
    if (next == NULL)
        return exchange_ended(r->exchange, e) ? FAILED : DONE;
    r->large = large;
    r->batch = next;
    r->handed_at = now;
    *handed = true;
    return DONE;
}

/*
 * A large message is in memory three times when its turn comes: in libpq's buffer, as it was taken out of it,
 * and in LMDB's pages until they are written. Until then nothing else is read that may be as large.
 */
static bool may_read(struct receiver *r)
{
    r->large = r->large && !exchange_ready(r->exchange);
    return !r->large && r->batch->loan == NULL;
}

static status pause_reading(struct receiver *r, enum burst_end reached, bool handed, err *e)
{
    if (reached == BURST_PAUSE)
        return wait_for_more(r, !r->flowing, r->flowing ? FLOWING_NAP_NS : r->status_ms * NS_PER_MS, e);
    if (reached == BURST_FULL && !handed)
        return wait_for_more(r, false, r->status_ms * NS_PER_MS, e);
    return DONE;
}

static status read_stream(struct receiver *r, err *e)
{
    struct stream_event event = {.kind = STREAM_NOTHING};
    while (!atomic_load(r->stop)) {
        enum burst_end reached = BURST_FULL;
        bool handed = false;
        int messages = 0;
        if (may_read(r))
            TRY(read_burst(r, &event, &messages, &reached, e));
        const int64_t now = now_ms();
        measure_flow(r, messages, now);
        TRY(hand_over(r, reached, now, &handed, e));
        TRY(keep_status(r, e));
        if (exchange_ended(r->exchange, e))
            return FAILED;
        TRY(pause_reading(r, reached, handed, e));
    }
    return DONE;
}

/* Gives the committer what is left and waits for its end; `alive`: with status updates. */
static status finish(struct receiver *r, bool alive, err *e)
{
    err ended = ERR_INIT;
    bool given = r->batch->len == 0;
    for (bool closed = false; !exchange_ended(r->exchange, &ended);) {
        if (!given)
            given = exchange_swap(r->exchange, r->batch) != NULL;
        if (given && !closed) {
            exchange_close(r->exchange);
            closed = true;
        }
        if (alive)
            TRY(keep_status(r, e));
        struct pollfd fd = {.fd = exchange_event(r->exchange), .events = POLLIN};
        (void)poll(&fd, 1, CONFIRM_MS);
        if ((fd.revents & POLLIN) != 0)
            exchange_event_clear(r->exchange);
    }
    if (ended.class != ERR_NONE) {
        *e = ended;
        return FAILED;
    }
    return alive ? send_status(r, e) : DONE;
}

status receiver_run(struct receiver *r, err *e)
{
    r->batch = exchange_first(r->exchange);
    TRY(send_status(r, e));
    if (read_stream(r, e).ok)
        return finish(r, true, e);
    err ended = ERR_INIT;
    if (exchange_ended(r->exchange, &ended))
        return FAILED; /* with the committer's own reason */
    err later = ERR_INIT;
    if (!finish(r, false, &later).ok)
        *e = later; /* what the disk says matters more than a lost connection */
    return FAILED;
}

status receiver_idle(struct receiver *r, int64_t ms, err *e)
{
    for (const int64_t until = now_ms() + ms; !atomic_load(r->stop) && now_ms() < until;) {
        TRY(keep_status(r, e));
        TRY(wait_for_more(r, false, (until - now_ms()) * NS_PER_MS, e));
    }
    return DONE;
}
