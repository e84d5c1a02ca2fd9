/*
 * relation: the shape of a table at one time, as the stream announced it, with pgstrand's own facts about the
 * table.
 *
 * Ownership: relation_decode and relation_copy -> caller -> relation_free (one block; NULL-safe). Pure
 * otherwise.
 */
#ifndef PGSTRAND_RELATION_H
#define PGSTRAND_RELATION_H

#include "proto/base/buf.h"
#include "proto/base/uuid.h"
#include "proto/tier.h"

#define RELATION_COLUMNS_MAX 1600 /* MaxHeapAttributeNumber of PostgreSQL */

struct column {
    const char *name;
    uint32_t type;   /* OID of pg_type */
    int32_t typmod;  /* -1: none */
    bool key;        /* part of the replica identity */
    uint16_t attnum; /* 0 when the catalogue was not asked */
};

struct relation {
    uint32_t version; /* within one log; 0 before the log has given it one */
    uint32_t oid;
    const char *schema; /* "" never occurs: pgoutput's empty name for pg_catalog is written out */
    const char *name;
    char replica_identity; /* 'd', 'n', 'f', 'i' */
    uuid table;
    enum tier tier;
    uint16_t column_count;
    struct column *columns;
};

/*
 * How the rows of a relation are told apart. A table whose replica identity is FULL or NOTHING is a multiset:
 * the whole row is the key and equal rows are counted.
 */
bool relation_is_keyed(const struct relation *r);

/* Equal in all that matters to reading rows: names, types, key flags, replica identity (versions are not
 * compared). */
bool relation_same_shape(const struct relation *a, const struct relation *b);

/* One block that holds everything. */
MUST_CHECK status relation_copy(const struct relation *source, struct relation **out, err *e);
void relation_free(struct relation *r);
OWN_POINTER(relation, relation_free);

/* The Relation message of action.proto. */
void relation_encode(const struct relation *r, struct buf *out);
MUST_CHECK status relation_decode(struct bytes raw, struct relation **out, err *e);

/*
 * The key of a row in canonical form: for each key column, its length as 4 bytes big-endian (0xFFFFFFFF for
 * NULL) and its text. `tuple` is TupleData (tuple.h). Unchanged TOAST in a key column is looked for in
 * `fallback` (an old key; may be empty). For a multiset all columns are the key. ERR_SCHEMA when the column
 * counts differ; ERR_STORAGE when malformed or a value is not there; `out` may then hold a part of the key.
 */
MUST_CHECK status relation_key(const struct relation *r, struct bytes tuple, struct bytes fallback,
                               struct buf *out, err *e);

/* UUIDv5(dataset, table UUID + key). */
MUST_CHECK status relation_entity(const uuid *dataset, const uuid *table, struct bytes key, uuid *out,
                                  err *e);

/* UUIDv5(dataset, "schema" + NUL + "name"): a table's UUID at first sight. */
MUST_CHECK status relation_table_uuid(const uuid *dataset, const char *schema, const char *name, uuid *out,
                                      err *e);

#endif
