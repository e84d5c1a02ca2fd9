#include "agent/restore/fold/foldmap.h"

/* In front of each line in the pool; records begin at multiples of 8. */
struct record {
    uint32_t entry;
    uint32_t room; /* bytes behind this header */
    uint32_t len;  /* of them used */
    uint32_t state;
};

#define POOL_FIRST ((size_t)4096)
#define STALE_WORTH ((size_t)65536) /* below that a compaction gains nothing */

void foldmap_init(struct foldmap *m, const struct fold_shape *shape)
{
    *m = (struct foldmap){.shape = shape};
}

void foldmap_clear(struct foldmap *m)
{
    free(m->entry);
    free(m->index);
    free(m->pool);
    m->entry = NULL;
    m->index = NULL;
    m->pool = NULL;
    m->count = m->room = m->slots = 0;
    m->used = m->pool_room = m->stale = 0;
}

void foldmap_fini(struct foldmap *m)
{
    foldmap_clear(m);
    buf_fini(&m->scratch);
    buf_fini(&m->given);
    buf_fini(&m->merged);
}

/* What was touched, not what was reserved: untouched pages of a large block take no memory. */
size_t foldmap_memory(const struct foldmap *m)
{
    return m->used + m->count * sizeof *m->entry + m->slots * sizeof *m->index;
}

static struct record *record_at(const struct foldmap *m, uint64_t at)
{
    return (struct record *)(void *)(m->pool + at);
}

static struct record *record_of(const struct foldmap *m, uint32_t i)
{
    return record_at(m, m->entry[i].at);
}

enum fold_state foldmap_entry(const struct foldmap *m, uint32_t i, struct bytes *content)
{
    const struct record *r = record_of(m, i);
    *content = bytes_of(r + 1, r->len);
    return (enum fold_state)r->state;
}

status foldmap_key(struct foldmap *m, uint32_t i, struct bytes *key, err *e)
{
    struct bytes content;
    if (foldmap_entry(m, i, &content) == FOLD_DEAD) {
        *key = content;
        return DONE;
    }
    return foldline_key(m->shape, content, &m->scratch, key, e);
}

/* ---- the pool ---- */

void foldmap_compact(struct foldmap *m)
{
    size_t to = 0;
    for (size_t at = 0; at < m->used;) {
        const struct record *r = record_at(m, at);
        size_t size = sizeof *r + r->room;
        if (m->entry[r->entry].at == at) {
            m->entry[r->entry].at = to;
            memmove(m->pool + to, m->pool + at, size);
            to += size;
        }
        at += size;
    }
    m->used = to;
    m->stale = 0;
}

static status pool_reserve(struct foldmap *m, size_t size, err *e)
{
    if (m->used + size <= m->pool_room)
        return DONE;
    if (m->stale > STALE_WORTH && m->stale > m->used / 2)
        foldmap_compact(m);
    size_t room = m->pool_room == 0 ? POOL_FIRST : m->pool_room;
    while (room < m->used + size)
        room *= 2;
    if (room == m->pool_room)
        return DONE;
    uint8_t *grown = realloc(m->pool, room);
    if (grown == NULL)
        return err_no_memory(e);
    m->pool = grown;
    m->pool_room = room;
    return DONE;
}

/* Gives entry `i` its content; `is_new`: it has no record yet. */
static status store(struct foldmap *m, uint32_t i, bool is_new, enum fold_state state, struct bytes content,
                    err *e)
{
    if (content.len > UINT32_MAX - 8)
        return err_set(e, ERR_STORAGE, "a row of %s is larger than 4 GiB", m->shape->label);
    if (!is_new && record_of(m, i)->room >= content.len && record_of(m, i)->room <= 2 * content.len + 64) {
        struct record *r = record_of(m, i);
        r->len = (uint32_t)content.len;
        r->state = state;
        if (content.len > 0)
            memcpy(r + 1, content.data, content.len);
        return DONE;
    }
    size_t room = (content.len + 7) & ~(size_t)7;
    TRY(pool_reserve(m, sizeof(struct record) + room, e));
    if (!is_new)
        m->stale += sizeof(struct record) + record_of(m, i)->room;
    struct record *r = record_at(m, m->used);
    *r = (struct record){i, (uint32_t)room, (uint32_t)content.len, state};
    if (content.len > 0)
        memcpy(r + 1, content.data, content.len);
    m->entry[i].at = m->used;
    m->used += sizeof *r + room;
    return DONE;
}

/* ---- the index ---- */

static struct foldslot slot_of(uint32_t entry, uint64_t hash)
{
    return (struct foldslot){entry, (uint32_t)(hash >> 32)};
}

