/*
 * logfind: searches in the log by seq, LSN and time. logreader's functions of the same names are made of
 * these.
 */
#ifndef PGSTRAND_LOGFIND_H
#define PGSTRAND_LOGFIND_H

#include "store/logsegment.h"

/* A log, and its segments that stay open from one look to the next: opening one takes half a millisecond. */
struct logfind_place {
    const char *dir;
    struct logsegment_list *list;
    struct logsegment *newest;
    struct logsegment *segment; /* that was looked at last */
};

/* The visible commit that holds `seq`, or else the last one; what it points at lives in *keep. */
MUST_CHECK status logfind_commit_at(const struct logfind_place *place, uint64_t seq, struct buf *keep,
                                    struct commit *out, bool *found, err *e);

/* The seq before the first visible commit that is not before both limits. */
struct logfind_limit {
    lsn lsn;     /* UINT64_MAX: none; of the newest incarnation */
    pgtime time; /* INT64_MAX: none */
};
MUST_CHECK status logfind_before(const char *dir, const struct logfind_limit *limit, uint64_t *seq, err *e);

#endif
