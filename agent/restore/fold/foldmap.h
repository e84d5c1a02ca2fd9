/*
 * foldmap: what became of the rows of one table: one state per key that the changes touched.
 *
 * Open addressing over 64-bit hashes with the full key compared; lines lie in one pool that is compacted when
 * more than half of it is stale. Row states:
 *   live   the row's line; columns that no change told are unknown (foldline.h) and come from a base row, the
 *          row's origin: the one with the same key, or with the key the row had before its key changed
 *   dead   there is no row of this key now, whatever the base says
 *   done   live, and handed out already
 * A multiset's entries are lines with how many more (or fewer) of them there are than in the base.
 *
 * Ownership: foldmap_init -> caller -> foldmap_fini. Lines and keys given must not lie in the map itself.
 * Failure:   ERR_STORAGE when a change does not fit what went before: the chain is damaged.
 */
#ifndef PGSTRAND_FOLDMAP_H
#define PGSTRAND_FOLDMAP_H

#include "agent/restore/fold/foldline.h"
#include "proto/base/own.h"

#define FOLD_NONE UINT32_MAX

enum fold_state { FOLD_LIVE, FOLD_DEAD, FOLD_DONE };

struct foldentry {
    uint64_t hash;
    uint64_t at; /* offset of the record in the pool */
    union {
        struct {
            uint32_t heir;   /* the live entry that takes its unknown columns from this key's base row */
            uint32_t origin; /* the entry whose base row has this one's unknown columns */
        };
        int64_t delta; /* multiset */
    };
};

/* Of the index. The mark spares a look at entries of other keys, each of which the processor would wait for.
 */
struct foldslot {
    uint32_t entry; /* FOLD_NONE: free */
    uint32_t mark;  /* the hash's upper half */
};

struct foldmap {
    const struct fold_shape *shape;
    bool base_gone; /* a TRUNCATE came before: no base row counts */
    struct foldentry *entry;
    uint32_t count;
    uint32_t room;
    struct foldslot *index;
    uint32_t slots; /* a power of two, or 0 */
    uint8_t *pool;
    size_t used;
    size_t pool_room;
    size_t stale;
    struct buf scratch; /* keys of stored lines */
    struct buf given;   /* keys of given lines */
    struct buf merged;
};

void foldmap_init(struct foldmap *m, const struct fold_shape *shape);
void foldmap_fini(struct foldmap *m);
OWN_VALUE(foldmap, foldmap_fini);
/* Forgets all entries and gives their memory back. */
void foldmap_clear(struct foldmap *m);
/* Bytes it holds. */
size_t foldmap_memory(const struct foldmap *m);
/* Squeezes out what is stale (m->stale bytes). */
void foldmap_compact(struct foldmap *m);

/* The row of this key is `line` from now on (CREATE, or an UPDATE that told every column). */
MUST_CHECK status foldmap_set(struct foldmap *m, struct bytes line, err *e);
/* There is no row of this key from now on. */
MUST_CHECK status foldmap_kill(struct foldmap *m, struct bytes key, err *e);
/* The row keeps its key; its unknown columns stay as they are. */
MUST_CHECK status foldmap_patch(struct foldmap *m, struct bytes line, err *e);
/* The row of `key` gets the key of `line`, and keeps what is unknown in `line`. */
MUST_CHECK status foldmap_move(struct foldmap *m, struct bytes key, struct bytes line, err *e);
/* Restores a state: `line` is live and its unknown columns are those of the base row of `key`. */
MUST_CHECK status foldmap_inherit(struct foldmap *m, struct bytes key, struct bytes line, err *e);
/* `delta` more of this line. */
MUST_CHECK status foldmap_count(struct foldmap *m, struct bytes line, int64_t delta, err *e);

enum fold_verdict { FOLD_PASS, FOLD_DROP, FOLD_REPLACE };

/* What becomes of a base row. FOLD_REPLACE: *out is the row that stands for it, borrowed until the next call:
 * one that takes its unknown columns from it, else the one that has its key now, so that rows keep the order
 * of the base, which is often that of an index. */
MUST_CHECK status foldmap_base(struct foldmap *m, struct bytes line, enum fold_verdict *verdict,
                               struct bytes *out, err *e);

/* The state of entry `i` (0 .. count-1) and its line, or its key when it is dead; borrowed until the next
 * change. */
enum fold_state foldmap_entry(const struct foldmap *m, uint32_t i, struct bytes *content);
/* The key of any entry; borrowed until the next call. */
MUST_CHECK status foldmap_key(struct foldmap *m, uint32_t i, struct bytes *key, err *e);

#endif
