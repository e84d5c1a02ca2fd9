/*
 * schemaversion: takes a version of the schema after it changed: a dump with its place in the log, kept in
 * the catalogue until it is sealed.
 *
 * Threads: any one; opens its own connection and log reader, takes its own datadir.
 */
#ifndef PGSTRAND_SCHEMAVERSION_H
#define PGSTRAND_SCHEMAVERSION_H

#include "agent/datadir.h"
#include "agent/pg/schema.h"
#include "store/chain.h"

enum schemaversion_outcome {
    SCHEMAVERSION_CURRENT,   /* the newest version is what the database has */
    SCHEMAVERSION_TAKEN,     /* a new one was kept */
    SCHEMAVERSION_LATER,     /* the log does not have all its DDL yet: try again */
    SCHEMAVERSION_IMPOSSIBLE /* nothing records DDL here, or the chain does not say where it began: only a
                                FULL tells the schema */
};

/* ERR_TIMEOUT: DDL goes on without a pause. `patience_ms`: how long to wait for the log. */
MUST_CHECK status schemaversion_take(struct datadir *d, const char *conninfo, int patience_ms,
                                     enum schemaversion_outcome *out, err *e);
/* The same where the identity and the chain were just loaded. */
MUST_CHECK status schemaversion_take_behind(struct datadir *d, const struct chain *chain,
                                            const char *conninfo, int patience_ms,
                                            enum schemaversion_outcome *out, err *e);

/* The newest schema that is kept: of a version, else of the chain, whichever incarnation it is of. */
struct schemaversion_kept {
    bool known;
    uint8_t fingerprint[SHA256_LEN];
    uint8_t text[SHA256_LEN];
};
MUST_CHECK status schemaversion_newest(struct datadir *d, struct schemaversion_kept *out, err *e);

/* Does the configuration give tables another tier than the newest version has? False while that is not what
 * the database has: the next one is taken with the tiers as they are. */
MUST_CHECK status schemaversion_tiers_changed(struct datadir *d, struct pgconn *c, bool *out, err *e);

/* What stands in `text` of the above for a dump. */
MUST_CHECK status schemaversion_hash(const struct schema_text *s, uint8_t out[static SHA256_LEN], err *e);

#endif
