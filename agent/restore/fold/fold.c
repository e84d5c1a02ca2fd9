#include "agent/restore/fold/fold.h"

#include <inttypes.h>

#include "agent/relay.h"
#include "agent/restore/fold/foldspill.h"
#include "proto/base/array.h"

#define BLOCK ((size_t)128 << 10) /* bytes of actions that go to the other thread at once */
#define LARGE (BLOCK / 2)         /* rows of that many are not copied into a block */

struct foldtable {
    struct fold_shape shape;
    uint16_t *key;
    char *label;
    struct foldmap map;
    struct foldspill *spill; /* NULL: all in the map */
    size_t counted;          /* the part of fold->used that is this map's */
};

struct fold {
    size_t memory;
    unsigned emitters;
    char *dir;
    struct foldtable **table; /* each where it stays: maps point at shapes */
    size_t count;
    size_t used;
    bool spill_failed;
    struct foldop_maker maker;
    struct relay *relay; /* actions on their way to the maps; NULL: there are none */
};

/* An action on its way; its old and its new row are behind it. */
struct sent {
    size_t table;
    uint64_t seq;
    enum action_kind kind;
    char old_kind;
    size_t old, new; /* bytes */
};

status fold_new(const struct fold_options *options, struct fold **out, err *e)
{
    OWNED(fold) struct fold *f = calloc(1, sizeof *f);
    if (f == NULL || (f->dir = strdup(options->dir)) == NULL)
        return err_no_memory(e);
    f->memory = options->memory;
    f->emitters = options->emitters == 0 ? 1 : options->emitters;
    *out = f;
    f = NULL;
    return DONE;
}

static void foldtable_free(struct foldtable *t)
{
    if (t == NULL)
        return;
    foldmap_fini(&t->map);
    foldspill_free(t->spill);
    free(t->key);
    free(t->label);
    free(t);
}
OWN_POINTER(foldtable, foldtable_free);

void fold_free(struct fold *f)
{
    if (f == NULL)
        return;
    relay_free(f->relay);
    for (size_t i = 0; i < f->count; i++)
        foldtable_free(f->table[i]);
    foldop_maker_fini(&f->maker);
    free(f->table);
    free(f->dir);
    free(f);
}

/* All that was sent is in the maps. What failed is told by fold_settle. */
static void wait_sent(struct fold *f)
{
    err told_later = ERR_INIT;
    if (f->relay != NULL)
        (void)relay_settle(f->relay, &told_later).ok;
}

status fold_table(struct fold *f, const struct fold_shape *shape, err *e)
{
    wait_sent(f);
    OWNED(foldtable) struct foldtable *t = calloc(1, sizeof *t);
    TRY(array_one_more(&f->table, f->count, sizeof *f->table, e));
    if (t == NULL || (t->label = strdup(shape->label)) == NULL ||
        (t->key = calloc(shape->key_count + 1u, sizeof *t->key)) == NULL)
        return err_no_memory(e);
    if (shape->key_count > 0)
        memcpy(t->key, shape->key, shape->key_count * sizeof *t->key);
    t->shape = *shape;
    t->shape.label = t->label;
    t->shape.key = t->key;
    foldmap_init(&t->map, &t->shape);
    f->table[f->count++] = t;
    t = NULL;
    return DONE;
}

size_t fold_count(const struct fold *f)
{
    return f->count;
}

static void recount(struct fold *f, struct foldtable *t)
{
    size_t now = foldmap_memory(&t->map);
    f->used = f->used - t->counted + now;
    t->counted = now;
}

static status spill(struct fold *f, struct foldtable *t, const struct foldop *op, err *e)
{
    if (foldspill_put(t->spill, op, e).ok)
        return DONE;
    f->spill_failed = foldspill_is_unwritable(t->spill);
    return FAILED;
}

static status spill_map(struct fold *f, struct foldtable *t, err *e)
{
    f->spill_failed = true;
    TRY(foldspill_new(f->dir, &t->shape, &t->spill, e));
    const status taken = foldspill_take(t->spill, &t->map, e);
    f->spill_failed = foldspill_is_unwritable(t->spill);
    return taken;
}

/* The largest table makes room: by squeezing out what is stale when that is much, else by going to disk. */
static status make_room(struct fold *f, err *e)
{
    struct foldtable *largest = f->table[0];
    for (size_t i = 1; i < f->count; i++)
        if (f->table[i]->counted > largest->counted)
            largest = f->table[i];
    if (largest->map.stale > largest->map.used / 4) {
        foldmap_compact(&largest->map);
    } else {
        TRY(spill_map(f, largest, e));
    }
    recount(f, largest);
    return DONE;
}

