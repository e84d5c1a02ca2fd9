/* The small parts of capture: batches, the exchange, context, table UUIDs, subtransactions. */
#include "tests/lib/check.h"

#include <poll.h>
#include <pthread.h>

#include "agent/capture/context.h"
#include "agent/capture/exchange.h"
#include "agent/capture/subxacts.h"
#include "agent/tablebook.h"
#include "tests/lib/scratch.h"

/* ---- batch ---- */

static void a_batch_gives_back_what_it_took(void **state)
{
    (void)state;
    struct batch b;
    struct batch_record r;
    err e = ERR_INIT;
    size_t at = 0;
    assert_done(batch_init(&b, &e), &e);
    assert_true(batch_message(&b, bytes_text("one")));
    assert_true(batch_keepalive(&b, 7, false));
    assert_true(batch_keepalive(&b, 8, true));  /* replaces the one before */
    assert_true(batch_keepalive(&b, 9, false)); /* and stays urgent */
    assert_true(batch_message(&b, bytes_text("")));
    assert_true(batch_next(&b, &at, &r) && r.kind == BATCH_MESSAGE);
    assert_true(bytes_equal(r.payload, bytes_text("one")));
    assert_true(batch_next(&b, &at, &r) && r.kind == BATCH_URGENT && r.end == 9);
    assert_true(batch_next(&b, &at, &r) && r.kind == BATCH_MESSAGE && r.payload.len == 0);
    assert_false(batch_next(&b, &at, &r));
    batch_fini(&b);
}

static unsigned released;

static void release(void *loan)
{
    free(loan);
    released++;
}

static void a_large_message_is_lent_and_given_back(void **state)
{
    (void)state;
    struct batch b;
    struct batch_record r;
    err e = ERR_INIT;
    size_t at = 0;
    uint8_t *room = calloc(1, BATCH_BYTES + 25);
    assert_non_null(room);
    const struct bytes large = bytes_of(room + 25, BATCH_BYTES);
    assert_true(batch_is_large(large));
    assert_false(batch_is_large(bytes_of(room, BATCH_BYTES / 2)));
    assert_done(batch_init(&b, &e), &e);
    released = 0;
    batch_lend(&b, large, room, release);
    assert_false(batch_message(&b, bytes_text("small"))); /* it is alone */
    assert_false(batch_keepalive(&b, 7, false));
    assert_true(batch_next(&b, &at, &r) && r.kind == BATCH_MESSAGE);
    assert_ptr_equal(r.payload.data, large.data);
    assert_int_equal(r.payload.len, large.len);
    assert_false(batch_next(&b, &at, &r));
    assert_int_equal(released, 0);
    batch_reset(&b);
    assert_int_equal(released, 1);
    assert_true(batch_keepalive(&b, 7, false));
    batch_fini(&b);
    assert_int_equal(released, 1);
}

static void what_is_full_takes_no_more(void **state)
{
    (void)state;
    struct batch b;
    struct batch_record r;
    err e = ERR_INIT;
    size_t at = 0, count = 0;
    uint8_t *message = calloc(1, BATCH_BYTES / 4);
    assert_non_null(message);
    assert_done(batch_init(&b, &e), &e);
    while (batch_message(&b, bytes_of(message, BATCH_BYTES / 4)))
        count++;
    assert_int_equal(count, 3);
    while (batch_next(&b, &at, &r))
        count--;
    assert_int_equal(count, 0);
    batch_fini(&b);
    free(message);
}

/* ---- exchange ---- */

#define ROUNDS 2000

static void *consume(void *context)
{
    struct exchange *x = context;
    uint64_t next = 0;
    for (bool closed = false; !closed;) {
        struct batch *b = exchange_take(x, -1, &closed);
        struct batch_record r;
        if (b == NULL)
            continue;
        for (size_t at = 0; batch_next(b, &at, &r); next++) {
            uint64_t got;
            assert_int_equal(r.payload.len, sizeof got);
            memcpy(&got, r.payload.data, sizeof got);
            assert_int_equal(got, next);
        }
        exchange_set_durable(x, next);
        exchange_give_back(x, b);
    }
    exchange_end(x, NULL);
    return NULL;
}

