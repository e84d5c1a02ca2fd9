/*
 * foldemit: base rows stream past a map; what is left of them, and what the changes made, comes out.
 *
 * A row no change touched comes out as the same bytes. The table's expected digest starts from the base's
 * own, recorded when it was sealed, and is corrected for every row that differs; so rows that are only
 * passed on cost no hash, and a row lost on the way here shows when the target is compared.
 */
#ifndef PGSTRAND_FOLDEMIT_H
#define PGSTRAND_FOLDEMIT_H

#include "agent/restore/fold/foldmap.h"
#include "proto/base/digest.h"

/* Where base rows come from: pieces of one or more whole lines with their line ends, borrowed until the next
 * call. */
struct fold_source {
    void *context;
    status (*next)(void *context, struct bytes *lines, bool *end, err *e);
};

/* Where final rows go: whole lines with their line ends. */
struct fold_sink {
    void *context;
    status (*lines)(void *context, struct bytes lines, err *e);
};

struct foldemit {
    const struct fold_sink *sink;
    struct hasher *hasher;
    struct table_digest expected;
    bool hash_all;  /* the base's digest is not known: every row is hashed */
    struct buf out; /* lines that were made here, not handed on yet */
};

MUST_CHECK status foldemit_init(struct foldemit *o, const struct fold_sink *sink,
                                const struct table_digest *base, err *e);
void foldemit_fini(struct foldemit *o);
OWN_VALUE(foldemit, foldemit_fini);

/* Lines past a map. */
MUST_CHECK status foldemit_lines(struct foldemit *o, struct foldmap *m, struct bytes lines, err *e);
/* Lines past nothing. */
MUST_CHECK status foldemit_pass(struct foldemit *o, struct bytes lines, err *e);
/* What the changes made; the base has gone past. ERR_STORAGE when it lacked a row that a change was about. */
MUST_CHECK status foldemit_rest(struct foldemit *o, struct foldmap *m, err *e);
/* Hands on what is pending. */
MUST_CHECK status foldemit_flush(struct foldemit *o, err *e);

/* The line that begins at `at`, without its line end; ERR_STORAGE when that is missing. */
MUST_CHECK status foldemit_line(const struct fold_shape *s, const uint8_t *at, const uint8_t *end,
                                struct bytes *line, err *e);

#endif
