/*
 * snapmake: small snapshots for tests: fixed key, UUIDs and times, a chain that goes on with each call.
 */
#ifndef PGSTRAND_SNAPMAKE_H
#define PGSTRAND_SNAPMAKE_H

#include "tests/lib/check.h"

#include "proto/pbmem.h"
#include "proto/wire.h"
#include "store/rowfile.h"
#include "store/snapreader.h"
#include "store/snapwriter.h"

#define SNAPMAKE_LEVEL 3

struct snapmake {
    Pgstrand__SnapshotHeader header;
    uuid snapshot, parent, base, node, device, incarnation, dataset;
    uint8_t parent_hash[SHA256_LEN];
    struct signing_key key;
    uint64_t rollover;
    bool device_rows; /* make a .device file */
    bool owned;       /* commits have the owner */
    struct snap_owner owner;
};

static inline uuid snapmake_uuid(uint8_t kind, uint64_t number)
{
    uuid u = {{kind, 0, 0, 0, 0, 0, 0x40, 0, 0x80}};
    for (size_t i = 0; i < 7; i++)
        u.b[15 - i] = (uint8_t)(number >> 8 * i);
    return u;
}

static inline void snapmake_init(struct snapmake *m)
{
    err e = ERR_INIT;
    uint8_t secret[SIGNING_KEY_LEN];
    memset(secret, 7, sizeof secret);
    *m = (struct snapmake){.node = snapmake_uuid(0xa0, 1),
                           .device = snapmake_uuid(0xa1, 1),
                           .incarnation = snapmake_uuid(0xa2, 1),
                           .dataset = snapmake_uuid(0xa3, 1),
                           .device_rows = true};
    assert_done(signing_key_from_secret(secret, &m->key, &e), &e);
    pgstrand__snapshot_header__init(&m->header);
    m->header.role = PGSTRAND__FILE_ROLE__SNAP;
    m->header.node = pbmem_uuid(&m->node);
    m->header.device = pbmem_uuid(&m->device);
    m->header.incarnation = pbmem_uuid(&m->incarnation);
    m->header.dataset = pbmem_uuid(&m->dataset);
    m->header.created = INT64_C(800000000000000);
}

/* The header of the next snapshot: a FULL or an INCREMENTAL of actions first to last. */
static inline void snapmake_begin(struct snapmake *m, Pgstrand__SnapshotType type, uint64_t first,
                                  uint64_t last)
{
    bool chained = m->header.snapshot.len > 0;
    if (chained) {
        m->parent = m->snapshot;
        m->header.number++;
        m->header.has_parent = m->header.has_parent_hash = true;
        m->header.parent = pbmem_uuid(&m->parent);
        m->header.parent_hash = (ProtobufCBinaryData){SHA256_LEN, m->parent_hash};
    }
    m->snapshot = snapmake_uuid(0xb0, m->header.number);
    m->header.snapshot = pbmem_uuid(&m->snapshot);
    m->header.type = type;
    m->header.has_base_snapshot = type != PGSTRAND__SNAPSHOT_TYPE__FULL;
    m->header.base_snapshot = pbmem_uuid(&m->base);
    if (type == PGSTRAND__SNAPSHOT_TYPE__FULL)
        m->base = m->snapshot;
    m->header.first_seq = first;
    m->header.last_seq = last;
    m->header.first_lsn = 0x1000 + first;
    m->header.last_lsn = 0x1000 + last;
}

/* A RowsFrame of these lines, its digest added to *digest. */
static inline void snapmake_rows(const char *lines, struct buf *payload, struct table_digest *digest)
{
    err e = ERR_INIT;
    OWNED(hasher) struct hasher *h = NULL;
    assert_done(hasher_new(&h, &e), &e);
    buf_reset(payload);
    wire_bytes(payload, 1, bytes_text(lines));
    for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1)
        assert_done(table_digest_add(digest, h, bytes_of(line, (size_t)(strchr(line, '\n') - line)), &e), &e);
}

static inline void snapmake_row_section(struct snapwriter *w, struct framecoder *coder, enum tier tier,
                                        uint32_t table, const char *lines)
{
    err e = ERR_INIT;
    OWNED(buf) struct buf payload = {0};
    struct table_digest digest = {0};
    struct snapsection *s = NULL;
    snapmake_rows(lines, &payload, &digest);
    assert_done(snapwriter_section(w, tier, PGSTRAND__SECTION_KIND__ROWS, &s, &e), &e);
    assert_done(snapsection_frame(s, coder, table, 0, 0, buf_view(&payload), &e), &e);
    assert_done(snapsection_digest(s, table, &digest, &e), &e);
}

static inline void snapmake_message(struct snapwriter *w, struct framecoder *coder,
                                    Pgstrand__SectionKind kind, const ProtobufCMessage *message)
{
    err e = ERR_INIT;
    OWNED(buf) struct buf payload = {0};
    struct snapsection *s = NULL;
    assert_done(pbmem_pack(message, &payload, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, kind, &s, &e), &e);
    assert_done(snapsection_frame(s, coder, 0, 0, 0, buf_view(&payload), &e), &e);
}

