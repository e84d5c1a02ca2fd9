/*
 * tend: what the agent looks after while it captures, because the event triggers could not or are not there:
 * replica identities, the rules that the triggers go by, and whether the triggers still stand.
 *
 * Threads: one at a time per connection. Never waits for a lock: what is locked is left for the next time.
 */
#ifndef PGSTRAND_TEND_H
#define PGSTRAND_TEND_H

#include "agent/pg/tables.h"
#include "agent/progress.h"

/* Tells the triggers which tables need whole old rows: pgstrand.rule becomes what the tier rules say. */
MUST_CHECK status tend_rules(struct pgconn *c, const struct tier_rules *rules, err *e);

/*
 * FULL for tables that cannot tell their rows apart or whose tier depends on a column; the default for those
 * that pgstrand had given FULL and that have a key again (the trigger leaves them in REPEATABLE READ and
 * above). Each change is recorded in pgstrand.identity and said. *left: tables that are locked now.
 */
MUST_CHECK status tend_identities(struct pgconn *c, const struct tier_rules *rules,
                                  const struct progress *progress, size_t *left, err *e);

/* What is missing, as one line for `status`; empty: nothing. `triggers`: the event triggers should be there;
 * without them: tables that the publication does not have. */
MUST_CHECK status tend_lacks(struct pgconn *c, bool triggers, const char *publication, char *out, size_t size,
                             err *e);

#endif
