/*
 * logbulk: large transactions that lie in files of their own beside the log's segments: DIR/bulk-<first
 * seq>.act (logname.h), see bulkfile. A segment has one entry for all of its actions, under the key of
 * the first: a zero byte (no Action begins with one), then varints: actions, bytes of the file, number of
 * relations and their versions.
 *
 * A file is durable under its name before the entry is; what has no entry is left over, and removed.
 */
#ifndef PGSTRAND_LOGBULK_H
#define PGSTRAND_LOGBULK_H

#include "store/bulkreader.h"

/* Is an entry's value one of these? */
static inline bool logbulk_is(struct bytes value)
{
    return value.len > 0 && value.data[0] == 0;
}

void logbulk_encode(const struct bulk_place *extent, const struct bulk_versions *versions, struct buf *out);

struct logbulk {
    struct bulk_place extent;
    uint32_t *version; /* malloc'ed */
    size_t count;
};
void logbulk_fini(struct logbulk *b);
OWN_VALUE(logbulk, logbulk_fini);
MUST_CHECK status logbulk_decode(struct bytes value, struct logbulk *out, err *e);

/* Removes the files with from <= first seq < to. */
MUST_CHECK status logbulk_remove(const char *dir, uint64_t from, uint64_t to, err *e);
/* Disk space of the files with first seq >= from. */
MUST_CHECK status logbulk_bytes(const char *dir, uint64_t from, uint64_t *out, err *e);

#endif
