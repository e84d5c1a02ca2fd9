/* Whatever byte of the log's files changes, it is told, or it does not matter; and older segments have no
 * sums. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/logbulk.h"
#include "store/logname.h"
#include "store/logrecord.h"
#include "store/logsegment.h"
#include "tests/unit/store/logfixture.h"

#define SIZE 90
#define LARGE 5000 /* bytes of a row that does not fit into a page */
#define SEGMENT "seg-0000000000000001.mdb"

/* What a log says, all of it. */
static status sum_up(const char *dir, uint64_t *sum, uint64_t *count, err *e)
{
    OWNED(logreader) struct logreader *r = NULL;
    struct log_entry entry;
    *sum = 14695981039346656037u;
    *count = 0;
    TRY(logreader_open(dir, &r, e));
    for (bool end = false; !end;) {
        TRY(logreader_next(r, &entry, &end, e));
        if (end)
            break;
        for (size_t i = 0; i < entry.raw.len; i++)
            *sum = (*sum ^ entry.raw.data[i]) * 1099511628211u;
        *sum = (*sum ^ entry.commit->lsn ^ entry.relation->oid ^ entry.seq) * 1099511628211u;
        ++*count;
    }
    return DONE;
}

/* What it says of every ninth seq, each looked up by itself. */
static status sum_up_single(const char *dir, uint64_t *sum, uint64_t *count, err *e)
{
    OWNED(logreader) struct logreader *r = NULL;
    struct log_entry entry;
    *sum = 14695981039346656037u;
    *count = 0;
    TRY(logreader_open(dir, &r, e));
    logreader_sparse(r);
    for (uint64_t seq = 91; seq <= 91; seq -= 9) {
        bool end = false;
        TRY(logreader_seek(r, seq, e));
        TRY(logreader_next(r, &entry, &end, e));
        if (end || entry.seq != seq)
            break;
        for (size_t i = 0; i < entry.raw.len; i++)
            *sum = (*sum ^ entry.raw.data[i]) * 1099511628211u;
        *sum = (*sum ^ entry.commit->lsn ^ entry.relation->oid ^ entry.seq) * 1099511628211u;
        ++*count;
    }
    return DONE;
}

/* Enough for branch pages, overflow pages and free ones. */
static void make_log(const char *dir)
{
    OWNED(logwriter) struct logwriter *w = fixture_writer(dir, 0);
    err e = ERR_INIT;
    for (lsn at = 200; at < 206; at++) {
        assert_done(fixture_transaction(w, fixture_relation(w, 10, at > 202), at, 15, SIZE, &e), &e);
        assert_done(logwriter_flush(w, &e), &e);
    }
    assert_done(fixture_transaction(w, fixture_relation(w, 11, 0), 300, 1, LARGE, &e), &e);
    assert_done(logwriter_flush(w, &e), &e);
}

struct file {
    int fd;
    uint8_t *data;
    size_t len;
};

static struct file load(const char *path)
{
    struct file f = {.fd = open(path, O_RDWR)};
    struct stat facts;
    assert_true(f.fd >= 0);
    assert_int_equal(fstat(f.fd, &facts), 0);
    f.len = (size_t)facts.st_size;
    f.data = malloc(f.len);
    assert_int_equal(pread(f.fd, f.data, f.len, 0), f.len);
    return f;
}

static void unload(struct file *f)
{
    free(f->data);
    (void)close(f->fd);
}

static void put_byte(const struct file *f, size_t at, uint8_t value)
{
    assert_int_equal(pwrite(f->fd, &value, 1, (off_t)at), 1);
}

typedef status (*reading)(const char *dir, uint64_t *sum, uint64_t *count, err *e);

/* True: it was told. Else the log says what it said before. */
static bool flip_is_told(reading read_log, const char *dir, const struct file *f, size_t at, uint8_t bits,
                         uint64_t wanted)
{
    uint64_t sum = 0, count = 0;
    err e = ERR_INIT;
    put_byte(f, at, f->data[at] ^ bits);
    const bool read = read_log(dir, &sum, &count, &e).ok;
    put_byte(f, at, f->data[at]);
    if (read) {
        if (sum != wanted)
            fail_msg("byte %zu, bits %x: another log, and nobody said so", at, bits);
        return false;
    }
    if (e.class != ERR_STORAGE && e.class != ERR_REFUSED)
        fail_msg("byte %zu, bits %x: %s", at, bits, e.message);
    assert_mentions(&e, SEGMENT);
    if (e.class == ERR_STORAGE)
        assert_mentions(&e, "move the log's folder away");
    return true;
}

