#include "store/lmdbcursor.h"

#include <lmdb.h>
#include <string.h>

#include "store/lmdbresult.h"

static MDB_val value_of(struct bytes b)
{
    /* LMDB does not write through it. */
    return (MDB_val){b.len, (void *)(uintptr_t)b.data};
}

status lmdbcursor_open(struct lmdbtxn *t, unsigned db, struct lmdbcursor *c, err *e)
{
    *c = (struct lmdbcursor){.env = t->env};
    return lmdbresult_of(mdb_cursor_open(t->txn, lmdbenv_handle(t->env, db), &c->cursor), "read",
                         lmdbenv_path(t->env), e);
}

void lmdbcursor_close(struct lmdbcursor *c)
{
    if (c->cursor != NULL)
        mdb_cursor_close(c->cursor);
    c->cursor = NULL;
}

static status move_to(struct lmdbcursor *c, MDB_cursor_op op, MDB_val k, bool *found, err *e)
{
    MDB_val v = {0};
    int code = mdb_cursor_get(c->cursor, &k, &v, op);
    *found = code == MDB_SUCCESS;
    if (code == MDB_NOTFOUND)
        return DONE;
    c->key = bytes_of(k.mv_data, k.mv_size);
    c->value = bytes_of(v.mv_data, v.mv_size);
    return lmdbresult_of(code, "read", lmdbenv_path(c->env), e);
}

status lmdbcursor_seek(struct lmdbcursor *c, struct bytes key, bool *found, err *e)
{
    return move_to(c, MDB_SET_RANGE, value_of(key), found, e);
}

status lmdbcursor_move(struct lmdbcursor *c, enum lmdbcursor_step step, bool *found, err *e)
{
    static const MDB_cursor_op ops[] = {[LMDBCURSOR_FIRST] = MDB_FIRST,
                                        [LMDBCURSOR_LAST] = MDB_LAST,
                                        [LMDBCURSOR_NEXT] = MDB_NEXT,
                                        [LMDBCURSOR_PREVIOUS] = MDB_PREV};
    return move_to(c, ops[step], (MDB_val){0}, found, e);
}

status lmdbcursor_append_pieces(struct lmdbcursor *c, struct bytes key, const struct bytes *piece,
                                size_t pieces, err *e)
{
    MDB_val k = value_of(key);
    MDB_val v = {0};
    for (size_t i = 0; i < pieces; i++)
        v.mv_size += piece[i].len;
    TRY(lmdbresult_of(mdb_cursor_put(c->cursor, &k, &v, MDB_APPEND | MDB_RESERVE), "write to",
                      lmdbenv_path(c->env), e));
    uint8_t *to = v.mv_data;
    for (size_t i = 0; i < pieces; i++)
        if (piece[i].len > 0)
            to = (uint8_t *)mempcpy(to, piece[i].data, piece[i].len);
    return DONE;
}

status lmdbcursor_remove(struct lmdbcursor *c, err *e)
{
    return lmdbresult_of(mdb_cursor_del(c->cursor, 0), "write to", lmdbenv_path(c->env), e);
}
