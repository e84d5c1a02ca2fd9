/*
 * valuecolumn: the values of one column, one after the other: what they are of (text, binary, NULL,
 * unchanged), and the texts in the smallest form that gives back the same bytes: one text for all, numbers,
 * times, UUIDs, equal lengths, or as they are.
 *
 * Ownership: a draft borrows the texts until it is put. A column that is read borrows its bytes.
 */
#ifndef PGSTRAND_VALUECOLUMN_H
#define PGSTRAND_VALUECOLUMN_H

#include "proto/intcolumn.h"
#include "proto/tuple.h"
#include "proto/valuetext.h"

/* What valuecolumn_put appends beside the texts' own bytes: at most so much, and so much more for each value.
 */
#define VALUECOLUMN_HEAD_MAX 64
#define VALUECOLUMN_VALUE_MAX 6

struct valuecolumn_draft {
    uint8_t *kind;      /* of each value */
    struct bytes *text; /* of those that have one */
    int64_t *number;    /* room to work in */
    size_t values;
    size_t texts;
    bool mixed; /* values of several kinds */
};

/* Room for `most` values. */
MUST_CHECK status valuecolumn_draft_init(struct valuecolumn_draft *d, size_t most, err *e);
void valuecolumn_draft_fini(struct valuecolumn_draft *d);
OWN_VALUE(valuecolumn_draft, valuecolumn_draft_fini);

static inline void valuecolumn_draft_add(struct valuecolumn_draft *d, struct value v)
{
    d->mixed = d->mixed || (d->values > 0 && d->kind[0] != (uint8_t)v.kind);
    d->kind[d->values++] = (uint8_t)v.kind;
    if (v.kind == VALUE_TEXT || v.kind == VALUE_BINARY)
        d->text[d->texts++] = v.text;
}

/* Appends the column and empties the draft. */
void valuecolumn_put(struct buf *out, struct valuecolumn_draft *d);

struct valuecolumn {
    const uint8_t *kinds; /* of each value; NULL: all are `kind` */
    size_t values;        /* not read yet */
    uint8_t kind;
    uint8_t form;
    struct valuetext_number number;
    struct bytes affix;    /* before a number or behind a time; the one text of all */
    struct intcolumn ints; /* numbers, times, lengths */
    struct reader rest;    /* of the texts */
    size_t width;          /* of texts of equal length */
    size_t stride;         /* of UUIDs: how far their bytes lie apart */
};

/* Leaves the reader behind the column; it goes bad when the column is malformed. */
void valuecolumn_open(struct reader *r, size_t values, struct valuecolumn *out);

/* Appends the next value as it stands in TupleData. False: there is none, or it is malformed. */
MUST_CHECK bool valuecolumn_next(struct valuecolumn *c, struct buf *out);

/* Passes over so many values. False: there are fewer, or one is malformed. */
MUST_CHECK bool valuecolumn_pass(struct valuecolumn *c, size_t values);

/* Have all its bytes been read? */
bool valuecolumn_is_done(const struct valuecolumn *c);

#endif
