/*
 * unseen: finds changes of the schema that nothing recorded: the same fingerprint of DDL rows, but another
 * text. What was seen last lies in DATA/schema.seen as two hashes.
 */
#ifndef PGSTRAND_UNSEEN_H
#define PGSTRAND_UNSEEN_H

#include "agent/datadir.h"
#include "agent/pg/pgconn.h"

struct unseen {
    uint8_t fingerprint[SHA256_LEN];
    uint8_t text[SHA256_LEN];
};

/* Dumps the schema and compares with what was kept last. ERR_TIMEOUT when DDL kept coming in between. */
MUST_CHECK status unseen_look(struct datadir *d, struct pgconn *c, struct unseen *now, bool *changed, err *e);

/* Remembers what was seen: only after a change was recorded, or it would never be found again. */
MUST_CHECK status unseen_keep(struct datadir *d, const struct unseen *now, err *e);

/* A row of pgstrand.ddl that stands for the change that nobody recorded. */
MUST_CHECK status unseen_record(struct pgconn *c, err *e);

#endif
