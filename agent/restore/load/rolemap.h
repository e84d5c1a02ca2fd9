/*
 * rolemap: --role OLD=NEW: the schema's text with other roles as owners, grantees and grantors.
 *
 * Roles are looked for where pg_dump writes them: OWNER TO, GRANT ... TO, REVOKE ... FROM, FOR ROLE, the TO
 * of a policy, SET SESSION AUTHORIZATION; never in strings, bodies of functions or names of other things.
 */
#ifndef PGSTRAND_ROLEMAP_H
#define PGSTRAND_ROLEMAP_H

#include <snapshot.pb-c.h>

#include "proto/base/buf.h"

struct role_pair {
    const char *from, *to; /* names as they are, without quotes */
};

/* "OLD=NEW" taken apart; the texts are malloc'ed. ERR_USAGE when it is none. */
MUST_CHECK status rolemap_parse(const char *text, char **from, char **to, err *e);

/* A statement with its roles replaced, appended. */
void rolemap_statement(struct bytes statement, const struct role_pair *pairs, size_t count, struct buf *out);

/* The same for the texts of a schema and its list of roles. */
MUST_CHECK status rolemap_apply(Pgstrand__Schema *schema, const struct role_pair *pairs, size_t count,
                                err *e);

#endif
