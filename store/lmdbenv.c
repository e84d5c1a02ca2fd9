#include "store/lmdbenv.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/io.h"
#include "store/io_fault.h"
#include "store/lmdbcheck.h"
#include "store/lmdbmeta.h"
#include "store/lmdbresult.h"

#ifndef LMDBENV_MAP_STEP                   /* a test makes it small, to see the map grow */
#define LMDBENV_MAP_STEP ((size_t)1 << 30) /* bytes of address space, not of memory or disk */
#endif
#define CHECK_EVERY 256 /* write transactions between looks for readers that died */

struct lmdbenv {
    MDB_env *env;
    dev_t device; /* identity of the file */
    ino_t inode;
    unsigned refs;
    bool read_only;
    size_t page;               /* bytes */
    atomic_size_t map;         /* bytes; changed under map_lock held for writing */
    atomic_uint begun;         /* write transactions */
    atomic_uint checked;       /* databases that lmdbenv_check has walked: a bit each */
    pthread_rwlock_t map_lock; /* read: a transaction is open; write: the map moves */
    unsigned count;
    const char *const *names;
    MDB_dbi dbi[LMDBENV_DATABASES];
    struct lmdbenv *next;
    char path[];
};

static struct {
    pthread_mutex_t lock;
    pid_t process;
    struct lmdbenv *first;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static MDB_val val(struct bytes b)
{
    /* LMDB does not write through it. */
    return (MDB_val){b.len, (void *)(uintptr_t)b.data};
}

static struct bytes bytes_from(MDB_val v)
{
    return bytes_of(v.mv_data, v.mv_size);
}

/* ---- opening ---- */

static void free_env(struct lmdbenv *env)
{
    if (env->env != NULL)
        mdb_env_close(env->env);
    pthread_rwlock_destroy(&env->map_lock);
    free(env);
}

/* A crash point for tests: a commit is one step for whoever looks at the file afterwards. */
static int commit_gated(MDB_txn *txn, const char *path)
{
    const struct io_gate gate = io_fault_enter(IO_CALL_COMMIT, path, NULL);
    int code = gate.code;
    if (code == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    io_fault_leave(&gate);
    return code;
}

static status open_databases(struct lmdbenv *env, bool create, const char *const *names, err *e)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(env->env, NULL, create ? 0 : MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS)
        return lmdbresult_of(code, "read", env->path, e);
    for (unsigned i = 0; i < env->count && code == MDB_SUCCESS; i++)
        code = mdb_dbi_open(txn, names[i], create ? MDB_CREATE : 0, &env->dbi[i]);
    if (code == MDB_SUCCESS)
        /* Of a read transaction too: it is what keeps the handles. */
        code = create ? commit_gated(txn, env->path) : mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE)
        return err_from(e, ERR_STORAGE, FROM_LMDB, code,
                        "%s is not a pgstrand store, or damaged: it lacks its databases", env->path);
    return lmdbresult_of(code, "read", env->path, e);
}

/* Under a read transaction, so that no page that is looked at is used again meanwhile. */
static status check_pages(const struct lmdbenv *env, MDB_txn *txn, const struct lmdbcheck_what *what, err *e)
{
    int fd = -1;
    (void)mdb_env_get_fd(env->env, &fd);
    return lmdbcheck_run(fd, env->path, mdb_txn_id(txn), what, e);
}

static status check_small(const struct lmdbenv *env, err *e)
{
    MDB_txn *txn = NULL;
    const int code = mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS)
        return lmdbresult_of(code, "read", env->path, e);
    const struct lmdbcheck_what small = {.extent = LMDBCHECK_SMALL};
    const status checked = check_pages(env, txn, &small, e);
    mdb_txn_abort(txn);
    return checked;
}

static int open_file(struct lmdbenv *env, unsigned flags)
{
    int code = mdb_env_create(&env->env);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(env->env, LMDBENV_DATABASES);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_mapsize(env->env, LMDBENV_MAP_STEP);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(env->env, env->path, MDB_NOSUBDIR | MDB_NOTLS | flags, 0600);
    if (code != MDB_SUCCESS && env->env != NULL) {
        mdb_env_close(env->env); /* required even after a failed open */
        env->env = NULL;
    }
    return code;
}

