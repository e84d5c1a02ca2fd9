#include "store/vault.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

static void urls(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(vault) struct vault *v = NULL;
    char url[400];
    err e = ERR_INIT;
    assert_fails(vault_open("s3://bucket/x", true, &v, &e), &e, ERR_VALIDATION);
    assert_mentions(&e, "file://");
    assert_fails(vault_open("relative/path", true, &v, &e), &e, ERR_VALIDATION);
    assert_fails(vault_open("file://server/share", true, &v, &e), &e, ERR_VALIDATION);
    assert_fails(vault_open("", true, &v, &e), &e, ERR_VALIDATION);
    (void)snprintf(url, sizeof url, "file://%s/shop%%20one/vault%%2", s.dir);
    assert_fails(vault_open(url, false, &v, &e), &e, ERR_STORAGE);
    assert_done(vault_open(url, true, &v, &e), &e);
    assert_true(io_exists(scratch_path(&s, "shop one/vault%2")));
}

static void list_of(struct vault *v, struct snapmake *m, size_t wanted)
{
    OWNED(vault_names) struct vault_names names = {0};
    err e = ERR_INIT;
    assert_done(vault_list(v, &m->node, &m->incarnation, &names, &e), &e);
    assert_int_equal(names.count, wanted);
}

static bool has_device_file(struct vault *v, struct snapmake *m, const char *name)
{
    OWNED(text) char *dir = NULL;
    char path[500];
    err e = ERR_INIT;
    assert_done(vault_local_dir(v, &m->node, &m->incarnation, &dir, &e), &e);
    (void)snprintf(path, sizeof path, "%s/%s.device", dir, name);
    return io_exists(path);
}

static void put_business_then_device(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(scratch) struct scratch there = scratch_make();
    OWNED(vault) struct vault *v = NULL;
    OWNED(vault_chains) struct vault_chains chains = {0};
    OWNED(text) char *dir = NULL;
    struct snapmake m;
    uint64_t sent = 0, frames = 0;
    err e = ERR_INIT;
    snapmake_init(&m);
    m.rollover = 900;
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    OWNED(text) char *next = snapmake_next(&m, s.dir, PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL, 1, 4);
    assert_done(vault_open(there.dir, false, &v, &e), &e);
    list_of(v, &m, 0);
    assert_done(vault_put(v, s.dir, &m.node, &m.incarnation, name, false, &sent, &e), &e);
    assert_true(sent > 1000);
    assert_false(has_device_file(v, &m, name));
    list_of(v, &m, 1);
    assert_done(vault_put(v, s.dir, &m.node, &m.incarnation, name, false, &sent, &e), &e);
    assert_int_equal(sent, 0);
    assert_done(vault_put(v, s.dir, &m.node, &m.incarnation, name, true, &sent, &e), &e);
    assert_true(sent > 0);
    assert_true(has_device_file(v, &m, name));
    assert_done(vault_put(v, s.dir, &m.node, &m.incarnation, next, false, &sent, &e), &e);
    list_of(v, &m, 2);

    assert_done(vault_local_dir(v, &m.node, &m.incarnation, &dir, &e), &e);
    assert_done(snapmake_verify(dir, name, &frames, &e), &e);
    assert_int_equal(frames, 6);
    assert_done(snapmake_verify(dir, next, &frames, &e), &e);

    assert_done(io_make_dir(scratch_path(&there, "lost+found"), &e), &e);
    assert_done(vault_chains(v, &chains, &e), &e);
    assert_int_equal(chains.count, 1);
    assert_true(uuid_equal(&chains.chain[0].node, &m.node));
    assert_true(uuid_equal(&chains.chain[0].incarnation, &m.incarnation));
}

static void forks_and_strangers_are_refused(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch a = scratch_make();
    OWNED(scratch) struct scratch b = scratch_make();
    OWNED(scratch) struct scratch there = scratch_make();
    OWNED(vault) struct vault *v = NULL;
    struct snapmake m;
    uint64_t sent = 0;
    err e = ERR_INIT;
    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, a.dir);
    assert_done(vault_open(there.dir, false, &v, &e), &e);
    assert_done(vault_put(v, a.dir, &m.node, &m.incarnation, name, false, &sent, &e), &e);

    snapmake_init(&m); /* written a second time: same name, other salts */
    OWNED(text) char *same = snapmake_full(&m, b.dir);
    assert_string_equal(name, same);
    assert_fails(vault_put(v, b.dir, &m.node, &m.incarnation, same, false, &sent, &e), &e, ERR_REFUSED);

    snapmake_init(&m); /* another snapshot with number 0 */
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    m.snapshot = snapmake_uuid(0xbc, 5);
    char *other = NULL;
    assert_done(snapmake_try(&m, b.dir, &other, &e), &e);
    OWNED(text) char *owned = other;
    assert_fails(vault_put(v, b.dir, &m.node, &m.incarnation, owned, false, &sent, &e), &e, ERR_REFUSED);
    assert_mentions(&e, "fork");
    assert_int_equal(sent, 0);

    uuid stranger = snapmake_uuid(0xee, 1);
    assert_fails(vault_put(v, a.dir, &stranger, &m.incarnation, name, false, &sent, &e), &e, ERR_VALIDATION);
    assert_fails(vault_put(v, a.dir, &m.node, &m.incarnation, "nothing", false, &sent, &e), &e, ERR_STORAGE);
}

