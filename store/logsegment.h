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

#include "store/actionlog.h"
#include "store/lmdbenv.h"
#include "store/relcache.h"

/* Of a segment's layout; a newer one is refused. A segment is plain until a large transaction's file belongs
 * to it. */
#define LOG_FORMAT_PLAIN 1
#define LOG_FORMAT_BULK 2
#define LOG_FORMAT LOG_FORMAT_BULK /* the newest */

enum logsegment_database { LOG_ACTIONS, LOG_COMMITS, LOG_RELATIONS, LOG_META };

struct logsegment {
    struct lmdbenv *env; /* NULL: closed */
    uint64_t first_seq;  /* of the first action it may hold */
};

struct logmeta {
    uuid node;
    uuid incarnation;
    struct log_position position;
    pgtime latest_time;     /* the largest commit time up to the position: commit times may step back */
    uint32_t next_relation; /* version of the next new relation */
    uint64_t since_seq;     /* first seq of the incarnation: LSNs before it are another's */
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

/* "DIR/seg-<16 hex digits>.mdb", malloc'ed; NULL when memory is out. */
char *logsegment_path(const char *dir, uint64_t first_seq);

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
void logsegment_close(struct logsegment *s);
OWN_VALUE(logsegment, logsegment_close);

/* Removes what a crash left: .part files, and LMDB's lock files without a segment. Only the writer may. */
MUST_CHECK status logsegment_tidy(const char *dir, err *e);

/* Unlinks segments but the newest, all of whose actions have seq <= through. Does nothing while a reader is
 * just opening one: the next trim does it. */
MUST_CHECK status logsegment_trim(const char *dir, uint64_t through, err *e);

/* Disk space of a segment; 0 when it has gone. */
uint64_t logsegment_bytes(const char *dir, uint64_t first_seq);

/* ERR_REFUSED when it was written by a newer version. */
MUST_CHECK status logsegment_read_meta(struct lmdbtxn *t, struct logmeta *out, err *e);
/* A transaction in a file of its own belongs to this segment (logbulk.h). */
MUST_CHECK status logsegment_mark_bulk(struct lmdbtxn *t, err *e);
MUST_CHECK status logsegment_write_position(struct lmdbtxn *t, const struct logmeta *meta, err *e);
/* Incarnation and since_seq. */
MUST_CHECK status logsegment_write_incarnation(struct lmdbtxn *t, const struct logmeta *meta, err *e);
MUST_CHECK status logsegment_write_next_relation(struct lmdbtxn *t, uint32_t next, err *e);
MUST_CHECK status logsegment_write_relation(struct lmdbtxn *t, const struct relation *r, err *e);

struct commit_key {
    uint8_t b[16];
};
struct commit_key logsegment_commit_key(uint64_t last_seq, lsn at);

struct relation_key {
    uint8_t b[4];
};
struct relation_key logsegment_relation_key(uint32_t version);

/* One version out of this segment; *out NULL when it is not there. */
MUST_CHECK status logsegment_read_relation(struct logsegment *s, uint32_t version, struct relation **out,
                                           err *e);
/* The same out of any segment, the newest first. */
MUST_CHECK status logsegment_search_relation(const char *dir, uint32_t version, struct relation **out,
                                             err *e);

/* Seq of an entry of LOG_ACTIONS, last seq of an entry of LOG_COMMITS. */
MUST_CHECK status logsegment_action_seq(const struct lmdbcursor *c, uint64_t *seq, err *e);
MUST_CHECK status logsegment_commit_seq(const struct lmdbcursor *c, uint64_t *last_seq, err *e);

#endif
