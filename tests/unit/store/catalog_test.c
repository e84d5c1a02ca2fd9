#include "tests/lib/check.h"

#include <catalog.pb-c.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/catalog.h"
#include "store/lmdbmeta.h"
#include "tests/lib/scratch.h"

static struct catalog *open_it(struct scratch *s)
{
    struct catalog *c = NULL;
    err e = ERR_INIT;
    assert_done(catalog_open(scratch_path(s, "catalog.mdb"), &c, &e), &e);
    return c;
}

static status put_break(struct catalog *c, uint64_t seq, const char *what, err *e)
{
    char text[32];
    Pgstrand__SchemaBreak record = PGSTRAND__SCHEMA_BREAK__INIT;
    struct catalog_key key = catalog_key_u64(seq);
    (void)snprintf(text, sizeof text, "%s", what);
    record.seq = seq;
    record.what = text;
    return catalog_put(c, CATALOG_BREAK, catalog_key_bytes(&key), &record.base, e);
}

/* The text of a break, or "" when there is none. */
static const char *break_of(struct catalog *c, uint64_t seq)
{
    static char text[32];
    PB_OWNED(ProtobufCMessage) *record = NULL;
    struct catalog_key key = catalog_key_u64(seq);
    err e = ERR_INIT;
    assert_done(catalog_get(c, CATALOG_BREAK, catalog_key_bytes(&key), &record, &e), &e);
    (void)snprintf(text, sizeof text, "%s", record == NULL ? "" : ((Pgstrand__SchemaBreak *)record)->what);
    return text;
}

static void puts_gets_and_deletes(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct catalog *c = open_it(&s);
    err e = ERR_INIT;
    struct catalog_key key = catalog_key_u64(7);

    assert_string_equal(break_of(c, 7), "");
    assert_done(put_break(c, 7, "seven", &e), &e);
    assert_string_equal(break_of(c, 7), "seven");
    assert_done(put_break(c, 7, "again", &e), &e);
    catalog_close(c);
    c = open_it(&s);
    assert_string_equal(break_of(c, 7), "again");
    assert_done(catalog_delete(c, CATALOG_BREAK, catalog_key_bytes(&key), &e), &e);
    assert_done(catalog_delete(c, CATALOG_BREAK, catalog_key_bytes(&key), &e), &e);
    assert_string_equal(break_of(c, 7), "");
    catalog_close(c);
    catalog_close(NULL);
}

static void kinds_do_not_mix(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(catalog) struct catalog *c = open_it(&s);
    err e = ERR_INIT;
    PB_OWNED(ProtobufCMessage) *record = NULL;
    Pgstrand__SetupRecord setup = PGSTRAND__SETUP_RECORD__INIT;
    setup.has_slot_lsn = 1;
    setup.slot_lsn = 42;

    assert_done(catalog_put(c, CATALOG_SETUP, bytes_of(NULL, 0), &setup.base, &e), &e);
    assert_done(catalog_get(c, CATALOG_IDENTITY, bytes_of(NULL, 0), &record, &e), &e);
    assert_null(record);
    assert_fails(catalog_put(c, CATALOG_IDENTITY, bytes_of(NULL, 0), &setup.base, &e), &e, ERR_VALIDATION);
    assert_done(catalog_get(c, CATALOG_SETUP, bytes_of(NULL, 0), &record, &e), &e);
    assert_int_equal(((Pgstrand__SetupRecord *)record)->slot_lsn, 42);

    static const uint8_t long_key[600];
    PB_OWNED(ProtobufCMessage) *none = NULL;
    assert_fails(catalog_get(c, CATALOG_VAULT, bytes_of(long_key, sizeof long_key), &none, &e), &e,
                 ERR_VALIDATION);
}

static void a_transaction_is_kept_or_dropped(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(catalog) struct catalog *c = open_it(&s);
    OWNED(catalog) struct catalog *other = open_it(&s); /* the same file in the same process */
    err e = ERR_INIT;

    assert_done(catalog_begin(c, &e), &e);
    assert_fails(catalog_begin(c, &e), &e, ERR_VALIDATION);
    assert_done(put_break(c, 1, "one", &e), &e);
    assert_done(put_break(c, 2, "two", &e), &e);
    assert_string_equal(break_of(c, 1), "one");
    assert_string_equal(break_of(other, 1), "");
    assert_done(catalog_end(c, false, &e), &e);
    assert_string_equal(break_of(c, 1), "");
    assert_fails(catalog_end(c, true, &e), &e, ERR_VALIDATION);
    assert_done(catalog_begin(c, &e), &e);
    assert_done(put_break(c, 1, "one", &e), &e);
    assert_done(catalog_end(c, true, &e), &e);
    assert_string_equal(break_of(other, 1), "one");
}