static status set_up(struct lmdbenv *env, enum lmdbenv_mode mode, const char *const *names, err *e)
{
    TRY(lmdbmeta_check(env->path, e)); /* what is wrong there would end this process */
    int code = open_file(env, 0);
    if (mode == LMDBENV_READ && (code == EACCES || code == EROFS || code == EPERM)) {
        env->read_only = true;
        code = open_file(env, MDB_RDONLY);
    }
    if (code != MDB_SUCCESS)
        return lmdbresult_of(code, "open", env->path, e);
    int fd = -1;
    struct stat facts;
    MDB_stat pages;
    MDB_envinfo info;
    (void)mdb_env_get_fd(env->env, &fd);
    /* LMDB 0.9.24 opens the data file without O_CLOEXEC. */
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fstat(fd, &facts) != 0)
        return err_errno(e, errno, "cannot open %s", env->path);
    (void)mdb_env_stat(env->env, &pages);
    (void)mdb_env_info(env->env, &info);
    env->page = pages.ms_psize;
    env->map = info.me_mapsize;
    env->device = facts.st_dev;
    env->inode = facts.st_ino;
    int dead = 0;
    (void)mdb_reader_check(env->env, &dead); /* slots of killed readers would keep pages from reuse */
    TRY(check_small(env, e));
    return open_databases(env, mode == LMDBENV_CREATE, names, e);
}

/* The open environment of this file, or NULL; table.lock is held. */
static struct lmdbenv *find(const struct stat *facts)
{
    if (table.process != getpid()) { /* after fork: these are the parent's, and must not even be closed */
        table.first = NULL;
        table.process = getpid();
    }
    for (struct lmdbenv *env = table.first; env != NULL; env = env->next)
        if (env->device == facts->st_dev && env->inode == facts->st_ino)
            return env;
    return NULL;
}

static status open_locked(const char *path, enum lmdbenv_mode mode, const char *const *names, unsigned count,
                          struct lmdbenv **out, err *e)
{
    struct stat facts = {0};
    bool exists = stat(path, &facts) == 0;
    if (!exists && (mode != LMDBENV_CREATE || errno != ENOENT))
        return err_errno(e, errno, "cannot open %s", path);
    struct lmdbenv *env = find(&facts);
    if (exists && env != NULL) {
        if (env->read_only && mode != LMDBENV_READ)
            return err_set(e, ERR_STORAGE, "cannot write to %s: it is open for reading only", path);
        env->refs++;
        *out = env;
        return DONE;
    }
    size_t length = strlen(path) + 1;
    env = calloc(1, sizeof *env + length);
    if (env == NULL)
        return err_no_memory(e);
    memcpy(env->path, path, length);
    env->count = count;
    env->names = names;
    env->refs = 1;
    (void)pthread_rwlock_init(&env->map_lock, NULL);
    if (!set_up(env, mode, names, e).ok) {
        free_env(env);
        return FAILED;
    }
    env->next = table.first;
    table.first = env;
    *out = env;
    return DONE;
}

status lmdbenv_open(const char *path, enum lmdbenv_mode mode, const char *const *names, unsigned count,
                    struct lmdbenv **out, err *e)
{
    pthread_mutex_lock(&table.lock);
    status opened = open_locked(path, mode, names, count, out, e);
    pthread_mutex_unlock(&table.lock);
    return opened;
}

void lmdbenv_close(struct lmdbenv *env)
{
    if (env == NULL)
        return;
    pthread_mutex_lock(&table.lock);
    struct lmdbenv **at = &table.first;
    while (*at != NULL && *at != env)
        at = &(*at)->next;
    /* Not there: the parent's, and so not this process's to close. */
    if (*at != NULL && table.process == getpid() && --env->refs == 0) {
        *at = env->next;
        free_env(env); /* under the lock: another thread must not open the file before it is closed */
    }
    pthread_mutex_unlock(&table.lock);
}

unsigned lmdbenv_handle(const struct lmdbenv *env, unsigned db)
{
    return env->dbi[db];
}

const char *lmdbenv_path(const struct lmdbenv *env)
{
    return env->path;
}

uint64_t lmdbenv_used(const struct lmdbenv *env)
{
    MDB_envinfo info;
    (void)mdb_env_info(env->env, &info);
    return ((uint64_t)info.me_last_pgno + 1) * env->page;
}

status lmdbenv_unlink(const char *path, err *e)
{
    OWNED(text) char *lock = malloc(strlen(path) + sizeof "-lock");
    if (lock == NULL)
        return err_no_memory(e);
    (void)stpcpy(stpcpy(lock, path), "-lock");
    TRY(io_unlink(path, e));
    return io_unlink(lock, e);
}

/* ---- transactions ---- */

/* size 0: what another process has made of it. No transaction of this process is open while it changes. */
static int resize(struct lmdbenv *env, size_t size)
{
    MDB_envinfo info;
    pthread_rwlock_wrlock(&env->map_lock);
    int code = size != 0 && size <= env->map ? MDB_SUCCESS : mdb_env_set_mapsize(env->env, size);
    if (code == MDB_SUCCESS) {
        (void)mdb_env_info(env->env, &info);
        env->map = info.me_mapsize;
    }
    pthread_rwlock_unlock(&env->map_lock);
    return code;
}

