/*
 * agenda: which piece of work on a new database several connections may start next.
 *
 * A table is loaded, then indexed and proven (both only read it), then gets what keeps readers out, then
 * statistics; a foreign key comes when both its tables are that far. Different tables are in different stages
 * at the same time. The most work first, and rather a table that nobody works on: connections that write to
 * one table wait for each other, and rows that arrive in two streams lie in neither's order, which makes
 * their index dearer (PostgreSQL finds sorted input in one pass) and range scans slower for good.
 *
 * Threads: the caller serialises (workpool calls under its lock).
 */
#ifndef PGSTRAND_AGENDA_H
#define PGSTRAND_AGENDA_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

#define AGENDA_NO_TABLE SIZE_MAX

enum agenda_kind {
    AGENDA_LOAD,
    AGENDA_INDEX, /* before the proof: it is the longest piece, and others can prove meanwhile */
    AGENDA_PROVE,
    AGENDA_CONSTRAINT, /* locks its table against all others */
    AGENDA_STATISTICS,
    AGENDA_KEY, /* a foreign key: locks its tables against all others */
    AGENDA_KINDS
};

struct agenda_item {
    enum agenda_kind kind;
    size_t table;  /* its rank among the tables, 0 has the most work; AGENDA_NO_TABLE: after all tables */
    size_t parent; /* of a foreign key, or its table again; AGENDA_NO_TABLE likewise */
    size_t what;   /* the caller's number for it */
    bool started;
};

struct agenda_table {
    unsigned left[AGENDA_KINDS]; /* not ended */
    unsigned running;
    bool locked; /* by one that keeps others out */
};

struct agenda {
    struct agenda_item *item; /* in the order in which they should start */
    size_t count;
    size_t first; /* all before it have started */
    struct agenda_table *table;
    size_t tables;
    unsigned left[AGENDA_KINDS]; /* of all tables, and of none */
};

MUST_CHECK status agenda_init(struct agenda *a, size_t tables, err *e);
void agenda_fini(struct agenda *a);

/* Items of one table in the order of their kinds. No foreign keys here. */
MUST_CHECK status agenda_add(struct agenda *a, enum agenda_kind kind, size_t table, size_t what, err *e);
MUST_CHECK status agenda_add_key(struct agenda *a, size_t table, size_t parent, size_t what, err *e);
/* After the last agenda_add. */
void agenda_ready(struct agenda *a);

/* The number of an item that may start now, counted as started; false: none now. */
bool agenda_take(struct agenda *a, size_t *number);
/* It ended well. */
void agenda_ended(struct agenda *a, size_t number);

#endif