struct visits {
    struct catalog *catalog;
    uint64_t last;
    unsigned count;
    unsigned stop_at;
};

static status visit(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct visits *v = context;
    const Pgstrand__SchemaBreak *b = (const Pgstrand__SchemaBreak *)record;
    struct catalog_key wanted = catalog_key_u64(b->seq);
    assert_true(bytes_equal(key, catalog_key_bytes(&wanted)));
    assert_true(v->count == 0 || b->seq > v->last);
    v->last = b->seq;
    if (++v->count == v->stop_at)
        return err_set(e, ERR_INTERRUPTED, "enough");
    return put_break(v->catalog, b->seq, "seen", e); /* one may write meanwhile */
}

static void visits_all_of_a_kind_in_order(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(catalog) struct catalog *c = open_it(&s);
    err e = ERR_INIT;
    Pgstrand__VaultRecord vault = PGSTRAND__VAULT_RECORD__INIT;
    char name[] = "nas";
    vault.name = vault.url = name;

    assert_done(catalog_put(c, CATALOG_VAULT, bytes_text("nas"), &vault.base, &e), &e);
    assert_done(catalog_begin(c, &e), &e);
    for (uint64_t i = 1; i <= 500; i++)
        assert_done(put_break(c, i * 7919 % 100003, "x", &e), &e);
    struct visits inside = {.catalog = c};
    assert_done(catalog_each(c, CATALOG_BREAK, visit, &inside, &e), &e);
    assert_int_equal(inside.count, 500);
    assert_done(catalog_end(c, true, &e), &e);
    struct visits all = {.catalog = c};
    assert_done(catalog_each(c, CATALOG_BREAK, visit, &all, &e), &e);
    assert_int_equal(all.count, 500);
    assert_string_equal(break_of(c, all.last), "seen");
    struct visits some = {.catalog = c, .stop_at = 3};
    assert_fails(catalog_each(c, CATALOG_BREAK, visit, &some, &e), &e, ERR_INTERRUPTED);
    assert_int_equal(some.count, 3);
    struct visits none = {.catalog = c};
    assert_done(catalog_each(c, CATALOG_TABLE, visit, &none, &e), &e);
    assert_int_equal(none.count, 0);
}

static void many_processes_write_at_once(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    enum { PROCESSES = 4, EACH = 25 };
    for (int p = 0; p < PROCESSES; p++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child != 0)
            continue;
        struct catalog *c = NULL; /* they also make it at once */
        err e = ERR_INIT;
        bool ok = catalog_open(scratch_path(&s, "catalog.mdb"), &c, &e).ok;
        for (uint64_t i = 0; ok && i < EACH; i++)
            ok = put_break(c, (uint64_t)p * 1000 + i, "x", &e).ok;
        if (!ok)
            (void)fprintf(stderr, "%s\n", e.message);
        _exit(ok ? 0 : 1);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int how = 0;
        assert_true(wait(&how) > 0);
        assert_int_equal(how, 0);
    }
    OWNED(catalog) struct catalog *c = open_it(&s);
    struct visits all = {.catalog = c};
    err e = ERR_INIT;
    assert_done(catalog_each(c, CATALOG_BREAK, visit, &all, &e), &e);
    assert_int_equal(all.count, PROCESSES * EACH);
}

static void a_place_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct catalog *c = NULL;
    err e = ERR_INIT;
    assert_fails(catalog_open(scratch_path(&s, "absent/catalog.mdb"), &c, &e), &e, ERR_STORAGE);
    assert_done(io_store(scratch_path(&s, "catalog.mdb"), bytes_text("not a catalogue, but a text"), &e), &e);
    assert_fails(catalog_open(scratch_path(&s, "catalog.mdb"), &c, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "catalog.mdb");
}

/* ---- where a database's record says that its root is ---- */

