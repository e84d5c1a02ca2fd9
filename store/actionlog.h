/*
 * actionlog: the append-only log of committed actions, in seq order.
 *
 * On disk: DIR holds segments, LMDB environments without subfolder, named seg-<first seq>.mdb (16 hex
 * digits), with the databases
 *
 * - actions: UUIDv8 (16 bytes) -> Action of action.proto
 * - commits: last seq of the commit, then its LSN (8 bytes big-endian each) -> Commit
 * - relations: version (4 bytes big-endian) -> Relation; every version that the segment's actions name
 * - meta: "format", "node", "incarnation", "since" (its first seq), "position" (commit LSN, end LSN, last
 * seq, commit time, latest commit time: 8 bytes big-endian each), "next relation" (version)
 *
 * Every value but the format's ends with a checksum (logrecord.h), from format 3 on.
 *
 * A large streamed transaction lies beside them in a file of its own, bulk-<first seq>.act, and has one entry
 * in `actions`: see logbulk.h and ADR-bulk-files.md. Readers see no difference.
 *
 * A segment is rotated at a commit when it has outgrown its size, and trimmed by unlinking it (LMDB files
 * never shrink). It appears by rename and complete; the position in the newest one is the truth.
 *
 * Visibility: a transaction becomes visible all at once, when its commit record and the position are written.
 * Large ones are written in several LMDB transactions; what lies behind the last committed seq is invisible,
 * and is removed when the log is opened for writing.
 *
 * Incarnations: seq goes on over them, LSNs begin anew. Order and LSN searches are about the newest one.
 *
 * Threads: one writer (process-wide lock on DIR/writer.lock), many readers, in any process and also in the
 * writer's; each handle belongs to one thread at a time.
 *
 * Durability: what logwriter_flush returned ok for is on disk (LMDB commit with fsync).
 *
 * Determinism: replaying the same transactions after a crash yields the same keys, seqs and bytes.
 *
 * Failure of writing: ERR_STORAGE (a full disk: io_is_full) from relation, put, commit or flush means that
 * the writer has dropped everything behind logwriter_position, also the flushed part of a transaction in
 * progress; the caller replays from there, with the same writer, as often as it takes. ERR_VALIDATION drops
 * nothing.
 */
#ifndef PGSTRAND_ACTIONLOG_H
#define PGSTRAND_ACTIONLOG_H

#include "proto/action.h"
#include "proto/base/own.h"
#include "proto/base/uuid.h"
#include "proto/relation.h"

struct log_position {
    lsn commit_lsn; /* of the last transaction in the log: dedupe and order */
    lsn end_lsn;    /* everything that ends at or before this is durable: what is confirmed to the server */
    uint64_t last_seq; /* 0: no action yet; the first one has seq 1 */
    pgtime commit_time;
};

struct log_options {
    uuid node;
    uuid incarnation;
    uint64_t segment_bytes;  /* 0: 256 MiB */
    lsn start_lsn;           /* a new log: the slot's consistent point, taken as the position */
    uint64_t start_seq;      /* a new log: the seq before the first action (0, or the chain's last when an
                                incarnation goes on) */
    uint32_t start_relation; /* a new log: versions of relations up to this one are taken */
};

/* ---- writing ---- */

struct logwriter;

/* Opens or makes the log; checks node and incarnation (ERR_REFUSED when they are another's) and format
 * version (newer: ERR_REFUSED); removes an invisible tail. */
MUST_CHECK status logwriter_open(const char *dir, const struct log_options *options, struct logwriter **out,
                                 err *e);
void logwriter_close(struct logwriter *w); /* drops what was not flushed; NULL-safe */
OWN_POINTER(logwriter, logwriter_close);

/* As of the last flush, the caller's or one that the writer made by itself when it rotated. */
const struct log_position *logwriter_position(const struct logwriter *w);

/* The newest stored version of the relation with this oid, or NULL; borrowed until the next
 * logwriter_relation. */
const struct relation *logwriter_relation_latest(const struct logwriter *w, uint32_t oid);

/* Grows when a new segment left out relations that had not been used for long (it takes over 10,000 at most):
 * versions from before a commit may be gone then with the older segments; ask for them again. */
uint64_t logwriter_forgotten(const struct logwriter *w);

/* Stores `r` as a new version unless the latest of its oid and tier has the same shape, name and table UUID;
 * *version is the one to use. */
MUST_CHECK status logwriter_relation(struct logwriter *w, const struct relation *r, uint32_t *version,
                                     err *e);

/* Appends one action to the transaction in progress; its ordinal is its place in it, from 0. ERR_VALIDATION
 * when `commit_lsn` is not greater than that of the commit before (a transaction would be there twice). */
