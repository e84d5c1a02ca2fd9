/*
 * history: the own chain and log as they are looked up by row: what every question about the past shares.
 *
 * Ownership: history_open -> caller -> history_fini. Threads: one.
 */
#ifndef PGSTRAND_HISTORY_H
#define PGSTRAND_HISTORY_H

#include "agent/history/entityindex.h"
#include "agent/restore/plan/place.h"
#include "agent/restore/plan/plan.h"

struct history {
    struct datadir *d;
    const struct progress *progress;
    struct place place;
    struct entityindex *index;
    struct logreader *log; /* so that the newest segment stays open: many look into it; NULL: there is none */
};
void history_fini(struct history *h);
OWN_VALUE(history, history_fini);

/* ERR_VALIDATION when nothing was sealed yet. */
MUST_CHECK status history_open(struct datadir *d, const struct progress *progress, struct history *out,
                               err *e);

/* Adds the seqs filed under `name` (entitykey.h); an index that turns out to be damaged is made again. */
MUST_CHECK status history_find(struct history *h, const uuid *name, struct seqlist *out, err *e);

/* The state at a seq, as a restore would plan it; `tables` is a glob list, NULL: all. DIFFERENTIALs are left
 * out: they do not have every action. */
MUST_CHECK status history_plan(const struct history *h, uint64_t seq, const char *tables, struct plan **out,
                               err *e);

/* A seq inside a transaction is rounded down to the commit before it, as restores do. */
MUST_CHECK status history_round(const struct history *h, uint64_t *seq, err *e);

/* Does anything of the seqs lie in (from, to]? */
bool history_between(const struct seqlist *sorted, uint64_t from, uint64_t to);

#endif
