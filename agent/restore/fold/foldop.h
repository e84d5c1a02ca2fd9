/*
 * foldop: one step of a table's history, in the form in which the fold applies it, or writes it to disk for
 * later.
 *
 *   SET      a row in full; its key is in it
 *   KILL     the key of a row that is gone
 *   PATCH    a row some of whose columns are unknown (foldline.h); it was there before, with the same key
 *   MOVE     the same, but before it had the key `key`
 *   INHERIT  the same, but what is unknown is in the base row of `key`; only from a map that was written out
 *   COUNT    a multiset's line, `delta` times
 */
#ifndef PGSTRAND_FOLDOP_H
#define PGSTRAND_FOLDOP_H

#include "agent/restore/fold/foldmap.h"
#include "proto/action.h"

enum foldop_kind { FOLDOP_SET = 1, FOLDOP_KILL, FOLDOP_PATCH, FOLDOP_MOVE, FOLDOP_INHERIT, FOLDOP_COUNT };

struct foldop {
    enum foldop_kind kind;
    struct bytes key;  /* KILL, MOVE, INHERIT */
    struct bytes line; /* all but KILL */
    int64_t delta;     /* COUNT */
};

MUST_CHECK status foldop_apply(const struct foldop *op, struct foldmap *m, err *e);

/* The key by which the step belongs to a partition. */
MUST_CHECK status foldop_key(const struct foldop *op, const struct fold_shape *s, struct buf *scratch,
                             struct bytes *key, err *e);

void foldop_write(const struct foldop *op, struct buf *out);
MUST_CHECK status foldop_read(struct bytes raw, struct foldop *out, err *e);

/* The entries of a map as steps that restore it: false for one that says nothing. */
MUST_CHECK status foldop_of_entry(struct foldmap *m, uint32_t i, struct buf *key, struct foldop *out,
                                  bool *any, err *e);

/* Buffers of foldop_of_action, kept between calls. */
struct foldop_maker {
    struct buf old_line, blank, line, old_key, new_key;
};
void foldop_maker_fini(struct foldop_maker *maker);
OWN_VALUE(foldop_maker, foldop_maker_fini);

/* A CREATE, UPDATE or DELETE as one or two steps that borrow from the maker until its next use. ERR_STORAGE
 * when the action lacks what it must have. */
MUST_CHECK status foldop_of_action(struct foldop_maker *maker, const struct fold_shape *s,
                                   const struct action *a, struct foldop out[static 2], unsigned *count,
                                   err *e);

#endif
