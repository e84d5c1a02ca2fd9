/* Paths that stay in their folder, links that do, and sets of contents. */
#include "agent/assets/assetlist.h"

#include "tests/lib/check.h"

static void paths(void **state)
{
    (void)state;
    static const char *const safe[] = {"", "a", "a/b", "..a/b..", "a/...", " "};
    static const char *const unsafe[] = {"/",    "/a",     "a/",   "a//b", ".",  "..",
                                         "../a", "a/../b", "a/..", "./a",  "a/."};
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
        assert_true(asset_path_is_safe(safe[i], strlen(safe[i])));
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++)
        if (asset_path_is_safe(unsafe[i], strlen(unsafe[i])))
            fail_msg("%s was taken", unsafe[i]);
    assert_false(asset_path_is_safe("a\0b", 3));
}

static void folders(void **state)
{
    (void)state;
    static const char *const safe[] = {"/a", "/srv/app/pics", "/..a/b.."};
    static const char *const unsafe[] = {"",        "/",     "a",   "a/b", "../a", "/../../home/u/.ssh",
                                         "/a/../b", "/a/..", "//a", "/a/", "/.",   "/a/./b"};
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
        assert_true(asset_folder_is_safe(safe[i]));
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++)
        if (asset_folder_is_safe(unsafe[i]))
            fail_msg("%s was taken", unsafe[i]);
}

static void links(void **state)
{
    (void)state;
    assert_true(asset_link_is_safe("a", "b"));
    assert_true(asset_link_is_safe("a/b", "../c"));
    assert_true(asset_link_is_safe("a/b/c", "../../d/./e"));
    assert_true(asset_link_is_safe("a", "b/c"));
    assert_true(asset_link_is_safe("a/b", "./../c"));
    assert_false(asset_link_is_safe("a", "b/../c")); /* b may be a link to somewhere less deep */
    assert_false(asset_link_is_safe("m", "a/b/c/l/.."));
    assert_false(asset_link_is_safe("a/m", "../b/./.."));
    assert_false(asset_link_is_safe("a", "../b"));
    assert_false(asset_link_is_safe("a/b", "../../c"));
    assert_false(asset_link_is_safe("a/b", "../../a/c")); /* it comes back, but over what is outside */
    assert_false(asset_link_is_safe("a", "/etc/passwd"));
    assert_false(asset_link_is_safe("a", ""));
}

static void sets(void **state)
{
    (void)state;
    err e = ERR_INIT;
    OWNED(assetset) struct assetset s = {0};
    uint8_t hash[SHA256_LEN] = {1};
    bool added = false;
    assert_false(assetset_has(&s, hash));
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 1000; i++) {
            hash[3] = (uint8_t)i; /* many begin alike */
            hash[20] = (uint8_t)(i >> 8);
            assert_done(assetset_add(&s, hash, &added, &e), &e);
            assert_int_equal(added, round == 0);
            assert_true(assetset_has(&s, hash));
        }
    assert_int_equal(s.count, 1000);
    hash[31] = 9;
    assert_false(assetset_has(&s, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths), cmocka_unit_test(folders),
                                       cmocka_unit_test(links), cmocka_unit_test(sets)};
    return cmocka_run_group_tests_name("assetlist", tests, NULL, NULL);
}
