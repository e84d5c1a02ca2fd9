/*
 * actionlayout: what actionpack.c, actionput.c and actionunpack.c agree on, and nobody else sees.
 *
 *     varint    actions n, commits, shapes, tables, others, bytes of all rows and others
 *     shapes    each: u8 kind, and unless that is 0: varint relation, u8 old kind,
 *               varint table of the old row, varint table of the new row (from 1; 0: there is none)
 *     tables    each: varint columns, varint rows
 *     commits   integers, one a commit: actions of it here; first seq less the last seq before less 1; last
 * seq plus 1 less first seq; LSN; end LSN less LSN; time; xid; origin LSN. Columns: origin, user, session
 * (NULL: none) actions   integers, one an action: shape, from 0; index in its commit, less the one before
 * less 1 others    a column: the actions of shape 0 as encoded messages, without index; only when there are
 * any rows      table by table, its columns one after the other: the values of its rows, in the actions'
 * order
 *
 * Integers are an intcolumn, columns a valuecolumn. A table is one relation's new rows, or its old rows or
 * old keys, with one number of columns.
 */
#ifndef PGSTRAND_ACTIONLAYOUT_H
#define PGSTRAND_ACTIONLAYOUT_H

#include "proto/actionpack.h"

/* Fields of a commit that are integers. */
enum {
    LAYOUT_ACTIONS,
    LAYOUT_GAP,
    LAYOUT_SPAN,
    LAYOUT_LSN,
    LAYOUT_END,
    LAYOUT_TIME,
    LAYOUT_XID,
    LAYOUT_ORIGIN_LSN,
    LAYOUT_INTS
};

/* And those that are texts. */
enum { LAYOUT_ORIGIN, LAYOUT_USER, LAYOUT_SESSION, LAYOUT_TEXTS };

/* ---- while it is gathered ---- */

#define ACTIONPACK_SLOTS (ACTIONPACK_SHAPES_MAX * 2)

struct piece {
    uint32_t at; /* in the pack's bytes */
    uint32_t len;
};

struct packed_action {
    struct piece old; /* TupleData; empty: none */
    struct piece new; /* or, of shape 0, the encoded action */
    uint64_t gap;
    uint32_t shape;
};

struct packed_commit {
    struct commit commit; /* without its texts */
    struct piece text[LAYOUT_TEXTS];
    uint64_t actions;
};

struct shape {
    uint32_t kind; /* 0: the action is kept as encoded */
    uint32_t relation;
    char old_kind;
    uint32_t old_columns; /* 0: there is no such row */
    uint32_t new_columns;
    uint32_t old_table; /* from 1 */
    uint32_t new_table;
};

struct table {
    uint32_t relation;
    char side; /* 'N' new, 'K' old key, 'O' old row */
    uint32_t columns;
    uint32_t rows;
};

struct actionpack {
    size_t limit;
    size_t size; /* of what is laid out, at most */
    struct buf bytes;
    struct packed_action *action;
    size_t actions, action_room;
    struct packed_commit *commit;
    size_t commits, commit_room;
    uint64_t last_index; /* of the commit in progress */
    struct shape shape[ACTIONPACK_SHAPES_MAX];
    size_t shapes;
    uint16_t slot[ACTIONPACK_SLOTS]; /* 1 + number of a shape; 0: free */
    struct table *table;
    size_t tables, table_room;
    size_t columns; /* of all tables */
    size_t others;  /* actions of shape 0 */
    struct buf encoded;
};

/* Forgets what was gathered, keeps the memory. */
void actionpack_empty(struct actionpack *p);

#endif
