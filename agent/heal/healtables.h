/*
 * healtables: every table of the database against its last known state, into the first commit of the new
 * incarnation.
 */
#ifndef PGSTRAND_HEALTABLES_H
#define PGSTRAND_HEALTABLES_H

#include "agent/heal/heal.h"
#include "agent/heal/healwriter.h"
#include "agent/heal/known.h"
#include "agent/pg/tables.h"

struct healtables {
    struct datadir *d;
    struct pgconn *conn;             /* inside the transaction whose snapshot counts, */
    const char *conninfo, *snapshot; /* where it is, and its exported name */
    const struct table_list *tables; /* read in it */
    const struct table_info **held;  /* those of them that are compared, as conn has locked them, */
    size_t held_count;               /* each (lockturns_take_each) */
    struct known *known;
    struct healwriter *writer;
    const struct progress *progress;
    bool renumbered; /* another server: OIDs mean nothing, tables are known by their names */
    struct heal_result *out;
};

/* Fills in tables, differ, changes, and broken with its reason. */
MUST_CHECK status healtables_run(struct healtables *h, err *e);

#endif
