#include "store/lmdbcheck.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/base/bytes.h"
#include "proto/base/own.h"
#include "store/lmdbmeta.h"

#define NODE_HEAD 8u
#define KEY_MAX 511u
#define DEPTH_MAX 32u /* as in LMDB: a cursor's stack */
#define NO_ROOT UINT64_MAX
#define SMALL_PAGES 64u /* leaf pages of a database that a first look still walks */

enum page_flag { BRANCH = 1, LEAF = 2, OVERFLOW = 4 };
enum node_flag { BIG_DATA = 1, SUB_DATABASE = 2 };

/* ---- trees ---- */

struct check {
    const char *path;
    const uint8_t *map;
    size_t size; /* of the map */
    size_t page;
    uint64_t pages;
    uint8_t *used; /* a bit for each page that was met */
    bool integer_keys;
};

static void check_fini(struct check *c)
{
    if (c->map != NULL)
        (void)munmap((void *)(uintptr_t)c->map, c->size);
    free(c->used);
}
OWN_VALUE(check, check_fini);

struct head {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    uint16_t lower;
    uint16_t upper;
};

struct node {
    struct bytes key;
    uint16_t flags;
    uint64_t child;     /* of a branch */
    struct bytes value; /* of a leaf, when it is not on overflow pages */
    uint64_t overflow;  /* bytes there */
};

/* What keys must lie between; NULL data: no bound. */
struct bounds {
    struct bytes from; /* included */
    struct bytes to;   /* not included */
};

/* Which of a page's children are walked: all; the one that a key is found through, and what a step to either
 * side of it leads to; that one, a step back and all behind; the first; the last. */
enum walk_extent { WALK_ALL, WALK_NEAR, WALK_FROM, WALK_FIRST, WALK_LAST };

/* Runs over the pages of one database. */
struct tree {
    struct check *c;
    struct bytes key; /* of WALK_NEAR and WALK_FROM */
    struct lmdbmeta_record seen;
    status (*entry)(void *context, const struct node *node, err *e); /* NULL: entries are not wanted */
    void *context;
};

static status damaged(const char *path, uint64_t page, const char *what, err *e)
{
    return err_set(e, ERR_STORAGE, "%s is damaged: page %llu %s", path, (unsigned long long)page, what);
}

