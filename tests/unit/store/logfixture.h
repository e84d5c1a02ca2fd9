/*
 * logfixture: what the tests of the action log share: a writer's options, relations, actions whose content
 * says which they are, and a check of a whole log.
 */
#ifndef PGSTRAND_LOGFIXTURE_H
#define PGSTRAND_LOGFIXTURE_H

#include "tests/lib/check.h"

#include "store/actionlog.h"
#include "tests/lib/scratch.h"

static const uuid fixture_node = {{1, 2, 3}};
static const uuid fixture_incarnation = {{4, 5, 6}};

static inline struct log_options fixture_options(void)
{
    return (struct log_options){.node = fixture_node, .incarnation = fixture_incarnation, .start_lsn = 100};
}

static inline struct logwriter *fixture_writer(const char *dir, uint64_t segment_bytes)
{
    err e = ERR_INIT;
    struct logwriter *w = NULL;
    struct log_options o = fixture_options();
    o.segment_bytes = segment_bytes;
    assert_done(logwriter_open(dir, &o, &w, &e), &e);
    return w;
}

static inline struct logreader *fixture_reader(const char *dir)
{
    err e = ERR_INIT;
    struct logreader *r = NULL;
    assert_done(logreader_open(dir, &r, &e), &e);
    return r;
}

/* A table of one column; `shape` makes another version of it. */
static inline uint32_t fixture_relation(struct logwriter *w, uint32_t oid, int shape)
{
    err e = ERR_INIT;
    uint32_t version = 0;
    char name[32];
    (void)snprintf(name, sizeof name, "t%u_%d", oid, shape);
    struct column column = {.name = "id", .type = 23, .typmod = -1, .key = true};
    struct relation r = {.oid = oid,
                         .schema = "public",
                         .name = name,
                         .replica_identity = 'd',
                         .tier = TIER_BUSINESS,
                         .column_count = 1,
                         .columns = &column};
    memcpy(r.table.b, &oid, sizeof oid);
    assert_done(logwriter_relation(w, &r, &version, &e), &e);
    return version;
}

/* The content of action `n` of the transaction at `at`: deterministic, so that a replay can be compared. */
static inline struct bytes fixture_content(lsn at, unsigned n, size_t size, char *room)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    size_t used = (size_t)snprintf(room, size + 1, "%llu/%u ", (unsigned long long)at, n);
    for (size_t more; used < size; used += more) {
        more = size - used < 26 ? size - used : 26;
        memcpy(room + used, letters + (used + n) % 26, more);
    }
    return bytes_of(room, size);
}

static inline status fixture_put(struct logwriter *w, uint32_t relation, lsn at, unsigned n, size_t size,
                                 err *e)
{
    char room[8192];
    struct action a = {
        .kind = ACTION_CREATE, .relation = relation, .new = fixture_content(at, n, size, room)};
    return logwriter_put(w, &a, at, e);
}

/* A whole transaction; its commit time is its LSN. */
static inline status fixture_transaction(struct logwriter *w, uint32_t relation, lsn at, unsigned actions,
                                         size_t size, err *e)
{
    for (unsigned n = 0; n < actions; n++)
        TRY(fixture_put(w, relation, at, n, size, e));
    struct commit c = {.lsn = at, .end_lsn = at + 5, .time = (pgtime)at, .xid = (uint32_t)at};
    return logwriter_commit(w, &c, e);
}

/*
 * Reads everything from `from` on: seqs dense, keys derived rightly, contents those of fixture_put,
 * transactions whole. Returns the last seq.
 */
static inline uint64_t fixture_check(struct logreader *r, uint64_t from, size_t size)
{
    err e = ERR_INIT;
    OWNED(hasher) struct hasher *h = NULL;
    struct log_entry entry;
    bool end = false;
    uint64_t seq = from;
    uint64_t whole = from - 1;
    char room[8192];
    assert_done(hasher_new(&h, &e), &e);
    assert_done(logreader_seek(r, from, &e), &e);
    for (;; seq++) {
        assert_done(logreader_next(r, &entry, &end, &e), &e);
        if (end)
            break;
        uuid id;
        uint64_t ordinal = seq - entry.commit->first_seq;
        assert_int_equal(entry.seq, seq);
        assert_true(entry.commit->first_seq <= seq && seq <= entry.commit->last_seq);
        assert_int_equal(entry.commit->end_lsn, entry.commit->lsn + 5);
        assert_done(
            uuid_v8_action(h, &fixture_node, &fixture_incarnation, entry.commit->lsn, ordinal, seq, &id, &e),
            &e);
        assert_true(uuid_equal(&id, &entry.id));
        struct bytes wanted = fixture_content(entry.commit->lsn, (unsigned)ordinal, size, room);
        assert_true(bytes_equal(entry.action.new, wanted));
        assert_non_null(entry.relation);
        assert_int_equal(entry.relation->version, entry.action.relation);
        whole = entry.commit->last_seq;
    }
    assert_int_equal(seq - 1, whole);
    return seq - 1;
}

#endif
