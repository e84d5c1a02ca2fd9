/*
 * logsegment: one segment of the action log, an LMDB environment, and the list of them in a folder. Shared by
 * logwriter and logreader; the layout is described in actionlog.h.
 *
 * A segment appears by rename, complete with its meta records, so there is never a half-made one; what a
 * crash leaves is a .part file. DIR/segments.lock is held while a reader opens a segment and while segments
 * are unlinked: LMDB would otherwise make a file anew that has just gone.
 */
#ifndef PGSTRAND_LOGSEGMENT_H
#define PGSTRAND_LOGSEGMENT_H

#include "store/logrecord.h"
#include "store/relcache.h"

struct logsegment {
    struct lmdbenv *env; /* NULL: closed */
    uint64_t first_seq;  /* of the first action it may hold */
    bool checked;        /* its records have checksums (logrecord.h) */
};

/* First seqs of the segments in DIR, ascending. */
struct logsegment_list {
    uint64_t *first;
    size_t count;
};
MUST_CHECK status logsegment_list(const char *dir, struct logsegment_list *out, err *e);
void logsegment_list_fini(struct logsegment_list *list);
OWN_VALUE(logsegment_list, logsegment_list_fini);

/* The index of the last segment whose first seq is <= seq; count when there is none. */
size_t logsegment_holding(const struct logsegment_list *list, uint64_t seq);

/* Makes a segment that holds `meta` and the relations of `cache`, and marks those as stored (at 1). */
MUST_CHECK status logsegment_create(const char *dir, uint64_t first_seq, const struct logmeta *meta,
                                    struct relcache *cache, err *e);

MUST_CHECK status logsegment_open(const char *dir, uint64_t first_seq, enum lmdbenv_mode mode,
                                  struct logsegment *out, err *e);
/* Lists the folder and opens one for reading: the newest (seq UINT64_MAX), or the one that may hold `seq`;
 * *at is its place in the list. Closes what *out was, unless it is the same. ERR_VALIDATION when `seq` was
 * trimmed away, ERR_STORAGE when there is no log. */
MUST_CHECK status logsegment_find(const char *dir, uint64_t seq, struct logsegment_list *list, size_t *at,
                                  struct logsegment *out, err *e);
/* Before a large database of it is read (LMDBENV_ALL: before it is written to): are its pages whole? */
MUST_CHECK status logsegment_check(const struct logsegment *s, unsigned db, err *e);
/* Only what finding this key reads, and what is around or behind it. */
MUST_CHECK status logsegment_check_part(const struct logsegment *s, unsigned db, enum lmdbenv_part part,
                                        struct bytes key, err *e);
void logsegment_close(struct logsegment *s);
OWN_VALUE(logsegment, logsegment_close);

/* Removes what a crash left: .part files, and LMDB's lock files without a segment. Only the writer may. */
MUST_CHECK status logsegment_tidy(const char *dir, err *e);

/* Unlinks segments but the newest, all of whose actions have seq <= through. Does nothing while a reader is
 * just opening one: the next trim does it. */
MUST_CHECK status logsegment_trim(const char *dir, uint64_t through, err *e);

/* Disk space of a segment; 0 when it has gone. */
uint64_t logsegment_bytes(const char *dir, uint64_t first_seq);

/* One version out of this segment; *out NULL when it is not there. */
MUST_CHECK status logsegment_read_relation(struct logsegment *s, uint32_t version, struct relation **out,
                                           err *e);
/* The same out of any segment, the newest first. */
MUST_CHECK status logsegment_search_relation(const char *dir, uint32_t version, struct relation **out,
                                             err *e);

#endif
