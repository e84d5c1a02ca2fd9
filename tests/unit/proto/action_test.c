#include "proto/action.h"

#include <action.pb-c.h>

#include "tests/unit/proto/samples.h"

#define ROUNDS 2000
#define FIELD_MAX 300

static ProtobufCBinaryData pb_bytes(struct bytes b)
{
    return (ProtobufCBinaryData){b.len, sample_exact(b.data, b.len)};
}

/* protobuf-c's message for the same action; freed with free_pb. */
static void to_pb(const struct action *a, bool with_index, Pgstrand__Action *pb)
{
    pgstrand__action__init(pb);
    pb->kind = (Pgstrand__ActionKind)a->kind;
    pb->has_relation = a->relation != 0;
    pb->relation = a->relation;
    pb->has_old_kind = a->old_kind != 0;
    pb->old_kind = (uint8_t)a->old_kind;
    pb->has_old = a->old.len > 0;
    pb->old = pb_bytes(a->old);
    pb->has_new_ = a->new.len > 0;
    pb->new_ = pb_bytes(a->new);
    struct reader r = reader_over(a->truncated);
    pb->truncated = calloc(FIELD_MAX, sizeof *pb->truncated);
    for (uint32_t version; (version = action_next_truncated(&r)) != 0;)
        pb->truncated[pb->n_truncated++] = version;
    pb->has_flags = a->flags != 0;
    pb->flags = a->flags;
    pb->prefix = a->prefix.len == 0 ? NULL : strndup((const char *)a->prefix.data, a->prefix.len);
    pb->has_content = a->content.len > 0;
    pb->content = pb_bytes(a->content);
    pb->has_mark = a->mark != 0;
    pb->mark = a->mark;
    pb->has_index = with_index;
    pb->index = a->index;
}

static void free_pb(Pgstrand__Action *pb)
{
    free(pb->old.data);
    free(pb->new_.data);
    free(pb->truncated);
    free(pb->prefix);
    free(pb->content.data);
}

static void assert_same_action(const struct action *a, const struct action *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->relation, b->relation);
    assert_int_equal(a->old_kind, b->old_kind);
    assert_true(bytes_equal(a->old, b->old));
    assert_true(bytes_equal(a->new, b->new));
    assert_true(bytes_equal(a->truncated, b->truncated));
    assert_int_equal(a->flags, b->flags);
    assert_true(bytes_equal(a->prefix, b->prefix));
    assert_true(bytes_equal(a->content, b->content));
    assert_true(a->mark == b->mark);
}

struct memory {
    uint8_t field[4][FIELD_MAX];
    struct buf truncated;
};

static struct action random_action(uint64_t *state, struct memory *m)
{
    struct action a = {.kind = (enum action_kind)(1 + sample_random(state) % 9)};
    a.relation = (uint32_t)sample_wide(state);
    a.old_kind = "KO"[sample_random(state) % 3]; /* the third is the NUL */
    a.old = sample_bytes(state, m->field[0], FIELD_MAX);
    a.new = sample_bytes(state, m->field[1], FIELD_MAX);
    a.flags = (uint32_t)sample_wide(state);
    a.prefix = sample_bytes(state, m->field[2], FIELD_MAX);
    a.content = sample_bytes(state, m->field[3], FIELD_MAX);
    a.mark = sample_wide(state);
    a.index = sample_wide(state);
    buf_reset(&m->truncated);
    for (uint64_t i = sample_random(state) % 5; i > 0; i--)
        buf_varint(&m->truncated, 1 + (uint32_t)sample_wide(state) / 2);
    a.truncated = buf_view(&m->truncated);
    return a;
}

/* What action_encode writes is what protobuf-c writes, and it reads what protobuf-c wrote. */
static void encodes_as_protobuf_c(void **unused)
{
    (void)unused;
    uint64_t state = 42;
    struct memory m = {0};
    OWNED(buf) struct buf ours = {0};
    for (int round = 0; round < ROUNDS; round++) {
        err e = ERR_INIT;
        struct action a = random_action(&state, &m);
        bool with_index = round % 2 == 0;
        Pgstrand__Action pb;
        to_pb(&a, with_index, &pb);
        size_t size = pgstrand__action__get_packed_size(&pb);
        uint8_t *theirs = malloc(size);
        assert_non_null(theirs);
        assert_int_equal(pgstrand__action__pack(&pb, theirs), size);
        buf_reset(&ours);
        action_encode(&a, with_index, &ours);
        assert_done(buf_done(&ours, &e), &e);
        assert_int_equal(ours.len, size);
        assert_memory_equal(ours.data, theirs, size);
        struct action back;
        assert_done(action_decode(bytes_of(theirs, size), &back, &e), &e);
        assert_same_action(&a, &back);
        assert_true(back.index == (with_index ? a.index : 0));
        free(theirs);
        free_pb(&pb);
    }
    buf_fini(&m.truncated);
}

