/*
 * retention: which snapshots of a chain may be given up, and giving them up. A FULL and what stands on it, up
 * to the next FULL, go together; the newest FULL never goes; commits stay (store/snapprune.h).
 */
#ifndef PGSTRAND_RETENTION_H
#define PGSTRAND_RETENTION_H

#include "agent/datadir.h"
#include "agent/progress.h"
#include "proto/base/pgtime.h"
#include "store/chain.h"

struct retention_rule {
    uint64_t fulls; /* the newest so many FULLs stay; 0: by age alone */
    uint64_t age;   /* seconds: every moment since then stays restorable; 0: by number alone */
};

/* How many links from the oldest on may go; 0 when both parts of the rule are 0. Where both are given, both
 * must agree. The age is taken at the last snapshot but one, if that was before now: a clock that jumped
 * ahead once proves nothing. `shipped`: links from there on are not in every vault yet, and stay. Pure. */
size_t retention_choose(const struct chain *chain, const struct retention_rule *rule, pgtime now,
                        size_t shipped);

struct retention_result {
    size_t pruned;      /* snapshots, now (or what would be: dry run) */
    size_t kept;        /* snapshots that have their content */
    uint64_t freed;     /* bytes */
    uint64_t first_seq; /* the earliest seq that can be restored */
    char *waiting;      /* the name of a vault that lacks what would go otherwise; NULL: none */
};
void retention_result_fini(struct retention_result *r);
OWN_VALUE(retention_result, retention_result_fini);

/* Before anything goes, the FULL that stays is verified, and what stands on it must be there. Whoever reads
 * the chain meanwhile (a restore, a drill) and what an interrupted restore still needs stand in the way:
 * ERR_REFUSED, or less goes. */

/* The own chain, by the configuration's rule (`rule` NULL) or another one. Waits for the sealer. Killed, it
 * goes on with the next call. */
MUST_CHECK status retention_own(struct datadir *d, const struct retention_rule *rule, bool dry_run,
                                const struct progress *progress, struct retention_result *out, err *e);

/* The chain of a node in a vault of the catalogue; what is pruned there stays pruned when it is shipped to
 * again. */
MUST_CHECK status retention_vault(struct datadir *d, const char *vault, const struct retention_rule *rule,
                                  bool dry_run, const struct progress *progress, struct retention_result *out,
                                  err *e);

#endif
