/*
 * logrecord: the records of a segment of the action log: their keys, their values, and the checksum behind
 * each value. Shared by logsegment, logwriter and logreader; actionlog.h says which databases there are.
 *
 * In a checked segment (LOG_FORMAT_CHECKED) every value but that of "format" ends with the CRC-32C of key and
 * value, 4 bytes little-endian. LMDB has none of its own, and what a flipped bit makes of a row is a row as
 * well.
 *
 * Failure: ERR_STORAGE for damage, naming the file, the record and what to do.
 */
#ifndef PGSTRAND_LOGRECORD_H
#define PGSTRAND_LOGRECORD_H

#include "store/actionlog.h"
#include "store/lmdbcursor.h"

/* Of a segment's layout; a newer one is refused. Older ones are read, and written to until the next segment
 * begins: plain until a large transaction's file belongs to it. */
#define LOG_FORMAT_PLAIN 1
#define LOG_FORMAT_BULK 2
#define LOG_FORMAT_CHECKED 3          /* with checksums, and perhaps such files */
#define LOG_FORMAT LOG_FORMAT_CHECKED /* the newest */

#define LOGRECORD_SUM 4u /* bytes of a checksum */

enum logsegment_database { LOG_ACTIONS, LOG_COMMITS, LOG_RELATIONS, LOG_META };

struct logmeta {
    uuid node;
    uuid incarnation;
    struct log_position position;
    pgtime latest_time;     /* the largest commit time up to the position: commit times may step back */
    uint32_t next_relation; /* version of the next new relation */
    uint64_t since_seq;     /* first seq of the incarnation: LSNs before it are another's */
};

/* ---- checksums ---- */

/* Appends the checksum of key and value to the value. */
void logrecord_seal(struct bytes key, struct buf *value);

/* The same of a value in pieces: what is to stand behind them. */
void logrecord_sum(struct bytes key, const struct bytes *piece, size_t pieces,
                   uint8_t out[static LOGRECORD_SUM]);

/* Compares it and takes it off; false: the record is not what was written. */
MUST_CHECK bool logrecord_open(struct bytes key, struct bytes *value);

/* The value of the record under a cursor, its checksum compared and taken off when it has one. `what` and
 * `seq` are for the message: "the action with seq", 7. */
MUST_CHECK status logrecord_value(const struct lmdbcursor *c, bool checked, const char *what, uint64_t seq,
                                  struct bytes *out, err *e);

/* "PATH is damaged: ...; what to do". Returns FAILED. */
status logrecord_damaged(const struct lmdbenv *env, err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says behind a message of damage (lmdbresult_is_damage) what to do; leaves others alone. Returns FAILED. */
status logrecord_advise(err *e);

/* ---- what a segment says of itself ---- */

/* ERR_REFUSED when it was written by a newer version. */
MUST_CHECK status logrecord_read_format(struct lmdbtxn *t, uint32_t *format, err *e);
MUST_CHECK status logrecord_write_format(struct lmdbtxn *t, uint32_t format, err *e);

MUST_CHECK status logrecord_read_meta(struct lmdbtxn *t, struct logmeta *out, err *e);
MUST_CHECK status logrecord_write_meta(struct lmdbtxn *t, bool checked, const struct logmeta *meta, err *e);
/* Parts of it. */
MUST_CHECK status logrecord_write_position(struct lmdbtxn *t, bool checked, const struct logmeta *meta,
                                           err *e);
MUST_CHECK status logrecord_write_incarnation(struct lmdbtxn *t, bool checked, const struct logmeta *meta,
                                              err *e);
MUST_CHECK status logrecord_write_next_relation(struct lmdbtxn *t, bool checked, uint32_t next, err *e);

/* ---- relations ---- */

MUST_CHECK status logrecord_write_relation(struct lmdbtxn *t, bool checked, const struct relation *r, err *e);
/* *out NULL when the segment does not have this version. */
MUST_CHECK status logrecord_read_relation(struct lmdbtxn *t, bool checked, uint32_t version,
                                          struct relation **out, err *e);
MUST_CHECK status logrecord_decode_relation(const struct lmdbcursor *c, bool checked, struct relation **out,
                                            err *e);

/* ---- keys ---- */

struct commit_key {
    uint8_t b[16];
};
struct commit_key logrecord_commit_key(uint64_t last_seq, lsn at);

/* Seq of an entry of LOG_ACTIONS, last seq of an entry of LOG_COMMITS. */
MUST_CHECK status logrecord_action_seq(const struct lmdbcursor *c, uint64_t *seq, err *e);
MUST_CHECK status logrecord_commit_seq(const struct lmdbcursor *c, uint64_t *last_seq, err *e);

#endif
