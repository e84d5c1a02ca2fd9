#include "agent/history/baseindex.h"

#include <inttypes.h>

#include "agent/history/entitykey.h"
#include "agent/history/pairsort.h"
#include "agent/restore/plan/plantable.h"
#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "proto/wire.h"
#include "store/io.h"
#include "store/snapreader.h"

/* A number: the frame, 24 bits; the line in it, 34 bits; tier - 1, 2 bits. */
#define TIER_BITS 2
#define LINE_BITS 34
#define LINE_MASK ((UINT64_C(1) << LINE_BITS) - 1)
#define WIRE_BYTES 2
#define FIELD_LINES 1 /* RowsFrame.lines */

struct baseindex {
    const struct datadir *d;
    const struct chain_link *full;
    const struct progress *progress;
    struct hashrun *run;
};

/* ---- making ---- */

struct maker {
    const struct datadir *d;
    const struct chain_link *full;
    const struct progress *progress;
    struct snapreader *reader;
    Pgstrand__Schema *schema;
    struct pairsort sort;
    struct buf scratch;
    struct hashrun_head head;
    char *path;
    struct hashrun **part; /* runs that did not fit into memory together */
    char **part_path;
    size_t parts;
};

static void maker_fini(struct maker *m)
{
    err ignored = ERR_INIT; /* the next maker removes what is left */
    snapreader_close(m->reader);
    pbmem_free((ProtobufCMessage *)m->schema);
    pairsort_fini(&m->sort);
    buf_fini(&m->scratch);
    for (size_t i = 0; i < m->parts; i++) {
        hashrun_close(m->part[i]);
        (void)io_unlink(m->part_path[i], &ignored).ok;
        free(m->part_path[i]);
    }
    free(m->part);
    free(m->part_path);
    free(m->path);
}
OWN_VALUE(maker, maker_fini);

static const Pgstrand__Table *table_of(const struct maker *m, uint32_t number)
{
    for (size_t i = 0; i < m->schema->n_table; i++)
        if (m->schema->table[i]->number == number)
            return m->schema->table[i];
    return NULL;
}

static status write_part(struct maker *m, err *e)
{
    TRY(array_one_more(&m->part, m->parts, sizeof(struct hashrun *), e));
    TRY(array_one_more(&m->part_path, m->parts, sizeof *m->part_path, e));
    OWNED(text) char *path = NULL;
    if (asprintf(&path, "%s.%zu.part", m->path, m->parts) < 0)
        return err_no_memory(e);
    TRY(pairsort_write(&m->sort, path, &m->head, e));
    m->part_path[m->parts] = path;
    m->part[m->parts++] = NULL;
    path = NULL;
    return hashrun_open(m->part_path[m->parts - 1], &m->part[m->parts - 1], e);
}

/* `number` is that of the first line. */
static status add_lines(struct maker *m, const Pgstrand__Table *t, uint64_t number, struct bytes lines,
                        err *e)
{
    const uint8_t *end = lines.data + lines.len;
    for (const uint8_t *at = lines.data; at < end; number += UINT64_C(1) << TIER_BITS) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        uuid entity;
        if (stop == NULL)
            return err_set(e, ERR_STORAGE, "rows of %s.%s end in the middle of a line; run pgstrand verify",
                           t->schema, t->name);
        TRY(entitykey_of_line(t, bytes_of(at, (size_t)(stop - at)), &m->d->identity.dataset, &m->scratch,
                              &entity, e));
        TRY(pairsort_add(&m->sort, entitykey_hash(&entity), number, e));
        if (pairsort_is_full(&m->sort))
            TRY(write_part(m, e));
        at = stop + 1;
    }
    return DONE;
}

static status add_tier(struct maker *m, enum tier tier, err *e)
{
    bool found = false, end = false;
    TRY(snapreader_section(m->reader, tier, PGSTRAND__SECTION_KIND__ROWS, &found, e));
    while (found) {
        struct snap_payload payload;
        const uint64_t frame = snapreader_place(m->reader);
        TRY(snapreader_next(m->reader, 0, &payload, &end, e));
        if (end)
            return DONE;
        if (progress_stopped(m->progress))
            return err_set(e, ERR_INTERRUPTED, "making the index of rows was interrupted");
        m->progress->step(m->progress->context, "index", frame, snapreader_index(m->reader)->n_frame);
        const Pgstrand__Table *t = table_of(m, payload.table);
        struct reader r = reader_over(payload.payload);
        struct wire_field field = {0};
        while (t != NULL && plantable_is_keyed(t) && wire_next(&r, &field))
            if (field.number == FIELD_LINES && field.type == WIRE_BYTES)
                TRY(add_lines(m, t, frame << (LINE_BITS + TIER_BITS) | (unsigned)(tier - TIER_BUSINESS),
                              field.bytes, e));
    }
    return DONE;
}

