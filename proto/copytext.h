/*
 * copytext: rows in COPY's text format (PostgreSQL documentation of COPY, "Text Format"), the form of rows in
 * snapshots, of the digest and of loading. Escapes exactly as the server does (CopyAttributeOutText with tab
 * as delimiter): \b \f \n \r \t \v and \\; NULL is \N. So a row read with COPY TO and one built from the
 * stream are the same bytes.
 *
 * Failure: what was appended before a failure stays in the buffer; cut it back to where it was.
 */
#ifndef PGSTRAND_COPYTEXT_H
#define PGSTRAND_COPYTEXT_H

#include "proto/base/buf.h"
#include "proto/tuple.h"

/* Appends one column (with a tab before it unless it is the first). NULL: pass kind VALUE_NULL. */
void copytext_value(struct buf *line, bool first, struct value v);

/*
 * Appends the line of a tuple, without a line end. Columns of unchanged TOAST are taken from `old_line` (a
 * line of the same columns without line end; data NULL: not there). ERR_STORAGE when the tuple is malformed
 * or such a column has no old value.
 */
MUST_CHECK status copytext_tuple(struct bytes tuple, struct bytes old_line, struct buf *line, err *e);

/* The columns of a line, still escaped; borrowed from it. Returns their number; `columns` holds at most `max`
 * of them. An empty line is one empty column (COPY writes the same for a table without columns). */
size_t copytext_split(struct bytes line, struct bytes *columns, size_t max);

/* Undoes the escapes of one column into `out`; a NULL column (\N) gives false and writes nothing. */
bool copytext_unescape(struct bytes column, struct buf *out);

/* The line as TupleData. */
MUST_CHECK status copytext_to_tuple(struct bytes line, struct buf *tuple, err *e);

#endif