static status apply_step(struct fold *f, struct foldtable *t, const struct foldop *op, err *e)
{
    if (t->spill != NULL)
        return spill(f, t, op, e);
    TRY(foldop_apply(op, &t->map, e));
    recount(f, t);
    while (f->used > f->memory)
        TRY(make_room(f, e));
    return DONE;
}

static status apply_steps(struct fold *f, size_t table, const struct action *a, err *e)
{
    struct foldtable *t = f->table[table];
    struct foldop op[2];
    unsigned count;
    TRY(foldop_of_action(&f->maker, &t->shape, a, op, &count, e));
    for (unsigned i = 0; i < count; i++)
        TRY(apply_step(f, t, &op[i], e));
    return DONE;
}

static status apply(struct fold *f, size_t table, uint64_t seq, const struct action *a, err *e)
{
    return apply_steps(f, table, a, e).ok ? DONE : err_wrap(e, "seq %" PRIu64, seq);
}

/* In the relay's thread. */
static status apply_block(void *context, struct bytes block, err *e)
{
    const uint8_t *end = block.data + block.len;
    struct sent head;
    for (const uint8_t *at = block.data; at < end; at += head.old + head.new) {
        memcpy(&head, at, sizeof head);
        at += sizeof head;
        const struct action a = {.kind = head.kind,
                                 .old_kind = head.old_kind,
                                 .old = bytes_of(at, head.old),
                                 .new = bytes_of(at + head.old, head.new)};
        TRY(apply(context, head.table, head.seq, &a, e));
    }
    return DONE;
}

status fold_action(struct fold *f, size_t table, uint64_t seq, const struct action *a, err *e)
{
    const struct relay_options options = {.bytes = BLOCK, .context = f, .take = apply_block};
    const struct sent head = {table, seq, a->kind, a->old_kind, a->old.len, a->new.len};
    if (f->relay == NULL)
        TRY(relay_new(&options, &f->relay, e));
    if (head.old + head.new >= LARGE) {
        TRY(relay_settle(f->relay, e));
        return apply(f, table, seq, a, e);
    }
    struct buf *block = relay_block(f->relay);
    buf_bytes(block, &head, sizeof head);
    buf_bytes(block, a->old.data, a->old.len);
    buf_bytes(block, a->new.data, a->new.len);
    return relay_pass(f->relay, e);
}

void fold_truncate(struct fold *f, size_t table)
{
    struct foldtable *t = f->table[table];
    wait_sent(f);
    foldspill_free(t->spill);
    t->spill = NULL;
    foldmap_clear(&t->map);
    t->map.base_gone = true;
    recount(f, t);
}

status fold_settle(struct fold *f, err *e)
{
    if (f->relay == NULL)
        return DONE;
    TRY(relay_settle(f->relay, e));
    relay_free(f->relay);
    f->relay = NULL;
    return DONE;
}

bool fold_needs_base(struct fold *f, size_t table)
{
    wait_sent(f);
    return !f->table[table]->map.base_gone;
}

bool fold_is_spilled(struct fold *f, size_t table)
{
    wait_sent(f);
    return f->table[table]->spill != NULL;
}

bool fold_spill_failed(struct fold *f)
{
    wait_sent(f);
    return f->spill_failed;
}

bool fold_is_unchanged(struct fold *f, size_t table)
{
    const struct foldtable *t = f->table[table];
    wait_sent(f);
    return t->spill == NULL && t->map.count == 0 && !t->map.base_gone;
}

static status emit_map(struct foldtable *t, const struct fold_source *base, struct foldemit *out, err *e)
{
    for (bool end = base == NULL; !end;) {
        struct bytes lines;
        TRY(base->next(base->context, &lines, &end, e));
        if (!end)
            TRY(foldemit_lines(out, &t->map, lines, e));
    }
    return foldemit_rest(out, &t->map, e);
}

status fold_emit(struct fold *f, size_t table, const struct fold_source *base,
                 const struct table_digest *base_digest, const struct fold_sink *sink,
                 struct table_digest *expected, err *e)
{
    static const struct table_digest nothing = {0};
    struct foldtable *t = f->table[table];
    OWNED(foldemit) struct foldemit out = {0};
    TRY(fold_settle(f, e));
    if (t->map.base_gone) {
        base = NULL;
        base_digest = &nothing;
    }
    TRY(foldemit_init(&out, sink, base_digest, e));
    if (t->spill != NULL)
        TRY(foldspill_emit(t->spill, base, f->memory / f->emitters, &out, e));
    else
        TRY(emit_map(t, base, &out, e));
    TRY(foldemit_flush(&out, e));
    *expected = out.expected;
    foldspill_free(t->spill);
    t->spill = NULL;
    foldmap_clear(&t->map);
    return DONE;
}
