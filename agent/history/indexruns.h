/*
 * indexruns: the runs of DATA/index that belong to this log and chain, in a row without gaps.
 */
#ifndef PGSTRAND_INDEXRUNS_H
#define PGSTRAND_INDEXRUNS_H

#include "agent/history/entityindex.h"
#include "store/hashrun.h"

struct indexrun {
    char *path;
    struct hashrun *run;
};

struct indexruns {
    char *dir;
    struct indexrun *run;
    size_t count;
    uint64_t first; /* the seq with which actions begin */
    uint64_t reach; /* the last seq that a run covers; first - 1: none does */
    uint64_t end;   /* the last seq that can be read now */
};
void indexruns_fini(struct indexruns *r);
OWN_VALUE(indexruns, indexruns_fini);

/* Opens what can be used. What is damaged, or does not belong here, is left out, and everything behind it. */
MUST_CHECK status indexruns_load(const struct entityindex_place *place, struct indexruns *out, err *e);

/* The path of the run of these seqs; malloc'ed, NULL when memory is out. */
char *indexruns_path(const struct indexruns *r, uint64_t first, uint64_t last);

/* Puts one behind the others. */
MUST_CHECK status indexruns_append(struct indexruns *r, char *path, err *e);

/* Removes the files that are none of them, and those of bases that the chain does not have any more. */
MUST_CHECK status indexruns_tidy(const struct indexruns *r, const struct chain *chain, err *e);

/* Reads all of them; the first one that turns out to be damaged is removed, with all behind it. */
MUST_CHECK status indexruns_drop_damaged(struct indexruns *r, bool *any, err *e);

/* The incarnation that an action of this seq belongs to. */
MUST_CHECK status indexruns_incarnation(const struct entityindex_place *place, uint64_t seq, uuid *out,
                                        err *e);

#endif
