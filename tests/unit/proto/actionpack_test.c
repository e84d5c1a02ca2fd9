/* Actions by column and back: all kinds of them, full packs, the same bytes every time, damage. */
#include "proto/actionpack.h"
#include "proto/actionunpack.h"

#include "proto/wire.h"
#include "tests/unit/proto/samples.h"

#define LIMIT ((size_t)4 << 20)

/* Actions with their commits, encoded: what should come back. */
struct history {
    uint64_t seed;
    uint64_t seq;
    lsn lsn;
    struct buf wanted; /* commit, seq and action of each, one behind the other */
    struct actionpack *pack;
    struct packroom *room;
};

static void history_fini(struct history *h)
{
    buf_fini(&h->wanted);
    actionpack_free(h->pack);
    packroom_free(h->room);
}
OWN_VALUE(history, history_fini);

static void begin(struct history *h, uint64_t seed, size_t limit)
{
    err e = ERR_INIT;
    *h = (struct history){.seed = seed, .seq = 1, .lsn = 0x1000000};
    assert_done(actionpack_new(limit, &h->pack, &e), &e);
    assert_done(packroom_new(&h->room, &e), &e);
}

static void note(struct buf *out, const struct commit *c, uint64_t seq, const struct action *a)
{
    struct action indexed = *a;
    indexed.index = seq - c->first_seq;
    commit_encode(c, out);
    buf_u64(out, seq);
    action_encode(&indexed, true, out);
}

static bool put(struct history *h, const struct commit *c, uint64_t seq, const struct action *a)
{
    bool added = false;
    err e = ERR_INIT;
    assert_done(actionpack_add(h->pack, c, seq, a, &added, &e), &e);
    if (added)
        note(&h->wanted, c, seq, a);
    return added;
}

static struct bytes take(struct history *h)
{
    struct bytes out;
    err e = ERR_INIT;
    assert_done(actionpack_take(h->pack, h->room, &out, &e), &e);
    assert_int_equal(actionpack_count(h->pack), 0);
    return out;
}

static status read_all(struct bytes frame, enum actionunpack_layout layout, struct buf *out, err *e)
{
    OWNED(actionunpack) struct actionunpack *u = NULL;
    TRY(actionunpack_new(&u, e));
    TRY(actionunpack_open(u, frame, layout, e));
    for (;;) {
        struct sealed_action a;
        bool end = false;
        TRY(actionunpack_next(u, &a, &end, e));
        if (end)
            return buf_done(out, e);
        assert_int_equal(a.seq, a.commit.first_seq + a.action.index);
        note(out, &a.commit, a.seq, &a.action);
    }
}

static void comes_back(struct history *h, struct bytes frame)
{
    OWNED(buf) struct buf back = {0};
    OWNED(memory) uint8_t *exact = sample_exact(frame.data, frame.len);
    err e = ERR_INIT;
    assert_true(frame.len <= LIMIT);
    assert_done(read_all(bytes_of(exact, frame.len), ACTIONUNPACK_COLUMNS, &back, &e), &e);
    assert_int_equal(back.len, h->wanted.len);
    assert_memory_equal(back.data, h->wanted.data, back.len);
    buf_reset(&h->wanted);
}

/* ---- random actions ---- */

static void random_row(uint64_t *seed, uint16_t columns, struct buf *out)
{
    static const uint8_t kinds[] = {VALUE_TEXT, VALUE_TEXT,      VALUE_TEXT,
                                    VALUE_NULL, VALUE_UNCHANGED, VALUE_BINARY};
    uint8_t text[40];
    tuple_begin(out, columns);
    for (uint16_t i = 0; i < columns; i++) {
        struct value v = {.kind = kinds[sample_random(seed) % (i == 0 ? 2 : sizeof kinds)]};
        v.text = bytes_of(
            text, (size_t)snprintf((char *)text, sizeof text, "%llu", (unsigned long long)sample_wide(seed)));
        if (i % 3 == 2)
            v.text = sample_bytes(seed, text, sizeof text);
        if (v.kind == VALUE_BINARY && v.text.len > 0)
            text[0] = '\0';
        tuple_put(out, v);
    }
}

