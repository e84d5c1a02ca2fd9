/*
 * logbatch: what a reader of the log has copied out and not handed out yet, and how it is filled: from a
 * segment, or from the file of a large transaction. Shared by logreader (hands out, seeks) and logbatch.c
 * (fills).
 *
 * Actions are copied out in batches, each in a read transaction of its own: none is held between calls, so a
 * slow caller pins no pages (a pinned reader makes each commit of the writer cost 44 times the space), and
 * what it holds stays valid whatever the writer does to the map.
 *
 * Threads: one for each reader. Ownership: all of it is the reader's.
 */
#ifndef PGSTRAND_LOGBATCH_H
#define PGSTRAND_LOGBATCH_H

#include "store/bulkreader.h"
#include "store/logbulk.h"
#include "store/logsegment.h"
#include "store/relcache.h"

#define LOGBATCH_ACTIONS 4096

struct logbatch_piece {
    size_t at; /* in batch.data */
    size_t len;
};

struct logbatch {
    struct buf data;
    struct bytes
        huge; /* the batch's only action, borrowed from the file of a large transaction: not copied */
    struct {
        uuid id;
        struct logbatch_piece raw;
        size_t commit; /* index below */
    } action[LOGBATCH_ACTIONS];
    struct logbatch_piece commit[LOGBATCH_ACTIONS];
    size_t actions;
    size_t commits;
    size_t next; /* action to hand out */
};

struct logreader {
    char *dir;
    struct logsegment_list list;
    struct logsegment newest;    /* for the state */
    struct logsegment segment;   /* being read */
    struct logsegment looked_at; /* by logreader_commit_at */
    uint64_t limit;              /* last visible seq in it, as of the last batch */
    uint64_t next_seq;           /* after the batch */
    struct logbatch *batch;
    struct {
        struct bulkreader *file;
        struct logbulk entry;
        uint64_t first; /* seqs; 0: none */
        uint64_t last;
        uint64_t at; /* of the file's next action */
    } bulk;          /* the large transaction that next_seq is in */
    struct hasher *hasher;
    uint64_t checked_segment; /* whose pages were looked at, by its first seq; 0: none */
    uint64_t checked_from;    /* from this seq on */
    bool without_ids;
    bool sparse;
    struct commit commit; /* decoded: of the last action handed out, */
    size_t commit_index;  /* by its index; SIZE_MAX: none */
    struct relcache *relations;
    struct buf found; /* what logreader_commit_at points at */
};

/* Is this seq in the segment that is open, and visible as of the last batch? */
static inline bool logbatch_has(const struct logreader *r, uint64_t seq)
{
    return r->segment.env != NULL && seq >= r->segment.first_seq && seq <= r->limit;
}

/*
 * A new batch from next_seq on, which moves behind it; empty when everything visible was handed out. After a
 * failure next_seq is where it was, and the batch is empty.
 */
MUST_CHECK status logbatch_fill(struct logreader *r, err *e);

/* Closes the file of the large transaction that was read from, if any. */
void logbatch_leave_bulk(struct logreader *r);

#endif