MUST_CHECK status logwriter_put(struct logwriter *w, const struct action *a, lsn commit_lsn, err *e);

struct bulkfile;

/*
 * The transaction, as a whole, is what `file` holds: its file becomes part of the log, under another name,
 * without being written again. `versions` has those of its relations by number - 1; 0: not used. To be
 * followed by logwriter_commit. *taken false: nothing happened, the file is on another file system than the
 * log; its actions are to be put one by one.
 */
MUST_CHECK status logwriter_adopt(struct logwriter *w, struct bulkfile *file, const uint32_t *versions,
                                  size_t version_count, lsn commit_lsn, bool *taken, err *e);

/* Ends the transaction in progress: fills in first_seq and last_seq of *c and stores it. A transaction
 * without actions only moves the position. */
MUST_CHECK status logwriter_commit(struct logwriter *w, struct commit *c, err *e);

/* Nothing is pending up to `end`: moves the position only (idle database). ERR_VALIDATION inside a
 * transaction. */
MUST_CHECK status logwriter_advance(struct logwriter *w, lsn end, err *e);

/*
 * Begins the next incarnation behind the last commit: what is put from now on is its, and the first commit
 * may have any LSN. Nothing of it shows before the flush after that commit: then incarnation and commit
 * appear at once. ERR_VALIDATION inside a transaction.
 */
MUST_CHECK status logwriter_succeed(struct logwriter *w, const uuid *incarnation, err *e);

/* Makes everything since the last flush durable and, for whole transactions, visible. */
MUST_CHECK status logwriter_flush(struct logwriter *w, err *e);

/* Unlinks segments all of whose actions have seq <= through and that are not the newest. */
MUST_CHECK status logwriter_trim(struct logwriter *w, uint64_t through, err *e);

/* ---- reading ---- */

struct logreader;

struct log_state {
    struct log_position position;
    uint64_t first_seq; /* oldest seq still held; last_seq + 1 when there is none */
    uuid incarnation;
    uint64_t since_seq; /* where the incarnation begins */
    uint64_t bytes;     /* disk space of all segments */
    uint32_t segments;
};

/* ERR_STORAGE when there is no log in DIR. */
MUST_CHECK status logreader_open(const char *dir, struct logreader **out, err *e);
void logreader_close(struct logreader *r);
OWN_POINTER(logreader, logreader_close);

/* The state now; cheap, may be polled. */
MUST_CHECK status logreader_state(struct logreader *r, struct log_state *out, err *e);

/* The next logreader_next returns the first action with seq >= from. ERR_VALIDATION when it was trimmed away.
 */
MUST_CHECK status logreader_seek(struct logreader *r, uint64_t from, err *e);

/* For whoever has no use for UUIDs: from now on a log_entry's id may tell the seq and nothing else, which
 * saves a hash for each action of a large transaction. */
void logreader_without_ids(struct logreader *r);

/* For whoever looks at single actions here and there: from now on one is read at a time, and of the log's
 * pages only those are checked that it is found through, not all of a segment. */
void logreader_sparse(struct logreader *r);

struct log_entry {
    uint64_t seq;
    uuid id;                         /* the action's UUID */
    struct bytes raw;                /* the Action message as stored */
    struct action action;            /* the same, decoded */
    const struct commit *commit;     /* its commit */
    const struct relation *relation; /* NULL for TRUNCATE, DDL and MESSAGE */
};

/*
 * The next visible action; *end is set (and *out untouched) when the last committed seq is passed, a later
 * call may find more. Everything in *out is borrowed until the next call. The read transaction is renewed
 * every few thousand actions.
 */
MUST_CHECK status logreader_next(struct logreader *r, struct log_entry *out, bool *end, err *e);

/* A relation by version; borrowed until logreader_close. ERR_STORAGE when it is not there. */
MUST_CHECK status logreader_relation(struct logreader *r, uint32_t version, const struct relation **out,
                                     err *e);

/* The seq before the newest incarnation's first commit whose LSN is >= `before`, or whose time is >=
 * `before_time` (commit times may step back: what comes after the first later one is not looked at); the last
 * seq when there is no such commit. */
MUST_CHECK status logreader_seq_before_lsn(struct logreader *r, lsn before, uint64_t *seq, err *e);
MUST_CHECK status logreader_seq_before_time(struct logreader *r, pgtime before_time, uint64_t *seq, err *e);

/* The commit that holds `seq`, or else the last one before it. When its last_seq > seq, a target `seq` is
 * rounded down to first_seq - 1. *found false: nothing at or before. *out borrows until the next call. */
MUST_CHECK status logreader_commit_at(struct logreader *r, uint64_t seq, struct commit *out, bool *found,
                                      err *e);

#endif