/* A change of a row, or now and then something else. */
static struct action random_action(uint64_t *seed, struct buf *old, struct buf *new)
{
    struct action a = {.kind = (enum action_kind)(ACTION_CREATE + sample_random(seed) % 3)};
    buf_reset(old);
    buf_reset(new);
    a.relation = 1 + (uint32_t)(sample_random(seed) % 5);
    const uint64_t dice = sample_random(seed) % 20;
    if (dice == 0) {
        a = (struct action){.kind = ACTION_MESSAGE,
                            .flags = 1,
                            .prefix = bytes_text("note"),
                            .content = bytes_text("a message with \n and \t")};
    } else if (dice == 1) {
        a = (struct action){.kind = ACTION_TRUNCATE, .flags = 3, .truncated = bytes_of("\1\2\3", 3)};
    } else if (dice == 2) {
        a = (struct action){.kind = ACTION_DDL,
                            .prefix = bytes_text("CREATE TABLE"),
                            .content = bytes_text("{}"),
                            .mark = sample_random(seed)};
    } else {
        if (a.kind != ACTION_CREATE && dice < 15) {
            a.old_kind = dice % 2 == 0 ? 'K' : 'O';
            random_row(seed, (uint16_t)(a.relation + dice % 2), old);
        }
        if (a.kind != ACTION_DELETE)
            random_row(seed, (uint16_t)a.relation, new);
    }
    a.old = buf_view(old);
    a.new = buf_view(new);
    return a;
}

static struct commit next_commit(struct history *h, uint64_t actions)
{
    static const char *const origins[] = {"", "", "", "peer_1", "peer_2"};
    struct commit c = {.lsn = h->lsn, .first_seq = h->seq, .last_seq = h->seq + actions - 1};
    c.end_lsn = c.lsn + 48;
    c.time = (pgtime)(INT64_C(848000000000000) + (int64_t)(sample_random(&h->seed) % 1000000));
    c.xid = (uint32_t)(700 + h->seq);
    c.origin = bytes_text(origins[sample_random(&h->seed) % 5]);
    c.origin_lsn = c.origin.len > 0 ? sample_random(&h->seed) : 0;
    c.user = bytes_text(origins[sample_random(&h->seed) % 5]);
    h->lsn += 8 * (1 + sample_random(&h->seed) % 500);
    h->seq += actions;
    return c;
}

static void many_kinds(struct history *h, unsigned commits)
{
    OWNED(buf) struct buf old = {0};
    OWNED(buf) struct buf new = {0};
    for (unsigned i = 0; i < commits; i++) {
        const uint64_t actions = 1 + sample_random(&h->seed) % 7;
        const struct commit c = next_commit(h, actions);
        for (uint64_t k = 0; k < actions; k++) {
            if (sample_random(&h->seed) % 8 == 0)
                continue; /* another tier's */
            const struct action a = random_action(&h->seed, &old, &new);
            assert_true(put(h, &c, c.first_seq + k, &a));
        }
    }
}

static void all_kinds_come_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        OWNED(history) struct history h;
        begin(&h, seed, LIMIT);
        many_kinds(&h, (unsigned)seed);
        comes_back(&h, take(&h));
        many_kinds(&h, 3); /* the pack is used again */
        comes_back(&h, take(&h));
    }
}

static void the_same_bytes_every_time(void **state)
{
    (void)state;
    OWNED(history) struct history one;
    OWNED(history) struct history two;
    begin(&one, 11, LIMIT);
    begin(&two, 5, LIMIT);
    many_kinds(&two, 40); /* something else went through it before */
    (void)take(&two);
    two.seed = 11;
    two.seq = 1;
    two.lsn = 0x1000000;
    many_kinds(&one, 30);
    many_kinds(&two, 30);
    const struct bytes a = take(&one), b = take(&two);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
}