static void batches_change_hands_in_order(void **state)
{
    (void)state;
    struct exchange x;
    pthread_t thread;
    err e = ERR_INIT;
    assert_done(exchange_init(&x, 0, &e), &e);
    assert_int_equal(pthread_create(&thread, NULL, consume, &x), 0);
    struct batch *b = exchange_first(&x);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        assert_true(batch_message(b, bytes_of(&i, sizeof i)));
        struct batch *next = exchange_swap(&x, b);
        if (next != NULL)
            b = next;
    }
    for (struct batch *next = NULL; next == NULL;) {
        struct pollfd fd = {.fd = exchange_event(&x), .events = POLLIN};
        next = exchange_swap(&x, b);
        if (next == NULL && poll(&fd, 1, 1000) == 1)
            exchange_event_clear(&x);
    }
    exchange_close(&x);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(exchange_ended(&x, &e));
    assert_int_equal(e.class, ERR_NONE);
    assert_int_equal(exchange_durable(&x), ROUNDS);
    exchange_fini(&x);
}

static void a_failure_reaches_the_receiver(void **state)
{
    (void)state;
    struct exchange x;
    err e = ERR_INIT;
    err why = ERR_INIT;
    bool closed = true;
    assert_done(exchange_init(&x, 5, &e), &e);
    assert_false(exchange_ended(&x, &e));
    assert_null(exchange_take(&x, 1, &closed)); /* nothing came */
    assert_false(closed);
    exchange_wake(&x);
    assert_null(exchange_take(&x, -1, &closed));
    (void)err_set(&why, ERR_STORAGE, "no room");
    exchange_end(&x, &why);
    struct pollfd fd = {.fd = exchange_event(&x), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 1000), 1);
    assert_true(exchange_ended(&x, &e));
    assert_string_equal(e.message, "no room");
    exchange_fini(&x);
}

/* ---- context ---- */

static void check_context(const char *content, bool good, const char *user, const char *session)
{
    OWNED(buf) struct buf u = {0};
    OWNED(buf) struct buf s = {0};
    assert_int_equal(context_parse(bytes_text(content), &u, &s), good);
    assert_string_equal(buf_cstring(&u), user);
    assert_string_equal(buf_cstring(&s), session);
}

static void context_is_read(void **state)
{
    (void)state;
    check_context("{\"user\": \"Ann\", \"session\": \"s-1\"}", true, "Ann", "s-1");
    check_context("{\"user\": null, \"session\": \"x\"}", true, "", "x");
    check_context("{}", true, "", "");
    check_context("{\"user\":\"a\\\"b\\\\\\n\\u00e9\\ud83d\\ude00\"}", true,
                  "a\"b\\\n\xc3\xa9\xf0\x9f\x98\x80", "");
    check_context("{\"other\": \"x\", \"user\": \"u\"}", true, "u", "");
}

static void malformed_context_is_told(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "ann",
                                      "{\"user\"}",
                                      "{\"user\": 1}",
                                      "{\"user\": \"a}",
                                      "{\"user\": \"a\"} x",
                                      "{\"user\": \"\\ud83d\"}",
                                      "{\"user\": \"\\u0000\"}",
                                      "{\"user\": \"\\x\"}",
                                      "{\"user\": \"a\",}",
                                      "{\"user\": nul"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_context(bad[i], false, "", "");
}

/* ---- subxacts ---- */

static void note_at(struct subxacts *s, uint32_t xid, uint64_t offset)
{
    err e = ERR_INIT;
    const struct subxact one = {.file = {.bytes = offset}, .xid = xid};
    assert_done(subxacts_note(s, &one, &e), &e);
}

