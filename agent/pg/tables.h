/*
 * tables: the user tables of a database, with what capture, base and restore need of each.
 *
 * Ownership: table_list_read -> caller -> table_list_free; names live as long as the list. Threads: immutable
 * afterwards.
 */
#ifndef PGSTRAND_TABLES_H
#define PGSTRAND_TABLES_H

#include "agent/pg/pgconn.h"
#include "agent/tiers.h"
#include "proto/relation.h"

struct table_column {
    const char *name;
    uint32_t type;
    int32_t typmod;
    uint16_t attnum;
    bool key;            /* part of the replica identity */
    bool virtual_column; /* generated when read: never streamed */
    bool generated;      /* stored generated: not copied, not streamed before 18 */
    bool identity;
    const char *missing; /* what rows have that are older than the column, as text; NULL: nothing */
};

struct table_info {
    uint32_t oid;
    const char *schema;
    const char *name;
    char kind;             /* pg_class.relkind: 'r', or 'p' for a partitioned root (no rows of its own) */
    char persistence;      /* 'p' permanent, 'u' unlogged */
    char replica_identity; /* pg_class.relreplident */
    bool has_identity;     /* UPDATE and DELETE will work when published */
    bool has_primary_key;
    int64_t pages; /* pg_class.relpages, for splitting and progress */
    int64_t row_estimate;
    int64_t bytes;
    uint16_t column_count;
    struct table_column *columns; /* in attribute order, dropped ones left out */
    struct table_tier tier;       /* borrowed from the rules given */
};

struct cross_tier_key { /* a foreign key that leads out of what travels */
    const char *constraint;
    uint32_t from, to; /* indexes into tables */
};

struct table_list {
    struct table_info *table; /* by schema, name */
    size_t count;
    struct cross_tier_key *finding;
    size_t finding_count;
};

/* All permanent and unlogged user tables, without pgstrand's own schema, system and temporary ones. Runs in
 * the connection's current transaction and snapshot. */
MUST_CHECK status table_list_read(struct pgconn *c, const struct tier_rules *rules, struct table_list **out,
                                  err *e);
void table_list_free(struct table_list *l);
OWN_POINTER(table_list, table_list_free);

/* Must its replica identity become FULL? No usable key, or a tier that depends on a column. Never where the
 * server would then refuse the application's UPDATE: see table_blocks. */
bool table_wants_full(const struct table_info *t);

/*
 * The first column that is generated when it is read; NULL: there is none. From 18 on the server refuses
 * UPDATE and DELETE of a published table with one when its replica identity is FULL, and without an identity
 * anyway: table_blocks says whether that is so here.
 */
const char *table_computed_column(const struct table_info *t);
bool table_blocks(const struct table_info *t);

/* "schema"."name", appended. */
void table_quote(struct buf *out, const char *schema, const char *name);
/* The quoted names of the columns that are copied, comma-separated; empty for a table without any. */
void table_copy_columns(struct buf *out, const struct table_info *t);

#endif
