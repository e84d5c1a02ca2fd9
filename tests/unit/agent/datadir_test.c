#include "agent/datadir.h"
#include "tests/lib/scratch.h"

#include <sys/stat.h>
#include <unistd.h>

static struct datadir *opened(const char *path, enum datadir_mode mode)
{
    err e = ERR_INIT;
    struct datadir *d = NULL;
    assert_done(datadir_open(path, NULL, mode, &d, &e), &e);
    return d;
}

static void made_and_opened_again(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    uint8_t recovery[SIGNING_KEY_LEN];
    err e = ERR_INIT;
    struct identity first;
    {
        OWNED(datadir) struct datadir *d = opened(scratch_path(&s, "a/b"), DATADIR_CREATE);
        assert_false(d->has_identity);
        assert_null(d->chain);
        assert_true(io_exists(d->log) && io_exists(d->snapshots) && io_exists(d->base) &&
                    io_exists(d->spool));
        assert_done(datadir_new_identity(d, NULL, NULL, "till 3", recovery, &e), &e);
        first = d->identity;
    }
    OWNED(datadir) struct datadir *d = opened(scratch_path(&s, "a/b"), DATADIR_EXISTING);
    char slot[64];
    assert_true(d->has_identity);
    assert_true(uuid_equal(&d->identity.node, &first.node));
    assert_true(uuid_equal(&d->identity.dataset, &first.dataset));
    assert_string_equal(d->identity.device_name, "till 3");
    assert_string_equal(d->identity.system_identifier, "");
    datadir_object_name(&first.node, slot);
    assert_string_equal(d->identity.slot, slot);
    assert_int_equal(strlen(slot), strlen("pgstrand_") + 16);
    assert_non_null(strstr(d->chain, "/snapshots/"));
}

static void keys(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(datadir) struct datadir *d = opened(scratch_path(&s, "data"), DATADIR_CREATE);
    uint8_t recovery[SIGNING_KEY_LEN];
    struct signing_key key, again;
    struct stat facts;
    err e = ERR_INIT;

    assert_fails(datadir_device_key(d, &key, &e), &e, ERR_STORAGE);
    assert_done(datadir_new_identity(d, NULL, NULL, NULL, recovery, &e), &e);
    assert_done(datadir_device_key(d, &key, &e), &e);
    assert_memory_not_equal(key.secret, recovery, SIGNING_KEY_LEN);
    assert_int_equal(stat(scratch_path(&s, "data/device.key"), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(facts.st_size, SIGNING_KEY_LEN);

    uuid dataset = d->identity.dataset;
    assert_done(datadir_new_identity(d, &dataset, NULL, NULL, recovery, &e),
                &e); /* keeps the key and the dataset */
    assert_done(datadir_device_key(d, &again, &e), &e);
    assert_memory_equal(key.public, again.public, SIGNING_KEY_LEN);
    assert_true(uuid_equal(&dataset, &d->identity.dataset));

    /* that a new identity was to have, which was killed before it was one */
    const uint8_t nobodys[SIGNING_KEY_LEN] = {7};
    assert_done(io_store(scratch_path(&s, "data/device.key"), bytes_of(nobodys, sizeof nobodys), &e), &e);
    assert_fails(datadir_device_key(d, &key, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "is not the key of device");

    assert_done(io_store(scratch_path(&s, "data/device.key"), bytes_text("short"), &e), &e);
    assert_fails(datadir_device_key(d, &key, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "damaged");
}

static void a_recovery_key_until_it_was_shown(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(datadir) struct datadir *d = opened(scratch_path(&s, "data"), DATADIR_CREATE);
    uint8_t made[SIGNING_KEY_LEN], kept[SIGNING_KEY_LEN], other[SIGNING_KEY_LEN] = {7};
    bool found = true;
    err e = ERR_INIT;
    assert_done(datadir_recovery_unshown(d, kept, &found, &e), &e);
    assert_false(found);
    assert_done(datadir_new_identity(d, NULL, NULL, NULL, made, &e), &e);
    assert_done(datadir_recovery_unshown(d, kept, &found, &e), &e);
    assert_true(found);
    assert_memory_equal(kept, made, sizeof made);
    /* of an identity that was killed while it was made */
    assert_done(io_store(scratch_path(&s, "data/recovery.key"), bytes_of(other, sizeof other), &e), &e);
    assert_done(datadir_recovery_unshown(d, kept, &found, &e), &e);
    assert_false(found);
    assert_done(datadir_recovery_shown(d, &e), &e);
    assert_done(datadir_recovery_unshown(d, kept, &found, &e), &e);
    assert_false(found);
}

static void what_is_not_there(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct datadir *d = NULL;
    err e = ERR_INIT;
    assert_fails(datadir_open(scratch_path(&s, "none"), NULL, DATADIR_EXISTING, &d, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "pgstrand init");
    assert_false(io_exists(scratch_path(&s, "none")));
    assert_fails(datadir_open(s.dir, "/nonexistent/conf", DATADIR_CREATE, &d, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "/nonexistent/conf");
    assert_null(d);
}

static void a_wrong_configuration_leaves_nothing_behind(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct datadir *d = NULL;
    err e = ERR_INIT;
    OWNED(text) char *conf = io_join(s.dir, "conf");
    assert_done(io_store(conf, bytes_text("[seal]\nintervall = 3\n"), &e), &e);
    assert_fails(datadir_open(scratch_path(&s, "data"), conf, DATADIR_CREATE, &d, &e), &e, ERR_VALIDATION);
    assert_false(io_exists(scratch_path(&s, "data")));
}

static void where_nothing_can_be_made(void **state)
{
    (void)state;
    struct datadir *d = NULL;
    err e = ERR_INIT;
    /* /proc takes no folders, not even root's */
    assert_fails(datadir_open("/proc/pgstrand", NULL, DATADIR_CREATE, &d, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "/proc/pgstrand");
    assert_fails(datadir_open("/proc/version/data", NULL, DATADIR_EXISTING, &d, &e), &e, ERR_STORAGE);
}

static void the_environment_says_where(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    assert_int_equal(setenv("XDG_STATE_HOME", s.dir, 1), 0);
    assert_int_equal(unsetenv("PGSTRAND_DATA"), 0);
    {
        OWNED(datadir) struct datadir *d = opened(NULL, DATADIR_CREATE);
        assert_string_equal(d->root, scratch_path(&s, "pgstrand"));
    }
    assert_int_equal(setenv("PGSTRAND_DATA", scratch_path(&s, "mine"), 1), 0);
    OWNED(datadir) struct datadir *d = opened(NULL, DATADIR_CREATE);
    assert_string_equal(d->root, scratch_path(&s, "mine"));
}

static void names_that_are_too_long(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(datadir) struct datadir *d = opened(scratch_path(&s, "data"), DATADIR_CREATE);
    uint8_t recovery[SIGNING_KEY_LEN];
    char name[200];
    err e = ERR_INIT;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_fails(datadir_new_identity(d, NULL, NULL, name, recovery, &e), &e, ERR_VALIDATION);
    assert_false(d->has_identity);
    assert_false(io_exists(scratch_path(&s, "data/device.key")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_and_opened_again),
        cmocka_unit_test(keys),
        cmocka_unit_test(a_recovery_key_until_it_was_shown),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(a_wrong_configuration_leaves_nothing_behind),
        cmocka_unit_test(where_nothing_can_be_made),
        cmocka_unit_test(the_environment_says_where),
        cmocka_unit_test(names_that_are_too_long),
    };
    return cmocka_run_group_tests_name("datadir", tests, NULL, NULL);
}