/* One byte of 113, another phase at each run; PGSTRAND_TEST_LONG=1: all of them, a minute without
 * sanitizers and five with, as the long run of all tests does. */
static size_t step(void)
{
    return getenv("PGSTRAND_TEST_LONG") != NULL ? 1 : 113;
}

static size_t phase(void)
{
    return (size_t)getpid() % step();
}

/* Deep inside unused space: the rest of a page, or what follows a meta page. One in 16 will do. */
static bool is_void(const struct file *f, size_t at)
{
    static const uint8_t zero[65] = {0};
    return at % 16 != 0 && at >= 32 && at + 33 <= f->len && memcmp(f->data + at - 32, zero, sizeof zero) == 0;
}

static void no_flipped_byte_is_believed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    uint64_t wanted = 0, count = 0;
    size_t told = 0;
    err e = ERR_INIT;
    print_message("phase %zu of %zu\n", phase(), step());
    make_log(s.dir);
    assert_done(sum_up(s.dir, &wanted, &count, &e), &e);
    assert_int_equal(count, 91);
    struct file f = load(scratch_path(&s, SEGMENT));
    for (size_t at = 0; at < f.len; at++) {
        static const uint8_t patterns[] = {0xff, 0x01, 0x80, 0x10};
        if (is_void(&f, at) || at % step() != phase())
            continue;
        told += flip_is_told(sum_up, s.dir, &f, at, patterns[at % 7 == 0 ? 0 : at % 4], wanted);
    }
    assert_true(told > (90 * SIZE + LARGE) / step()); /* the rows alone */
    unload(&f);
}

static void make_log_summed(const char *dir, uint64_t *all, uint64_t *single)
{
    uint64_t count = 0;
    err e = ERR_INIT;
    make_log(dir);
    assert_done(sum_up(dir, all, &count, &e), &e);
    assert_done(sum_up_single(dir, single, &count, &e), &e);
}

/* Where a database's record says that its root is. A page that held the root before is as whole as the one
 * that does: of the record "meta" it says that the log ends earlier. */
static void no_other_root_is_believed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    static const char *const names[] = {"actions", "commits", "relations", "meta"};
    const size_t root = 40; /* in the record behind the name (lmdbmeta.h) */
    uint64_t wanted = 0, one = 0;
    size_t told = 0;
    make_log_summed(s.dir, &wanted, &one);
    struct file f = load(scratch_path(&s, SEGMENT));
    for (size_t at = 0; at + 64 < f.len; at++)
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            for (unsigned bit = 0; bit < 8 && memcmp(f.data + at, names[n], strlen(names[n])) == 0; bit++) {
                const size_t byte = at + strlen(names[n]) + root;
                told += flip_is_told(sum_up, s.dir, &f, byte, (uint8_t)(1u << bit), wanted);
                told += flip_is_told(sum_up_single, s.dir, &f, byte, (uint8_t)(1u << bit), one);
            }
    assert_true(told >= 4 * 8); /* more than one copy of the records may be there, of which one counts */
    unload(&f);
}

/* An action's commit is the next one behind it. When its own is not found there, another one is. */
static void no_other_commit_is_believed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    /* Of a node: the key's length, and the ends of seq and LSN. */
    static const size_t bytes[] = {6, 7, 8 + 7, 8 + 15};
    uint64_t wanted = 0, one = 0;
    size_t told = 0;
    make_log_summed(s.dir, &wanted, &one);
    struct file f = load(scratch_path(&s, SEGMENT));
    for (size_t at = 8; at + 64 < f.len; at += 2)
        for (lsn commit = 200; commit < 206; commit++) {
            const struct commit_key key = logrecord_commit_key((commit - 199) * 15, commit);
            for (size_t n = 0; n < 32 && memcmp(f.data + at, key.b, sizeof key.b) == 0; n++) {
                const uint8_t bits = (uint8_t)(1u << n % 8);
                told += flip_is_told(sum_up, s.dir, &f, at - 8 + bytes[n / 8], bits, wanted);
                told += flip_is_told(sum_up_single, s.dir, &f, at - 8 + bytes[n / 8], bits, one);
            }
        }
    assert_true(told >= 6 * 32);
    unload(&f);
}

