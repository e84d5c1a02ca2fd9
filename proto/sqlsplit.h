/*
 * sqlsplit: cuts SQL text into statements at semicolons outside quotes, dollar quotes, comments and the
 * parentheses of BEGIN ATOMIC bodies, as psql does (src/fe_utils/psqlscan.l), with
 * standard_conforming_strings on. Lines of psql's own between statements (pg_dump's \restrict) are left out
 * like comments. An unterminated quote or a missing last semicolon: the rest is one statement.
 */
#ifndef PGSTRAND_SQLSPLIT_H
#define PGSTRAND_SQLSPLIT_H

#include "proto/base/reader.h"

/* The next statement with its semicolon, leading space and comments left out; false at the end. Borrows from
 * the text. Text that holds only space and comments has no statement. */
bool sqlsplit_next(struct reader *text, struct bytes *statement);

#endif
