/*
 * hooks: what the owner has done around a restore: SQL in the target and programs, named in [hooks] of the
 * configuration.
 *
 *   before          before anything is changed, first SQL, then the program; when one fails nothing happens
 *   same, other     SQL in the restore's own transaction, behind the rows
 *   after           when it has ended: restored, failed or cancelled
 *
 * They are told the facts: programs in their environment (PGSTRAND_NODE ...), SQL in settings of the session
 * (pgstrand.node ...: current_setting('pgstrand.node', true)). Nothing is put into a command or a statement,
 * and no shell is asked. search_path is empty: names need their schemas.
 *
 * Failure: the hook's, with its name in front; ERR_TIMEOUT when it takes longer than hooks.timeout. Threads:
 * one.
 */
#ifndef PGSTRAND_HOOKS_H
#define PGSTRAND_HOOKS_H

#include "agent/restore/job.h"
#include "agent/restore/plan/place.h"

enum hooks_result { HOOKS_PENDING, HOOKS_RESTORED, HOOKS_FAILED, HOOKS_CANCELLED };

/* What they are told. */
#define HOOKS_FACTS 14
struct hook_facts {
    char *fact[HOOKS_FACTS]; /* "PGSTRAND_NODE=...", malloc'ed; NULL: not known */
};
void hook_facts_fini(struct hook_facts *f);
OWN_VALUE(hook_facts, hook_facts_fini);

/* `place` and `job` may be NULL: a workflow that is cancelled after its process has died. */
MUST_CHECK status hooks_facts(const struct datadir *d, const struct restore_request *request,
                              const struct place *place, const struct job *job, const uuid *workflow,
                              struct hook_facts *out, err *e);

/* *begun, also on failure: the SQL is committed, so hooks_after must follow. */
MUST_CHECK status hooks_before(const struct config *c, const char *conninfo, struct hook_facts *facts,
                               bool *begun, err *e);
MUST_CHECK status hooks_after(const struct config *c, const char *conninfo, enum hooks_result result,
                              struct hook_facts *facts, err *e);

/* In the transaction on `c`. A restore without facts (a drill) has no hooks. */
MUST_CHECK status hooks_inside(struct job *job, struct pgconn *c, err *e);

/* Are there any before or after? */
bool hooks_any(const struct config *c);

#endif