static int make_room(struct lmdbenv *env, size_t need)
{
    int dead = 0;
    if (atomic_fetch_add(&env->begun, 1) % CHECK_EVERY == CHECK_EVERY - 1)
        (void)mdb_reader_check(env->env, &dead);
    /* Half as much again, for branch pages and the list of free ones. */
    uint64_t wanted = lmdbenv_used(env) + need + need / 2 + LMDBENV_MAP_STEP / 16;
    if (wanted <= env->map)
        return MDB_SUCCESS;
    return resize(env, (size_t)(wanted / LMDBENV_MAP_STEP + 1) * LMDBENV_MAP_STEP);
}

status lmdbenv_begin(struct lmdbenv *env, enum lmdbenv_kind kind, size_t need, struct lmdbtxn *t, err *e)
{
    int code = kind == LMDBENV_WRITING ? make_room(env, need) : MDB_SUCCESS;
    if (code != MDB_SUCCESS)
        return lmdbresult_of(code, "grow", env->path, e);
    for (int attempt = 0;; attempt++) {
        pthread_rwlock_rdlock(&env->map_lock);
        code = mdb_txn_begin(env->env, NULL, kind == LMDBENV_WRITING ? 0 : MDB_RDONLY, &t->txn);
        if (code == MDB_SUCCESS) {
            t->env = env; /* map_lock stays held until the transaction ends */
            return DONE;
        }
        pthread_rwlock_unlock(&env->map_lock);
        int dead = 0;
        if (attempt < 10 && code == MDB_MAP_RESIZED && resize(env, 0) == MDB_SUCCESS)
            continue;
        if (attempt == 0 && code == MDB_READERS_FULL && mdb_reader_check(env->env, &dead) == MDB_SUCCESS)
            continue;
        return lmdbresult_of(code, kind == LMDBENV_WRITING ? "write to" : "read", env->path, e);
    }
}

status lmdbenv_commit(struct lmdbtxn *t, err *e)
{
    struct lmdbenv *env = t->env;
    int code = commit_gated(t->txn, env->path);
    *t = (struct lmdbtxn){0};
    pthread_rwlock_unlock(&env->map_lock);
    return lmdbresult_of(code, "write to", env->path, e);
}

void lmdbenv_abort(struct lmdbtxn *t)
{
    if (t->env == NULL)
        return;
    mdb_txn_abort(t->txn);
    pthread_rwlock_unlock(&t->env->map_lock);
    *t = (struct lmdbtxn){0};
}

status lmdbenv_get(struct lmdbtxn *t, unsigned db, struct bytes key, struct bytes *value, bool *found, err *e)
{
    MDB_val k = val(key);
    MDB_val v = {0};
    int code = mdb_get(t->txn, t->env->dbi[db], &k, &v);
    *found = code == MDB_SUCCESS;
    *value = bytes_from(v);
    return code == MDB_NOTFOUND ? DONE : lmdbresult_of(code, "read", t->env->path, e);
}

status lmdbenv_put(struct lmdbtxn *t, unsigned db, struct bytes key, struct bytes value, err *e)
{
    MDB_val k = val(key);
    MDB_val v = val(value);
    return lmdbresult_of(mdb_put(t->txn, t->env->dbi[db], &k, &v, 0), "write to", t->env->path, e);
}

status lmdbenv_delete(struct lmdbtxn *t, unsigned db, struct bytes key, err *e)
{
    MDB_val k = val(key);
    int code = mdb_del(t->txn, t->env->dbi[db], &k, NULL);
    return code == MDB_NOTFOUND ? DONE : lmdbresult_of(code, "write to", t->env->path, e);
}

status lmdbenv_check(struct lmdbenv *env, unsigned db, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    const bool all = db == LMDBENV_ALL;
    const unsigned bits = all ? ~0u : 1u << db;
    if ((atomic_load(&env->checked) & bits) == bits)
        return DONE;
    const struct lmdbcheck_what what = {.extent = all ? LMDBCHECK_ALL : LMDBCHECK_ONE,
                                        .database = all ? NULL : env->names[db]};
    TRY(lmdbenv_begin(env, LMDBENV_READING, 0, &t, e));
    TRY(check_pages(env, t.txn, &what, e));
    (void)atomic_fetch_or(&env->checked, bits);
    return DONE;
}

status lmdbenv_check_part(struct lmdbenv *env, unsigned db, enum lmdbenv_part part, struct bytes key, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    const struct lmdbcheck_what what = {.extent = part == LMDBENV_NEAR ? LMDBCHECK_NEAR : LMDBCHECK_FROM,
                                        .database = env->names[db],
                                        .key = key};
    if ((atomic_load(&env->checked) & 1u << db) != 0)
        return DONE;
    TRY(lmdbenv_begin(env, LMDBENV_READING, 0, &t, e));
    return check_pages(env, t.txn, &what, e);
}