static inline void snapmake_schema(struct snapwriter *w, struct framecoder *coder)
{
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    uint8_t fingerprint[] = {1, 2, 3};
    char sql[] = "CREATE TABLE public.item (id integer PRIMARY KEY, name text);\n";
    schema.fingerprint = (ProtobufCBinaryData){sizeof fingerprint, fingerprint};
    schema.has_fingerprint = schema.has_server_version_num = true;
    schema.server_version_num = 150000;
    schema.pre_data = sql;
    snapmake_message(w, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema.base);
}

static inline void snapmake_actions(struct snapwriter *w, struct framecoder *coder, const struct snapmake *m)
{
    err e = ERR_INIT;
    OWNED(buf) struct buf payload = {0};
    struct snapsection *s = NULL;
    Pgstrand__Action action = PGSTRAND__ACTION__INIT, *actions[] = {&action};
    Pgstrand__Commit commit = PGSTRAND__COMMIT__INIT;
    Pgstrand__CommitActions both = PGSTRAND__COMMIT_ACTIONS__INIT, *commits[] = {&both};
    Pgstrand__ActionsFrame frame = PGSTRAND__ACTIONS_FRAME__INIT;
    action.kind = PGSTRAND__ACTION_KIND__MESSAGE;
    action.has_content = true;
    action.content = (ProtobufCBinaryData){5, (uint8_t[]){'h', 'e', 'l', 'l', 'o'}};
    commit.first_seq = m->header.first_seq;
    commit.last_seq = m->header.last_seq;
    both.commit = &commit;
    both.action = actions;
    both.n_action = 1;
    frame.commit = commits;
    frame.n_commit = 1;
    assert_done(pbmem_pack(&frame.base, &payload, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ACTIONS, &s, &e), &e);
    assert_done(
        snapsection_frame(s, coder, 0, m->header.first_seq, m->header.last_seq, buf_view(&payload), &e), &e);
    snapsection_count_actions(s, 1);
}

/* Everything but the publishing. */
static inline void snapmake_fill(struct snapmake *m, struct snapwriter *w)
{
    err e = ERR_INIT;
    OWNED(framecoder) struct framecoder *coder = NULL;
    Pgstrand__Config config = PGSTRAND__CONFIG__INIT;
    Pgstrand__Sequence one = PGSTRAND__SEQUENCE__INIT, *each[] = {&one};
    Pgstrand__Sequences sequences = PGSTRAND__SEQUENCES__INIT;
    char text[] = "[source]\n", schema[] = "public", name[] = "item_id_seq";
    assert_done(framecoder_new(SNAPMAKE_LEVEL, &coder, &e), &e);
    snapmake_schema(w, coder);
    if (m->header.type == PGSTRAND__SNAPSHOT_TYPE__FULL) {
        snapmake_row_section(w, coder, TIER_BUSINESS, 1, "1\tapple\n2\tpear\n3\t\\N\n");
        snapmake_row_section(w, coder, TIER_AUDIT, 2, "1\tlogin\n");
        if (m->device_rows)
            snapmake_row_section(w, coder, TIER_DEVICE, 3, "till\t17\n");
    } else {
        snapmake_actions(w, coder, m);
        if (m->device_rows)
            snapmake_row_section(w, coder, TIER_DEVICE, 3, "till\t18\n");
    }
    one.schema = schema;
    one.name = name;
    one.last_value = 3;
    one.is_called = true;
    one.tier = PGSTRAND__TIER__BUSINESS;
    sequences.sequence = each;
    sequences.n_sequence = 1;
    snapmake_message(w, coder, PGSTRAND__SECTION_KIND__SEQUENCES, &sequences.base);
    config.agent_conf = text;
    snapmake_message(w, coder, PGSTRAND__SECTION_KIND__CONFIG, &config.base);
}

static inline status snapmake_try(struct snapmake *m, const char *dir, char **name, err *e)
{
    OWNED(snapwriter) struct snapwriter *w = NULL;
    uint8_t hash[SHA256_LEN];
    TRY(snapwriter_open(dir, &m->header, SNAPMAKE_LEVEL, m->rollover, &w, e));
    snapmake_fill(m, w);
    if (m->owned)
        TRY(snapwriter_owner(w, &m->owner, e));
    TRY(snapwriter_publish(w, &m->key, hash, name, e));
    memcpy(m->parent_hash, hash, sizeof hash);
    return DONE;
}

/* The next snapshot, published; the caller frees the name. */
static inline char *snapmake_next(struct snapmake *m, const char *dir, Pgstrand__SnapshotType type,
                                  uint64_t first, uint64_t last)
{
    err e = ERR_INIT;
    char *name = NULL;
    snapmake_begin(m, type, first, last);
    assert_done(snapmake_try(m, dir, &name, &e), &e);
    return name;
}

static inline char *snapmake_full(struct snapmake *m, const char *dir)
{
    return snapmake_next(m, dir, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
}

/* Opens and verifies whatever can be opened. */
static inline status snapmake_verify(const char *dir, const char *name, uint64_t *frames, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    TRY(snapreader_open(dir, name, &r, e));
    return snapreader_verify(r, frames, e);
}

#endif