/* From each of some seqs on, in leaps: what is handed out is what reading all of it hands out there. */
static void leap(struct bytes frame, uint64_t from, uint64_t stride, struct buf *out)
{
    OWNED(actionunpack) struct actionunpack *u = NULL;
    err e = ERR_INIT;
    assert_done(actionunpack_new(&u, &e), &e);
    assert_done(actionunpack_open(u, frame, ACTIONUNPACK_COLUMNS, &e), &e);
    for (;;) {
        struct sealed_action a;
        bool end = false;
        actionunpack_from(u, from);
        assert_done(actionunpack_next(u, &a, &end, &e), &e);
        if (end)
            break;
        assert_true(a.seq >= from);
        note(out, &a.commit, a.seq, &a.action);
        from = a.seq + stride;
    }
    assert_done(buf_done(out, &e), &e);
}

static void walk(struct bytes frame, uint64_t from, uint64_t stride, struct buf *out)
{
    OWNED(actionunpack) struct actionunpack *u = NULL;
    err e = ERR_INIT;
    bool end = false;
    assert_done(actionunpack_new(&u, &e), &e);
    assert_done(actionunpack_open(u, frame, ACTIONUNPACK_COLUMNS, &e), &e);
    while (!end) {
        struct sealed_action a;
        assert_done(actionunpack_next(u, &a, &end, &e), &e);
        if (end || a.seq < from)
            continue;
        note(out, &a.commit, a.seq, &a.action);
        from = a.seq + stride;
    }
    assert_done(buf_done(out, &e), &e);
}

static void passing_over_leaves_the_rest_as_it_is(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        OWNED(history) struct history h;
        begin(&h, seed, LIMIT);
        many_kinds(&h, 60);
        const struct bytes frame = take(&h);
        for (uint64_t stride = 1; stride < 60; stride += 1 + stride / 2) {
            OWNED(buf) struct buf wanted = {0};
            OWNED(buf) struct buf got = {0};
            walk(frame, 3 * stride, stride, &wanted);
            leap(frame, 3 * stride, stride, &got);
            assert_true(wanted.len > 0);
            assert_true(bytes_equal(buf_view(&got), buf_view(&wanted)));
        }
    }
}

/* Rows that are not TupleData, and actions that are not what they seem, are kept as they are. */
static void odd_actions(void **state)
{
    (void)state;
    OWNED(history) struct history h;
    static const uint8_t row[] = {0, 1, 't', 0, 0, 0, 1, '4'};
    const struct commit c = {.lsn = 8, .end_lsn = 16, .first_seq = 1, .last_seq = 20};
    const struct action odd[] = {
        {.kind = ACTION_CREATE, .relation = 1, .new = {row, 7}},
        {.kind = ACTION_CREATE, .relation = 1, .new = {row, 1}},
        {.kind = ACTION_CREATE, .relation = 1, .new = {(const uint8_t *)"\0\0", 2}},
        {.kind = ACTION_CREATE, .relation = 1, .new = {(const uint8_t *)"\0\1nn", 4}},
        {.kind = ACTION_CREATE, .relation = 1, .new = {(const uint8_t *)"\0\1x", 3}},
        {.kind = ACTION_CREATE, .relation = 0, .new = {row, 8}},
        {.kind = ACTION_CREATE, .relation = 1},
        {.kind = ACTION_DELETE, .relation = 1, .old = {row, 8}},
        {.kind = ACTION_DELETE, .relation = 1, .old_kind = 'K'},
        {.kind = ACTION_UPDATE, .relation = 1, .new = {row, 8}, .flags = 2},
        {.kind = ACTION_BATCH_UPDATE, .relation = 1, .new = {row, 8}},
    };
    begin(&h, 1, LIMIT);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_true(put(&h, &c, 1 + i, &odd[i]));
    comes_back(&h, take(&h));
}

static void an_empty_pack(void **state)
{
    (void)state;
    OWNED(history) struct history h;
    begin(&h, 1, LIMIT);
    comes_back(&h, take(&h));
}

