/*
 * lmdbcursor: a place in one database of an LMDB environment, moved, appended at, removed from.
 *
 * Threads:  that of its transaction. Lifetime: closed before its transaction ends, also before a commit; what
 * it hands out points into the map (lmdbenv.h).
 */
#ifndef PGSTRAND_LMDBCURSOR_H
#define PGSTRAND_LMDBCURSOR_H

#include "store/lmdbenv.h"

struct lmdbcursor {
    struct MDB_cursor *cursor; /* NULL: closed */
    struct lmdbenv *env;
    struct bytes key; /* where it stands, once it was moved and found something */
    struct bytes value;
};

enum lmdbcursor_step { LMDBCURSOR_FIRST, LMDBCURSOR_LAST, LMDBCURSOR_NEXT, LMDBCURSOR_PREVIOUS };

/* Stands nowhere yet. */
MUST_CHECK status lmdbcursor_open(struct lmdbtxn *t, unsigned db, struct lmdbcursor *c, err *e);
void lmdbcursor_close(struct lmdbcursor *c);
OWN_VALUE(lmdbcursor, lmdbcursor_close);

/* To the first key >= `key`; *found false when there is none. */
MUST_CHECK status lmdbcursor_seek(struct lmdbcursor *c, struct bytes key, bool *found, err *e);
MUST_CHECK status lmdbcursor_move(struct lmdbcursor *c, enum lmdbcursor_step step, bool *found, err *e);

/* A key greater than all: fast. The value's pieces are put together in the page they go to. */
MUST_CHECK status lmdbcursor_append_pieces(struct lmdbcursor *c, struct bytes key, const struct bytes *piece,
                                           size_t pieces, err *e);
MUST_CHECK static inline status lmdbcursor_append(struct lmdbcursor *c, struct bytes key, struct bytes value,
                                                  err *e)
{
    return lmdbcursor_append_pieces(c, key, &value, 1, e);
}

/* Removes the entry the cursor stands on. */
MUST_CHECK status lmdbcursor_remove(struct lmdbcursor *c, err *e);

#endif
