#include "tests/lib/check.h"

#include "agent/machine.h"
#include "tests/lib/scratch.h"

static void a_folder_is_told_from_its_copy(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct machine here, again, copy, root;
    err e = ERR_INIT;
    assert_done(io_make_dir(scratch_path(&s, "a"), &e), &e);
    assert_done(io_make_dir(scratch_path(&s, "b"), &e), &e);
    machine_read(scratch_path(&s, "a"), &here);
    machine_read(scratch_path(&s, "a"), &again);
    machine_read(scratch_path(&s, "b"), &copy);
    machine_read(s.dir, &root);
    assert_true(here.place[0] != '\0');
    assert_true(machine_same_place(&again, here.place));
    assert_false(machine_same_place(&copy, here.place));
    assert_false(machine_same_place(&root, here.place));
    assert_string_equal(here.id, copy.id);
    assert_true(machine_same_id(&copy, here.id));
    /* what it is called does not matter */
    char moved[1100];
    (void)snprintf(moved, sizeof moved, "%s/moved", s.dir);
    assert_int_equal(rename(scratch_path(&s, "a"), moved), 0);
    machine_read(moved, &again);
    assert_true(machine_same_place(&again, here.place));
}

static void what_is_not_known_is_not_told_apart(void **state)
{
    (void)state;
    const struct machine known = {.id = "m1", .place = "1 2.000000003"};
    const struct machine unknown = {0};
    assert_false(machine_same_id(&known, "m2"));
    assert_false(machine_same_place(&known, "1 2.000000004"));
    assert_true(machine_same_id(&known, NULL));
    assert_true(machine_same_id(&known, ""));
    assert_true(machine_same_place(&known, NULL));
    assert_true(machine_same_id(&unknown, "m2"));
    assert_true(machine_same_place(&unknown, "9 9.000000009"));
}

static void a_folder_that_is_not_there_has_no_place(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct machine m;
    machine_read(scratch_path(&s, "absent"), &m);
    assert_string_equal(m.place, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_told_from_its_copy),
        cmocka_unit_test(what_is_not_known_is_not_told_apart),
        cmocka_unit_test(a_folder_that_is_not_there_has_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
