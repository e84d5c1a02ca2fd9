/*
 * make_golden FOLDER [columns]: writes the golden chain: a FULL and two INCREMENTALs with device files, under
 * a fixed key, UUIDs and times; with `columns` their actions lie by column. It was run once for each format;
 * the files are committed and never made again, because every later version must read what this one wrote.
 */
#include <stdio.h>

#include "proto/actionpack.h"
#include "proto/pbmem.h"
#include "proto/wire.h"
#include "store/io.h"
#include "store/rowfile.h"
#include "store/snaplayout.h"
#include "store/snapwriter.h"
#include "tests/golden/golden.h"

static uuid fixed(uint8_t kind, uint8_t number)
{
    return (uuid){{kind, 1, 2, 3, 4, 5, 0x40, 7, 0x80, 9, 10, 11, 12, 13, 14, number}};
}

struct golden {
    Pgstrand__SnapshotHeader header;
    uuid snapshot, parent, base, node, device, incarnation, dataset;
    uint8_t parent_hash[SHA256_LEN];
    struct signing_key key;
    struct framecoder *coder;
    const char *dir;
    bool columns;
};

static void next(struct golden *g, Pgstrand__SnapshotType type, uint64_t first, uint64_t last)
{
    if (type != PGSTRAND__SNAPSHOT_TYPE__FULL) {
        g->parent = g->snapshot;
        g->header.number++;
        g->header.has_parent = g->header.has_parent_hash = g->header.has_base_snapshot = true;
        g->header.parent = pbmem_uuid(&g->parent);
        g->header.parent_hash = (ProtobufCBinaryData){SHA256_LEN, g->parent_hash};
        g->header.base_snapshot = pbmem_uuid(&g->base);
    }
    g->snapshot = fixed(0xc5, (uint8_t)g->header.number);
    g->header.snapshot = pbmem_uuid(&g->snapshot);
    g->header.type = type;
    g->header.first_seq = first;
    g->header.last_seq = last;
    g->header.first_lsn = 0x1000000 + first;
    g->header.last_lsn = 0x1000000 + last;
    g->header.first_time = INT64_C(848000000000000) + (int64_t)first;
    g->header.last_time = INT64_C(848000000000000) + (int64_t)last;
}

static status frame(struct golden *g, struct snapwriter *w, enum tier tier, Pgstrand__SectionKind kind,
                    const ProtobufCMessage *message, err *e)
{
    OWNED(buf) struct buf payload = {0};
    struct snapsection *s = NULL;
    TRY(pbmem_pack(message, &payload, e));
    TRY(snapwriter_section(w, tier, kind, &s, e));
    bool actions = kind == PGSTRAND__SECTION_KIND__ACTIONS;
    if (actions)
        snapsection_count_actions(s, 1);
    return snapsection_frame(s, g->coder, 0, actions ? g->header.first_seq : 0,
                             actions ? g->header.last_seq : 0, buf_view(&payload), e);
}

/* Rows through a staged file, as a base makes them. */
static status rows(struct golden *g, struct snapwriter *w, enum tier tier, uint32_t table, const char *lines,
                   err *e)
{
    OWNED(text) char *path = io_join(g->dir, "rows");
    OWNED(rowfile) struct rowfile *f = NULL;
    struct table_digest digest;
    struct snapsection *s = NULL;
    uint64_t stored;
    if (path == NULL)
        return err_no_memory(e);
    TRY(rowfile_create(path, 3, &f, e));
    TRY(rowfile_lines(f, bytes_text(lines), e));
    TRY(rowfile_finish(f, &digest, &stored, e));
    TRY(snapwriter_section(w, tier, PGSTRAND__SECTION_KIND__ROWS, &s, e));
    TRY(snapsection_import(s, path, table, e));
    return io_unlink(path, e);
}

static status schema(struct golden *g, struct snapwriter *w, err *e)
{
    Pgstrand__Schema message = PGSTRAND__SCHEMA__INIT;
    Pgstrand__Table table = PGSTRAND__TABLE__INIT, *tables[] = {&table};
    Pgstrand__Column column = PGSTRAND__COLUMN__INIT, *columns[] = {&column};
    uuid id = fixed(0xc6, 1);
    char pre[] = GOLDEN_SCHEMA, public[] = "public", item[] = "item", name[] = "id";
    message.pre_data = pre;
    message.table = tables;
    message.n_table = 1;
    table.number = 1;
    table.table = pbmem_uuid(&id);
    table.oid = 16384;
    table.schema = public;
    table.name = item;
    table.tier = PGSTRAND__TIER__BUSINESS;
    table.replica_identity = 'd';
    table.column = columns;
    table.n_column = 1;
    column.name = name;
    column.type = 23;
    column.typmod = -1;
    column.key = true;
    return frame(g, w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__SCHEMA, &message.base, e);
}

static status actions(struct golden *g, struct snapwriter *w, enum tier tier, err *e)
{
    Pgstrand__Action action = PGSTRAND__ACTION__INIT, *each[] = {&action};
    Pgstrand__Commit commit = PGSTRAND__COMMIT__INIT;
    Pgstrand__CommitActions both = PGSTRAND__COMMIT_ACTIONS__INIT, *commits[] = {&both};
    Pgstrand__ActionsFrame message = PGSTRAND__ACTIONS_FRAME__INIT;
    uint8_t tuple[] = {0, 2, 't', 0, 0, 0, 1, '4', 'n'};
    action.kind = PGSTRAND__ACTION_KIND__CREATE;
    action.has_relation = action.has_new_ = action.has_index = true;
    action.relation = 1;
    action.new_ = (ProtobufCBinaryData){sizeof tuple, tuple};
    commit.lsn = g->header.last_lsn;
    commit.end_lsn = commit.lsn + 8;
    commit.time = g->header.last_time;
    commit.xid = 740;
    commit.first_seq = g->header.first_seq;
    commit.last_seq = g->header.last_seq;
    both.commit = &commit;
    both.action = each;
    both.n_action = 1;
    message.commit = commits;
    message.n_commit = 1;
    return frame(g, w, tier, PGSTRAND__SECTION_KIND__ACTIONS, &message.base, e);
}

