/*
 * fkeytext: what a foreign key's statement, as pg_dump writes it, says: before there is a database to ask.
 *
 * Pure. Views borrow from the statement; names are as written there, in quotes where needed.
 */
#ifndef PGSTRAND_FKEYTEXT_H
#define PGSTRAND_FKEYTEXT_H

#include "proto/base/buf.h"

struct fkeytext {
    struct bytes table; /* schema.table */
    bool only;          /* ONLY stood before it: no partitioned root */
    struct bytes constraint;
    struct bytes parent; /* schema.table */
    struct bytes add;    /* ADD CONSTRAINT ... up to the semicolon */
};

/* False when it is no ALTER TABLE ... ADD CONSTRAINT ... FOREIGN KEY ... REFERENCES. */
bool fkeytext_parse(struct bytes statement, struct fkeytext *out);

/* Is this the name of the table? */
bool fkeytext_names(struct bytes name, const char *schema, const char *table);

#endif
