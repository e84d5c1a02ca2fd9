/*
 * schemasql: the schema's text on the target, statement by statement, so that a failure names the one that
 * failed.
 */
#ifndef PGSTRAND_SCHEMASQL_H
#define PGSTRAND_SCHEMASQL_H

#include "agent/restore/job.h"

/* When a statement of post-data may run, if not all run in their order. */
enum schemasql_phase {
    SCHEMASQL_STATISTICS, /* extended statistics, which ANALYZE then fills: before the rows, in their order */
    SCHEMASQL_INDEX,      /* indexes and constraints that make one: each alone, after the rows */
    SCHEMASQL_ATTACH,     /* indexes of partitions to those of their roots: in their order */
    SCHEMASQL_FOREIGN,    /* foreign keys: each alone */
    SCHEMASQL_REST,       /* triggers, rules, comments, policies, ...: in their order */
    SCHEMASQL_LAST,       /* event triggers and what concerns them: they would see all else happen */
    SCHEMASQL_SUBSCRIPTION, /* each alone, and none of them is needed (schemasql_subscriptions) */
    SCHEMASQL_PHASES
};
enum schemasql_phase schemasql_phase_of(struct bytes statement);

/* Does it only give what the statements before it made to `owner` (quoted where needed), who made it? A third
 * of a schema's statements do. */
bool schemasql_owns_already(struct bytes statement, const char *owner);

/* Is it about the owner, comment or rights of the schema public, which no statement makes? pg_dump writes
 * them down as if it were the database's own. */
bool schemasql_is_of_public(struct bytes statement);

/* Before 15 public is the superuser's, not the database's owner's; later also in a cluster that was upgraded.
 * *left: the statement is about it and not for this role to run, which is warned of. */
MUST_CHECK status schemasql_leave_public(struct job *job, struct pgconn *c, struct bytes statement,
                                         bool *left, err *e);

MUST_CHECK status schemasql_statement(struct pgconn *c, struct bytes statement, err *e);
/* Makes something in a tablespace (its name as in the text; empty: the database's own), and sets none for
 * what follows. */
MUST_CHECK status schemasql_statement_in(struct pgconn *c, struct bytes space, struct bytes statement,
                                         err *e);
/* All of a text that makes what was not there. */
MUST_CHECK status schemasql_run(struct job *job, struct pgconn *c, const char *text, const char *what,
                                err *e);

/* Those of one phase, in their order. */
MUST_CHECK status schemasql_run_phase(struct job *job, struct pgconn *c, enum schemasql_phase phase,
                                      const char *what, err *e);

/* ERR_SCHEMA naming a command of the schema's text that cannot share a transaction with the others. */
MUST_CHECK status schemasql_check(const Pgstrand__Schema *schema, err *e);

/* Makes the schema's subscriptions, switched off; says so, and also which could not be made. */
MUST_CHECK status schemasql_subscriptions(struct job *job, struct pgconn *c, err *e);

/* Fills the materialized views, in the order in which they were made; in a transaction. One that cannot be
 * filled is a warning. */
MUST_CHECK status schemasql_refresh(struct job *job, struct pgconn *c, err *e);

#endif
