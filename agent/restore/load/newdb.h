/*
 * newdb: a database built beside the target, and the swap of their names.
 *
 * It is called <target>_pgstrand_new and carries a comment by which a later restore knows that it was left
 * over by a killed one, and may remove it. Both names are swapped in one transaction.
 */
#ifndef PGSTRAND_NEWDB_H
#define PGSTRAND_NEWDB_H

#include "agent/pg/pgconn.h"

struct newdb {
    const char *conninfo;
    char *target;
    char *name;           /* of the new one */
    bool made;            /* by us: it may be dropped */
    bool holds_more;      /* the target, than tables would tell */
    bool keep_old;        /* asked for, or for that reason: the target is not dropped */
    char *comment;        /* the target's, NULL: none */
    int connections;      /* the target's limit, -1: none */
    struct pgconn *admin; /* to another database of the server */
};
void newdb_fini(struct newdb *n);
OWN_VALUE(newdb, newdb_fini);

/* ERR_SCHEMA when the role may not make databases. */
MUST_CHECK status newdb_check(struct pgconn *target, err *e);

/* May it be made and take the target's place without anybody having been asked? The role may make databases
 * and owns the target, nobody else is connected to it, nothing of the server's (a logical slot, a
 * subscription) belongs to it, and it holds nothing that a new one would not (functions, extensions, large
 * objects, privileges). */
MUST_CHECK status newdb_suits(struct pgconn *target, const char *conninfo, bool *suits, err *e);

/* Makes it from template0, with all that the target is as a database: encoding, locale, owner, tablespace,
 * privileges, settings; its comment and its connection limit come with the swap. `keep_old`: what was the
 * target stays as <target>_pgstrand_old, until somebody drops it or, still empty, the next restore does.
 * ERR_REFUSED while another restore has it, or another database has one of the two names. */
MUST_CHECK status newdb_make(struct pgconn *target, const char *conninfo, bool keep_old, struct newdb *out,
                             err *e);
/* The same under a name of its own: it is not meant to be swapped in. */
MUST_CHECK status newdb_make_named(struct pgconn *model, const char *conninfo, const char *name,
                                   struct newdb *out, err *e);
/* ERR_REFUSED while another restore builds one for this target: for the swap it leaves the target itself. */
MUST_CHECK status newdb_check_none(struct pgconn *target, err *e);
MUST_CHECK status newdb_connect(const struct newdb *n, struct pgconn **out, err *e);
/* Before the swap: what was made in the target since newdb_make is kept, too. */
MUST_CHECK status newdb_look_again(struct newdb *n, struct pgconn *target, err *e);
/* The new one takes the target's name, and the target another one. Nobody may be connected to either. */
MUST_CHECK status newdb_swap(struct newdb *n, err *e);
/* After the swap, unless keep_old: drops what was the target, which was empty; ERR_REFUSED when it is not any
 * more. The server checkpoints first, which may take as long as writing all that was restored. */
MUST_CHECK status newdb_drop_old(struct newdb *n, err *e);
/* After a failure: drops the new one. */
void newdb_drop(struct newdb *n);

/* Drops what a restore into this database that was killed left beside it, if there is something. Nothing is
 * done while another restore has it. */
MUST_CHECK status newdb_clear(const char *conninfo, err *e);
/* The same for one with a name of its own. */
MUST_CHECK status newdb_clear_named(const char *conninfo, const char *name, err *e);

#endif