/* Only the pages on the way to an action are checked then. */
static void no_flipped_byte_on_the_way_to_one_action_is_believed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    uint64_t wanted = 0, count = 0;
    size_t told = 0;
    const size_t every = step() == 1 ? 1 : 73;
    err e = ERR_INIT;
    make_log(s.dir);
    assert_done(sum_up_single(s.dir, &wanted, &count, &e), &e);
    assert_int_equal(count, 11);
    struct file f = load(scratch_path(&s, SEGMENT));
    for (size_t at = (size_t)getpid() % every; at < f.len; at += every)
        if (!is_void(&f, at))
            told += flip_is_told(sum_up_single, s.dir, &f, at, at % 3 == 0 ? 0xff : 0x10, wanted);
    assert_true(told > (10 * SIZE + LARGE) / every); /* the rows alone */
    unload(&f);
}

static void the_message_says_which_action(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    uint64_t sum = 0, count = 0;
    char room[SIZE + 1];
    err e = ERR_INIT;
    make_log(s.dir);
    struct file f = load(scratch_path(&s, SEGMENT));
    const struct bytes content = fixture_content(203, 4, SIZE, room); /* seq 3 * 15 + 5 */
    bool found = false;
    /* The page may have been written more than once; one of the copies counts. */
    for (size_t at = 0; at + SIZE < f.len; at++) {
        if (memcmp(f.data + at, content.data, SIZE) != 0)
            continue;
        put_byte(&f, at + 40, f.data[at + 40] ^ 0x20);
        if (!sum_up(s.dir, &sum, &count, &e).ok) {
            found = true;
            assert_mentions(&e, "the action with seq 50 is not what was written");
            assert_int_equal(count, 0); /* its batch as a whole */
        }
        put_byte(&f, at + 40, f.data[at + 40]);
    }
    assert_true(found);
    unload(&f);
}

/* A writer refuses a damaged segment, or goes on as if nothing had happened. */
static void a_writer_builds_on_no_damage(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    const struct log_options o = fixture_options();
    uint64_t wanted = 0, sum = 0, count = 0;
    size_t refused = 0;
    err e = ERR_INIT;
    make_log(s.dir);
    struct file f = load(scratch_path(&s, SEGMENT));
    {
        OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
        assert_done(fixture_transaction(w, fixture_relation(w, 10, 1), 400, 3, SIZE, &e), &e);
        assert_done(logwriter_flush(w, &e), &e);
    }
    assert_done(sum_up(s.dir, &wanted, &count, &e), &e);
    for (size_t at = 0; at < f.len; at += 251) {
        OWNED(logwriter) struct logwriter *w = NULL;
        assert_int_equal(pwrite(f.fd, f.data, f.len, 0), f.len);
        assert_int_equal(ftruncate(f.fd, (off_t)f.len), 0);
        put_byte(&f, at, f.data[at] ^ 0xff);
        if (!logwriter_open(s.dir, &o, &w, &e).ok) {
            refused++;
            continue;
        }
        assert_done(fixture_transaction(w, fixture_relation(w, 10, 1), 400, 3, SIZE, &e), &e);
        assert_done(logwriter_flush(w, &e), &e);
        if (sum_up(s.dir, &sum, &count, &e).ok)
            assert_true(sum == wanted);
    }
    assert_true(refused > 0);
    unload(&f);
}

/* ---- files of large transactions ---- */

