/*
 * foldline: what the fold does with a row: a COPY text line without its line end (proto/copytext.h), in which
 * a column may still be unknown.
 *
 * An UPDATE does not send large values that it left alone. Where the row's earlier state is not known yet
 * (it is in a base that streams past later) such a column is a single raw \v, a byte that COPY's text format
 * always escapes and that can therefore not occur in a value.
 *
 * Pure. Views borrow from the line, or from `scratch` until its next use.
 */
#ifndef PGSTRAND_FOLDLINE_H
#define PGSTRAND_FOLDLINE_H

#include "proto/base/buf.h"

struct fold_shape {
    const char *label;   /* for messages: public.orders */
    uint16_t columns;    /* of a line */
    uint16_t key_count;  /* 0: a multiset, the whole line is its own key and equal lines are counted */
    const uint16_t *key; /* the key's columns from 0, ascending; borrowed */
};

/* The key of a line: its key columns, still escaped, with tabs between. ERR_STORAGE when there are too few.
 */
MUST_CHECK status foldline_key(const struct fold_shape *s, struct bytes line, struct buf *scratch,
                               struct bytes *key, err *e);

/* Quick and not for adversaries: keys are always compared in full as well. */
uint64_t foldline_hash(struct bytes key);

static inline bool foldline_unknown(struct bytes line)
{
    return line.len > 0 && memchr(line.data, '\v', line.len) != NULL;
}

/* Appends `line` with its unknown columns taken from `from`, a line of the same columns. */
MUST_CHECK status foldline_fill(const struct fold_shape *s, struct bytes line, struct bytes from,
                                struct buf *out, err *e);

/* Appends a line in which only the key is known: its columns are those of `key_line`, or unknown too when
 * that has no data. */
MUST_CHECK status foldline_blank(const struct fold_shape *s, struct bytes key_line, struct buf *out, err *e);

#endif
