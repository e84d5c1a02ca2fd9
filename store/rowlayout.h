/*
 * rowlayout: the lines of a frame of rows laid out by column, which compresses better: values of one column
 * resemble each other more than their neighbours in the line. What is stored is lossless and as long as the
 * lines, plus a small head. Figures and reasons: FORMAT.md. Pure.
 */
#ifndef PGSTRAND_ROWLAYOUT_H
#define PGSTRAND_ROWLAYOUT_H

#include "proto/base/buf.h"
#include "proto/base/err.h"

/* Columns of a table at most (MaxHeapAttributeNumber of PostgreSQL), and so the longest head. */
#define ROWLAYOUT_COLUMNS_MAX 1600
#define ROWLAYOUT_HEAD_MAX ((size_t)4 * (2 + ROWLAYOUT_COLUMNS_MAX))

/*
 * Writes `lines` (COPY text, each with its line end) by column into *out, which is reset. False: the lines do
 * not all have the same number of columns, or too many, or memory is out; they stay as they are then.
 */
bool rowlayout_columns(struct bytes lines, struct buf *out);

/* The way back: appends a RowsFrame with the lines to *out, at most `limit` bytes. ERR_STORAGE when
 * malformed.
 */
MUST_CHECK status rowlayout_rows(struct bytes columns, size_t limit, struct buf *out, err *e);

/* Appends one row, from 0, as a line without its end; the others are passed over. *found false: there are
 * fewer. */
MUST_CHECK status rowlayout_line(struct bytes columns, uint64_t row, struct buf *out, bool *found, err *e);

#endif
