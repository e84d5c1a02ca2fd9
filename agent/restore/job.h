/*
 * job: one restore in progress: what its steps share.
 *
 * Threads: one; while tables are loaded and proven by several (parallel), each has the proofs of its own
 * tables, and the rest is only read. Ownership: job_fini releases what the steps made in it (left_out); plan,
 * fold and proof are the caller's.
 */
#ifndef PGSTRAND_JOB_H
#define PGSTRAND_JOB_H

#include "agent/pg/pgconn.h"
#include "agent/restore/fold/fold.h"
#include "agent/restore/plan/plan.h"
#include "proto/rowsum.h"

struct hook_facts;

struct table_proof {
    struct table_digest expected; /* made while its rows were loaded */
    struct rowsum sent;           /* of what went to the server, */
    char *expression;             /* and how that makes the same of a row; NULL: rows are read back */
    bool proven;
    uint64_t failed; /* rows that were left out */
    bool compared;   /* with what the target held before */
    struct row_changes changes;
};

/* A row that the target refused. */
struct skipped_row {
    uuid id; /* in the quarantine */
    const Pgstrand__Table *table;
    char *line; /* COPY text */
    err why;
};

struct job {
    struct datadir *d;
    struct restore_request *request; /* its number of jobs is chosen when the target is known */
    const struct progress *progress;
    struct plan *plan;
    struct fold *fold;
    struct table_proof *proof; /* by the plan's tables */
    struct restore_result *out;
    bool same_device;
    bool own;                 /* the chain is this data directory's own */
    uuid node;                /* whose the target is from now on */
    bool migrated;            /* the target's schema is newer than the chain's */
    const uuid *workflow;     /* that this restore is; NULL: none */
    struct hook_facts *facts; /* what hooks are told (hooks.h); NULL: there are none */
    struct skipped_row *left_out;
    size_t left_out_count;
    bool announced; /* the source's origin was made for the transaction, before it */
    bool marked;    /* the transaction carries it */
};
void job_fini(struct job *job);
OWN_VALUE(job, job_fini);

/* The fold's share of the memory; its parts on disk take half as much again when they are read. */
struct fold_options job_fold_options(const struct datadir *d, const struct restore_request *request);

/* The actions up to the plan's limit into the fold. ERR_SCHEMA when capture noticed a change of the schema
 * between base and target that cannot be followed. */
MUST_CHECK status job_gather(struct job *job, err *e);

/* When one business was asked for, or demo ones are to stay behind: the plan's filter. */
MUST_CHECK status job_filter(struct job *job, err *e);

/* One line for the report; also said at once. */
MUST_CHECK status job_warn(struct job *job, err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
MUST_CHECK status job_skip(struct job *job, err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
