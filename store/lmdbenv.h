/*
 * lmdbenv: the adapter of LMDB (with lmdbcursor and lmdbresult): its caveats are kept here.
 *
 * One process must not open an environment twice (LMDB's locks are of the process): open environments are
 * counted in a table of this process, and opening one again gives the same. A child made by fork must open
 * its own; what the parent had open is forgotten there. All descriptors are closed on exec.
 *
 * Files:      PATH and PATH-lock. Never MDB_WRITEMAP (a full disk would be SIGBUS), never MDB_DUPSORT.
 * Threads:    environments may be shared by threads; a transaction and its cursors belong to the thread that
 * began it. One write transaction at a time over all processes; a second lmdbenv_begin of that kind waits,
 * for ever when it is the same thread's.
 * Map size:   grown here, between transactions: a growing writer waits for the read transactions of its own
 * process, so none may be held while waiting for a writer. Other processes notice by themselves.
 * Lifetime:   keys and values handed out point into the map: until the transaction ends, and in a write
 * transaction until its next change.
 * Failure:    as lmdbresult.h says; a full disk is told by io_is_full, also when LMDB only knows of a short
 * write.
 */
#ifndef PGSTRAND_LMDBENV_H
#define PGSTRAND_LMDBENV_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"
#include "proto/base/own.h"

#define LMDBENV_DATABASES 8 /* at most, in one environment */

struct lmdbenv;

enum lmdbenv_mode {
    LMDBENV_CREATE,   /* made when missing, and its databases too */
    LMDBENV_EXISTING, /* must exist */
    LMDBENV_READ,     /* must exist; a read-only file system will do */
};

/*
 * `names` are its databases, borrowed while it is open; the functions below name one by its place in that
 * list. An environment that is open already keeps the list it was opened with. Its pages are looked at, but
 * for those of large databases (lmdbcheck.h): see lmdbenv_check.
 */
MUST_CHECK status lmdbenv_open(const char *path, enum lmdbenv_mode mode, const char *const *names,
                               unsigned count, struct lmdbenv **out, err *e);
void lmdbenv_close(struct lmdbenv *env);
OWN_POINTER(lmdbenv, lmdbenv_close);

const char *lmdbenv_path(const struct lmdbenv *env);

/* LMDB's number for a database: for lmdbcursor. */
unsigned lmdbenv_handle(const struct lmdbenv *env, unsigned db);

/* Looks at the pages of one database, or of the whole file, before LMDB is made to read them; once while the
 * file stays open. Not inside a transaction of this thread. */
#define LMDBENV_ALL (~0u)
MUST_CHECK status lmdbenv_check(struct lmdbenv *env, unsigned db, err *e);

/* Only at those pages that lead to a key and to the one before it, and, LMDBENV_NEAR: to the one behind it,
 * for whoever takes one step at most; LMDBENV_FROM: to all behind it. Each time anew. */
enum lmdbenv_part { LMDBENV_NEAR, LMDBENV_FROM };
MUST_CHECK status lmdbenv_check_part(struct lmdbenv *env, unsigned db, enum lmdbenv_part part,
                                     struct bytes key, err *e);

/* Bytes in use in the file, as of the last commit. */
uint64_t lmdbenv_used(const struct lmdbenv *env);

/* Removes PATH and PATH-lock. */
MUST_CHECK status lmdbenv_unlink(const char *path, err *e);

/* ---- transactions ---- */

struct lmdbtxn {
    struct lmdbenv *env; /* NULL: not begun, or ended */
    struct MDB_txn *txn;
};

enum lmdbenv_kind { LMDBENV_READING, LMDBENV_WRITING };

/* `need`: room for this many bytes of changes is made in the map (not on the disk) when writing. */
MUST_CHECK status lmdbenv_begin(struct lmdbenv *env, enum lmdbenv_kind kind, size_t need, struct lmdbtxn *t,
                                err *e);
/* Durable when ok. The transaction has ended in any case. */
MUST_CHECK status lmdbenv_commit(struct lmdbtxn *t, err *e);
/* Nothing when it has ended already. */
void lmdbenv_abort(struct lmdbtxn *t);
OWN_VALUE(lmdbtxn, lmdbenv_abort);

MUST_CHECK status lmdbenv_get(struct lmdbtxn *t, unsigned db, struct bytes key, struct bytes *value,
                              bool *found, err *e);
MUST_CHECK status lmdbenv_put(struct lmdbtxn *t, unsigned db, struct bytes key, struct bytes value, err *e);
/* Missing is not an error. */
MUST_CHECK status lmdbenv_delete(struct lmdbtxn *t, unsigned db, struct bytes key, err *e);

#endif