static status fill_head(struct maker *m, err *e)
{
    const Pgstrand__SnapshotHeader *h = m->full->commit->header;
    m->head = (struct hashrun_head){.first = h->number, .last = h->last_seq, .lsn = h->last_lsn};
    TRY(uuid_from_bytes(pbmem_view(h->node), "node", &m->head.node, e));
    return uuid_from_bytes(pbmem_view(h->incarnation), "incarnation", &m->head.incarnation, e);
}

static status make(struct maker *m, err *e)
{
    TRY(fill_head(m, e));
    TRY(snapreader_open(m->full->dir, m->full->name, &m->reader, e));
    TRY(snapreader_schema(m->reader, &m->schema, e));
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++)
        TRY(add_tier(m, tier, e));
    if (m->parts == 0)
        return pairsort_write(&m->sort, m->path, &m->head, e);
    TRY(write_part(m, e));
    return pairsort_merge(m->part, m->parts, m->path, &m->head, e);
}

/* ---- opening ---- */

static status path_of(const struct datadir *d, const struct chain_link *full, char **dir, char **path, err *e)
{
    uuid id;
    char text[UUID_TEXT];
    const ProtobufCBinaryData *raw = &full->commit->header->snapshot;
    TRY(uuid_from_bytes(pbmem_view(*raw), "snapshot", &id, e));
    *dir = io_join(d->root, "index");
    if (*dir == NULL || asprintf(path, "%s/lines-%s.run", *dir, uuid_format(&id, text)) < 0)
        return err_no_memory(e);
    return DONE;
}

static status make_run(struct baseindex *x, const char *why, err *e)
{
    OWNED(io_lock) struct io_lock *held = NULL;
    OWNED(text) char *dir = NULL;
    OWNED(text) char *lock = io_join(x->d->root, "index.lock");
    OWNED(maker) struct maker m = {.d = x->d, .full = x->full, .progress = x->progress};
    if (lock == NULL)
        return err_no_memory(e);
    x->progress->say(x->progress->context, why);
    TRY(path_of(x->d, x->full, &dir, &m.path, e));
    TRY(io_lock(lock, true, &held, e));
    TRY(io_make_dir(dir, e));
    TRY(make(&m, e));
    x->progress->step(x->progress->context, "index", 1, 1);
    hashrun_close(x->run);
    x->run = NULL;
    return hashrun_open(m.path, &x->run, e);
}

static status make_again(struct baseindex *x, const err *why, err *e)
{
    if (hashrun_is_damage(why))
        return make_run(x, "the index of the base's rows is damaged: it is made again", e);
    *e = *why;
    return FAILED;
}

status baseindex_open(const struct datadir *d, const struct chain_link *full, const struct progress *progress,
                      struct baseindex **out, err *e)
{
    OWNED(baseindex) struct baseindex *x = calloc(1, sizeof *x);
    OWNED(text) char *dir = NULL;
    OWNED(text) char *path = NULL;
    err why = ERR_INIT;
    if (x == NULL)
        return err_no_memory(e);
    *x = (struct baseindex){.d = d, .full = full, .progress = progress};
    TRY(path_of(d, full, &dir, &path, e));
    if (!io_exists(path))
        TRY(make_run(x, "making the index of the base's rows", e));
    else if (!hashrun_open(path, &x->run, &why).ok)
        TRY(make_again(x, &why, e));
    *out = x;
    x = NULL;
    return DONE;
}

void baseindex_close(struct baseindex *x)
{
    if (x == NULL)
        return;
    hashrun_close(x->run);
    free(x);
}

status baseindex_find(struct baseindex *x, const uuid *entity, enum tier tier, struct seqlist *frames,
                      struct seqlist *lines, err *e)
{
    OWNED(seqlist) struct seqlist all = {0};
    err why = ERR_INIT;
    if (!hashrun_find(x->run, entitykey_hash(entity), &all, &why).ok) {
        TRY(make_again(x, &why, e));
        all.count = 0;
        TRY(hashrun_find(x->run, entitykey_hash(entity), &all, e));
    }
    for (size_t i = 0; i < all.count; i++) {
        if ((all.seq[i] & 3) != (unsigned)(tier - TIER_BUSINESS))
            continue;
        TRY(seqlist_add(frames, all.seq[i] >> (LINE_BITS + TIER_BITS), e));
        if (lines != NULL)
            TRY(seqlist_add(lines, all.seq[i] >> TIER_BITS & LINE_MASK, e));
    }
    return DONE;
}
