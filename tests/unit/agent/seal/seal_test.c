/* Sealing the log into the chain, without a server: what is copied, into which file, and what a crash leaves.
 */
#include "tests/lib/scratch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/seal/sealrun.h"
#include "proto/tuple.h"
#include "store/snapreader.h"

struct shop {
    struct scratch scratch;
    struct datadir *d;
    struct logwriter *log;
    lsn next_lsn;
    uint32_t orders; /* relation versions */
    uint32_t audits;
    uint32_t nodes;
};

static uint32_t relation(struct shop *s, uint32_t oid, const char *name, enum tier tier)
{
    err e = ERR_INIT;
    struct column columns[] = {{.name = "id", .type = 20, .typmod = -1, .key = true},
                               {.name = "note", .type = 25, .typmod = -1}};
    struct relation r = {.oid = oid, .schema = "public", .name = name, .replica_identity = 'd', .tier = tier};
    uint32_t version = 0;
    r.column_count = 2;
    r.columns = columns;
    assert_done(relation_table_uuid(&s->d->identity.dataset, "public", name, &r.table, &e), &e);
    assert_done(logwriter_relation(s->log, &r, &version, &e), &e);
    return version;
}

static void put_row(struct shop *s, uint32_t version, uint64_t id, const char *note)
{
    err e = ERR_INIT;
    char text[24];
    OWNED(buf) struct buf tuple = {0};
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    tuple_begin(&tuple, 2);
    tuple_put(&tuple, (struct value){VALUE_TEXT, bytes_text(text)});
    tuple_put(&tuple, (struct value){VALUE_TEXT, bytes_text(note)});
    const struct action a = {.kind = ACTION_CREATE, .relation = version, .new = buf_view(&tuple)};
    assert_done(logwriter_put(s->log, &a, s->next_lsn, &e), &e);
}

static void put_truncate(struct shop *s, const uint32_t *versions, size_t count)
{
    err e = ERR_INIT;
    OWNED(buf) struct buf packed = {0};
    for (size_t i = 0; i < count; i++)
        buf_varint(&packed, versions[i]);
    const struct action a = {.kind = ACTION_TRUNCATE, .truncated = buf_view(&packed)};
    assert_done(logwriter_put(s->log, &a, s->next_lsn, &e), &e);
}

static void end_commit(struct shop *s)
{
    err e = ERR_INIT;
    struct commit c = {.lsn = s->next_lsn, .end_lsn = s->next_lsn + 8, .time = (pgtime)s->next_lsn, .xid = 7};
    assert_done(logwriter_commit(s->log, &c, &e), &e);
    assert_done(logwriter_flush(s->log, &e), &e);
    s->next_lsn += 16;
}

/* Number 0 of the chain: a FULL without tables. */
static void seal_empty_full(struct shop *s)
{
    err e = ERR_INIT;
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__FULL};
    const struct seal_range range = {.first_seq = 1};
    OWNED(sealrun) struct sealrun run = {0};
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(seal_result) struct seal_result result = {0};
    struct sealheader header;
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    assert_done(sealrun_begin(s->d, &request, &progress_silent, &run, &e), &e);
    assert_done(sealheader_fill(s->d, &request, run.chain, &range, 150018, &header, &e), &e);
    assert_done(sealrun_open(&run, &header.message, &writer, &e), &e);
    assert_done(framecoder_new(3, &coder, &e), &e);
    assert_done(sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema.base, &e), &e);
    assert_done(sealrun_publish(&run, writer, &result, &e), &e);
}

static void open_shop(struct shop *s)
{
    err e = ERR_INIT;
    uint8_t recovery[SIGNING_KEY_LEN];
    *s = (struct shop){.scratch = scratch_make(), .next_lsn = 0x1000};
    assert_done(datadir_open(scratch_path(&s->scratch, "data"), NULL, DATADIR_CREATE, &s->d, &e), &e);
    assert_done(datadir_new_identity(s->d, NULL, "till", recovery, &e), &e);
    const struct log_options options = {
        .node = s->d->identity.node, .incarnation = s->d->identity.incarnation, .start_lsn = 0x800};
    assert_done(logwriter_open(s->d->log, &options, &s->log, &e), &e);
    s->orders = relation(s, 1, "orders", TIER_BUSINESS);
    s->audits = relation(s, 2, "audits", TIER_AUDIT);
    s->nodes = relation(s, 3, "nodes", TIER_DEVICE);
    seal_empty_full(s);
}

