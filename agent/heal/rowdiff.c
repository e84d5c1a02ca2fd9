#include "agent/heal/rowdiff.h"

#include "agent/restore/fold/spillfile.h"
#include "proto/base/array.h"

#define PARTS_MAX 256
#define SPILL_BUFFER ((size_t)32768)
#define SLOTS_FIRST ((size_t)1024)

struct part {
    struct spillfile *known;
    struct spillfile *found;
};

/* A known row of the part in hand. */
struct row {
    uint64_t hash;
    size_t at; /* in the pool */
    size_t len;
    uint64_t count; /* how often it was not found yet */
};

struct rowdiff {
    const struct fold_shape *shape;
    struct part *part;
    size_t parts;
    struct buf pool;
    struct row *row;
    size_t count;
    size_t room;
    uint32_t *slot; /* 1 + index of a row; 0: free */
    size_t slots;   /* a power of two, or 0 */
    struct buf given, stored;
};

status rowdiff_new(const struct fold_shape *shape, const char *dir, size_t memory, uint64_t expected,
                   struct rowdiff **out, err *e)
{
    OWNED(rowdiff) struct rowdiff *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    /* Short rows need about as much again for their places in the table. */
    uint64_t parts = 1 + 2 * expected / (memory + 1);
    r->shape = shape;
    r->part = calloc(PARTS_MAX, sizeof *r->part);
    if (r->part == NULL)
        return err_no_memory(e);
    r->parts = parts > PARTS_MAX ? PARTS_MAX : (size_t)parts;
    for (size_t i = 0; i < r->parts; i++) {
        TRY(spillfile_new(dir, SPILL_BUFFER, &r->part[i].known, e));
        TRY(spillfile_new(dir, SPILL_BUFFER, &r->part[i].found, e));
    }
    *out = r;
    r = NULL;
    return DONE;
}

void rowdiff_free(struct rowdiff *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; r->part != NULL && i < r->parts; i++) {
        spillfile_free(r->part[i].known);
        spillfile_free(r->part[i].found);
    }
    free(r->part);
    buf_fini(&r->pool);
    buf_fini(&r->given);
    buf_fini(&r->stored);
    free(r->row);
    free(r->slot);
    free(r);
}

static status hash_of(struct rowdiff *r, struct bytes line, struct bytes *key, uint64_t *hash, err *e)
{
    TRY(foldline_key(r->shape, line, &r->given, key, e));
    *hash = foldline_hash(*key);
    return DONE;
}

/* The low bits find the place within a part. */
static struct part *part_of(struct rowdiff *r, uint64_t hash)
{
    return &r->part[(hash >> 32) % r->parts];
}

status rowdiff_known(struct rowdiff *r, struct bytes line, err *e)
{
    struct bytes key;
    uint64_t hash;
    TRY(hash_of(r, line, &key, &hash, e));
    return spillfile_put(part_of(r, hash)->known, line, e);
}

status rowdiff_found(struct rowdiff *r, struct bytes line, err *e)
{
    struct bytes key;
    uint64_t hash;
    TRY(hash_of(r, line, &key, &hash, e));
    return spillfile_put(part_of(r, hash)->found, line, e);
}

/* ---- the known rows of one part ---- */

static struct bytes line_of(const struct rowdiff *r, const struct row *row)
{
    return bytes_of(r->pool.data + row->at, row->len);
}

/* The slot of a key, or the free one where it belongs. */
static status find(struct rowdiff *r, struct bytes key, uint64_t hash, uint32_t **out, err *e)
{
    for (size_t at = (size_t)hash & (r->slots - 1);; at = (at + 1) & (r->slots - 1)) {
        struct bytes other;
        *out = &r->slot[at];
        if (**out == 0)
            return DONE;
        const struct row *row = &r->row[**out - 1];
        if (row->hash != hash)
            continue;
        TRY(foldline_key(r->shape, line_of(r, row), &r->stored, &other, e));
        if (bytes_equal(key, other))
            return DONE;
    }
}

