/*
 * logname: the names of the log's files: DIR/seg-<first seq>.mdb (logsegment.h) and DIR/bulk-<first seq>.act
 * (logbulk.h), the seq as 16 hex digits, so that a listing by name is one by seq.
 *
 * Pure.
 */
#ifndef PGSTRAND_LOGNAME_H
#define PGSTRAND_LOGNAME_H

#include <stdbool.h>
#include <stdint.h>

enum logname_kind { LOGNAME_SEGMENT, LOGNAME_BULK };

/* malloc'ed; NULL when memory is out. */
char *logname_path(const char *dir, enum logname_kind kind, uint64_t first_seq);

/* Is it such a name, exactly? */
bool logname_parse(const char *name, enum logname_kind kind, uint64_t *first_seq);

/* Does it begin as one? What a crash leaves does: NAME.part, NAME-lock. */
bool logname_begins(const char *name, enum logname_kind kind);

#endif