static struct foldslot *free_slot(struct foldslot *index, uint32_t slots, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (slots - 1);
    while (index[at].entry != FOLD_NONE)
        at = (at + 1) & (slots - 1);
    return &index[at];
}

static status index_grow(struct foldmap *m, err *e)
{
    uint32_t slots = m->slots == 0 ? 64 : m->slots * 2;
    if (slots == 0)
        return err_set(e, ERR_STORAGE, "more than 2 billion changed rows in %s", m->shape->label);
    struct foldslot *index = malloc(slots * sizeof *index);
    if (index == NULL)
        return err_no_memory(e);
    memset(index, 0xff, slots * sizeof *index);
    for (uint32_t i = 0; i < m->count; i++)
        *free_slot(index, slots, m->entry[i].hash) = slot_of(i, m->entry[i].hash);
    free(m->index);
    m->index = index;
    m->slots = slots;
    return DONE;
}

static status find(struct foldmap *m, uint64_t hash, struct bytes key, uint32_t *found, err *e)
{
    *found = FOLD_NONE;
    if (m->slots == 0)
        return DONE;
    const uint32_t mark = (uint32_t)(hash >> 32);
    for (uint32_t at = (uint32_t)hash & (m->slots - 1); m->index[at].entry != FOLD_NONE;
         at = (at + 1) & (m->slots - 1)) {
        const uint32_t i = m->index[at].entry;
        if (m->index[at].mark != mark || m->entry[i].hash != hash)
            continue;
        struct bytes stored;
        TRY(foldmap_key(m, i, &stored, e));
        if (bytes_equal(stored, key)) {
            *found = i;
            return DONE;
        }
    }
    return DONE;
}

/* A new entry without a record; the caller stores its content next. */
static status add(struct foldmap *m, uint64_t hash, uint32_t *added, err *e)
{
    if (m->count + 1u > m->slots / 4 * 3)
        TRY(index_grow(m, e));
    if (m->count == m->room) {
        uint32_t room = m->room == 0 ? 32 : m->room + m->room / 2;
        struct foldentry *grown = realloc(m->entry, room * sizeof *grown);
        if (grown == NULL)
            return err_no_memory(e);
        m->entry = grown;
        m->room = room;
    }
    *added = m->count++;
    *free_slot(m->index, m->slots, hash) = slot_of(*added, hash);
    m->entry[*added] = (struct foldentry){.hash = hash, .heir = FOLD_NONE, .origin = FOLD_NONE};
    return DONE;
}

/* Finds the entry of `key` or adds it, and gives it its content. */
static status put(struct foldmap *m, struct bytes key, enum fold_state state, struct bytes content,
                  uint32_t *at, err *e)
{
    uint64_t hash = foldline_hash(key);
    TRY(find(m, hash, key, at, e));
    bool is_new = *at == FOLD_NONE;
    if (is_new)
        TRY(add(m, hash, at, e));
    return store(m, *at, is_new, state, content, e);
}

static void forget_origin(struct foldmap *m, uint32_t i)
{
    uint32_t origin = m->entry[i].origin;
    if (origin != FOLD_NONE)
        m->entry[origin].heir = FOLD_NONE;
    m->entry[i].origin = FOLD_NONE;
}

static void set_origin(struct foldmap *m, uint32_t i, uint32_t origin)
{
    forget_origin(m, i);
    m->entry[i].origin = origin;
    if (origin != FOLD_NONE)
        m->entry[origin].heir = i;
}

static status given_key(struct foldmap *m, struct bytes line, struct bytes *key, err *e)
{
    TRY(foldline_key(m->shape, line, &m->given, key, e));
    if (foldline_unknown(*key))
        return err_set(e, ERR_STORAGE, "a change of %s does not tell the row's key", m->shape->label);
    return DONE;
}

static status no_earlier_state(const struct foldmap *m, err *e)
{
    return err_set(e, ERR_STORAGE,
                   "a change of %s leaves columns as they were, but there is no such row before it",
                   m->shape->label);
}

/* ---- changes ---- */

status foldmap_set(struct foldmap *m, struct bytes line, err *e)
{
    struct bytes key;
    uint32_t at;
    TRY(given_key(m, line, &key, e));
    TRY(put(m, key, FOLD_LIVE, line, &at, e));
    forget_origin(m, at);
    return DONE;
}

status foldmap_kill(struct foldmap *m, struct bytes key, err *e)
{
    uint32_t at;
    TRY(put(m, key, FOLD_DEAD, key, &at, e));
    forget_origin(m, at);
    return DONE;
}

/*
 * The line with what entry `i` (FOLD_NONE: the base row) knows of its unknown columns, and where the rest
 * comes from: *origin FOLD_NONE when nothing is unknown any more.
 */