static status grow(struct rowdiff *r, err *e)
{
    const size_t slots = r->slots == 0 ? SLOTS_FIRST : r->slots * 2;
    uint32_t *slot = calloc(slots, sizeof *slot);
    if (slot == NULL)
        return err_no_memory(e);
    free(r->slot);
    r->slot = slot;
    r->slots = slots;
    for (size_t i = 0; i < r->count; i++) {
        size_t at = (size_t)r->row[i].hash & (slots - 1);
        while (slot[at] != 0)
            at = (at + 1) & (slots - 1);
        slot[at] = (uint32_t)i + 1;
    }
    return DONE;
}

static status remember(struct rowdiff *r, struct bytes line, err *e)
{
    struct bytes key;
    uint64_t hash;
    uint32_t *slot;
    TRY(array_room(&r->row, r->count, &r->room, sizeof *r->row, e));
    if (r->count == r->slots / 2)
        TRY(grow(r, e));
    TRY(hash_of(r, line, &key, &hash, e));
    TRY(find(r, key, hash, &slot, e));
    if (*slot != 0 && r->shape->key_count == 0) {
        r->row[*slot - 1].count++;
        return DONE;
    }
    if (*slot != 0)
        return err_set(e, ERR_STORAGE, "%s has two rows with one key; run pgstrand verify", r->shape->label);
    r->row[r->count++] = (struct row){.hash = hash, .at = r->pool.len, .len = line.len, .count = 1};
    *slot = (uint32_t)r->count;
    buf_bytes(&r->pool, line.data, line.len);
    return buf_done(&r->pool, e);
}

/* ---- the comparison ---- */

struct run {
    struct rowdiff *diff;
    const struct rowdiff_sink *sink;
    uint64_t changes;
};

static status tell(struct run *run, enum rowdiff_kind kind, struct bytes line, err *e)
{
    run->changes++;
    return run->sink->change(run->sink->context, kind, line, e);
}

static status compare(struct run *run, struct bytes line, err *e)
{
    struct rowdiff *r = run->diff;
    struct bytes key;
    uint64_t hash;
    uint32_t *slot;
    if (r->slots == 0)
        return tell(run, ROWDIFF_CREATE, line, e);
    TRY(hash_of(r, line, &key, &hash, e));
    TRY(find(r, key, hash, &slot, e));
    if (*slot == 0 || r->row[*slot - 1].count == 0)
        return tell(run, ROWDIFF_CREATE, line, e);
    struct row *row = &r->row[*slot - 1];
    row->count--;
    return bytes_equal(line_of(r, row), line) ? DONE : tell(run, ROWDIFF_UPDATE, line, e);
}

static void forget(struct rowdiff *r)
{
    buf_reset(&r->pool);
    r->count = 0;
    if (r->slots > 0)
        memset(r->slot, 0, r->slots * sizeof *r->slot);
}

static status each(struct run *run, struct spillfile *file,
                   status (*take)(struct run *run, struct bytes line, err *e), err *e)
{
    TRY(spillfile_rewind(file, e));
    for (;;) {
        struct bytes line;
        bool any = false;
        TRY(spillfile_next(file, &line, &any, e));
        if (!any)
            return DONE;
        TRY(take(run, line, e));
    }
}

static status take_known(struct run *run, struct bytes line, err *e)
{
    return remember(run->diff, line, e);
}

static status run_part(struct run *run, struct part *p, err *e)
{
    struct rowdiff *r = run->diff;
    forget(r);
    TRY(each(run, p->known, take_known, e));
    TRY(each(run, p->found, compare, e));
    for (size_t i = 0; i < r->count; i++)
        for (; r->row[i].count > 0; r->row[i].count--)
            TRY(tell(run, ROWDIFF_DELETE, line_of(r, &r->row[i]), e));
    return DONE;
}

status rowdiff_run(struct rowdiff *r, const struct rowdiff_sink *sink, uint64_t *changes, err *e)
{
    struct run run = {.diff = r, .sink = sink};
    for (size_t i = 0; i < r->parts; i++)
        TRY(run_part(&run, &r->part[i], e));
    *changes = run.changes;
    return DONE;
}
