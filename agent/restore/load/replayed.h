/*
 * replayed: what the target knows of the restores into it: one row per source chain in its schema pgstrand,
 * written in the restore's own transaction; and the mark that their writes carry, a replication origin.
 *
 * `c` is the connection of the restore, into the target. Threads: one.
 */
#ifndef PGSTRAND_REPLAYED_H
#define PGSTRAND_REPLAYED_H

#include "agent/restore/job.h"
#include "agent/restore/load/targetdb.h"

struct replayed {
    bool there;   /* the tables are, and may be used */
    bool before;  /* this very restore was done before */
    uint64_t seq; /* up to where the chain's whole was brought; 0: never */
};

/* ERR_REFUSED when another restore works on the database; the lock goes with the connection. */
MUST_CHECK status replayed_lock(struct pgconn *c, err *e);

/* ERR_REFUSED when the target has a schema pgstrand that pgstrand did not make. */
MUST_CHECK status replayed_check(struct pgconn *c, err *e);

/* Only looks. */
MUST_CHECK status replayed_read(struct job *job, struct pgconn *c, struct replayed *out, err *e);

/* Has this workflow committed here? What is not ours to read has not. */
MUST_CHECK status replayed_by(struct pgconn *c, const uuid *workflow, bool *out, err *e);

/* In the restore's transaction: makes the tables where they are missing. Where the role may not, a warning
 * and nothing more; ERR_REFUSED when the schema pgstrand is somebody else's. */
MUST_CHECK status replayed_write(struct job *job, struct pgconn *c, err *e);

/* Before a transaction that is to carry this origin: before 15 it is announced under the catalogue that it
 * began with, and an origin that it made itself would be lost. Where the role may not, nothing. `made`: it
 * was not there, and stays when the process is killed; the next one uses it. */
MUST_CHECK status replayed_make_origin(struct pgconn *c, const char *name, bool *made, err *e);

/* In a transaction: the session has this origin from here on. Before 15 it has to be there: another restore
 * that failed may have dropped it since, and one that is made here would be lost. */
MUST_CHECK status replayed_setup_origin(struct pgconn *c, const char *name, err *e);

/* After a failure, of what was made: rolls back and drops it, unless another session has it. */
void replayed_drop_origin(struct pgconn *c, const char *name);

/* The same two for the source's origin, before the restore's transaction and when that has failed. */
MUST_CHECK status replayed_announce(struct job *job, struct pgconn *c, const struct targetdb *t, err *e);
void replayed_rollback(struct job *job, struct pgconn *c);

/* In the restore's transaction: its commit carries the source's origin. Without superuser nothing. */
MUST_CHECK status replayed_mark(struct job *job, struct pgconn *c, const struct targetdb *t, err *e);

/* Right before the commit of such a transaction: without it the server would write the year 2000 as its time.
 */
MUST_CHECK status replayed_stamp(const struct job *job, struct pgconn *c, err *e);

/* pgstrand_<node>: what the rows of a node are marked with elsewhere. */
#define REPLAYED_ORIGIN_TEXT (UUID_TEXT + 16)
const char *replayed_origin(const uuid *node, char out[static REPLAYED_ORIGIN_TEXT]);

/* The node whose chain is restored. */
MUST_CHECK status replayed_source(const struct job *job, uuid *node, uuid *incarnation, err *e);

#endif
