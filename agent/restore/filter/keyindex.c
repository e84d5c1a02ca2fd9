#include "agent/restore/filter/keyindex.h"

#include <stdatomic.h>
#include <unistd.h>

#include "proto/base/digest.h"
#include "store/io.h"
#include "store/lmdbenv.h"

#define KEY_MAX 256                   /* of LMDB's 511; a longer key is hashed */
#define BATCH 100000                  /* puts of one transaction */
#define BATCH_NEED ((size_t)96 << 20) /* room that they may need: pages are half full at worst */

struct keyindex {
    char *path;
    struct lmdbenv *env;
    struct lmdbtxn txn;
    struct hasher *hasher;
    struct buf key;
    uint32_t pending;
};

status keyindex_new(const char *dir, struct keyindex **out, err *e)
{
    static atomic_uint serial;
    static const char *const names[] = {"keys"};
    OWNED(keyindex) struct keyindex *k = calloc(1, sizeof *k);
    char name[64];
    (void)snprintf(name, sizeof name, "restore-keys-%ld-%u", (long)getpid(), atomic_fetch_add(&serial, 1));
    if (k == NULL)
        return err_no_memory(e);
    k->path = io_join(dir, name);
    if (k->path == NULL)
        return err_no_memory(e);
    TRY(hasher_new(&k->hasher, e));
    TRY(lmdbenv_open(k->path, LMDBENV_CREATE, names, 1, &k->env, e));
    *out = k;
    k = NULL;
    return DONE;
}

void keyindex_free(struct keyindex *k)
{
    if (k == NULL)
        return;
    err ignored = ERR_INIT;
    if (k->env != NULL) {
        lmdbenv_abort(&k->txn);
        lmdbenv_close(k->env);
        (void)lmdbenv_unlink(k->path, &ignored).ok;
    }
    hasher_free(k->hasher);
    buf_fini(&k->key);
    free(k->path);
    free(k);
}

/* The space as two bytes, then the key or 'h' and its hash. */
static status full_key(struct keyindex *k, size_t space, struct bytes key, struct bytes *out, err *e)
{
    uint8_t hash[SHA256_LEN];
    buf_reset(&k->key);
    buf_u16(&k->key, (uint16_t)space);
    if (key.len <= KEY_MAX) {
        buf_u8(&k->key, 'k');
        buf_bytes(&k->key, key.data, key.len);
    } else {
        TRY(hasher_once(k->hasher, key, hash, e));
        buf_u8(&k->key, 'h');
        buf_bytes(&k->key, hash, sizeof hash);
    }
    *out = buf_view(&k->key);
    return buf_done(&k->key, e);
}

status keyindex_put(struct keyindex *k, size_t space, struct bytes key, struct keyindex_row row, err *e)
{
    struct bytes full;
    if (k->txn.env == NULL)
        TRY(lmdbenv_begin(k->env, LMDBENV_WRITING, BATCH_NEED, &k->txn, e));
    TRY(full_key(k, space, key, &full, e));
    const uint64_t value[2] = {row.table, row.row};
    TRY(lmdbenv_put(&k->txn, 0, full, bytes_of(value, sizeof value), e));
    if (++k->pending < BATCH)
        return DONE;
    k->pending = 0;
    return lmdbenv_commit(&k->txn, e);
}

status keyindex_ready(struct keyindex *k, err *e)
{
    if (k->txn.env != NULL)
        TRY(lmdbenv_commit(&k->txn, e));
    return lmdbenv_begin(k->env, LMDBENV_READING, 0, &k->txn, e);
}

status keyindex_find(struct keyindex *k, size_t space, struct bytes key, struct keyindex_row *row,
                     bool *found, err *e)
{
    struct bytes full, value;
    uint64_t at[2];
    TRY(full_key(k, space, key, &full, e));
    TRY(lmdbenv_get(&k->txn, 0, full, &value, found, e));
    if (!*found)
        return DONE;
    if (value.len != sizeof at)
        return err_set(e, ERR_STORAGE, "the index of keys in %s is damaged", k->path);
    memcpy(at, value.data, sizeof at);
    *row = (struct keyindex_row){(size_t)at[0], at[1]};
    return DONE;
}