#define WIDE 1600 /* bytes: two records a page */
#define MANY 300  /* so that there are more leaf pages than a first look walks */

static void fill(struct catalog *c)
{
    char text[WIDE + 1];
    err e = ERR_INIT;
    memset(text, 'x', WIDE);
    text[WIDE] = '\0';
    for (uint64_t n = 0; n < MANY; n++) {
        Pgstrand__SchemaBreak record = PGSTRAND__SCHEMA_BREAK__INIT;
        struct catalog_key key = catalog_key_u64(n * 7 % MANY);
        record.seq = n * 7 % MANY;
        record.what = text;
        assert_done(catalog_put(c, CATALOG_BREAK, catalog_key_bytes(&key), &record.base, &e), &e);
    }
}

static status count_wide(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    (void)key;
    (void)e;
    *(size_t *)context += strlen(((const Pgstrand__SchemaBreak *)(const void *)record)->what);
    return DONE;
}

/* As a reader does. */
static status read_wide(const char *path, size_t *bytes, err *e)
{
    OWNED(catalog) struct catalog *c = NULL;
    *bytes = 0;
    TRY(catalog_open(path, &c, e));
    return catalog_each(c, CATALOG_BREAK, count_wide, bytes, e);
}

/* In the page that has the names of the databases. */
static off_t place_of_root(int fd, const struct lmdbmeta *metas, uint64_t *root)
{
    static const char name[] = "records";
    const struct lmdbmeta_page *m = &metas->meta[metas->meta[0].txn < metas->meta[1].txn];
    OWNED(memory) uint8_t *page = malloc(metas->page);
    assert_non_null(page);
    const off_t at = (off_t)(m->main.root * metas->page);
    assert_int_equal(pread(fd, page, metas->page, at), metas->page);
    const uint8_t *found = memmem(page, metas->page, name, sizeof name - 1);
    assert_non_null(found);
    struct lmdbmeta_record record;
    memcpy(&record, found + sizeof name - 1, sizeof record);
    assert_true(record.leaf_pages > 64);
    *root = record.root;
    return at + (found - page) + (off_t)(sizeof name - 1 + offsetof(struct lmdbmeta_record, root));
}

/* A page that was the root before is as whole as the one that is. */
static void no_other_root_of_a_large_database_is_believed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    struct lmdbmeta metas;
    uint64_t root = 0;
    size_t bytes = 0, told = 0;
    err e = ERR_INIT;
    struct catalog *c = open_it(&s);
    fill(c);
    catalog_close(c);
    const int fd = open(s.path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_done(lmdbmeta_read(fd, s.path, &metas, &e), &e);
    const off_t place = place_of_root(fd, &metas, &root);
    const uint64_t pages = metas.meta[metas.meta[0].txn < metas.meta[1].txn].last_page + 1;
    for (uint64_t other = 0; other <= pages; other++) {
        assert_int_equal(pwrite(fd, &other, sizeof other, place), sizeof other);
        if (read_wide(s.path, &bytes, &e).ok) {
            assert_int_equal(other, root);
            assert_int_equal(bytes, MANY * WIDE);
            continue;
        }
        assert_int_equal(e.class, ERR_STORAGE);
        assert_mentions(&e, "catalog.mdb is damaged");
        told++;
    }
    assert_int_equal(told, pages);
    (void)close(fd);
}

static void keys_sort_as_their_numbers(void **state)
{
    (void)state;
    const uuid incarnation = {{1}};
    struct catalog_key a = catalog_key_snapshot(&incarnation, 255);
    struct catalog_key b = catalog_key_snapshot(&incarnation, 256);
    assert_int_equal(a.len, 24);
    assert_true(memcmp(a.data, b.data, a.len) < 0);
    assert_int_equal(catalog_key_u32(0x01020304).data[3], 4);
    assert_int_equal(catalog_key_u32(0x01020304).len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_gets_and_deletes),
        cmocka_unit_test(kinds_do_not_mix),
        cmocka_unit_test(a_transaction_is_kept_or_dropped),
        cmocka_unit_test(visits_all_of_a_kind_in_order),
        cmocka_unit_test(many_processes_write_at_once),
        cmocka_unit_test(a_place_that_cannot_be_is_an_error),
        cmocka_unit_test(no_other_root_of_a_large_database_is_believed),
        cmocka_unit_test(keys_sort_as_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
