/*
 * unseen: finds changes of the schema that nothing recorded: the database's schema is another text than the
 * newest one that is kept, although the rows of DDL are the same, or nothing records DDL here. What counts is
 * what is kept, not what was looked at last: a change is found again until it is kept.
 */
#ifndef PGSTRAND_UNSEEN_H
#define PGSTRAND_UNSEEN_H

#include "agent/datadir.h"
#include "agent/pg/pgconn.h"

/* Dumps the schema and compares. ERR_TIMEOUT when DDL kept coming in between. */
MUST_CHECK status unseen_look(struct datadir *d, struct pgconn *c, bool *changed, err *e);

/* A row of pgstrand.ddl that stands for the change that nobody recorded; `tag`: in the place of a command's.
 */
#define UNSEEN_SCHEMA "UNRECORDED CHANGE"
#define UNSEEN_TIERS "CHANGED TIERS"
MUST_CHECK status unseen_record(struct pgconn *c, const char *tag, err *e);

#endif