static status merge(struct foldmap *m, uint32_t i, struct bytes *line, uint32_t *origin, err *e)
{
    if (i == FOLD_NONE)
        return m->base_gone ? no_earlier_state(m, e) : DONE;
    struct bytes earlier;
    if (foldmap_entry(m, i, &earlier) != FOLD_LIVE)
        return no_earlier_state(m, e);
    buf_reset(&m->merged);
    TRY(foldline_fill(m->shape, *line, earlier, &m->merged, e));
    *line = buf_view(&m->merged);
    *origin = foldline_unknown(*line) ? m->entry[i].origin : FOLD_NONE;
    return DONE;
}

status foldmap_patch(struct foldmap *m, struct bytes line, err *e)
{
    struct bytes key;
    uint32_t at, origin = FOLD_NONE;
    TRY(given_key(m, line, &key, e));
    TRY(find(m, foldline_hash(key), key, &at, e));
    bool is_base = at == FOLD_NONE;
    TRY(merge(m, at, &line, &origin, e));
    TRY(put(m, key, FOLD_LIVE, line, &at, e));
    set_origin(m, at, is_base ? at : origin);
    return DONE;
}

status foldmap_move(struct foldmap *m, struct bytes key, struct bytes line, err *e)
{
    uint32_t from, to, origin = FOLD_NONE;
    TRY(find(m, foldline_hash(key), key, &from, e));
    bool is_base = from == FOLD_NONE;
    TRY(merge(m, from, &line, &origin, e));
    TRY(put(m, key, FOLD_DEAD, key, &from, e));
    forget_origin(m, from);
    if (is_base)
        origin = from;
    struct bytes new_key;
    TRY(given_key(m, line, &new_key, e));
    TRY(put(m, new_key, FOLD_LIVE, line, &to, e));
    set_origin(m, to, origin);
    return DONE;
}

status foldmap_inherit(struct foldmap *m, struct bytes key, struct bytes line, err *e)
{
    uint32_t from, to;
    uint64_t hash = foldline_hash(key);
    TRY(find(m, hash, key, &from, e));
    if (from == FOLD_NONE) {
        TRY(add(m, hash, &from, e));
        TRY(store(m, from, true, FOLD_DEAD, key, e));
    }
    struct bytes new_key;
    TRY(given_key(m, line, &new_key, e));
    TRY(put(m, new_key, FOLD_LIVE, line, &to, e));
    set_origin(m, to, from);
    return DONE;
}

status foldmap_count(struct foldmap *m, struct bytes line, int64_t delta, err *e)
{
    uint64_t hash = foldline_hash(line);
    uint32_t at;
    TRY(find(m, hash, line, &at, e));
    if (at == FOLD_NONE) {
        TRY(add(m, hash, &at, e));
        m->entry[at].delta = 0;
        TRY(store(m, at, true, FOLD_LIVE, line, e));
    }
    m->entry[at].delta += delta;
    return DONE;
}

/* ---- the base streams past ---- */

/* Entry `heir` with what it lacks taken from its base row. */
static status fill(struct foldmap *m, uint32_t heir, struct bytes line, struct bytes *out, err *e)
{
    struct bytes stored;
    (void)foldmap_entry(m, heir, &stored);
    buf_reset(&m->merged);
    TRY(foldline_fill(m->shape, stored, line, &m->merged, e));
    *out = buf_view(&m->merged);
    forget_origin(m, heir);
    record_of(m, heir)->state = FOLD_DONE;
    return DONE;
}

/* A row that lacks nothing and was not handed out. */
static bool is_whole(const struct foldmap *m, uint32_t i)
{
    return record_of(m, i)->state == FOLD_LIVE && m->entry[i].origin == FOLD_NONE;
}

status foldmap_base(struct foldmap *m, struct bytes line, enum fold_verdict *verdict, struct bytes *out,
                    err *e)
{
    struct bytes key;
    uint32_t at;
    *verdict = FOLD_PASS;
    TRY(foldline_key(m->shape, line, &m->given, &key, e));
    TRY(find(m, foldline_hash(key), key, &at, e));
    if (at == FOLD_NONE)
        return DONE;
    if (m->shape->key_count == 0) {
        *verdict = m->entry[at].delta < 0 ? FOLD_DROP : FOLD_PASS;
        m->entry[at].delta += m->entry[at].delta < 0;
        return DONE;
    }
    const uint32_t heir = m->entry[at].heir;
    *verdict = FOLD_DROP;
    if (heir != FOLD_NONE) {
        TRY(fill(m, heir, line, out, e));
    } else if (is_whole(m, at)) {
        (void)foldmap_entry(m, at, out);
        record_of(m, at)->state = FOLD_DONE;
    } else {
        return DONE;
    }
    *verdict = FOLD_REPLACE;
    return DONE;
}