/* GOLDEN_ACTIONS orders of a till by column, all in one commit. */
static status packed_actions(struct golden *g, struct snapwriter *w, enum tier tier, err *e)
{
    OWNED(actionpack) struct actionpack *pack = NULL;
    OWNED(packroom) struct packroom *room = NULL;
    OWNED(buf) struct buf row = {0};
    struct snapsection *s = NULL;
    struct bytes frame;
    TRY(actionpack_new(FRAME_RAW_MAX, &pack, e));
    TRY(packroom_new(&room, e));
    const struct commit c = {.lsn = g->header.last_lsn,
                             .end_lsn = g->header.last_lsn + 48,
                             .time = g->header.last_time,
                             .xid = 740,
                             .first_seq = g->header.first_seq,
                             .last_seq = g->header.last_seq,
                             .user = bytes_text(GOLDEN_USER)};
    for (uint64_t seq = c.first_seq; seq <= c.last_seq; seq++) {
        struct action a;
        bool added = false;
        golden_action(seq, &row, &a);
        TRY(actionpack_add(pack, &c, seq, &a, &added, e));
    }
    TRY(actionpack_take(pack, room, &frame, e));
    TRY(snapwriter_section(w, tier, PGSTRAND__SECTION_KIND__ACTIONS, &s, e));
    snapsection_count_actions(s, c.last_seq - c.first_seq + 1);
    return snapsection_actions(s, g->coder, c.first_seq, c.last_seq, frame, e);
}

static status publish(struct golden *g, struct snapwriter *w, err *e)
{
    char *name = NULL;
    TRY(snapwriter_publish(w, &g->key, g->parent_hash, &name, e));
    free(name);
    return DONE;
}

static status make_full(struct golden *g, err *e)
{
    OWNED(snapwriter) struct snapwriter *w = NULL;
    next(g, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    g->base = g->snapshot;
    TRY(snapwriter_open(g->dir, &g->header, 3, GOLDEN_ROLLOVER, &w, e));
    TRY(schema(g, w, e));
    TRY(rows(g, w, TIER_BUSINESS, 1, GOLDEN_ITEMS, e));
    TRY(rows(g, w, TIER_AUDIT, 2, GOLDEN_AUDIT, e));
    TRY(rows(g, w, TIER_DEVICE, 3, GOLDEN_DEVICE, e));
    return publish(g, w, e);
}

/* The parent's hash is read through header.parent_hash until it is overwritten by publish. */
static status make_incremental(struct golden *g, uint64_t first, uint64_t last, err *e)
{
    OWNED(snapwriter) struct snapwriter *w = NULL;
    next(g, PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, first, last);
    TRY(snapwriter_open(g->dir, &g->header, 3, 0, &w, e));
    TRY(g->columns ? packed_actions(g, w, TIER_BUSINESS, e) : actions(g, w, TIER_BUSINESS, e));
    TRY(g->columns ? packed_actions(g, w, TIER_DEVICE, e) : actions(g, w, TIER_DEVICE, e));
    return publish(g, w, e);
}

static status make(struct golden *g, err *e)
{
    uint8_t secret[SIGNING_KEY_LEN];
    char label[] = "golden";
    memset(secret, 0x42, sizeof secret);
    TRY(signing_key_from_secret(secret, &g->key, e));
    TRY(framecoder_new(3, &g->coder, e));
    pgstrand__snapshot_header__init(&g->header);
    g->node = fixed(0xc1, 1);
    g->device = fixed(0xc2, 1);
    g->incarnation = fixed(0xc3, 1);
    g->dataset = fixed(0xc4, 1);
    g->header.role = PGSTRAND__FILE_ROLE__SNAP;
    g->header.node = pbmem_uuid(&g->node);
    g->header.device = pbmem_uuid(&g->device);
    g->header.incarnation = pbmem_uuid(&g->incarnation);
    g->header.dataset = pbmem_uuid(&g->dataset);
    g->header.created = INT64_C(848000000000000);
    g->header.name = label;
    TRY(make_full(g, e));
    g->header.has_feature_incompatible = g->columns;
    g->header.feature_incompatible = g->columns ? SNAP_FEATURE_ACTIONS : 0;
    TRY(make_incremental(g, 1, g->columns ? GOLDEN_ACTIONS : 3, e));
    return g->columns ? make_incremental(g, GOLDEN_ACTIONS + 1, GOLDEN_ACTIONS + 1, e)
                      : make_incremental(g, 4, 4, e);
}

int main(int argc, char **argv)
{
    struct golden g = {.dir = argc >= 2 ? argv[1] : NULL, .columns = argc == 3};
    err e = ERR_INIT;
    if (g.dir == NULL || argc > 3 || (g.columns && strcmp(argv[2], "columns") != 0)) {
        fprintf(stderr, "usage: make_golden FOLDER [columns]\n");
        return 2;
    }
    if (!make(&g, &e).ok)
        fprintf(stderr, "make_golden: %s\n", e.message);
    framecoder_free(g.coder);
    return e.class == ERR_NONE ? 0 : 1;
}
