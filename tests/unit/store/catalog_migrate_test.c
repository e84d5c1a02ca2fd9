#include "tests/lib/check.h"

#include <catalog.pb-c.h>

#include "proto/base/digest.h"
#include "proto/pbmem.h"
#include "store/catalog.h"
#include "store/catalog_migrate.h"
#include "tests/lib/scratch.h"

static const char *const databases[] = {"meta", "migrations", "records"};

static struct lmdbenv *open_env(struct scratch *s)
{
    struct lmdbenv *env = NULL;
    err e = ERR_INIT;
    assert_done(lmdbenv_open(scratch_path(s, "catalog.mdb"), LMDBENV_CREATE, databases, 3, &env, &e), &e);
    return env;
}

static status add_record(struct lmdbtxn *t, err *e)
{
    return lmdbenv_put(t, CATALOG_RECORDS, bytes_text("made by the second"), bytes_text("x"), e);
}

static status fail_after_writing(struct lmdbtxn *t, err *e)
{
    TRY(lmdbenv_put(t, CATALOG_RECORDS, bytes_text("half"), bytes_text("x"), e));
    return err_set(e, ERR_STORAGE, "it broke");
}

static const struct catalog_migration steps[] = {{"one", "the first", NULL},
                                                 {"two", "the second", add_record},
                                                 {"three", "the third", fail_after_writing}};

static bool has(struct lmdbenv *env, enum catalog_database db, struct bytes key)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    err e = ERR_INIT;
    struct bytes value;
    bool found = false;
    assert_done(lmdbenv_begin(env, LMDBENV_READING, 0, &t, &e), &e);
    assert_done(lmdbenv_get(&t, db, key, &value, &found, &e), &e);
    return found;
}

static void steps_are_applied_once_and_recorded(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(lmdbenv) struct lmdbenv *env = open_env(&s);
    err e = ERR_INIT;
    assert_done(catalog_migrate(env, steps, 1, &e), &e);
    assert_false(has(env, CATALOG_RECORDS, bytes_text("made by the second")));
    assert_done(catalog_migrate(env, steps, 2, &e), &e); /* a newer program comes */
    assert_true(has(env, CATALOG_RECORDS, bytes_text("made by the second")));

    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    PB_OWNED(Pgstrand__MigrationRecord) *record = NULL;
    struct bytes raw;
    bool found = false;
    assert_done(lmdbenv_begin(env, LMDBENV_READING, 0, &t, &e), &e);
    assert_done(lmdbenv_get(&t, CATALOG_MIGRATIONS, bytes_of("\0\0\0\2", 4), &raw, &found, &e), &e);
    assert_true(found);
    assert_done(PB_UNPACK(record, pgstrand__migration_record__descriptor, raw, "it", 0, &e), &e);
    assert_int_equal(record->version, 2);
    assert_string_equal(record->name, "two");
    assert_int_equal(record->checksum.len, 32);
    assert_true(record->applied > 0);
    lmdbenv_abort(&t);

    /* again: nothing happens, not even the step that would now be seen */
    OWNED(lmdbtxn) struct lmdbtxn removal = {0};
    assert_done(lmdbenv_begin(env, LMDBENV_WRITING, 0, &removal, &e), &e);
    assert_done(lmdbenv_delete(&removal, CATALOG_RECORDS, bytes_text("made by the second"), &e), &e);
    assert_done(lmdbenv_commit(&removal, &e), &e);
    assert_done(catalog_migrate(env, steps, 2, &e), &e);
    assert_false(has(env, CATALOG_RECORDS, bytes_text("made by the second")));
}

static void a_newer_store_is_refused(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct catalog *c = NULL;
    err e = ERR_INIT;
    struct lmdbenv *env = open_env(&s);
    assert_done(catalog_migrate(env, steps, 2, &e), &e);
    assert_fails(catalog_migrate(env, steps, 1, &e), &e, ERR_REFUSED);
    assert_mentions(&e, "version 2");
    lmdbenv_close(env);
    assert_fails(catalog_open(scratch_path(&s, "catalog.mdb"), &c, &e), &e, ERR_REFUSED);
    assert_mentions(&e, "catalog.mdb");
}

static void a_step_that_is_not_ours_is_noticed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(lmdbenv) struct lmdbenv *env = open_env(&s);
    err e = ERR_INIT;
    const struct catalog_migration other[] = {{"one", "the first, but differently", NULL}};
    assert_done(catalog_migrate(env, steps, 1, &e), &e);
    assert_fails(catalog_migrate(env, other, 1, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "(one)");
}

static void a_failed_step_changes_nothing(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(lmdbenv) struct lmdbenv *env = open_env(&s);
    err e = ERR_INIT;
    assert_done(catalog_migrate(env, steps, 1, &e), &e);
    assert_fails(catalog_migrate(env, steps, 3, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "it broke");
    assert_mentions(&e, "(three)");
    assert_false(has(env, CATALOG_RECORDS, bytes_text("half")));
    assert_false(has(env, CATALOG_RECORDS, bytes_text("made by the second")));
    assert_done(catalog_migrate(env, steps, 1, &e), &e); /* still version 1 */
}

/* The checksums that are on disks everywhere: a released step must never change. */
static void released_steps_stay_as_they_are(void **state)
{
    (void)state;
    assert_int_equal(catalog_migrations_count, CATALOG_VERSION);
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(lmdbenv) struct lmdbenv *env = open_env(&s);
    PB_OWNED(Pgstrand__MigrationRecord) *record = NULL;
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    struct bytes raw;
    bool found = false;
    char text[SHA256_TEXT];
    err e = ERR_INIT;
    assert_done(catalog_migrate(env, catalog_migrations, catalog_migrations_count, &e), &e);
    assert_done(lmdbenv_begin(env, LMDBENV_READING, 0, &t, &e), &e);
    assert_done(lmdbenv_get(&t, CATALOG_MIGRATIONS, bytes_of("\0\0\0\1", 4), &raw, &found, &e), &e);
    assert_true(found);
    assert_done(PB_UNPACK(record, pgstrand__migration_record__descriptor, raw, "it", 0, &e), &e);
    assert_string_equal(sha256_format(record->checksum.data, text),
                        "6b97edfdae342a94c5f5a84e580f83a898c65145137b59659157cb4cec322a0a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_applied_once_and_recorded),
        cmocka_unit_test(a_newer_store_is_refused),
        cmocka_unit_test(a_step_that_is_not_ours_is_noticed),
        cmocka_unit_test(a_failed_step_changes_nothing),
        cmocka_unit_test(released_steps_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