static void index_is_appended(void **unused)
{
    (void)unused;
    uint64_t state = 7;
    struct memory m = {0};
    OWNED(buf) struct buf whole = {0};
    OWNED(buf) struct buf appended = {0};
    struct action a = random_action(&state, &m);
    action_encode(&a, true, &whole);
    action_encode(&a, false, &appended);
    action_append_index(&appended, a.index);
    assert_true(bytes_equal(buf_view(&whole), buf_view(&appended)));
    buf_fini(&m.truncated);
}

/* A message cut anywhere either fails or is a shorter message of whole fields; it never reads further. */
static void cut_anywhere(void **unused)
{
    (void)unused;
    uint64_t state = 99;
    struct memory m = {0};
    OWNED(buf) struct buf whole = {0};
    struct action a = random_action(&state, &m);
    action_encode(&a, true, &whole);
    size_t failures = 0;
    for (size_t len = 0; len < whole.len; len++) {
        err e = ERR_INIT;
        struct action back;
        uint8_t *cut = sample_exact(whole.data, len);
        failures += !action_decode(bytes_of(cut, len), &back, &e).ok;
        free(cut);
    }
    assert_true(failures > whole.len - 12); /* at most one clean cut after each field */
    buf_fini(&m.truncated);
}

/* Flipped bytes give an error or another action, never a crash; an accepted one encodes to itself again. */
static void flipped_bytes(void **unused)
{
    (void)unused;
    uint64_t state = 5;
    struct memory m = {0};
    OWNED(buf) struct buf whole = {0};
    OWNED(buf) struct buf again = {0};
    struct action a = random_action(&state, &m);
    action_encode(&a, true, &whole);
    for (size_t at = 0; at < whole.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            err e = ERR_INIT;
            struct action once;
            struct action twice;
            whole.data[at] ^= (uint8_t)(1u << bit);
            if (action_decode(buf_view(&whole), &once, &e).ok) {
                buf_reset(&again);
                action_encode(&once, true, &again);
                assert_done(action_decode(buf_view(&again), &twice, &e), &e);
                assert_same_action(&once, &twice);
            } else {
                assert_int_equal(e.class, ERR_STORAGE);
            }
            whole.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    buf_fini(&m.truncated);
}

static void malformed(void **unused)
{
    (void)unused;
    static const struct {
        const char *hex, *says;
    } known[] = {
        {"", "no kind"},
        {"1001", "no kind"},                        /* a relation only */
        {"0800", "no kind"},                        /* kind 0 */
        {"080a", "malformed"},                      /* kind 10 */
        {"0a00", "malformed"},                      /* kind as bytes */
        {"08011a00", "malformed"},                  /* old_kind as bytes */
        {"08011858", "unknown kind"},               /* old_kind 'X' */
        {"080210ffffffff1f", "malformed"},          /* relation beyond 32 bits */
        {"080122ff01", "malformed"},                /* a length beyond the end */
        {"0801220000", "malformed"},                /* field number 0 */
        {"08010b", "malformed"},                    /* a group */
        {"0807320100", "truncated tables"},         /* version 0 */
        {"0807320180", "truncated tables"},         /* a varint without end */
        {"08073205ffffffff1f", "truncated tables"}, /* a version beyond 32 bits */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        struct action a;
        uint8_t raw[32];
        size_t len = from_hex(known[i].hex, raw, sizeof raw);
        assert_fails(action_decode(bytes_of(raw, len), &a, &e), &e, ERR_STORAGE);
        assert_mentions(&e, known[i].says);
    }
}

/* A field that a later version adds does not stop this one: kind, field 20 as bytes, field 21 as fixed64. */
static void unknown_fields_are_stepped_over(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    struct action a;
    uint8_t raw[32];
    size_t len = from_hex("0801a20102abcda90101020304050607081005", raw, sizeof raw);
    assert_done(action_decode(bytes_of(raw, len), &a, &e), &e);
    assert_int_equal(a.kind, ACTION_CREATE);
    assert_int_equal(a.relation, 5);
}

static void unknown_fields_of_a_commit_too(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    struct commit c;
    uint8_t raw[32];
    size_t len = sample_hex("0801 1002 1805 2007 2800 3009 a201 02abcd 5805", raw, sizeof raw);
    assert_done(commit_decode(bytes_of(raw, len), &c, &e), &e);
    assert_true(c.lsn == 1 && c.time == -3 && c.xid == 7 && c.last_seq == 9);
}

static void kinds_have_names(void **unused)
{
    (void)unused;
    assert_string_equal(action_kind_name(ACTION_CREATE), "CREATE");
    assert_string_equal(action_kind_name(ACTION_BATCH_DELETE), "BATCH_DELETE");
    assert_string_equal(action_kind_name(ACTION_MESSAGE), "MESSAGE");
}

static struct commit random_commit(uint64_t *state, uint8_t memory[3][FIELD_MAX])
{
    struct commit c = {.lsn = sample_wide(state), .end_lsn = sample_wide(state)};
    c.time = (int64_t)sample_random(state) >> (sample_random(state) % 64);
    c.xid = (uint32_t)sample_wide(state);
    c.first_seq = sample_wide(state) / 2;
    c.last_seq = c.first_seq + sample_wide(state) / 2;
    c.origin = sample_bytes(state, memory[0], FIELD_MAX);
    c.origin_lsn = sample_wide(state);
    c.user = sample_bytes(state, memory[1], FIELD_MAX);
    c.session = sample_bytes(state, memory[2], FIELD_MAX);
    return c;
}

static char *pb_text(struct bytes b)
{
    return b.len == 0 ? NULL : strndup((const char *)b.data, b.len);
}

static void commit_to_pb(const struct commit *c, Pgstrand__Commit *pb)
{
    pgstrand__commit__init(pb);
    pb->lsn = c->lsn;
    pb->end_lsn = c->end_lsn;
    pb->time = c->time;
    pb->xid = c->xid;
    pb->first_seq = c->first_seq;
    pb->last_seq = c->last_seq;
    pb->origin = pb_text(c->origin);
    pb->has_origin_lsn = c->origin_lsn != 0;
    pb->origin_lsn = c->origin_lsn;
    pb->user = pb_text(c->user);
    pb->session = pb_text(c->session);
}

static void assert_same_commit(const struct commit *a, const struct commit *b)
{
    assert_true(a->lsn == b->lsn && a->end_lsn == b->end_lsn);
    assert_true(a->time == b->time && a->xid == b->xid);
    assert_true(a->first_seq == b->first_seq && a->last_seq == b->last_seq);
    assert_true(bytes_equal(a->origin, b->origin) && a->origin_lsn == b->origin_lsn);
    assert_true(bytes_equal(a->user, b->user) && bytes_equal(a->session, b->session));
}

static void commit_encodes_as_protobuf_c(void **unused)
{
    (void)unused;
    uint64_t state = 43;
    uint8_t memory[3][FIELD_MAX];
    OWNED(buf) struct buf ours = {0};
    for (int round = 0; round < ROUNDS; round++) {
        err e = ERR_INIT;
        struct commit c = random_commit(&state, memory);
        struct commit back;
        Pgstrand__Commit pb;
        commit_to_pb(&c, &pb);
        size_t size = pgstrand__commit__get_packed_size(&pb);
        uint8_t *theirs = malloc(size);
        assert_non_null(theirs);
        assert_int_equal(pgstrand__commit__pack(&pb, theirs), size);
        buf_reset(&ours);
        commit_encode(&c, &ours);
        assert_int_equal(ours.len, size);
        assert_memory_equal(ours.data, theirs, size);
        assert_done(commit_decode(bytes_of(theirs, size), &back, &e), &e);
        assert_same_commit(&c, &back);
        free(theirs);
        free(pb.origin);
        free(pb.user);
        free(pb.session);
    }
}

static void commit_malformed(void **unused)
{
    (void)unused;
    static const struct {
        const char *hex, *says;
    } known[] = {
        {"", "lacks"},
        {"080110021800200028053004", ""}, /* sound: an empty transaction, seqs 5..4 */
        {"08011002180020002805", "lacks"},
        {"080110021800200028053003", "backwards"},
        {"080110021800200028053004ff", "malformed"},
        {"08011002180020ffffffff1f28053004", "malformed"}, /* xid beyond 32 bits */
        {"0a0110021800200028053004", "malformed"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        struct commit c;
        uint8_t raw[32];
        size_t len = from_hex(known[i].hex, raw, sizeof raw);
        status s = commit_decode(bytes_of(raw, len), &c, &e);
        assert_int_equal(s.ok, known[i].says[0] == '\0');
        if (!s.ok)
            assert_mentions(&e, known[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_protobuf_c),
        cmocka_unit_test(index_is_appended),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(flipped_bytes),
        cmocka_unit_test(malformed),
        cmocka_unit_test(unknown_fields_are_stepped_over),
        cmocka_unit_test(unknown_fields_of_a_commit_too),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(commit_encodes_as_protobuf_c),
        cmocka_unit_test(commit_malformed),
    };
    return cmocka_run_group_tests_name("action", tests, NULL, NULL);
}
