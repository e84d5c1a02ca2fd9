/*
 * The receiver against a scripted stream: what it tells the server, when, and what it takes into memory. The
 * functions of pgstream.c are this file's; the connection has no socket, so that it looks again by the clock.
 */
#include "tests/lib/check.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/capture/receiver.h"
#include "agent/pg/pglib.h"

#define STATUS_MS 60
#define SLOW_MS 2000
#define LARGE (BATCH_BYTES + 100)
#define SCRIPT_MAX 16
#define SAID_MAX 4096

struct said {
    lsn written, flushed;
    int64_t at_ms;
    size_t after; /* so many events had been read */
};

static struct {
    struct stream_event event[SCRIPT_MAX];
    size_t count;
    atomic_size_t next;
    struct said said[SAID_MAX];
    size_t said_count;
    atomic_size_t lent;
} script;

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- in place of pgstream.c ---- */

status pgconn_stream_start(struct pgconn *c, const char *command, err *e)
{
    (void)c;
    (void)command;
    (void)e;
    return DONE;
}

status pgconn_stream_next(struct pgconn *c, struct stream_event *out, err *e)
{
    (void)e;
    free(c->row);
    c->row = NULL;
    *out = (struct stream_event){.kind = STREAM_NOTHING};
    if (script.next == script.count)
        return DONE;
    *out = script.event[atomic_fetch_add(&script.next, 1)];
    c->row = malloc(out->payload.len + 1);
    assert_non_null(c->row);
    if (out->payload.len > 0)
        memset(c->row, 'x', out->payload.len);
    out->payload.data = (const uint8_t *)c->row;
    return DONE;
}

void *pgconn_stream_keep(struct pgconn *c)
{
    char *kept = c->row;
    c->row = NULL;
    (void)atomic_fetch_add(&script.lent, 1);
    return kept;
}

void pgconn_stream_release(void *kept)
{
    free(kept);
    (void)atomic_fetch_sub(&script.lent, 1);
}

status pgconn_stream_status(struct pgconn *c, lsn written, lsn flushed, lsn applied, bool reply, err *e)
{
    (void)c;
    (void)e;
    assert_int_equal(flushed, applied);
    assert_false(reply);
    assert_true(script.said_count < SAID_MAX);
    script.said[script.said_count++] = (struct said){written, flushed, now_ms(), script.next};
    return DONE;
}

/* ---- a receiver, and a committer that is told how slow its disk is ---- */

struct bench {
    struct pgconn conn;
    struct exchange x;
    struct receiver r;
    atomic_bool stop;
    int stop_event;
    _Atomic lsn received, server_end;
    pthread_t committer;
    int slow_ms;       /* for each batch */
    int64_t status_ms; /* 0: STATUS_MS */
    atomic_int batches;
    atomic_size_t most_lent;
    lsn durable; /* when all is done */
};

static void *commit(void *context)
{
    struct bench *b = context;
    for (bool closed = false; !closed;) {
        struct batch *batch = exchange_take(&b->x, -1, &closed);
        if (batch == NULL)
            continue;
        const struct timespec slow = {b->slow_ms / 1000, b->slow_ms % 1000 * 1000000L};
        (void)nanosleep(&slow, NULL);
        if (atomic_load(&script.lent) > atomic_load(&b->most_lent))
            atomic_store(&b->most_lent, atomic_load(&script.lent));
        (void)atomic_fetch_add(&b->batches, 1);
        exchange_set_durable(&b->x, b->durable);
        exchange_give_back(&b->x, batch);
    }
    exchange_end(&b->x, NULL);
    return NULL;
}

static void *stop_later(void *context)
{
    struct bench *b = context;
    const struct timespec turn = {0, 5000000L};
    while (script.next < script.count || !exchange_ready(&b->x))
        (void)nanosleep(&turn, NULL);
    const struct timespec more = {0, 3 * STATUS_MS * 1000000L};
    (void)nanosleep(&more, NULL);
    atomic_store(&b->stop, true);
    assert_int_equal(eventfd_write(b->stop_event, 1), 0);
    return NULL;
}

