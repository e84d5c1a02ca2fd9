/*
 * changes: the rows that are not at one seq what they were at another: those that actions between the two
 * were about (all rows of a table that was emptied), each as it was then and then.
 *
 * Ownership: changes_read -> caller -> changes_fini. Memory: the rows that differ, twice; ERR_VALIDATION when
 * they exceed the configuration's restore.memory. Threads: one.
 */
#ifndef PGSTRAND_CHANGES_H
#define PGSTRAND_CHANGES_H

#include "agent/history/rowstate.h"

struct rowchange {
    const Pgstrand__Table *table; /* as it is at `to` */
    uuid entity;
    char *old;      /* COPY text line in the table's columns, without line end; NULL: there was no row */
    char *new;      /* NULL: there is no row */
    uint64_t first; /* actions about it in between; 0: a TRUNCATE took it */
    uint64_t last;
};

/* What a row was and is; NULL: it was not there, or is not. */
struct changes_lines {
    char *old;
    char *new;
};

struct changes {
    uint64_t from; /* rounded down to a commit, as `to` */
    uint64_t to;
    struct plan *before;
    struct plan *after;
    struct rowchange *item; /* by table, then by `last` */
    size_t count;
    char **note; /* what is no row: DDL in between, tables that were left out */
    size_t notes;
    size_t keyless; /* tables without key among them */
    struct rowset set;
    struct changes_lines *line; /* by the set's rows, while it is made */
    size_t lines;               /* that there is room for */
    size_t memory;
};
void changes_fini(struct changes *c);
OWN_VALUE(changes, changes_fini);

/* `tables`: glob list, NULL: all. `from` <= `to`. */
MUST_CHECK status changes_read(struct history *h, uint64_t from, uint64_t to, const char *tables,
                               struct changes *out, err *e);

#endif