static uint16_t u16_at(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t u64_at(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static bool use_page(struct check *c, uint64_t number)
{
    if (number < 2 || number >= c->pages || (c->used[number / 8] >> (number % 8) & 1) != 0)
        return false;
    c->used[number / 8] |= (uint8_t)(1u << (number % 8));
    return true;
}

static int compare(const struct check *c, struct bytes a, struct bytes b)
{
    if (c->integer_keys) {
        const uint64_t x = u64_at(a.data);
        const uint64_t y = u64_at(b.data);
        return x < y ? -1 : x > y;
    }
    const size_t less = a.len < b.len ? a.len : b.len;
    const int order = memcmp(a.data, b.data, less);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static status use_overflow(struct tree *t, uint64_t at, uint64_t first, uint64_t bytes, err *e)
{
    struct check *c = t->c;
    const uint64_t count = (LMDBMETA_HEAD - 1 + bytes) / c->page + 1;
    struct head h;
    if (first < 2 || first >= c->pages || count > c->pages - first)
        return damaged(c->path, at, "names pages beyond the file's end", e);
    const uint8_t *raw = c->map + first * c->page;
    uint32_t pages;
    memcpy(&h, raw, sizeof h);
    memcpy(&pages, raw + 12, sizeof pages);
    if (h.number != first || h.flags != OVERFLOW || pages < count || pages > c->pages - first)
        return damaged(c->path, first, "is not what it should be", e);
    /* More than the value needs: LMDB takes a longer run that the same transaction gave up as it is. */
    for (uint64_t i = 0; i < pages; i++)
        if (!use_page(c, first + i))
            return damaged(c->path, first + i, "is used twice", e);
    t->seen.overflow_pages += pages;
    return DONE;
}

/* A node that lies in the page as a whole. */
static bool read_node(const struct check *c, const uint8_t *raw, const struct head *h, unsigned i,
                      struct node *out)
{
    const uint16_t at = u16_at(raw + LMDBMETA_HEAD + (size_t)2 * i);
    if (at < h->upper || at % 2 != 0 || at + NODE_HEAD > c->page)
        return false;
    const uint8_t *node = raw + at;
    const size_t room = c->page - at - NODE_HEAD;
    const uint64_t number = u16_at(node) | (uint64_t)u16_at(node + 2) << 16;
    const uint16_t key = u16_at(node + 6);
    *out = (struct node){.key = bytes_of(node + NODE_HEAD, key), .flags = u16_at(node + 4)};
    const bool unused = h->flags == BRANCH && i == 0; /* LMDB never looks at this key */
    if (key > room || key > KEY_MAX || (key == 0 && !unused) ||
        (c->integer_keys && !unused && key != sizeof(uint64_t)))
        return false;
    if (h->flags == BRANCH) {
        out->child = number | (uint64_t)out->flags << 32;
        return true;
    }
    const bool big = out->flags == BIG_DATA;
    const size_t here = big ? sizeof(uint64_t) : (size_t)number;
    out->overflow = big ? number : 0;
    out->value = bytes_of(node + NODE_HEAD + key, here);
    return here <= room - key && (big || out->flags == 0 || out->flags == SUB_DATABASE);
}

static bool in_order(const struct check *c, const struct bounds *all, struct bytes before, struct bytes key)
{
    return (all->from.data == NULL || compare(c, key, all->from) >= 0) &&
           (all->to.data == NULL || compare(c, key, all->to) < 0) &&
           (before.data == NULL || compare(c, before, key) < 0);
}

/* A page that is being walked. */
struct page {
    const uint8_t *raw;
    struct head head;
    unsigned nodes;
    unsigned depth; /* 1: a leaf */
    struct bounds all;
    enum walk_extent extent;
};

static status walk(struct tree *t, uint64_t number, unsigned depth, const struct bounds *all,
                   enum walk_extent extent, err *e);

static status walk_child(struct tree *t, const struct page *p, unsigned i, const struct node *node,
                         enum walk_extent extent, err *e)
{
    struct bounds below = {i == 0 ? p->all.from : node->key, p->all.to};
    struct node next;
    if (i + 1u < p->nodes) {
        if (!read_node(t->c, p->raw, &p->head, i + 1, &next))
            return damaged(t->c->path, p->head.number, "holds an entry that does not fit", e);
        below.to = next.key;
    }
    return walk(t, node->child, p->depth - 1, &below, extent, e);
}

/* The child that LMDB goes to for the key. The page's nodes were looked at. */
static unsigned child_of_key(const struct tree *t, const struct page *p)
{
    unsigned low = 0, high = p->nodes; /* the first key counts as less than all */
    while (high - low > 1) {
        const unsigned middle = low + (high - low) / 2;
        struct node node;
        (void)read_node(t->c, p->raw, &p->head, middle, &node);
        if (compare(t->c, node.key, t->key) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Of a branch all of whose nodes were looked at. */
static status walk_some(struct tree *t, const struct page *p, err *e)
{
    const bool keyed = p->extent == WALK_NEAR || p->extent == WALK_FROM;
    const enum walk_extent behind = p->extent == WALK_FROM ? WALK_ALL : WALK_FIRST;
    const unsigned hit = keyed ? child_of_key(t, p) : p->extent == WALK_LAST ? p->nodes - 1 : 0;
    const unsigned from = keyed && hit > 0 ? hit - 1 : hit;
    const unsigned to = behind == WALK_ALL ? p->nodes - 1 : keyed && hit + 1 < p->nodes ? hit + 1 : hit;
    for (unsigned i = from; i <= to; i++) {
        struct node node;
        (void)read_node(t->c, p->raw, &p->head, i, &node);
        TRY(walk_child(t, p, i, &node, i < hit ? WALK_LAST : i > hit ? behind : p->extent, e));
    }
    return DONE;
}

static status look_at_entry(struct tree *t, uint64_t number, const struct node *node, err *e)
{
    t->seen.entries++;
    if (node->flags == BIG_DATA)
        TRY(use_overflow(t, number, u64_at(node->value.data), node->overflow, e));
    return t->entry == NULL ? DONE : t->entry(t->context, node, e);
}

static status open_page(struct tree *t, uint64_t number, struct page *p, err *e)
{
    struct check *c = t->c;
    struct head *h = &p->head;
    if (!use_page(c, number))
        return damaged(c->path, number, "is used twice, or lies beyond the file's end", e);
    p->raw = c->map + number * c->page;
    memcpy(h, p->raw, sizeof *h);
    if (h->number != number || h->flags != (p->depth > 1 ? BRANCH : LEAF) || h->lower < LMDBMETA_HEAD ||
        h->lower > h->upper || h->upper > c->page || h->lower % 2 != 0)
        return damaged(c->path, number, "is not what it should be", e);
    p->nodes = (h->lower - LMDBMETA_HEAD) / 2u;
    if (p->nodes == 0)
        return damaged(c->path, number, "is empty", e);
    p->depth > 1 ? t->seen.branch_pages++ : t->seen.leaf_pages++;
    return DONE;
}

static status walk(struct tree *t, uint64_t number, unsigned depth, const struct bounds *all,
                   enum walk_extent extent, err *e)
{
    const struct check *c = t->c;
    struct page p = {.depth = depth, .all = *all, .extent = extent};
    struct bytes before = {0};
    TRY(open_page(t, number, &p, e));
    for (unsigned i = 0; i < p.nodes; i++) {
        struct node node;
        const bool unused = depth > 1 && i == 0;
        if (!read_node(c, p.raw, &p.head, i, &node) || (!unused && !in_order(c, all, before, node.key)))
            return damaged(c->path, number, "holds an entry that does not fit", e);
        if (!unused)
            before = node.key;
        if (depth == 1)
            TRY(look_at_entry(t, number, &node, e));
        else if (extent == WALK_ALL)
            TRY(walk_child(t, &p, i, &node, WALK_ALL, e));
    }
    return depth == 1 || extent == WALK_ALL ? DONE : walk_some(t, &p, e);
}

static status walk_tree(struct tree *t, const struct lmdbmeta_record *r, enum walk_extent extent, err *e)
{
    const struct bounds all = {0};
    t->seen = (struct lmdbmeta_record){0};
    if (r->root == NO_ROOT)
        return r->entries == 0 && r->depth == 0
                   ? DONE
                   : err_set(e, ERR_STORAGE, "%s is damaged: it has lost a database", t->c->path);
    if (r->depth == 0 || r->depth > DEPTH_MAX)
        return damaged(t->c->path, r->root, "cannot be so deep", e);
    TRY(walk(t, r->root, r->depth, &all, extent, e));
    if (extent != WALK_ALL)
        return DONE;
    if (t->seen.branch_pages != r->branch_pages || t->seen.leaf_pages != r->leaf_pages ||
        t->seen.overflow_pages != r->overflow_pages || t->seen.entries != r->entries)
        return err_set(e, ERR_STORAGE, "%s is damaged: a database has %llu entries of %llu", t->c->path,
                       (unsigned long long)t->seen.entries, (unsigned long long)r->entries);
    return DONE;
}

/* ---- all of them ---- */

struct wanted {
    struct check *c;
    const struct lmdbcheck_what *what;
};

static bool is_about_one(const struct lmdbcheck_what *what)
{
    return what->extent == LMDBCHECK_ONE || what->extent == LMDBCHECK_NEAR || what->extent == LMDBCHECK_FROM;
}

/* Of a large database a first look sees the way to its last entry: a page that was its root before is free,
 * or another's, or of another depth. */
static enum walk_extent extent_of(const struct lmdbcheck_what *what, const struct lmdbmeta_record *r)
{
    switch (what->extent) {
    case LMDBCHECK_SMALL:
        return r->leaf_pages > SMALL_PAGES ? WALK_LAST : WALK_ALL;
    case LMDBCHECK_NEAR:
        return WALK_NEAR;
    case LMDBCHECK_FROM:
        return WALK_FROM;
    default:
        return WALK_ALL;
    }
}

static status look_at_database(void *context, const struct node *node, err *e)
{
    const struct wanted *w = context;
    const struct lmdbcheck_what *what = w->what;
    struct tree below = {.c = w->c, .key = what->key};
    struct lmdbmeta_record r;
    if (node->flags != SUB_DATABASE || node->value.len != sizeof r)
        return err_set(e, ERR_STORAGE, "%s is damaged: its list of databases holds something else",
                       w->c->path);
    memcpy(&r, node->value.data, sizeof r);
    if (r.flags != 0 || r.pad != 0)
        return err_set(e, ERR_STORAGE, "%s is damaged: a database is of another kind than it was",
                       w->c->path);
    const bool named = what->database != NULL && bytes_equal(node->key, bytes_text(what->database));
    return is_about_one(what) && !named ? DONE : walk_tree(&below, &r, extent_of(what, &r), e);
}

/* A list is a count, then page numbers, the largest first. */
static status look_at_free_pages(void *context, const struct node *node, err *e)
{
    struct check *c = context;
    struct bytes list = node->value;
    if (node->flags == BIG_DATA) { /* where use_overflow has just been */
        const uint64_t first = u64_at(node->value.data);
        list = bytes_of(c->map + first * c->page + LMDBMETA_HEAD, (size_t)node->overflow);
    }
    const uint64_t count = list.len < 8 ? UINT64_MAX : u64_at(list.data);
    if (list.len % 8 != 0 || count > list.len / 8 - 1)
        return err_set(e, ERR_STORAGE, "%s is damaged: a list of free pages does not fit", c->path);
    for (uint64_t i = 1; i <= count; i++)
        if (!use_page(c, u64_at(list.data + 8 * i)))
            return damaged(c->path, u64_at(list.data + 8 * i), "is free and in use", e);
    return DONE;
}

static status walk_all(struct check *c, const struct lmdbmeta_page *m, const struct lmdbcheck_what *what,
                       err *e)
{
    struct wanted wanted = {c, what};
    struct tree names = {.c = c, .entry = look_at_database, .context = &wanted};
    struct tree free_pages = {.c = c, .entry = look_at_free_pages, .context = c};
    TRY(walk_tree(&names, &m->main, WALK_ALL, e));
    if (is_about_one(what))
        return DONE;
    c->integer_keys = true;
    return walk_tree(&free_pages, &m->free, WALK_ALL, e);
}

static status map_file(struct check *c, int fd, err *e)
{
    c->size = (size_t)(c->pages * c->page);
    void *map = mmap(NULL, c->size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_errno(e, errno, "cannot map %s", c->path);
    c->map = map;
    c->used = calloc(1, (size_t)(c->pages / 8 + 1));
    return c->used != NULL ? DONE : err_no_memory(e);
}

status lmdbcheck_run(int fd, const char *path, uint64_t txn, const struct lmdbcheck_what *what, err *e)
{
    OWNED(check) struct check c = {.path = path};
    struct lmdbmeta metas;
    TRY(lmdbmeta_read(fd, path, &metas, e));
    const struct lmdbmeta_page *m = &metas.meta[txn % 2];
    if (m->txn != txn)
        return DONE; /* written over meanwhile: a busy file, and one that its writer has looked at */
    c.page = metas.page;
    c.pages = m->last_page + 1;
    TRY(map_file(&c, fd, e));
    return walk_all(&c, m, what, e);
}