static void no_flipped_byte_of_a_large_transaction_is_believed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(scratch) struct scratch spool = scratch_make();
    OWNED(buf) struct buf buffer = {0};
    err e = ERR_INIT;
    struct bulkfile *b = NULL;
    struct bulk_place place;
    char room[SIZE + 1];
    {
        OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 0);
        const uint32_t version = fixture_relation(w, 10, 0);
        struct commit c = {.lsn = 200, .end_lsn = 205, .time = 200};
        bool taken = false;
        assert_done(bulkfile_new(scratch_path(&spool, "1"), &b, &e), &e);
        assert_done(bulkfile_open(b, &buffer, &e), &e);
        for (unsigned n = 0; n < 40; n++) {
            const struct action a = {
                .kind = ACTION_CREATE, .relation = 1, .new = fixture_content(200, n, SIZE, room)};
            assert_done(bulkfile_put(b, &a, &e), &e);
            assert_done(bulkfile_mark(b, &place, &e), &e); /* a block each: heads to be flipped */
        }
        assert_done(bulkfile_close(b, &e), &e);
        assert_done(logwriter_adopt(w, b, &version, 1, 200, &taken, &e), &e);
        assert_true(taken);
        assert_done(logwriter_commit(w, &c, &e), &e);
        assert_done(logwriter_flush(w, &e), &e);
        bulkfile_free(b);
    }
    struct file f = load(scratch_path(&s, "bulk-0000000000000001.act"));
    for (size_t at = 0; at < f.len; at++) {
        OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
        struct log_entry entry;
        bool end = false;
        put_byte(&f, at, f.data[at] ^ 0x01);
        /* From the middle: what was flipped before it shifts all that follows. */
        assert_done(logreader_seek(r, 30, &e), &e);
        status read = logreader_next(r, &entry, &end, &e);
        while (read.ok && !end) {
            assert_true(
                bytes_equal(entry.action.new, fixture_content(200, (unsigned)entry.seq - 1, SIZE, room)));
            read = logreader_next(r, &entry, &end, &e);
        }
        if (!read.ok) {
            assert_mentions(&e, "bulk-0000000000000001.act");
            assert_mentions(&e, "move the log's folder away");
        }
        put_byte(&f, at, f.data[at]);
        assert_true(!read.ok || at < 29 * f.len / 40);
    }
    unload(&f);
}

/* ---- segments without sums ---- */

/* Makes the first segment one of an older version. */
static void make_plain(const char *dir)
{
    OWNED(logsegment) struct logsegment segment = {0};
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    struct logmeta meta;
    err e = ERR_INIT;
    assert_done(logsegment_open(dir, 1, LMDBENV_EXISTING, &segment, &e), &e);
    assert_done(lmdbenv_begin(segment.env, LMDBENV_WRITING, 0, &t, &e), &e);
    assert_done(logrecord_read_meta(&t, &meta, &e), &e);
    assert_done(logrecord_write_format(&t, LOG_FORMAT_PLAIN, &e), &e);
    assert_done(logrecord_write_meta(&t, false, &meta, &e), &e);
    assert_done(lmdbenv_commit(&t, &e), &e);
}

static uint32_t format_of(const char *dir, uint64_t first_seq)
{
    OWNED(logsegment) struct logsegment segment = {0};
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    uint32_t format = 0;
    err e = ERR_INIT;
    assert_done(logsegment_open(dir, first_seq, LMDBENV_READ, &segment, &e), &e);
    assert_done(lmdbenv_begin(segment.env, LMDBENV_READING, 0, &t, &e), &e);
    assert_done(logrecord_read_format(&t, &format, &e), &e);
    return format;
}

static void an_older_segment_is_read_and_written_on(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(logsegment_list) struct logsegment_list list = {0};
    err e = ERR_INIT;
    logwriter_close(fixture_writer(s.dir, 0));
    make_plain(s.dir);
    {
        OWNED(logwriter) struct logwriter *w = fixture_writer(s.dir, 256 << 10);
        for (lsn at = 200; at < 300; at++)
            assert_done(fixture_transaction(w, fixture_relation(w, 10, 0), at, 50, SIZE, &e), &e);
        assert_done(logwriter_flush(w, &e), &e);
    }
    OWNED(logreader) struct logreader *r = fixture_reader(s.dir);
    assert_int_equal(fixture_check(r, 1, SIZE), 5000);
    assert_done(logsegment_list(s.dir, &list, &e), &e);
    assert_true(list.count > 1);
    assert_int_equal(format_of(s.dir, 1), LOG_FORMAT_PLAIN);
    assert_int_equal(format_of(s.dir, list.first[1]), LOG_FORMAT_CHECKED);
    /* and goes on in either after a new start */
    OWNED(logwriter) struct logwriter *again = fixture_writer(s.dir, 256 << 10);
    assert_done(fixture_transaction(again, fixture_relation(again, 10, 0), 400, 5, SIZE, &e), &e);
    assert_done(logwriter_flush(again, &e), &e);
    assert_int_equal(fixture_check(r, 1, SIZE), 5005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flipped_byte_is_believed),
        cmocka_unit_test(no_other_root_is_believed),
        cmocka_unit_test(no_other_commit_is_believed),
        cmocka_unit_test(no_flipped_byte_on_the_way_to_one_action_is_believed),
        cmocka_unit_test(the_message_says_which_action),
        cmocka_unit_test(a_writer_builds_on_no_damage),
        cmocka_unit_test(no_flipped_byte_of_a_large_transaction_is_believed),
        cmocka_unit_test(an_older_segment_is_read_and_written_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
