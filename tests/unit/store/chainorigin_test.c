#include "store/chainorigin.h"

#include "store/handover.h"
#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

#define FULL PGSTRAND__SNAPSHOT_TYPE__FULL
#define INCREMENTAL PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL

/* A node of device A, and device B that goes on with its chain in the folder of a later incarnation. */
struct takeover {
    struct snapmake m;
    struct signing_key recovery, other, b;
    char *older, *newer;
    struct buf message;
};

static void takeover_fini(struct takeover *t)
{
    free(t->older);
    free(t->newer);
    buf_fini(&t->message);
}
OWN_VALUE(takeover, takeover_fini);

static struct bytes id(const uuid *u)
{
    return bytes_of(u->b, sizeof u->b);
}

static void key_of(uint8_t seed, struct signing_key *out)
{
    uint8_t secret[SIGNING_KEY_LEN];
    err e = ERR_INIT;
    memset(secret, seed, sizeof secret);
    assert_done(signing_key_from_secret(secret, out, &e), &e);
}

static void own(struct takeover *t, const struct signing_key *recovery)
{
    err e = ERR_INIT;
    t->m.owned = true;
    memcpy(t->m.owner.recovery_key, recovery->public, SIGNING_KEY_LEN);
    assert_done(handover_certify(recovery, id(&t->m.node), id(&t->m.device),
                                 bytes_of(t->m.key.public, SIGNING_KEY_LEN), t->m.owner.certificate, &e),
                &e);
}

static void link_of(struct takeover *t, const char *dir, Pgstrand__SnapshotType type, uint64_t first,
                    uint64_t last)
{
    char *name = NULL;
    err e = ERR_INIT;
    snapmake_begin(&t->m, type, first, last);
    if (dir == t->newer) /* numbers begin at 0 again */
        t->m.snapshot = snapmake_uuid(0xc0, t->m.header.number);
    assert_done(snapmake_try(&t->m, dir, &name, &e), &e);
    free(name);
}

static void begin(struct takeover *t, const char *dir, bool owned)
{
    err e = ERR_INIT;
    *t = (struct takeover){.older = io_join(dir, "a2000000-0000-4000-8000-000000000001"),
                           .newer = io_join(dir, "a2000000-0000-4000-8000-000000000002")};
    assert_done(io_make_dir(t->older, &e), &e);
    assert_done(io_make_dir(t->newer, &e), &e);
    key_of(3, &t->recovery);
    key_of(4, &t->other);
    key_of(5, &t->b);
    snapmake_init(&t->m);
    link_of(t, t->older, FULL, 1, 0); /* before there were certificates */
    if (owned)
        own(t, &t->recovery);
    link_of(t, t->older, INCREMENTAL, 1, 10);
}

/* What device B has to show, and its folder. */
static void hand_over(struct takeover *t, const struct signing_key *recovery, int wrong)
{
    err e = ERR_INIT;
    Pgstrand__Handover h = PGSTRAND__HANDOVER__INIT;
    uint8_t certificate[SIGNATURE_LEN];
    uuid from = t->m.device, to = snapmake_uuid(0xa1, 2), last = t->m.snapshot;
    uint8_t from_key[SIGNING_KEY_LEN], hash[SHA256_LEN];
    memcpy(from_key, t->m.key.public, sizeof from_key);
    memcpy(hash, t->m.parent_hash, sizeof hash);
    assert_done(handover_certify(recovery, id(&t->m.node), id(&to), bytes_of(t->b.public, SIGNING_KEY_LEN),
                                 certificate, &e),
                &e);
    h.node = pbmem_uuid(&t->m.node);
    h.dataset = pbmem_uuid(&t->m.dataset);
    h.from_device = pbmem_uuid(&from);
    h.from_key = (ProtobufCBinaryData){sizeof from_key, from_key};
    h.last = pbmem_uuid(&last);
    h.last_hash = (ProtobufCBinaryData){sizeof hash, hash};
    h.device = pbmem_uuid(&to);
    h.device_key = (ProtobufCBinaryData){SIGNING_KEY_LEN, t->b.public};
    h.certificate = (ProtobufCBinaryData){sizeof certificate, certificate};
    hash[5] ^= wrong == 4;
    from.b[5] ^= wrong == 5;
    assert_done(handover_sign(&h, recovery, &t->message, t->m.owner.handover_signature, &e), &e);
    t->m.owner.handover = buf_view(&t->message);
    t->m.device = wrong == 3 ? snapmake_uuid(0xa1, 3) : to;
    t->m.key = t->b;
}

