/* How a base is cut into pieces. */
#include "agent/base/basetask.h"

#include "tests/lib/scratch.h"

static bool is_shared(int jobs, bool here, long processors)
{
    const struct base_request request = {.jobs = jobs, .here = here};
    return basetasks_shared(&request, processors);
}

static void large_tables_are_shared_where_processors_are_left(void **state)
{
    (void)state;
    assert_false(is_shared(1, true, 8));
    assert_false(is_shared(1, false, 8));
    /* The server takes of the same two. */
    assert_false(is_shared(2, true, 2));
    assert_true(is_shared(2, true, 3));
    assert_true(is_shared(2, false, 2));
    /* Asked for. */
    assert_true(is_shared(3, true, 2));
    assert_true(is_shared(2, true, 1));
}

#define TABLES 4

struct plan {
    struct scratch scratch;
    struct datadir *d;
    struct table_info table[TABLES];
    struct table_list list;
    struct basetasks tasks;
};

static void plan_fini(struct plan *p)
{
    basetasks_fini(&p->tasks);
    datadir_close(p->d);
    scratch_remove(&p->scratch);
}
OWN_VALUE(plan, plan_fini);

/* Tables of so many pages. */
static void plan_make(struct plan *p, int jobs, const int64_t pages[TABLES])
{
    err e = ERR_INIT;
    const struct base_request request = {.jobs = jobs};
    *p = (struct plan){.scratch = scratch_make()};
    assert_done(datadir_open(scratch_path(&p->scratch, "data"), NULL, DATADIR_CREATE, &p->d, &e), &e);
    for (uint32_t i = 0; i < TABLES; i++)
        p->table[i] = (struct table_info){.oid = i + 1,
                                          .schema = "public",
                                          .name = "t",
                                          .kind = 'r',
                                          .persistence = 'p',
                                          .pages = pages[i],
                                          .bytes = pages[i] * 8192,
                                          .tier = {.tier = TIER_BUSINESS}};
    p->list = (struct table_list){.table = p->table, .count = TABLES};
    assert_done(basetasks_plan(p->d, &request, &p->list, &p->tasks, &e), &e);
}

/* Every page is in one part, and the last one has what is added meanwhile. */
static uint32_t parts_of(const struct plan *p, uint32_t oid)
{
    uint32_t found = 0, parts = 0;
    int64_t page = 0;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < p->tasks.count && !more; i++) {
            const struct basetask *t = &p->tasks.task[i];
            if (t->table->oid != oid || t->part != found)
                continue;
            assert_int_equal(t->first_page, page);
            assert_true(t->end_page == -1 || t->end_page - page >= BASETASK_PAGES);
            assert_int_equal(t->end_page == -1, t->part + 1 == t->parts);
            page = t->end_page;
            parts = t->parts;
            found++;
            more = true;
        }
    }
    assert_int_equal(found, parts);
    return found;
}

static void a_large_table_is_cut_into_ranges_of_pages(void **state)
{
    (void)state;
    static const int64_t pages[TABLES] = {2 * BASETASK_PAGES - 1, 2 * BASETASK_PAGES, 3 * BASETASK_PAGES + 7,
                                          (int64_t)BASETASK_PAGES * BASETASK_PARTS_MAX * 2};
    static const uint32_t parts[TABLES] = {1, 2, 3, BASETASK_PARTS_MAX};
    OWNED(plan) struct plan many;
    plan_make(&many, 64, pages); /* the server is elsewhere */
    for (uint32_t i = 0; i < TABLES; i++)
        assert_int_equal(parts_of(&many, i + 1), parts[i]);
    for (size_t i = 1; i < many.tasks.count; i++) /* the biggest first */
        assert_true(many.tasks.task[i - 1].weight >= many.tasks.task[i].weight);
    OWNED(plan) struct plan alone;
    plan_make(&alone, 1, pages);
    assert_int_equal(alone.tasks.count, TABLES);
    assert_int_equal(alone.tasks.task[0].table->oid, TABLES);
    OWNED(buf) struct buf sql = {0};
    basetask_command(&alone.tasks.task[0], &sql);
    assert_null(strstr(buf_cstring(&sql), "ctid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_tables_are_shared_where_processors_are_left),
        cmocka_unit_test(a_large_table_is_cut_into_ranges_of_pages),
    };
    return cmocka_run_group_tests_name("basetask", tests, NULL, NULL);
}
