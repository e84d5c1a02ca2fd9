#include "agent/daemon/indexer.h"

#include <time.h>

#include "agent/daemon/report.h"
#include "agent/history/entityindex.h"
#include "agent/lineage.h"

#define LEAST 5000   /* actions that are worth a run: a command reads as many in a few milliseconds */
#define LOOK_MS 2000 /* between two looks */
#define QUIET                                                                                    \
    20000 /* actions between them: capture does not catch up, and an action costs it and us 2 us \
           */
#define RETRY_MS 300000 /* after a failure */

/* While a run is made: capture may get something to do. */
struct watch {
    struct indexer *x;
    struct board *board;
    bool yielded;
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Gives way to what is to be caught up with; what a run has written down stays. */
static bool is_stopping(void *context)
{
    struct watch *w = context;
    struct board_facts facts;
    const int64_t now = now_ms();
    if (now >= w->x->seen_at + LOOK_MS) {
        board_facts(w->board, &facts);
        w->yielded = facts.last_seq >= w->x->seen_seq + QUIET;
        w->x->seen_seq = facts.last_seq;
        w->x->seen_at = now;
    }
    return w->yielded || board_is_busy(w->board);
}

static status make(struct indexer *x, struct datadir *d, struct watch *w, uint64_t last, err *e)
{
    OWNED(chain) struct chain *chain = NULL;
    struct progress progress = report_progress;
    uint64_t made = 0;
    progress.context = w;
    progress.stopped = is_stopping;
    TRY(datadir_load_identity(d, e));
    TRY(lineage_load(d, &chain, e));
    if (chain->count == 0)
        return DONE;
    const struct entityindex_place place = {d, chain, d->log};
    TRY(entityindex_make(&place, LEAST, &progress, &made, e));
    x->indexed = last;
    return DONE;
}

void indexer_tick(struct indexer *x, struct datadir *d, struct board *b, int64_t now, bool sealed)
{
    struct board_facts facts;
    err e = ERR_INIT;
    if (!sealed && now < x->seen_at + LOOK_MS)
        return;
    board_facts(b, &facts);
    const bool quiet = facts.last_seq < x->seen_seq + QUIET && x->seen_at != 0;
    x->seen_seq = facts.last_seq;
    x->seen_at = now;
    if (facts.last_seq < x->indexed + LEAST || now < x->again_at || (!quiet && !sealed))
        return;
    struct watch w = {x, b, false};
    if (make(x, d, &w, facts.last_seq, &e).ok || w.yielded || board_is_busy(b))
        return;
    x->again_at = now + RETRY_MS;
    if (!x->complained)
        report_line(REPORT_PROBLEM, "cannot keep the index of rows: %s", e.message);
    x->complained = true;
}