/* Whatever is put in until it is full, what is laid out has no more than the limit. */
static void a_full_pack_keeps_the_limit(void **state)
{
    (void)state;
    static const size_t limits[] = {2000, 5000, 60000};
    for (size_t i = 0; i < 3; i++) {
        for (uint64_t seed = 1; seed < 30; seed++) {
            OWNED(history) struct history h;
            OWNED(buf) struct buf old = {0};
            OWNED(buf) struct buf new = {0};
            begin(&h, seed, limits[i]);
            for (;;) {
                const struct commit c = next_commit(&h, 1);
                const struct action a = random_action(&h.seed, &old, &new);
                if (!put(&h, &c, c.first_seq, &a))
                    break;
            }
            assert_true(actionpack_count(h.pack) > 0);
            const struct bytes frame = take(&h);
            assert_true(frame.len <= limits[i]);
            comes_back(&h, frame);
        }
    }
}

static void what_does_not_fit_at_all(void **state)
{
    (void)state;
    OWNED(history) struct history h;
    const struct commit c = {.first_seq = 1, .last_seq = 1};
    OWNED(memory) uint8_t *text = calloc(1, LIMIT);
    const struct action a = {.kind = ACTION_MESSAGE, .content = {text, LIMIT}};
    assert_non_null(text);
    begin(&h, 1, LIMIT);
    assert_false(put(&h, &c, 1, &a));
    assert_int_equal(actionpack_count(h.pack), 0);
}

/* Rows as a till makes them take far less by column than one behind the other. */
static void it_is_small(void **state)
{
    (void)state;
    OWNED(history) struct history h;
    OWNED(buf) struct buf row = {0};
    begin(&h, 3, LIMIT);
    for (unsigned i = 0; i < 10000; i++) {
        char text[4][40];
        const struct commit c = next_commit(&h, 1);
        (void)snprintf(text[0], sizeof text[0], "%u", 1000 + i);
        (void)snprintf(text[1], sizeof text[1], "receipt %06u", i);
        (void)snprintf(text[2], sizeof text[2], "%u.%02u", i % 90, i % 100);
        (void)snprintf(text[3], sizeof text[3], "2026-11-22 %02u:%02u:%02u+00", i / 3600 % 24, i / 60 % 60,
                       i % 60);
        buf_reset(&row);
        tuple_begin(&row, 4);
        for (unsigned k = 0; k < 4; k++)
            tuple_put(&row, (struct value){VALUE_TEXT, bytes_text(text[k])});
        const struct action a = {.kind = ACTION_CREATE, .relation = 7, .new = buf_view(&row)};
        assert_true(put(&h, &c, c.first_seq, &a));
    }
    const size_t rows = h.wanted.len;
    const struct bytes frame = take(&h);
    assert_true(frame.len < rows / 5);
    comes_back(&h, frame);
}

/* ---- damage ---- */

static void cut_short(void **state)
{
    (void)state;
    OWNED(history) struct history h;
    begin(&h, 21, LIMIT);
    many_kinds(&h, 30);
    const struct bytes frame = take(&h);
    for (size_t len = 0; len < frame.len; len++) {
        OWNED(buf) struct buf back = {0};
        OWNED(memory) uint8_t *exact = sample_exact(frame.data, len);
        err e = ERR_INIT;
        assert_fails(read_all(bytes_of(exact, len), ACTIONUNPACK_COLUMNS, &back, &e), &e, ERR_STORAGE);
    }
}

static void one_byte_more(void **state)
{
    (void)state;
    OWNED(history) struct history h;
    OWNED(buf) struct buf longer = {0};
    OWNED(buf) struct buf back = {0};
    err e = ERR_INIT;
    begin(&h, 21, LIMIT);
    many_kinds(&h, 5);
    const struct bytes frame = take(&h);
    buf_bytes(&longer, frame.data, frame.len);
    buf_u8(&longer, 0);
    assert_fails(read_all(buf_view(&longer), ACTIONUNPACK_COLUMNS, &back, &e), &e, ERR_STORAGE);
}

