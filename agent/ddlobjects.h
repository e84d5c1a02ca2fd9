/*
 * ddlobjects: what a DDL action says was touched (setup/triggers.sql writes it): objects by class and OID,
 * tables with their columns.
 *
 * Pure. Ownership: everything lives in the caller's arena. Threads: any.
 */
#ifndef PGSTRAND_DDLOBJECTS_H
#define PGSTRAND_DDLOBJECTS_H

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/err.h"

#define DDLOBJECTS_CLASS_RELATION 1259u /* pg_class; the same in every database */
#define DDLOBJECTS_CLASS_TYPE 1247u     /* pg_type */

/* Why a table was rewritten (src/include/commands/event_trigger.h); 0: it was not. */
#define DDLOBJECTS_PERSISTENCE 1u
#define DDLOBJECTS_DEFAULT 2u
#define DDLOBJECTS_TYPE 4u
#define DDLOBJECTS_ACCESS_METHOD 8u

struct ddl_column {
    uint16_t attnum;
    const char *name;
    uint32_t type; /* OID of pg_type */
    int32_t typmod;
    bool generated;
    const char *missing; /* what rows have that are older than the column, as text; NULL: nothing */
};

struct ddl_object {
    uint32_t class;
    uint32_t oid;
    const char *type;     /* "table", "index", ... */
    const char *identity; /* qualified and quoted as SQL has it */
    unsigned reason;      /* of a rewrite */
    bool empty;           /* the table that was rewritten had no rows */
    bool plain;           /* the command that rewrote it has no USING */
    bool retold;          /* the rows that a rewrite left follow in the stream */
    bool stale;           /* the columns may be older than the change */
    bool has_columns;
    size_t count;
    struct ddl_column *column; /* by attribute number */
};

/* *sound false: the text is not what the trigger writes; nothing is known then. */
MUST_CHECK status ddlobjects_parse(struct bytes content, struct arena *arena, struct ddl_object **out,
                                   size_t *count, bool *sound, err *e);

/* The only element of an array of one dimension as array_out writes it ("{x}"); NULL when it is none. */
const char *ddlobjects_element(const char *array, struct arena *arena);

#endif
