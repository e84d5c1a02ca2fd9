/*
 * lsnspan: LSNs can be compared within an incarnation only: another one may be another server's, or another
 * timeline's. This is the row of incarnations of a chain and its log, as ranges of seq.
 *
 * Ownership: lsnspans_fill -> caller -> lsnspans_fini. Threads: immutable once filled.
 */
#ifndef PGSTRAND_LSNSPAN_H
#define PGSTRAND_LSNSPAN_H

#include "store/chain.h"

struct lsnspan {
    uint64_t first_seq;
    uint64_t last_seq; /* UINT64_MAX: of the newest */
    uint64_t first_lsn;
};

struct lsnspans {
    struct lsnspan *span; /* oldest first; at least one once filled */
    size_t count;
};

/* `log` NULL: none. */
MUST_CHECK status lsnspans_fill(struct lsnspans *out, const struct chain *chain, const char *log, err *e);
void lsnspans_fini(struct lsnspans *s);
OWN_VALUE(lsnspans, lsnspans_fini);

const struct lsnspan *lsnspans_last(const struct lsnspans *s);
/* Of the incarnation that sealed this link. */
const struct lsnspan *lsnspans_of_link(const struct lsnspans *s, const struct chain *chain, size_t link);
/* The newest that had begun by this LSN; the oldest when none had. */
const struct lsnspan *lsnspans_of_lsn(const struct lsnspans *s, uint64_t at);

#endif
