/*
 * tablespaces: where the schema's tables and indexes go: into the tablespace that they were in, if the
 * target's server has one of that name which may be used; else, and with --no-tablespaces, into the
 * database's own.
 *
 * pg_dump says it by SET default_tablespace before the statements concerned (pg_backup_archiver.c,
 * _selectTablespace).
 */
#ifndef PGSTRAND_TABLESPACES_H
#define PGSTRAND_TABLESPACES_H

#include "agent/restore/job.h"

/* The plan's schema then names only tablespaces that can be used here; a warning for each that cannot. */
MUST_CHECK status tablespaces_settle(struct job *job, struct pgconn *c, err *e);

/* Is it such a SET? *space: the name as it stands there; empty: the database's own. */
bool tablespaces_is_set(struct bytes statement, struct bytes *space);

#endif
