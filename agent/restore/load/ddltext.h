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
    struct bytes parent;                  /* schema.table */
    struct bytes add;                     /* ADD CONSTRAINT ... up to the semicolon */
    struct bytes columns, parent_columns; /* lists of names: ddltext_next_name */
};

/* False when it is no ALTER TABLE ... ADD CONSTRAINT ... FOREIGN KEY ... REFERENCES. */
bool ddltext_foreign_key(struct bytes statement, struct ddltext_key *out);

struct ddltext_unique {
    struct bytes table; /* schema.table */
    struct bytes constraint;
    struct bytes columns;
    bool primary;
};

/* ALTER TABLE ... ADD CONSTRAINT ... PRIMARY KEY or UNIQUE with columns and nothing else: the same as a
 * unique index of these columns that is then given to the constraint. */
bool ddltext_unique(struct bytes statement, struct ddltext_unique *out);

/* The table that CREATE INDEX or ALTER TABLE ... ADD CONSTRAINT is about, schema.table; false for any other
 * statement. *locks: it keeps even readers of the table out. */
bool ddltext_index(struct bytes statement, struct bytes *table, bool *locks);

/* ALTER TABLE [ONLY] root ATTACH PARTITION part: the names; false for any other statement. */
bool ddltext_attach(struct bytes statement, struct bytes *root, struct bytes *part);

/* The next name of a list of columns, off which it is cut; false at its end. */
bool ddltext_next_name(struct bytes *list, struct bytes *name);
/* Is this the name of the column? */
bool ddltext_is(struct bytes name, const char *column);

/* Is this the name of the table? */
bool ddltext_names(struct bytes name, const char *schema, const char *table);

#endif
