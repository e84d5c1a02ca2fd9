/*
 * ddltext: what statements say that pg_dump wrote, before there is a database to ask: foreign keys, indexes.
 *
 * Pure. Views borrow from the statement; names are as written there, in quotes where needed.
 */
#ifndef PGSTRAND_DDLTEXT_H
#define PGSTRAND_DDLTEXT_H

#include "proto/base/buf.h"

struct ddltext_key {
    struct bytes table; /* schema.table */
    bool only;          /* ONLY stood before it: no partitioned root */
    struct bytes constraint;
    struct bytes parent; /* schema.table */
    struct bytes add;    /* ADD CONSTRAINT ... up to the semicolon */
};

/* False when it is no ALTER TABLE ... ADD CONSTRAINT ... FOREIGN KEY ... REFERENCES. */
bool ddltext_foreign_key(struct bytes statement, struct ddltext_key *out);

/* The table that CREATE INDEX or ALTER TABLE ... ADD CONSTRAINT is about, schema.table; false for any other
 * statement. *locks: it keeps even readers of the table out. */
bool ddltext_index(struct bytes statement, struct bytes *table, bool *locks);

/* Is this the name of the table? */
bool ddltext_names(struct bytes name, const char *schema, const char *table);

#endif