static void next_incarnation(struct takeover *t)
{
    t->m.incarnation = snapmake_uuid(0xa2, 2);
    t->m.header.number = UINT64_MAX; /* the next one is 0 */
}

static void refused(const char *dir, const char *why)
{
    struct chain *c = NULL;
    err e = ERR_INIT;
    assert_fails(chain_load(dir, &c, &e), &e, ERR_STORAGE);
    assert_mentions(&e, why);
}

static void a_node_goes_on_on_another_device(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(takeover) struct takeover t;
    OWNED(chain) struct chain *c = NULL;
    err e = ERR_INIT;
    begin(&t, s.dir, true);
    hand_over(&t, &t.recovery, -1);
    own(&t, &t.recovery);
    next_incarnation(&t);
    link_of(&t, t.newer, INCREMENTAL, 11, 20);
    t.m.owner.handover.len = 0;
    link_of(&t, t.newer, INCREMENTAL, 21, 30);
    assert_done(chain_load(t.newer, &c, &e), &e);
    assert_int_equal(c->count, 4);
    assert_memory_equal(chain_recovery_key(c), t.recovery.public, SIGNING_KEY_LEN);
    assert_memory_equal(c->link[3].commit->device_key.data, t.b.public, SIGNING_KEY_LEN);
}

/* Each one thing that lets another device's link not pass for the owner's. */
static void what_is_not_handed_over(void **state)
{
    static const char *const why[] = {"another device than", "did not sign",
                                      "did not sign",        "is not from",
                                      "is not from",         "is not from",
                                      "has no recovery key", "another recovery key",
                                      "does not certify",    "no other device takes over",
                                      "hand-over",           "malformed"};
    (void)state;
    for (int wrong = 0; wrong < 12; wrong++) {
        OWNED(scratch) struct scratch s = scratch_make();
        OWNED(takeover) struct takeover t;
        begin(&t, s.dir, wrong != 6);
        if (wrong == 9)
            t.b = t.m.key;
        hand_over(&t, wrong == 1 ? &t.other : &t.recovery, wrong);
        if (wrong == 0)
            t.m.owner.handover.len = 0;
        if (wrong == 2)
            t.message.data[9] ^= 1;
        if (wrong == 9)
            t.m.device = snapmake_uuid(0xa1, 1);
        own(&t, wrong == 7 ? &t.other : &t.recovery);
        if (wrong == 8)
            t.m.owner.certificate[7] ^= 1;
        if (wrong >= 10) { /* signed, but no hand-over; too short a signature cannot be written */
            err e = ERR_INIT;
            OWNED(buf) struct buf text = {0};
            static const char domain[] = "pgstrand-handover-v1";
            buf_reset(&t.message);
            buf_text(&t.message, wrong == 10 ? "\xff\xff no message" : "");
            if (wrong == 11) { /* a message without one field */
                Pgstrand__Handover h = PGSTRAND__HANDOVER__INIT;
                uint8_t none[1] = {0};
                ProtobufCBinaryData empty = {1, none};
                h.node = h.dataset = h.last = h.last_hash = h.from_device = h.from_key = empty;
                h.device = h.device_key = h.certificate = empty;
                assert_done(handover_sign(&h, &t.recovery, &t.message, t.m.owner.handover_signature, &e), &e);
            }
            buf_bytes(&text, domain, sizeof domain);
            buf_bytes(&text, t.message.data, t.message.len);
            assert_done(signing_sign(&t.recovery, buf_view(&text), t.m.owner.handover_signature, &e), &e);
            t.m.owner.handover = buf_view(&t.message);
        }
        next_incarnation(&t);
        link_of(&t, t.newer, INCREMENTAL, 11, 20);
        refused(t.newer, why[wrong]);
    }
}

static void a_hand_over_out_of_place(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(takeover) struct takeover t;
    begin(&t, s.dir, true);
    hand_over(&t, &t.recovery, -1);
    own(&t, &t.recovery);
    link_of(&t, t.older, INCREMENTAL, 11, 20); /* in the middle of an incarnation */
    refused(t.older, "no other device takes over");

    struct snapmake first;
    OWNED(text) char *third = io_join(s.dir, "a2000000-0000-4000-8000-000000000003");
    err e = ERR_INIT;
    assert_done(io_make_dir(third, &e), &e);
    snapmake_init(&first);
    first.owned = true;
    first.owner = t.m.owner;
    free(snapmake_full(&first, third));
    refused(third, "nothing before it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_goes_on_on_another_device),
        cmocka_unit_test(what_is_not_handed_over),
        cmocka_unit_test(a_hand_over_out_of_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
