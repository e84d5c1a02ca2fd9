#include "agent/restore/load/ddltext.h"

#include "tests/lib/check.h"

static bool parse(const char *text, struct ddltext_key *out)
{
    return ddltext_foreign_key(bytes_text(text), out);
}

static void assert_text(struct bytes got, const char *wanted)
{
    assert_int_equal(got.len, strlen(wanted));
    assert_memory_equal(got.data, wanted, got.len);
}

static void test_plain(void **state)
{
    struct ddltext_key k;
    (void)state;
    assert_true(parse("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_customer_fkey FOREIGN KEY "
                      "(customer) REFERENCES public.customers(id) ON DELETE CASCADE;",
                      &k));
    assert_true(k.only);
    assert_text(k.table, "public.orders");
    assert_text(k.constraint, "orders_customer_fkey");
    assert_text(k.parent, "public.customers");
    assert_text(k.add, "ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES "
                       "public.customers(id) ON DELETE CASCADE");
}

static void test_quoted(void **state)
{
    struct ddltext_key k;
    (void)state;
    assert_true(parse("ALTER TABLE \"my shop\".\"a(b) \"\"c\"\"\"\n    ADD CONSTRAINT \"x;y\" FOREIGN KEY "
                      "(\"a)\", b) REFERENCES \"my.shop\".\"p.q\"(\"id)\", b);",
                      &k));
    assert_false(k.only);
    assert_true(ddltext_names(k.table, "my shop", "a(b) \"c\""));
    assert_false(ddltext_names(k.table, "my shop", "a(b) \"c"));
    assert_false(ddltext_names(k.table, "my", "shop"));
    assert_text(k.constraint, "\"x;y\"");
    assert_true(ddltext_names(k.parent, "my.shop", "p.q"));
    assert_false(ddltext_names(k.parent, "my.shop", "p.qq"));
    assert_false(ddltext_names(k.parent, "my.shop", "p"));
}

static void test_unique(void **state)
{
    struct ddltext_unique u;
    (void)state;
    assert_true(
        ddltext_unique(bytes_text("ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (a, "
                                  "\"b c)\");"),
                       &u));
    assert_true(u.primary);
    assert_text(u.table, "public.t");
    assert_text(u.constraint, "t_pkey");
    assert_text(u.columns, "a, \"b c)\"");
    assert_true(ddltext_unique(bytes_text("ALTER TABLE s.t ADD CONSTRAINT \"x y\" UNIQUE (a);"), &u));
    assert_false(u.primary);
    assert_text(u.constraint, "\"x y\"");
    static const char *const other[] = {
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x PRIMARY KEY (a) INCLUDE (b);",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x UNIQUE NULLS NOT DISTINCT (a);",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x PRIMARY KEY (a, \"b\" WITHOUT OVERLAPS);",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x PRIMARY KEY (a, b WITHOUT OVERLAPS);",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x PRIMARY KEY (a) WITH (fillfactor='70');",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x PRIMARY KEY (a",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES public.u(a);",
        "CREATE UNIQUE INDEX x ON public.t USING btree (a);",
    };
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_false(ddltext_unique(bytes_text(other[i]), &u));
}

static void test_columns(void **state)
{
    struct ddltext_key k;
    struct bytes name, root, part;
    (void)state;
    assert_true(parse(
        "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT x FOREIGN KEY (a, \"b, \"\"c\"\"\") REFERENCES s.p(\"x)\", "
        "y) MATCH FULL;",
        &k));
    assert_true(ddltext_next_name(&k.columns, &name) && ddltext_is(name, "a"));
    assert_true(ddltext_next_name(&k.columns, &name) && ddltext_is(name, "b, \"c\""));
    assert_false(ddltext_is(name, "b"));
    assert_false(ddltext_next_name(&k.columns, &name));
    assert_true(ddltext_next_name(&k.parent_columns, &name) && ddltext_is(name, "x)"));
    assert_true(ddltext_next_name(&k.parent_columns, &name) && ddltext_is(name, "y"));
    assert_false(ddltext_next_name(&k.parent_columns, &name));
    assert_true(ddltext_attach(
        bytes_text("ALTER TABLE ONLY s.\"R r\" ATTACH PARTITION s.p FOR VALUES IN (1);"), &root, &part));
    assert_text(root, "s.\"R r\"");
    assert_text(part, "s.p");
    assert_false(ddltext_attach(bytes_text("ALTER TABLE ONLY s.r ADD COLUMN p int;"), &root, &part));
    assert_false(ddltext_attach(bytes_text("ALTER INDEX s.r ATTACH PARTITION s.p;"), &root, &part));
}

static void test_names_that_are_prefixes(void **state)
{
    (void)state;
    assert_true(ddltext_names(bytes_text("public.a"), "public", "a"));
    assert_false(ddltext_names(bytes_text("public.ab"), "public", "a"));
    assert_false(ddltext_names(bytes_text("public.a"), "public", "ab"));
    assert_false(ddltext_names(bytes_text("public"), "public", ""));
}

static void test_indexes(void **state)
{
    struct bytes table;
    bool locks;
    (void)state;
    assert_true(ddltext_index(
        bytes_text("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);"),
        &table, &locks));
    assert_text(table, "public.orders");
    assert_true(locks);
    assert_true(ddltext_index(
        bytes_text("CREATE UNIQUE INDEX \"a ON b.c\" ON ONLY \"my shop\".orders USING btree (id);"), &table,
        &locks));
    assert_true(ddltext_names(table, "my shop", "orders"));
    assert_false(locks);
    assert_false(ddltext_index(bytes_text("ALTER TABLE public.orders OWNER TO shop;"), &table, &locks));
    assert_false(ddltext_index(bytes_text("CREATE INDEX i"), &table, &locks));
    assert_false(ddltext_index(bytes_text("CREATE TABLE public.orders ();"), &table, &locks));
}

static void test_other_statements(void **state)
{
    struct ddltext_key k;
    (void)state;
    assert_false(parse("CREATE INDEX x ON public.orders USING btree (id);", &k));
    assert_false(parse("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT o PRIMARY KEY (id);", &k));
    assert_false(parse("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT o FOREIGN KEY (id", &k));
    assert_false(
        parse("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT o FOREIGN KEY (id) REFERENCES ", &k));
    assert_false(parse("", &k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_names_that_are_prefixes),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_other_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