static void close_shop(struct shop *s)
{
    logwriter_close(s->log);
    datadir_close(s->d);
    scratch_remove(&s->scratch);
}
OWN_VALUE(shop, close_shop);

static status seal(struct shop *s, struct seal_result *out, err *e)
{
    const struct seal_request request = {
        .type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, .name = "noon", .offline = true};
    return seal_snapshot(s->d, &request, &progress_silent, out, e);
}

/* The seqs of a tier's actions, in the order they are read; returns how many. */
static size_t read_seqs(struct snapreader *r, enum tier tier, uint64_t *seqs, size_t room,
                        uint32_t *relations)
{
    err e = ERR_INIT;
    bool found = false;
    bool end = false;
    size_t count = 0;
    assert_done(snapreader_section(r, tier, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    while (found && !end) {
        struct snap_payload p;
        PB_OWNED(Pgstrand__ActionsFrame) *frame = NULL;
        assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
        if (end)
            break;
        assert_done(PB_UNPACK(frame, pgstrand__actions_frame__descriptor, p.payload, "frame", 0, &e), &e);
        for (size_t i = 0; i < frame->n_commit; i++) {
            for (size_t k = 0; k < frame->commit[i]->n_action; k++) {
                const Pgstrand__Action *a = frame->commit[i]->action[k];
                uint64_t seq = frame->commit[i]->commit->first_seq + a->index;
                assert_true(a->has_index && count < room);
                assert_true(seq >= p.first_seq && seq <= p.last_seq);
                relations[count] = a->n_truncated > 0 ? a->truncated[0] : a->relation;
                seqs[count++] = seq;
            }
        }
    }
    return count;
}

static struct snapreader *open_last(struct shop *s, size_t links)
{
    err e = ERR_INIT;
    struct snapreader *r = NULL;
    uint64_t frames = 0;
    OWNED(chain) struct chain *chain = NULL;
    assert_done(chain_load(s->d->chain, &chain, &e), &e);
    assert_int_equal(chain->count, links);
    assert_done(snapreader_open(s->d->chain, chain->link[links - 1].name, &r, &e), &e);
    assert_done(snapreader_verify(r, &frames, &e), &e);
    return r;
}

static void actions_go_into_the_file_of_their_tier(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(snapreader) struct snapreader *r = NULL;
    err e = ERR_INIT;
    uint64_t seqs[8];
    uint32_t relations[8];
    open_shop(&s);
    put_row(&s, s.orders, 1, "one");
    put_row(&s, s.nodes, 1, "here");
    put_row(&s, s.audits, 1, "who");
    end_commit(&s);
    put_row(&s, s.orders, 2, "two");
    end_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    assert_false(sealed.nothing_new);
    assert_int_equal(sealed.first_seq, 1);
    assert_int_equal(sealed.last_seq, 4);
    assert_int_equal(sealed.actions, 4);
    r = open_last(&s, 2);
    assert_true(snapreader_has_device(r));
    assert_int_equal(read_seqs(r, TIER_BUSINESS, seqs, 8, relations), 2);
    assert_int_equal(seqs[0], 1);
    assert_int_equal(seqs[1], 4);
    assert_int_equal(read_seqs(r, TIER_DEVICE, seqs, 8, relations), 1);
    assert_int_equal(seqs[0], 2);
    assert_int_equal(read_seqs(r, TIER_AUDIT, seqs, 8, relations), 1);
    assert_int_equal(seqs[0], 3);
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    assert_done(snapreader_schema(r, &schema, &e), &e);
    assert_int_equal(schema->n_relation, 3);
    assert_true(schema->has_schema_snapshot);
}

static void nothing_new_makes_no_snapshot(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result first = {0};
    OWNED(seal_result) struct seal_result second = {0};
    err e = ERR_INIT;
    open_shop(&s);
    put_row(&s, s.orders, 1, "one");
    end_commit(&s);
    assert_done(seal(&s, &first, &e), &e);
    assert_done(seal(&s, &second, &e), &e);
    assert_true(second.nothing_new);
    snapreader_close(open_last(&s, 2));
}

static void a_truncate_of_two_tiers_is_in_both(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(snapreader) struct snapreader *r = NULL;
    err e = ERR_INIT;
    uint64_t seqs[8];
    uint32_t relations[8];
    open_shop(&s);
    const uint32_t both[] = {s.orders, s.nodes};
    put_truncate(&s, both, 2);
    end_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    assert_int_equal(sealed.last_seq, 1);
    r = open_last(&s, 2);
    assert_int_equal(read_seqs(r, TIER_BUSINESS, seqs, 8, relations), 1);
    assert_int_equal(relations[0], s.orders);
    assert_int_equal(read_seqs(r, TIER_DEVICE, seqs, 8, relations), 1);
    assert_int_equal(relations[0], s.nodes);
}

#define MANY 30000u

static void a_large_transaction_spans_frames(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(memory) uint64_t *seqs = calloc(MANY, sizeof *seqs);
    OWNED(memory) uint32_t *relations = calloc(MANY, sizeof *relations);
    char note[301];
    err e = ERR_INIT;
    memset(note, 'n', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    open_shop(&s);
    for (uint64_t i = 0; i < MANY; i++)
        put_row(&s, s.orders, i, note);
    end_commit(&s);
    assert_done(seal(&s, &sealed, &e), &e);
    r = open_last(&s, 2);
    assert_int_equal(read_seqs(r, TIER_BUSINESS, seqs, MANY, relations), MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(seqs[i], i + 1);
    bool found = false;
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    assert_true(snapreader_index(r)->n_frame > 1);
}

/* Kills a sealing child before its n-th call that changes a file; true when it got to its end instead. */
static bool seal_killed_at(struct shop *s, uint64_t nth)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        err e = ERR_INIT;
        struct datadir *d = NULL;
        struct seal_result out = {0};
        const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, .offline = true};
        if (!datadir_open(s->scratch.path, NULL, DATADIR_EXISTING, &d, &e).ok)
            _exit(3);
        io_fault_arm(IO_FAULT_KILL, nth, NULL);
        _exit(seal_snapshot(d, &request, &progress_silent, &out, &e).ok ? 0 : 4);
    }
    int code = 0;
    assert_int_equal(waitpid(child, &code, 0), child);
    if (WIFSIGNALED(code)) {
        assert_int_equal(WTERMSIG(code), SIGKILL);
        return false;
    }
    assert_int_equal(WEXITSTATUS(code), 0);
    return true;
}

static void a_kill_at_any_moment_leaves_a_whole_chain(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    err e = ERR_INIT;
    open_shop(&s);
    put_row(&s, s.orders, 1, "one");
    put_row(&s, s.nodes, 1, "here");
    end_commit(&s);
    /* The child opens the environments itself: LMDB's must not be carried over a fork. */
    logwriter_close(s.log);
    datadir_close(s.d);
    s.log = NULL;
    s.d = NULL;
    (void)scratch_path(&s.scratch, "data");
    uint64_t kills = 0;
    while (!seal_killed_at(&s, kills + 1))
        kills++;
    assert_true(kills > 5);
    assert_done(datadir_open(s.scratch.path, NULL, DATADIR_EXISTING, &s.d, &e), &e);
    assert_done(seal_reconcile(s.d, &e), &e);
    snapreader_close(open_last(&s, 2));
    OWNED(io_names) struct io_names names = {0};
    assert_done(io_list(s.d->chain, &names, &e), &e);
    assert_int_equal(names.count, 5); /* .snap and .commit of both, .device of the second */
}

static void a_full_disk_seals_nothing(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    err e = ERR_INIT;
    open_shop(&s);
    put_row(&s, s.orders, 1, "one");
    end_commit(&s);
    io_fault_arm(IO_FAULT_FULL, 1, ".snap");
    assert_fails(seal(&s, &sealed, &e), &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    snapreader_close(open_last(&s, 1));
    assert_done(seal(&s, &sealed, &e), &e);
    snapreader_close(open_last(&s, 2));
}

static void differential_is_refused(void **state)
{
    (void)state;
    OWNED(shop) struct shop s;
    OWNED(seal_result) struct seal_result sealed = {0};
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL, .offline = true};
    err e = ERR_INIT;
    open_shop(&s);
    assert_fails(seal_snapshot(s.d, &request, &progress_silent, &sealed, &e), &e, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_go_into_the_file_of_their_tier),
        cmocka_unit_test(nothing_new_makes_no_snapshot),
        cmocka_unit_test(a_truncate_of_two_tiers_is_in_both),
        cmocka_unit_test(a_large_transaction_spans_frames),
        cmocka_unit_test(a_kill_at_any_moment_leaves_a_whole_chain),
        cmocka_unit_test(a_full_disk_seals_nothing),
        cmocka_unit_test(differential_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
