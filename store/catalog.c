#include "store/catalog.h"

#include <catalog.pb-c.h>

#include "proto/base/reader.h"
#include "store/catalog_migrate.h"
#include "store/io.h"
#include "store/lmdbcursor.h"

#define KEY_MAX 500                    /* bytes: LMDB allows 511, the kind's byte included */
#define TRANSACTION ((size_t)64 << 20) /* bytes that one catalog_begin may write */

_Static_assert(CATALOG_KINDS <= 256, "a kind is one byte of a key");

static const char *const databases[] = {
    [CATALOG_META] = "meta", [CATALOG_MIGRATIONS] = "migrations", [CATALOG_RECORDS] = "records"};
#define DATABASES (sizeof databases / sizeof databases[0])

struct catalog {
    struct lmdbenv *env;
    struct lmdbtxn txn; /* between catalog_begin and catalog_end */
};

static const struct {
    const ProtobufCMessageDescriptor *type;
    const char *what;
} kinds[CATALOG_KINDS] = {
    [CATALOG_IDENTITY] = {&pgstrand__identity_record__descriptor, "the identity in the catalogue"},
    [CATALOG_SETUP] = {&pgstrand__setup_record__descriptor, "the set-up record in the catalogue"},
    [CATALOG_AGENT] = {&pgstrand__agent_state__descriptor, "the agent's state in the catalogue"},
    [CATALOG_BASE_TABLE] = {&pgstrand__base_table_record__descriptor, "a table base in the catalogue"},
    [CATALOG_TABLE] = {&pgstrand__table_record__descriptor, "a table in the catalogue"},
    [CATALOG_SNAPSHOT] = {&pgstrand__snapshot_record__descriptor, "a snapshot in the catalogue"},
    [CATALOG_VAULT] = {&pgstrand__vault_record__descriptor, "a vault in the catalogue"},
    [CATALOG_BREAK] = {&pgstrand__schema_break__descriptor, "a schema break in the catalogue"},
    [CATALOG_HEAL] = {&pgstrand__heal_record__descriptor, "a healing in the catalogue"},
    [CATALOG_SCHEMA] = {&pgstrand__schema_version_record__descriptor, "a schema version in the catalogue"},
    [CATALOG_QUARANTINE] = {&pgstrand__quarantine_record__descriptor, "a row in the quarantine"},
    [CATALOG_WORKFLOW] = {&pgstrand__workflow_record__descriptor, "a workflow in the catalogue"},
    [CATALOG_PROOF] = {&pgstrand__proof_record__descriptor, "a proof in the catalogue"},
};

/* ---- opening ---- */

static status fill_part(const char *part, err *e)
{
    OWNED(lmdbenv) struct lmdbenv *env = NULL;
    TRY(lmdbenv_unlink(part, e));
    TRY(lmdbenv_open(part, LMDBENV_CREATE, databases, DATABASES, &env, e));
    return catalog_migrate(env, catalog_migrations, catalog_migrations_count, e);
}

/* It appears by rename and complete. The lock is for two that make it at once. */
static status make(const char *path, err *e)
{
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(buf) struct buf part = {0};
    OWNED(buf) struct buf lock_path = {0};
    buf_printf(&part, "%s.part", path);
    buf_printf(&lock_path, "%s.making", path);
    const char *part_name = buf_cstring(&part);
    const char *lock_name = buf_cstring(&lock_path);
    TRY(buf_done(&part, e));
    TRY(buf_done(&lock_path, e));
    TRY(io_lock(lock_name, true, &lock, e));
    if (io_exists(path))
        return DONE;
    if (fill_part(part_name, e).ok && io_publish(part_name, path, e).ok)
        return lmdbenv_unlink(part_name, e); /* its lock file */
    err ignored = ERR_INIT;
    (void)!lmdbenv_unlink(part_name, &ignored).ok;
    return FAILED;
}

status catalog_open(const char *path, struct catalog **out, err *e)
{
    OWNED(catalog) struct catalog *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_no_memory(e);
    if (!io_exists(path))
        TRY(make(path, e));
    TRY(lmdbenv_open(path, LMDBENV_READ, databases, DATABASES, &c->env, e)); /* for writing where one may */
    if (!catalog_migrate(c->env, catalog_migrations, catalog_migrations_count, e).ok)
        return err_wrap(e, "%s", path);
    *out = c;
    c = NULL;
    return DONE;
}

void catalog_close(struct catalog *c)
{
    if (c == NULL)
        return;
    lmdbenv_abort(&c->txn);
    lmdbenv_close(c->env);
    free(c);
}

/* ---- transactions ---- */

status catalog_begin(struct catalog *c, err *e)
{
    if (c->txn.env != NULL)
        return err_set(e, ERR_VALIDATION, "a transaction of the catalogue is open already");
    return lmdbenv_begin(c->env, LMDBENV_WRITING, TRANSACTION, &c->txn, e);
}

status catalog_end(struct catalog *c, bool keep, err *e)
{
    if (c->txn.env == NULL)
        return err_set(e, ERR_VALIDATION, "no transaction of the catalogue is open");
    if (keep)
        return lmdbenv_commit(&c->txn, e);
    lmdbenv_abort(&c->txn);
    return DONE;
}

/* The one in progress, or `own`, begun for this call; it is aborted at the end of its scope unless committed.
 */
static status transaction(struct catalog *c, enum lmdbenv_kind kind, size_t need, struct lmdbtxn *own,
                          struct lmdbtxn **out, err *e)
{
    *out = c->txn.env != NULL ? &c->txn : own;
    return *out == own ? lmdbenv_begin(c->env, kind, need, own, e) : DONE;
}

/* ---- records ---- */