static void a_missing_device_file_is_said(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(scratch) struct scratch there = scratch_make();
    OWNED(vault) struct vault *v = NULL;
    struct snapmake m;
    uint64_t sent = 0;
    char path[400];
    err e = ERR_INIT;
    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    (void)snprintf(path, sizeof path, "%s/%s.device", s.dir, name);
    assert_done(io_unlink(path, &e), &e);
    assert_done(vault_open(there.dir, false, &v, &e), &e);
    assert_fails(vault_put(v, s.dir, &m.node, &m.incarnation, name, true, &sent, &e), &e, ERR_STORAGE);
    assert_mentions(&e, ".device");
    list_of(v, &m, 0);
    assert_done(vault_put(v, s.dir, &m.node, &m.incarnation, name, false, &sent, &e), &e);
}

/* Killed at each call that changes something: the vault has the snapshot whole or not at all, and the next
 * attempt completes it. */
static void killed_while_putting(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct snapmake m;
    err e = ERR_INIT;
    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    bool lived = false;
    uint64_t n = 1;
    for (; !lived; n++) {
        OWNED(scratch) struct scratch there = scratch_make();
        OWNED(vault) struct vault *v = NULL;
        OWNED(text) char *dir = NULL;
        uint64_t sent = 0, frames = 0;
        int how = 0;
        assert_done(vault_open(there.dir, false, &v, &e), &e);
        pid_t child = fork();
        if (child == 0) {
            io_fault_arm(IO_FAULT_KILL, n, there.dir);
            _exit(vault_put(v, s.dir, &m.node, &m.incarnation, name, true, &sent, &e).ok ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        lived = WIFEXITED(how);
        assert_true(!lived || WEXITSTATUS(how) == 0);
        OWNED(vault_names) struct vault_names names = {0};
        assert_done(vault_list(v, &m.node, &m.incarnation, &names, &e), &e);
        assert_done(vault_local_dir(v, &m.node, &m.incarnation, &dir, &e), &e);
        if (names.count > 0)
            assert_done(snapmake_verify(dir, name, &frames, &e), &e);
        assert_done(vault_put(v, s.dir, &m.node, &m.incarnation, name, true, &sent, &e), &e);
        assert_done(snapmake_verify(dir, name, &frames, &e), &e);
    }
    assert_true(n > 10);
}

/* A process that was killed at the last step left names that are not durable: nothing is sent again, but all
 * of it is synced before anybody is told. */
static void what_is_there_is_settled(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(scratch) struct scratch there = scratch_make();
    OWNED(vault) struct vault *v = NULL;
    OWNED(text) char *dir = NULL;
    struct snapmake m;
    uint64_t sent = 0;
    err e = ERR_INIT;
    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    assert_done(vault_open(there.dir, false, &v, &e), &e);
    assert_done(vault_put(v, s.dir, &m.node, &m.incarnation, name, true, &sent, &e), &e);
    assert_done(vault_local_dir(v, &m.node, &m.incarnation, &dir, &e), &e);
    assert_done(vault_settle(v, &m.node, &m.incarnation, &e), &e);
    for (uint64_t nth = 2; nth <= 3; nth++) { /* of: is it a folder, its own name, the names in it */
        io_fault_arm(IO_FAULT_FAIL, nth, there.dir);
        assert_fails(vault_settle(v, &m.node, &m.incarnation, &e), &e, ERR_STORAGE);
        assert_mentions(&e, "durable");
    }
    assert_mentions(&e, dir);
}

static void a_full_vault(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(scratch) struct scratch there = scratch_make();
    OWNED(vault) struct vault *v = NULL;
    struct snapmake m;
    uint64_t sent = 0;
    err e = ERR_INIT;
    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    assert_done(vault_open(there.dir, false, &v, &e), &e);
    io_fault_arm(IO_FAULT_FULL, 4, there.dir);
    assert_fails(vault_put(v, s.dir, &m.node, &m.incarnation, name, false, &sent, &e), &e, ERR_STORAGE);
    assert_true(io_is_full(&e));
    io_fault_arm(IO_FAULT_NONE, 0, NULL);
    list_of(v, &m, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(put_business_then_device),
        cmocka_unit_test(forks_and_strangers_are_refused),
        cmocka_unit_test(a_missing_device_file_is_said),
        cmocka_unit_test(killed_while_putting),
        cmocka_unit_test(what_is_there_is_settled),
        cmocka_unit_test(a_full_vault),
    };
    return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
