#include "store/catalog_migrate.h"

#include <catalog.pb-c.h>

#include "proto/base/digest.h"
#include "proto/base/pgtime.h"
#include "proto/base/reader.h"
#include "proto/pbmem.h"

const struct catalog_migration catalog_migrations[] = {
    {"first layout",
     "databases meta (version: 4 bytes big-endian), migrations (version: MigrationRecord) and records (kind: "
     "1 byte, "
     "then the key of the kind: a message of catalog.proto)",
     NULL},
};
const size_t catalog_migrations_count = sizeof catalog_migrations / sizeof catalog_migrations[0];

struct version_key {
    uint8_t b[4];
};

static struct version_key key_of(uint32_t version)
{
    return (struct version_key){
        {(uint8_t)(version >> 24), (uint8_t)(version >> 16), (uint8_t)(version >> 8), (uint8_t)version}};
}

static status checksum(uint32_t version, const struct catalog_migration *step, uint8_t out[static SHA256_LEN],
                       err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    OWNED(buf) struct buf text = {0};
    buf_printf(&text, "%u\n%s\n%s\n", version, step->name, step->definition);
    TRY(buf_done(&text, e));
    TRY(hasher_new(&h, e));
    return hasher_once(h, buf_view(&text), out, e);
}

/* 0: nothing was written to it yet. */
static status read_version(struct lmdbtxn *t, uint32_t *out, err *e)
{
    struct bytes raw;
    bool found = false;
    *out = 0;
    TRY(lmdbenv_get(t, CATALOG_META, bytes_text("version"), &raw, &found, e));
    if (!found)
        return DONE;
    struct reader r = reader_over(raw);
    *out = reader_u32(&r);
    return reader_done(&r, "the catalogue's version", e);
}

static status check_step(struct lmdbtxn *t, uint32_t version, const struct catalog_migration *step, err *e)
{
    PB_OWNED(Pgstrand__MigrationRecord) *record = NULL;
    struct version_key key = key_of(version);
    uint8_t sum[SHA256_LEN];
    struct bytes raw;
    bool found = false;
    TRY(lmdbenv_get(t, CATALOG_MIGRATIONS, bytes_of(key.b, sizeof key.b), &raw, &found, e));
    if (!found)
        return err_set(e, ERR_STORAGE, "the catalogue is damaged: it has no record of its migration %u",
                       version);
    TRY(PB_UNPACK(record, pgstrand__migration_record__descriptor, raw, "a migration record", 0, e));
    TRY(checksum(version, step, sum, e));
    if (!bytes_equal(pbmem_view(record->checksum), bytes_of(sum, sizeof sum)))
        return err_set(
            e, ERR_STORAGE,
            "migration %u of the catalogue (%s) is not the one this pgstrand knows; use the version that "
            "wrote it",
            version, record->name);
    return DONE;
}

/* The version, when this program can deal with it. */
static status check(struct lmdbtxn *t, const struct catalog_migration *steps, size_t count, uint32_t *version,
                    err *e)
{
    TRY(read_version(t, version, e));
    if (*version > count)
        return err_set(
            e, ERR_REFUSED,
            "the catalogue has version %u and this pgstrand knows up to %zu; use the version that wrote it "
            "or a newer one",
            *version, count);
    for (uint32_t i = 0; i < *version; i++)
        TRY(check_step(t, i + 1, &steps[i], e));
    return DONE;
}

static status apply(struct lmdbtxn *t, uint32_t version, const struct catalog_migration *step, err *e)
{
    OWNED(buf) struct buf raw = {0};
    OWNED(text) char *name = strdup(step->name);
    Pgstrand__MigrationRecord record = PGSTRAND__MIGRATION_RECORD__INIT;
    struct version_key key = key_of(version);
    uint8_t sum[SHA256_LEN];
    if (name == NULL)
        return err_no_memory(e);
    if (step->apply != NULL && !step->apply(t, e).ok)
        return err_wrap(e, "migration %u of the catalogue (%s)", version, step->name);
    TRY(checksum(version, step, sum, e));
    record.version = version;
    record.name = name;
    record.checksum = pbmem_borrow(sum, sizeof sum);
    record.applied = pgtime_now();
    TRY(pbmem_pack(&record.base, &raw, e));
    TRY(lmdbenv_put(t, CATALOG_MIGRATIONS, bytes_of(key.b, sizeof key.b), buf_view(&raw), e));
    return lmdbenv_put(t, CATALOG_META, bytes_text("version"), bytes_of(key.b, sizeof key.b), e);
}

status catalog_migrate(struct lmdbenv *env, const struct catalog_migration *steps, size_t count, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    uint32_t version = 0;
    TRY(lmdbenv_begin(env, LMDBENV_READING, 0, &t, e));
    TRY(check(&t, steps, count, &version, e));
    lmdbenv_abort(&t);
    if (version == count)
        return DONE;
    TRY(lmdbenv_begin(env, LMDBENV_WRITING, (size_t)64 << 20, &t, e));
    TRY(check(&t, steps, count, &version, e)); /* another process may have done it meanwhile */
    for (uint32_t i = version; i < count; i++)
        TRY(apply(&t, i + 1, &steps[i], e));
    return lmdbenv_commit(&t, e);
}
