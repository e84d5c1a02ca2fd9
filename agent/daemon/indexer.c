#include "agent/daemon/indexer.h"

#include "agent/daemon/report.h"
#include "agent/history/entityindex.h"
#include "agent/lineage.h"

#define LEAST 5000      /* actions that are worth a run: a command reads as many in a few milliseconds */
#define LOOK_MS 2000    /* between two looks */
#define QUIET 2000      /* actions between them: capture has little to do */
#define RETRY_MS 300000 /* after a failure */

static bool is_stopping(void *board)
{
    return board_is_busy(board);
}

static status make(struct indexer *x, struct datadir *d, struct board *b, uint64_t last, err *e)
{
    OWNED(chain) struct chain *chain = NULL;
    struct progress progress = report_progress;
    uint64_t made = 0;
    progress.context = b;
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
    if (make(x, d, b, facts.last_seq, &e).ok || is_stopping(b))
        return;
    x->again_at = now + RETRY_MS;
    if (!x->complained)
        report_line(REPORT_PROBLEM, "cannot keep the index of rows: %s", e.message);
    x->complained = true;
}
