/*
 * newdb: a database of ours beside another one: made, built by whoever restores into it, and dropped again
 * unless it takes the other one's place (newdbswap).
 *
 * It carries a comment by which a later restore knows that it was left over by a killed one, and may remove
 * it. Threads: one; newdb_connect any.
 */
#ifndef PGSTRAND_NEWDB_H
#define PGSTRAND_NEWDB_H

#include "agent/pg/pgconn.h"

#define NEWDB_SUFFIX "_pgstrand_new"
#define NEWDB_NAME_MAX 63 /* NAMEDATALEN - 1 */
#define NEWDB_REPLACED "pgstrand: replaced by a restore; it may be dropped"

struct newdb {
    const char *conninfo;
    char *target;
    char *name;           /* of the new one */
    bool made;            /* by us: it may be dropped */
    struct pgconn *admin; /* to another database of the server */
};
void newdb_fini(struct newdb *n);
OWN_VALUE(newdb, newdb_fini);

/* Makes it from template0, with all that `model` is as a database (dblike). `name` NULL: model's with
 * NEWDB_SUFFIX. ERR_REFUSED while another restore has it, or another database has its name. */
MUST_CHECK status newdb_make(struct pgconn *model, const char *conninfo, const char *name, struct newdb *out,
                             err *e);
/* ERR_REFUSED while another restore builds one for this target: for the swap it leaves the target itself. */
MUST_CHECK status newdb_check_none(struct pgconn *target, err *e);
MUST_CHECK status newdb_connect(const struct newdb *n, struct pgconn **out, err *e);
/* After a failure: drops it. */
void newdb_drop(struct newdb *n);

/* Drops what a restore into conninfo's database that was killed left beside it, under this name or NULL as
 * above, if there is something. Nothing is done while another restore has it. */
MUST_CHECK status newdb_clear(const char *conninfo, const char *name, err *e);

/* ---- for newdbswap ---- */

/* A database to give orders from, while the target's name changes. */
MUST_CHECK status newdb_admin(const char *conninfo, const char *target, struct pgconn **out, err *e);

/* What a killed restore left under this name goes away, and what an earlier one replaced, if it is still
 * empty; ERR_REFUSED for anything else of that name. */
MUST_CHECK status newdb_make_way(struct newdb *n, const char *name, err *e);

#endif
