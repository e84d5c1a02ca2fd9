/*
 * unseen: finds changes of the schema that nothing recorded: the same fingerprint of DDL rows, but another
 * text. What was seen last lies in DATA/schema.seen as two hashes.
 */
#ifndef PGSTRAND_UNSEEN_H
#define PGSTRAND_UNSEEN_H

#include "agent/datadir.h"
#include "agent/pg/pgconn.h"

/* Dumps the schema and compares; remembers what it saw. ERR_TIMEOUT when DDL kept coming in between. */
MUST_CHECK status unseen_look(struct datadir *d, struct pgconn *c, bool *changed, err *e);

/* A row of pgstrand.ddl that stands for the change that nobody recorded. */
MUST_CHECK status unseen_record(struct pgconn *c, err *e);

#endif
