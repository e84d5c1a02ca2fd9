#include "store/relcache.h"

#include "proto/base/array.h"

struct relcache {
    struct relcache_entry *entry; /* by version */
    size_t count;
    size_t room;
    size_t last;      /* where the last search ended: actions of one table come in runs */
    uint32_t *bucket; /* open addressing by oid: index of the newest version + 1; 0: free */
    size_t buckets;   /* a power of two, or 0 */
};

status relcache_new(struct relcache **out, err *e)
{
    *out = calloc(1, sizeof **out);
    return *out == NULL ? err_no_memory(e) : DONE;
}

void relcache_free(struct relcache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        relation_free(c->entry[i].relation);
    free(c->entry);
    free(c->bucket);
    free(c);
}

/* The place of the first version >= `version`. */
static size_t place_of(const struct relcache *c, uint32_t version)
{
    size_t low = 0;
    size_t high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->entry[middle].relation->version < version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct relcache_entry *relcache_find(struct relcache *c, uint32_t version)
{
    if (c->last >= c->count || c->entry[c->last].relation->version != version)
        c->last = place_of(c, version);
    bool found = c->last < c->count && c->entry[c->last].relation->version == version;
    return found ? &c->entry[c->last] : NULL;
}

static bool is(const struct relation *r, uint32_t oid, enum tier tier)
{
    return r->oid == oid && r->tier == tier;
}

/* Where this oid and tier is or belongs; there is always a free bucket. */
static uint32_t *bucket_of(struct relcache *c, uint32_t oid, enum tier tier)
{
    const uint32_t hash = (oid + (uint32_t)tier) * UINT32_C(2654435761); /* Knuth's multiplier */
    size_t at = hash & (c->buckets - 1);
    while (c->bucket[at] != 0 && !is(c->entry[c->bucket[at] - 1].relation, oid, tier))
        at = (at + 1) & (c->buckets - 1);
    return &c->bucket[at];
}

static status index_again(struct relcache *c, err *e)
{
    if (c->count * 2 >= c->buckets) {
        size_t more = c->buckets == 0 ? 64 : c->buckets * 2;
        uint32_t *grown = reallocarray(c->bucket, more, sizeof *grown);
        if (grown == NULL)
            return err_no_memory(e);
        c->bucket = grown;
        c->buckets = more;
    }
    memset(c->bucket, 0, c->buckets * sizeof *c->bucket);
    for (size_t i = 0; i < c->count; i++) /* by version: the newest stays */
        *bucket_of(c, c->entry[i].relation->oid, c->entry[i].relation->tier) = (uint32_t)i + 1;
    c->last = 0;
    return DONE;
}

status relcache_add(struct relcache *c, struct relation *r, struct relcache_entry **out, err *e)
{
    size_t at = place_of(c, r->version);
    if (at < c->count && c->entry[at].relation->version == r->version) {
        relation_free(r);
        return err_set(e, ERR_STORAGE, "the log has two relations with one version");
    }
    if (!array_room(&c->entry, c->count, &c->room, sizeof *c->entry, e).ok) {
        relation_free(r);
        return FAILED;
    }
    bool last = at == c->count;
    memmove(c->entry + at + 1, c->entry + at, (c->count - at) * sizeof *c->entry);
    c->entry[at] = (struct relcache_entry){.relation = r};
    c->count++;
    if (last && c->count * 2 < c->buckets)
        *bucket_of(c, r->oid, r->tier) = (uint32_t)at + 1;
    else
        TRY(index_again(c, e));
    *out = &c->entry[at];
    return DONE;
}

struct relcache_entry *relcache_latest(struct relcache *c, uint32_t oid, enum tier tier)
{
    uint32_t found = c->buckets == 0 ? 0 : *bucket_of(c, oid, tier);
    return found == 0 ? NULL : &c->entry[found - 1];
}

struct relcache_entry *relcache_latest_of_all(struct relcache *c, uint32_t oid)
{
    struct relcache_entry *latest = NULL;
    for (enum tier tier = TIER_NONE; tier <= TIER_TRANSIENT; tier++) {
        struct relcache_entry *entry = relcache_latest(c, oid, tier);
        if (entry != NULL && (latest == NULL || entry > latest)) /* they are sorted by version */
            latest = entry;
    }
    return latest;
}

struct relcache_entry *relcache_entries(struct relcache *c, size_t *count)
{
    *count = c->count;
    return c->entry;
}

status relcache_rollback(struct relcache *c, uint32_t first, uint64_t since, err *e)
{
    size_t keep = place_of(c, first);
    for (size_t i = keep; i < c->count; i++)
        relation_free(c->entry[i].relation);
    c->count = keep;
    for (size_t i = 0; i < keep; i++)
        if (c->entry[i].stored >= since)
            c->entry[i].stored = 0;
    return index_again(c, e);
}

static int latest_used_first(const void *a, const void *b)
{
    const struct relcache_entry *x = a;
    const struct relcache_entry *y = b;
    if (x->used != y->used)
        return x->used > y->used ? -1 : 1;
    return x->relation->version > y->relation->version ? -1 : 1;
}

static int by_version(const void *a, const void *b)
{
    const struct relcache_entry *x = a;
    const struct relcache_entry *y = b;
    return x->relation->version < y->relation->version ? -1 : 1;
}

status relcache_trim(struct relcache *c, size_t max, err *e)
{
    size_t newest = 0; /* of each oid, moved to the front; those behind go */
    for (size_t i = 0; i < c->count; i++) {
        const struct relation *r = c->entry[i].relation;
        c->entry[i].stored = relcache_latest(c, r->oid, r->tier) == &c->entry[i];
    }
    for (size_t i = 0; i < c->count; i++) {
        if (c->entry[i].stored == 0)
            relation_free(c->entry[i].relation);
        else
            c->entry[newest++] = c->entry[i];
    }
    c->count = newest;
    if (newest > max) {
        qsort(c->entry, newest, sizeof *c->entry, latest_used_first);
        for (size_t i = max; i < newest; i++)
            relation_free(c->entry[i].relation);
        c->count = max;
        qsort(c->entry, max, sizeof *c->entry, by_version);
    }
    for (size_t i = 0; i < c->count; i++)
        c->entry[i].stored = 0;
    return index_again(c, e);
}
