/*
 * rowmap: brings rows of one version of a table into the columns of another one, by attribute number: what
 * was dropped vanishes, what was added since has the value that rows from before it have, or NULL.
 *
 * Ownership: rowmap_make -> caller -> rowmap_free (NULL-safe); texts of constants are copied. Threads: a map
 * is used by one at a time.
 */
#ifndef PGSTRAND_ROWMAP_H
#define PGSTRAND_ROWMAP_H

#include "proto/base/buf.h"

struct rowmap;

/* Attribute numbers of a row's columns, in their order. */
struct rowmap_columns {
    uint16_t count;
    const uint16_t *attnum;
};

/* `missing`: by the place in `to`, what a row has that lacks the column (text; NULL: SQL NULL). */
MUST_CHECK status rowmap_make(const struct rowmap_columns *from, const struct rowmap_columns *to,
                              const char *const *missing, struct rowmap **out, err *e);
void rowmap_free(struct rowmap *m);
OWN_POINTER(rowmap, rowmap_free);

/* Does it leave every row as it is? */
bool rowmap_is_identity(const struct rowmap *m);

/* TupleData of pgoutput; *out is borrowed until the next call with the same `scratch`. An empty tuple stays
 * empty. ERR_STORAGE when it is malformed or has another number of columns. */
MUST_CHECK status rowmap_tuple(const struct rowmap *m, struct bytes tuple, struct buf *scratch,
                               struct bytes *out, err *e);

/* Whole lines of COPY text with their line ends, appended. */
MUST_CHECK status rowmap_lines(const struct rowmap *m, struct bytes lines, struct buf *out, err *e);

#endif
