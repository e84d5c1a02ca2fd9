/*
 * sqlsplit: cuts SQL text into statements at semicolons outside quotes, dollar quotes, comments and the
 * parentheses of BEGIN ATOMIC bodies, as psql does (src/fe_utils/psqlscan.l).
 */
#ifndef PGSTRAND_SQLSPLIT_H
#define PGSTRAND_SQLSPLIT_H

#include "proto/base/reader.h"

/* The next statement with its semicolon, leading space and comments left out; false at the end. Borrows from
 * the text. */
bool sqlsplit_next(struct reader *text, struct bytes *statement);

#endif