static void run(struct bench *b, int slow_ms)
{
    pthread_t stopper;
    err e = ERR_INIT;
    b->slow_ms = slow_ms;
    b->durable = 0x9000;
    b->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_done(exchange_init(&b->x, 0x1000, &e), &e);
    b->r = (struct receiver){.stream = &b->conn,
                             .exchange = &b->x,
                             .status_ms = b->status_ms > 0 ? b->status_ms : STATUS_MS,
                             .stop = &b->stop,
                             .stop_event = b->stop_event,
                             .received = &b->received,
                             .server_end = &b->server_end};
    assert_int_equal(pthread_create(&b->committer, NULL, commit, b), 0);
    assert_int_equal(pthread_create(&stopper, NULL, stop_later, b), 0);
    assert_done(receiver_run(&b->r, &e), &e);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_int_equal(pthread_join(b->committer, NULL), 0);
    exchange_fini(&b->x);
    free(b->conn.row);
    (void)close(b->stop_event);
    assert_int_equal(atomic_load(&script.lent), 0);
}

static void play(const struct stream_event *event, size_t count)
{
    memset(&script, 0, sizeof script);
    memcpy(script.event, event, count * sizeof *event);
    script.count = count;
}

static struct stream_event data(lsn start, lsn end, size_t len)
{
    return (struct stream_event){
        .kind = STREAM_DATA, .start = start, .end = end, .payload = {.data = NULL, .len = len}};
}

static struct stream_event keepalive(lsn end, bool reply)
{
    return (struct stream_event){.kind = STREAM_KEEPALIVE, .end = end, .reply_requested = reply};
}

/* ---- the tests ---- */

static void a_start_of_zero_does_not_set_back(void **state)
{
    (void)state;
    struct bench b = {0};
    const struct stream_event events[] = {data(0x2000, 0x3000, 10), data(0, 0, 10), data(0, 0x3000, 10),
                                          data(0x1800, 0x2800, 10)}; /* an earlier change of a later commit */
    play(events, 4);
    run(&b, 0);
    assert_int_equal(atomic_load(&b.received), 0x2000);
    assert_int_equal(atomic_load(&b.server_end), 0x3000);
    for (size_t i = 1; i < script.said_count; i++) {
        assert_true(script.said[i].written >= script.said[i - 1].written);
        assert_true(script.said[i].written >= script.said[i].flushed);
    }
}

static void whoever_asks_is_answered_at_once(void **state)
{
    (void)state;
    struct bench b = {.status_ms = 600000}; /* none that only its time has come */
    const struct stream_event events[] = {data(0x2000, 0x2000, 10), keepalive(0x2100, true),
                                          data(0x2200, 0x2200, 10), keepalive(0x2300, false)};
    bool answered = false, unasked = false;
    play(events, 4);
    run(&b, 0);
    for (size_t i = 0; i < script.said_count; i++) {
        /* Before the next event is read. */
        answered = answered || (script.said[i].after == 2 && script.said[i].written == 0x2100);
        unasked = unasked || script.said[i].after == 3;
    }
    assert_true(answered);
    assert_false(unasked);
}

static void a_slow_disk_does_not_keep_status_back(void **state)
{
    (void)state;
    struct bench b = {0};
    struct stream_event events[SCRIPT_MAX];
    const size_t count = 4;
    /* Each fills a batch: both are with the committer most of the time. */
    for (size_t i = 0; i < count; i++)
        events[i] = data(0x2000 + i, 0x2000 + i, BATCH_BYTES - 100);
    play(events, count);
    run(&b, SLOW_MS);
    assert_true(atomic_load(&b.batches) >= (int)count);
    for (size_t i = 1; i < script.said_count;
         i++) /* what a busy machine adds is far from what the disk takes */
        assert_true(script.said[i].at_ms - script.said[i - 1].at_ms < SLOW_MS * 3 / 4);
    assert_int_equal(script.said[script.said_count - 1].flushed, 0x9000);
}

static void one_large_message_at_a_time(void **state)
{
    (void)state;
    struct bench b = {0};
    const struct stream_event events[] = {data(0x2000, 0x2000, 10),    data(0x2100, 0x2100, LARGE),
                                          data(0x2200, 0x2200, LARGE), data(0x2300, 0x2300, 10),
                                          data(0x2400, 0x2400, LARGE), keepalive(0x2500, true)};
    play(events, 6);
    run(&b, STATUS_MS / 2);
    assert_int_equal(atomic_load(&b.most_lent), 1);
    assert_int_equal(atomic_load(&b.received), 0x2500);
    assert_true(atomic_load(&b.batches) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_of_zero_does_not_set_back),
        cmocka_unit_test(whoever_asks_is_answered_at_once),
        cmocka_unit_test(a_slow_disk_does_not_keep_status_back),
        cmocka_unit_test(one_large_message_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