/* A flipped bit is an error or gives other values; what is never had is a read beyond the end. */
static void flipped(void **state)
{
    (void)state;
    OWNED(history) struct history h;
    unsigned refused = 0;
    begin(&h, 33, LIMIT);
    many_kinds(&h, 5);
    const struct bytes frame = take(&h);
    for (size_t at = 0; at < frame.len * 8; at++) {
        OWNED(buf) struct buf back = {0};
        OWNED(memory) uint8_t *exact = sample_exact(frame.data, frame.len);
        err e = ERR_INIT;
        exact[at / 8] ^= (uint8_t)(1u << at % 8);
        refused += !read_all(bytes_of(exact, frame.len), ACTIONUNPACK_COLUMNS, &back, &e).ok;
    }
    assert_true(refused > frame.len);
}

/* ---- messages ---- */

/* A huge action's pieces are the message that action_encode would have made, in another order. */
static void pieces_are_a_message(void **state)
{
    (void)state;
    OWNED(buf) struct buf room = {0};
    OWNED(buf) struct buf whole = {0};
    struct bytes piece[ACTION_PIECES];
    struct action back;
    err e = ERR_INIT;
    const struct action a = {.kind = ACTION_UPDATE,
                             .relation = 9,
                             .old_kind = 'O',
                             .old = bytes_text("old row"),
                             .new = bytes_text("the new row"),
                             .content = bytes_text("content"),
                             .index = 77};
    const size_t pieces = action_pieces(&a, true, &room, piece);
    for (size_t i = 0; i < pieces; i++)
        buf_bytes(&whole, piece[i].data, piece[i].len);
    assert_done(action_decode(buf_view(&whole), &back, &e), &e);
    assert_int_equal(back.index, 77);
    assert_int_equal(back.old_kind, 'O');
    assert_true(bytes_equal(back.old, a.old) && bytes_equal(back.new, a.new) &&
                bytes_equal(back.content, a.content));
}

static void a_message_is_read_as_well(void **state)
{
    (void)state;
    OWNED(buf) struct buf wanted = {0};
    OWNED(buf) struct buf back = {0};
    OWNED(buf) struct buf part = {0};
    OWNED(buf) struct buf group = {0};
    OWNED(buf) struct buf frame = {0};
    err e = ERR_INIT;
    const struct commit c = {.lsn = 8, .end_lsn = 16, .first_seq = 4, .last_seq = 9};
    struct action a = {.kind = ACTION_MESSAGE, .content = bytes_text("hello"), .index = 3};
    commit_encode(&c, &part);
    wire_bytes(&group, 1, buf_view(&part));
    buf_reset(&part);
    action_encode(&a, true, &part);
    wire_bytes(&group, 2, buf_view(&part));
    wire_bytes(&frame, 1, buf_view(&group));
    note(&wanted, &c, 7, &a);
    assert_done(read_all(buf_view(&frame), ACTIONUNPACK_MESSAGE, &back, &e), &e);
    assert_true(bytes_equal(buf_view(&back), buf_view(&wanted)));
    for (size_t len = 1; len < frame.len; len++)
        assert_fails(read_all(bytes_of(frame.data, len), ACTIONUNPACK_MESSAGE, &back, &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_come_back),
        cmocka_unit_test(the_same_bytes_every_time),
        cmocka_unit_test(passing_over_leaves_the_rest_as_it_is),
        cmocka_unit_test(odd_actions),
        cmocka_unit_test(an_empty_pack),
        cmocka_unit_test(a_full_pack_keeps_the_limit),
        cmocka_unit_test(what_does_not_fit_at_all),
        cmocka_unit_test(it_is_small),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(one_byte_more),
        cmocka_unit_test(flipped),
        cmocka_unit_test(pieces_are_a_message),
        cmocka_unit_test(a_message_is_read_as_well),
    };
    return cmocka_run_group_tests_name("actionpack", tests, NULL, NULL);
}
