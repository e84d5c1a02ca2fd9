/*
 * newdbswap: a database that is built beside the target, and takes its name in the end.
 *
 * It is called <target>_pgstrand_new until then; both names change in one transaction, and what was the
 * target is <target>_pgstrand_old. Threads: one.
 */
#ifndef PGSTRAND_NEWDBSWAP_H
#define PGSTRAND_NEWDBSWAP_H

#include "agent/restore/load/newdb.h"

struct newdbswap {
    struct newdb db;
    bool holds_more; /* the target, than tables would tell */
    bool keep_old;   /* asked for, or for that reason: the target is not dropped */
    char *comment;   /* the target's, NULL: none */
    int connections; /* the target's limit, -1: none */
};
void newdbswap_fini(struct newdbswap *s);
OWN_VALUE(newdbswap, newdbswap_fini);

/* May it be made and take the target's place without anybody having been asked? The role may make it
 * (dblike_check), nobody else is connected to the target, nothing of the server's (a logical slot, a
 * subscription) belongs to it, and it holds nothing that a new one would not (functions, extensions, large
 * objects, privileges). */
MUST_CHECK status newdbswap_suits(struct pgconn *target, const char *conninfo, bool *suits, err *e);

/* Makes the new one; the target's comment and its limit of connections come with the swap. `keep_old`: what
 * was the target stays, until somebody drops it or, still empty, the next restore does. ERR_REFUSED while
 * another restore has it, or another database has one of the two names. */
MUST_CHECK status newdbswap_begin(struct pgconn *target, const char *conninfo, bool keep_old,
                                  struct newdbswap *out, err *e);
/* Before the swap: what was made in the target meanwhile is kept, too. */
MUST_CHECK status newdbswap_look_again(struct newdbswap *s, struct pgconn *target, err *e);
/* The new one takes the target's name, and the target another one. Nobody may be connected to either. */
MUST_CHECK status newdbswap_run(struct newdbswap *s, err *e);
/* After the swap, unless keep_old: drops what was the target, which was empty; ERR_REFUSED when it is not any
 * more. The server checkpoints first, which may take as long as writing all that was restored. */
MUST_CHECK status newdbswap_drop_old(struct newdbswap *s, err *e);

#endif
