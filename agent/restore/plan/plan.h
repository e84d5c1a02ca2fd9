/*
 * plan: which base, and how far the actions behind it, lead to a target; and what of every table comes.
 *
 * A target is a limit: the first commit beyond it ends the restore, so it is always rounded down to a commit.
 * A FULL can serve when the target is not before what any of its table bases already has. What cannot be done
 * is said here, before anything is read or changed.
 *
 * Ownership: plan_make -> caller -> plan_free (NULL-safe); the chain must outlive it. Threads: one.
 */
#ifndef PGSTRAND_PLAN_H
#define PGSTRAND_PLAN_H

#include "agent/restore/plan/idlereaders.h"
#include "agent/restore/plan/lsnspan.h"
#include "agent/restore/plan/versions.h"
#include "agent/restore/restore.h"
#include "proto/action.h"
#include "proto/base/digest.h"
#include "proto/base/seqlist.h"
#include "store/chain.h"

#define TIER_BIT(tier) (1u << (tier))

struct stages;
struct rowmap;
struct rowfilter;

struct plan_table {
    const Pgstrand__Table *message; /* as it is at the target; where that is a newer one, with its columns */
    const Pgstrand__Table *sealed;  /* as the chain has it then */
    Pgstrand__Table *fitted;        /* memory of `message` when it is another one; NULL: it is `sealed` */
    char **extra;                   /* columns that only the target has */
    size_t extra_count;
    const Pgstrand__Table *base;     /* as it is in its base; NULL: made later, or told again */
    size_t base_link;                /* the FULL, or an INCREMENTAL that has this table's rows */
    uint64_t base_seq;               /* of the latter: actions up to here are in them; of rows that were told
                                      * again: they come behind it; else 0 */
    struct rowmap *base_map;         /* base rows into the first stage's columns */
    const struct seqlist *base_only; /* only these frames of the base's rows; NULL: all. Borrowed. */
    struct stages *stages;           /* its history in the fold (stages.h) */
    bool comes;                      /* its rows are restored; else it stays or becomes empty */
    bool filtered;                   /* not all of them: the plan's filter has those that are */
    bool has_digest;                 /* base_digest is known */
    struct table_digest base_digest;
    uint64_t actions; /* folded */
};

struct plan {
    const struct chain *chain;
    struct idlereaders *idle; /* of its links; the plan's own */
    size_t base;              /* number of the FULL */
    size_t shortcut;          /* number of the DIFFERENTIAL that is read for the links between; 0: none */
    Pgstrand__Schema *base_schema;
    struct versions versions;   /* of the schema behind the base */
    Pgstrand__Schema *schema;   /* in force at the target; borrowed from one of the two */
    uint64_t schema_seq;        /* DDL behind it has no version yet */
    bool followed;              /* DDL is recorded: changes of the schema are known, not guessed */
    uint64_t between;           /* the target lay between changes that share a version; 0: it did not */
    const char *log;            /* folder whose tail goes on behind the chain; NULL: none */
    const struct seqlist *only; /* only these actions are folded; NULL: all. Borrowed. */
    unsigned tiers;             /* that come */
    lsn base_lsn;               /* the latest of all the FULL's table bases */
    uint64_t base_seq;          /* the latest of all tables' base_seq */
    struct lsnspans spans;
    struct lsnspan base_span; /* where LSNs can be compared with those of the bases */
    struct plan_table *table;
    size_t count;

    /* The limit: a commit beyond any of these ends it. */
    uint64_t stop_seq;
    pgtime stop_time;
    lsn stop_lsn;
    uint64_t stop_lsn_from; /* commits before this seq are not judged by stop_lsn */

    uint64_t end_seq;         /* the last one that chain and log have */
    uint64_t seq;             /* what is reached; final when the actions were gathered */
    uint64_t actions;         /* folded, all tables */
    struct rowfilter *filter; /* which rows come (filter/rowfilter.h); NULL: all. The plan's own */
};

struct plan_options {
    const struct chain *chain;
    const char *log;
    const struct restore_target *target;
    unsigned tiers;
    const char *tables;                 /* glob list; NULL: all */
    const struct versionbook *unsealed; /* versions that only the catalogue has; NULL: none */
};

MUST_CHECK status plan_make(const struct plan_options *options, struct plan **out, err *e);
void plan_free(struct plan *p);
OWN_POINTER(plan, plan_free);

/* Does this commit come before an LSN of the base's incarnation? Never one of a later incarnation. */
bool plan_is_before(const struct plan *p, uint64_t seq, lsn commit, lsn at);

bool plan_is_beyond(const struct plan *p, const struct commit *c);

/* Does it read this link? Final when the actions were gathered. */
bool plan_reads(const struct plan *p, size_t link);

/* The number of the last link whose state is not beyond `seq`: for what was sealed beside the actions. */
size_t plan_last_link(const struct plan *p, uint64_t seq);

#endif