struct record_key {
    uint8_t data[1 + KEY_MAX];
    size_t len;
};

static status record_key(enum catalog_kind kind, struct bytes key, struct record_key *out, err *e)
{
    if (key.len > KEY_MAX)
        return err_set(e, ERR_VALIDATION, "the key of %s has %zu bytes; at most %d are possible",
                       kinds[kind].what, key.len, KEY_MAX);
    out->data[0] = (uint8_t)kind;
    if (key.len > 0)
        memcpy(out->data + 1, key.data, key.len);
    out->len = 1 + key.len;
    return DONE;
}

static status unpack(enum catalog_kind kind, struct bytes raw, ProtobufCMessage **out, err *e)
{
    return pbmem_unpack(kinds[kind].type, raw, kinds[kind].what, 0, out, e);
}

status catalog_get(struct catalog *c, enum catalog_kind kind, struct bytes key, ProtobufCMessage **out,
                   err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn own = {0};
    struct lmdbtxn *t = NULL;
    struct record_key k;
    struct bytes raw;
    bool found = false;
    *out = NULL;
    TRY(record_key(kind, key, &k, e));
    TRY(transaction(c, LMDBENV_READING, 0, &own, &t, e));
    TRY(lmdbenv_get(t, CATALOG_RECORDS, bytes_of(k.data, k.len), &raw, &found, e));
    return found ? unpack(kind, raw, out, e) : DONE;
}

status catalog_put(struct catalog *c, enum catalog_kind kind, struct bytes key,
                   const ProtobufCMessage *record, err *e)
{
    OWNED(buf) struct buf raw = {0};
    OWNED(lmdbtxn) struct lmdbtxn own = {0};
    struct lmdbtxn *t = NULL;
    struct record_key k;
    if (record->descriptor != kinds[kind].type)
        return err_set(e, ERR_VALIDATION, "%s cannot be a %s", kinds[kind].what, record->descriptor->name);
    TRY(record_key(kind, key, &k, e));
    TRY(pbmem_pack(record, &raw, e));
    TRY(transaction(c, LMDBENV_WRITING, raw.len, &own, &t, e));
    TRY(lmdbenv_put(t, CATALOG_RECORDS, bytes_of(k.data, k.len), buf_view(&raw), e));
    return t == &own ? lmdbenv_commit(&own, e) : DONE;
}

status catalog_delete(struct catalog *c, enum catalog_kind kind, struct bytes key, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn own = {0};
    struct lmdbtxn *t = NULL;
    struct record_key k;
    TRY(record_key(kind, key, &k, e));
    TRY(transaction(c, LMDBENV_WRITING, 0, &own, &t, e));
    TRY(lmdbenv_delete(t, CATALOG_RECORDS, bytes_of(k.data, k.len), e));
    return t == &own ? lmdbenv_commit(&own, e) : DONE;
}

/* Copies keys and records of a kind as a row of (length 4, key, length 4, record). */
static status copy_all(struct catalog *c, enum catalog_kind kind, struct buf *out, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn own = {0};
    struct lmdbtxn *t = NULL;
    TRY(transaction(c, LMDBENV_READING, 0, &own, &t, e));
    OWNED(lmdbcursor) struct lmdbcursor cursor = {0};
    uint8_t first = (uint8_t)kind;
    bool found = false;
    TRY(lmdbcursor_open(t, CATALOG_RECORDS, &cursor, e));
    TRY(lmdbcursor_seek(&cursor, bytes_of(&first, 1), &found, e));
    while (found && cursor.key.data[0] == first) {
        buf_u32(out, (uint32_t)cursor.key.len - 1);
        buf_bytes(out, cursor.key.data + 1, cursor.key.len - 1);
        buf_u32(out, (uint32_t)cursor.value.len);
        buf_bytes(out, cursor.value.data, cursor.value.len);
        TRY(lmdbcursor_move(&cursor, LMDBCURSOR_NEXT, &found, e));
    }
    return buf_done(out, e);
}

status catalog_each(struct catalog *c, enum catalog_kind kind,
                    status (*visit)(void *context, struct bytes key, const ProtobufCMessage *record, err *e),
                    void *context, err *e)
{
    /* Copied first: `visit` may write to the catalogue, or take its time. */
    OWNED(buf) struct buf all = {0};
    TRY(copy_all(c, kind, &all, e));
    struct reader r = reader_over(buf_view(&all));
    while (r.left > 0) {
        PB_OWNED(ProtobufCMessage) *record = NULL;
        struct bytes key = reader_bytes(&r, reader_u32(&r));
        TRY(unpack(kind, reader_bytes(&r, reader_u32(&r)), &record, e));
        TRY(visit(context, key, record, e));
    }
    return DONE;
}

/* ---- keys ---- */

struct bytes catalog_key_bytes(const struct catalog_key *key)
{
    return bytes_of(key->data, key->len);
}

static void add(struct catalog_key *key, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        key->data[key->len++] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

struct catalog_key catalog_key_u32(uint32_t value)
{
    struct catalog_key key = {.len = 0};
    add(&key, value, 4);
    return key;
}

struct catalog_key catalog_key_u64(uint64_t value)
{
    struct catalog_key key = {.len = 0};
    add(&key, value, 8);
    return key;
}

struct catalog_key catalog_key_uuid(const uuid *value)
{
    struct catalog_key key = {.len = sizeof value->b};
    memcpy(key.data, value->b, sizeof value->b);
    return key;
}

struct catalog_key catalog_key_snapshot(const uuid *incarnation, uint64_t number)
{
    struct catalog_key key = catalog_key_uuid(incarnation);
    add(&key, number, 8);
    return key;
}