static void subtransactions_are_found_and_cut(void **state)
{
    (void)state;
    OWNED(subxacts) struct subxacts s = {0};
    struct subxact cut;
    assert_false(subxacts_cut(&s, 5, &cut));
    for (uint32_t i = 0; i < 100000; i++)
        note_at(&s, 3 + i * 7, i);
    assert_true(subxacts_known(&s, 3));
    assert_false(subxacts_known(&s, 4));
    assert_true(subxacts_cut(&s, 3 + 7 * 500, &cut));
    assert_int_equal(cut.file.bytes, 500);
    assert_false(subxacts_cut(&s, 3 + 7 * 600, &cut)); /* went with it */
    /* Again and again: what was cut must not fill the index. */
    for (uint32_t i = 0; i < 10000; i++) {
        note_at(&s, 1000000 + i, 1000 + i);
        assert_true(subxacts_cut(&s, 1000000 + i, &cut));
        assert_int_equal(cut.file.bytes, 1000 + i);
    }
    assert_true(subxacts_cut(&s, 3, &cut));
    assert_int_equal(cut.file.bytes, 0);
    assert_int_equal(s.count, 0);
}

/* ---- tablebook ---- */

static struct relation *shape(uint32_t oid, const char *name)
{
    static struct relation r;
    r = (struct relation){.oid = oid, .schema = "public", .name = name};
    return &r;
}

static void tables_keep_their_uuid(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch place = scratch_make();
    OWNED(catalog) struct catalog *c = NULL;
    OWNED(tablebook) struct tablebook *b = NULL;
    const uuid dataset = {{1}};
    err e = ERR_INIT;
    bool known = true;
    bool news = false;
    assert_done(catalog_open(scratch_path(&place, "catalog.mdb"), &c, &e), &e);
    assert_done(tablebook_load(c, &dataset, &b, &e), &e);

    struct relation *r = shape(10, "items");
    assert_done(tablebook_identify(b, r, NULL, &known, &news, &e), &e);
    assert_true(!known && news);
    const uuid items = r->table;
    uuid wanted;
    assert_done(relation_table_uuid(&dataset, "public", "items", &wanted, &e), &e);
    assert_true(uuid_equal(&items, &wanted));

    r = shape(10, "goods"); /* renamed */
    assert_done(tablebook_identify(b, r, NULL, &known, &news, &e), &e);
    assert_true(known && news);
    assert_true(uuid_equal(&r->table, &items));
    assert_done(tablebook_identify(b, r, NULL, &known, &news, &e), &e);
    assert_false(news);

    r = shape(11, "items"); /* the name is used again while its first bearer lives on */
    assert_done(tablebook_identify(b, r, NULL, &known, &news, &e), &e);
    assert_false(uuid_equal(&r->table, &items));

    r = shape(12, "items"); /* dropped and made again: the name is what lasts */
    assert_done(tablebook_identify(b, r, NULL, &known, &news, &e), &e);
    assert_false(uuid_equal(&r->table, &items));

    r = shape(20, "lists");
    assert_done(tablebook_identify(b, r, NULL, &known, &news, &e), &e);
    const uuid lists = r->table;
    r = shape(21, "lists");
    assert_done(tablebook_identify(b, r, NULL, &known, &news, &e), &e);
    assert_true(uuid_equal(&r->table, &lists));
}

static void the_log_remembers_what_the_catalogue_does_not(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch place = scratch_make();
    OWNED(catalog) struct catalog *c = NULL;
    OWNED(tablebook) struct tablebook *b = NULL;
    const uuid dataset = {{1}};
    const struct relation logged = {.oid = 10, .schema = "public", .name = "old", .table = {{42}}};
    err e = ERR_INIT;
    bool known = false;
    bool news = false;
    assert_done(catalog_open(scratch_path(&place, "catalog.mdb"), &c, &e), &e);
    assert_done(tablebook_load(c, &dataset, &b, &e), &e);
    struct relation *r = shape(10, "new");
    assert_done(tablebook_identify(b, r, &logged, &known, &news, &e), &e);
    assert_true(known && news);
    assert_true(uuid_equal(&r->table, &logged.table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_gives_back_what_it_took),
        cmocka_unit_test(a_large_message_is_lent_and_given_back),
        cmocka_unit_test(what_is_full_takes_no_more),
        cmocka_unit_test(batches_change_hands_in_order),
        cmocka_unit_test(a_failure_reaches_the_receiver),
        cmocka_unit_test(context_is_read),
        cmocka_unit_test(malformed_context_is_told),
        cmocka_unit_test(subtransactions_are_found_and_cut),
        cmocka_unit_test(tables_keep_their_uuid),
        cmocka_unit_test(the_log_remembers_what_the_catalogue_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
