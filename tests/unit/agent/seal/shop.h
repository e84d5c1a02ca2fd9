/*
 * shop: a data directory with a log and the first FULL (no tables), for tests of sealing without a server.
 */
#ifndef PGSTRAND_SHOP_H
#define PGSTRAND_SHOP_H

#include "tests/lib/scratch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/seal/sealrun.h"
#include "proto/tuple.h"

#define INCREMENTAL PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL
#define DIFFERENTIAL PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL

struct shop {
    struct scratch scratch;
    struct datadir *d;
    struct logwriter *log;
    lsn next_lsn;
    pgtime clock;    /* of the next commit; 0: its LSN */
    uint32_t orders; /* relation versions */
    uint32_t audits;
    uint32_t nodes;
};

static inline uint32_t shop_relation(struct shop *s, uint32_t oid, const char *name, enum tier tier)
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

static inline void shop_row(struct shop *s, uint32_t version, uint64_t id, const char *note)
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

static inline void shop_truncate(struct shop *s, const uint32_t *versions, size_t count)
{
    err e = ERR_INIT;
    OWNED(buf) struct buf packed = {0};
    for (size_t i = 0; i < count; i++)
        buf_varint(&packed, versions[i]);
    const struct action a = {.kind = ACTION_TRUNCATE, .truncated = buf_view(&packed)};
    assert_done(logwriter_put(s->log, &a, s->next_lsn, &e), &e);
}

static inline void shop_end(struct shop *s)
{
    err e = ERR_INIT;
    struct commit c = {.lsn = s->next_lsn, .end_lsn = s->next_lsn + 8, .xid = 7};
    c.time = s->clock != 0 ? s->clock : (pgtime)s->next_lsn;
    assert_done(logwriter_commit(s->log, &c, &e), &e);
    s->next_lsn += 16;
}

static inline void shop_commit(struct shop *s)
{
    err e = ERR_INIT;
    shop_end(s);
    assert_done(logwriter_flush(s->log, &e), &e);
}

/* One more action of the same row, committed at this time (0: its LSN). */
static inline void shop_again(struct shop *s, pgtime time)
{
    s->clock = time;
    shop_row(s, s->orders, 1, "again");
    shop_commit(s);
}

/* A FULL without tables, of the state at last_seq; `snapshot` NULL: a new UUID. */
static inline void shop_full_as(struct shop *s, uint64_t last_seq, const uuid *snapshot)
{
    err e = ERR_INIT;
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__FULL, .snapshot = snapshot};
    const struct seal_range range = {.first_seq = last_seq + 1, .last_seq = last_seq};
    OWNED(sealrun) struct sealrun run = {0};
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(seal_result) struct seal_result result = {0};
    struct sealheader header;
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    char nothing[] = "";
    schema.pre_data = nothing;
    assert_done(sealrun_begin(s->d, &request, &progress_silent, &run, &e), &e);
    assert_done(sealheader_fill(s->d, &request, run.chain, &range, 150018, &header, &e), &e);
    assert_done(sealrun_open(&run, &header.message, &writer, &e), &e);
    assert_done(framecoder_new(3, &coder, &e), &e);
    assert_done(sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema.base, &e), &e);
    assert_done(sealrun_publish(&run, writer, &result, &e), &e);
}

static inline void shop_full(struct shop *s, uint64_t last_seq)
{
    shop_full_as(s, last_seq, NULL);
}

static inline void shop_open(struct shop *s)
{
    err e = ERR_INIT;
    uint8_t recovery[SIGNING_KEY_LEN];
    *s = (struct shop){.scratch = scratch_make(), .next_lsn = 0x1000};
    assert_done(datadir_open(scratch_path(&s->scratch, "data"), NULL, DATADIR_CREATE, &s->d, &e), &e);
    assert_done(datadir_new_identity(s->d, NULL, NULL, "till", recovery, &e), &e);
    const struct log_options options = {
        .node = s->d->identity.node, .incarnation = s->d->identity.incarnation, .start_lsn = 0x800};
    assert_done(logwriter_open(s->d->log, &options, &s->log, &e), &e);
    s->orders = shop_relation(s, 1, "orders", TIER_BUSINESS);
    s->audits = shop_relation(s, 2, "audits", TIER_AUDIT);
    s->nodes = shop_relation(s, 3, "nodes", TIER_DEVICE);
    shop_full(s, 0);
}

static inline void shop_close(struct shop *s)
{
    logwriter_close(s->log);
    datadir_close(s->d);
    scratch_remove(&s->scratch);
}
OWN_VALUE(shop, shop_close);

/* *out is used again from one call to the next: it begins as {0}. */
static inline status shop_seal(struct shop *s, Pgstrand__SnapshotType type, const char *name,
                               struct seal_result *out, err *e)
{
    const struct seal_request request = {.type = type, .name = name, .offline = true};
    seal_result_fini(out);
    return seal_snapshot(s->d, &request, &progress_silent, out, e);
}

/* One whose result is nobody's business. */
static inline void shop_sealed(struct shop *s, Pgstrand__SnapshotType type)
{
    err e = ERR_INIT;
    OWNED(seal_result) struct seal_result sealed = {0};
    assert_done(shop_seal(s, type, NULL, &sealed, &e), &e);
}

/* Before a child opens the environments itself: LMDB's must not be carried over a fork. Leaves the data
 * directory's path in the scratch. */
static inline void shop_shut(struct shop *s)
{
    logwriter_close(s->log);
    datadir_close(s->d);
    s->log = NULL;
    s->d = NULL;
    (void)scratch_path(&s->scratch, "data");
}

/* Kills a child before or behind its n-th call that changes a file like `pattern` (NULL: any); true when it
 * got to the end of `work` instead. */
struct shop_fault {
    enum io_fault action;
    uint64_t nth;
    const char *pattern;
};
static inline bool shop_killed(struct shop *s, status (*work)(struct datadir *, const void *, err *),
                               const void *context, struct shop_fault fault)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        err e = ERR_INIT;
        struct datadir *d = NULL;
        if (!datadir_open(s->scratch.path, NULL, DATADIR_EXISTING, &d, &e).ok)
            _exit(3);
        io_fault_arm(fault.action, fault.nth, fault.pattern);
        _exit(work(d, context, &e).ok ? 0 : 4);
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

static inline status shop_seal_in_child(struct datadir *d, const void *context, err *e)
{
    struct seal_result out = {0};
    const Pgstrand__SnapshotType *type = context;
    const struct seal_request request = {.type = *type, .offline = true};
    return seal_snapshot(d, &request, &progress_silent, &out, e);
}

static inline bool shop_seal_killed(struct shop *s, Pgstrand__SnapshotType type, uint64_t nth)
{
    return shop_killed(s, shop_seal_in_child, &type, (struct shop_fault){IO_FAULT_KILL, nth, NULL});
}

#endif
