#include "tests/lib/check.h"

#include "store/snapframe.h"
#include "tests/lib/scratch.h"
#include "tests/lib/snapmake.h"

static void every_kind_comes_back(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapreader) struct snapreader *r = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    bool found = false, end = false;
    struct snap_payload p;
    uint64_t frames = 0;

    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    assert_done(snapreader_open(s.dir, name, &r, &e), &e);
    assert_true(snapreader_has_device(r));
    assert_int_equal(snapreader_commit(r)->n_section, 6);

    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &found, &e), &e);
    assert_true(found);
    assert_int_equal(snapreader_index(r)->n_frame, 1);
    assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
    assert_false(end);
    assert_int_equal(p.table, 1);
    const char rows[] = "\x0a\x14"
                        "1\tapple\n2\tpear\n3\t\\N\n";
    assert_int_equal(p.payload.len, sizeof rows - 1);
    assert_memory_equal(p.payload.data, rows, p.payload.len);
    assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
    assert_true(end);

    assert_done(snapreader_section(r, TIER_DEVICE, PGSTRAND__SECTION_KIND__ROWS, &found, &e), &e);
    assert_true(found);
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ASSETS, &found, &e), &e);
    assert_false(found);
    assert_fails(snapreader_next(r, 0, &p, &end, &e), &e, ERR_VALIDATION);

    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    assert_done(snapreader_schema(r, &schema, &e), &e);
    assert_int_equal(schema->server_version_num, 150000);
    assert_done(snapreader_verify(r, &frames, &e), &e);
    assert_int_equal(frames, 6);
}

static void a_table_can_be_read_alone(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(text) char *name = NULL;
    struct snapmake m;
    struct snapsection *rows = NULL;
    uint8_t hash[SHA256_LEN];
    bool found = false, end = false;
    struct snap_payload p;
    err e = ERR_INIT;

    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(framecoder_new(3, &coder, &e), &e);
    assert_done(snapwriter_open(s.dir, &m.header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &rows, &e), &e);
    for (uint32_t i = 0; i < 30; i++) {
        OWNED(buf) struct buf payload = {0};
        struct table_digest digest = {0};
        snapmake_rows("1\n", &payload, &digest);
        assert_done(snapsection_frame(rows, coder, 1 + i % 3, i, i, buf_view(&payload), &e), &e);
        assert_done(snapsection_digest(rows, 1 + i % 3, &digest, &e), &e);
    }
    assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);
    assert_done(snapreader_open(s.dir, name, &r, &e), &e);
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ROWS, &found, &e), &e);
    for (uint64_t seq = 1;; seq += 3) {
        assert_done(snapreader_next(r, 2, &p, &end, &e), &e);
        if (end) {
            assert_int_equal(seq, 31);
            break;
        }
        assert_int_equal(p.table, 2);
        assert_int_equal(p.first_seq, seq);
    }
    assert_int_equal(snapreader_index(r)->n_table, 3);
    assert_int_equal(snapreader_index(r)->table[2]->rows, 10);
    assert_int_equal(snapreader_commit(r)->section[0]->rows, 30);
}

/* Ten frames of ten seqs each. */
static char *ten_frames(const char *dir, struct snapmake *m)
{
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    struct snapsection *actions = NULL;
    uint8_t hash[SHA256_LEN];
    char *name = NULL;
    err e = ERR_INIT;
    snapmake_init(m);
    snapmake_begin(m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(framecoder_new(3, &coder, &e), &e);
    assert_done(snapwriter_open(dir, &m->header, 3, 0, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ACTIONS, &actions, &e), &e);
    for (uint64_t first = 1; first < 100; first += 10)
        assert_done(snapsection_frame(actions, coder, 0, first, first + 9, bytes_text("ten"), &e), &e);
    assert_done(snapwriter_publish(w, &m->key, hash, &name, &e), &e);
    memcpy(m->parent_hash, hash, sizeof hash);
    return name;
}

static void seeking_reads_no_frame_before(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapreader) struct snapreader *r = NULL;
    struct snapmake m;
    static const struct {
        uint64_t seq, first; /* 0: there is none */
    } seeks[] = {{1, 1}, {35, 31}, {35, 41}, {80, 71}, {82, 81}, {101, 0}, {5, 0}};
    bool found = false, end = false;
    struct snap_payload p;
    err e = ERR_INIT;
    OWNED(text) char *name = ten_frames(s.dir, &m);
    assert_done(snapreader_open(s.dir, name, &r, &e), &e);
    assert_true(snapreader_has(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ACTIONS));
    assert_false(snapreader_has(r, TIER_AUDIT, PGSTRAND__SECTION_KIND__ACTIONS));
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ACTIONS, &found, &e), &e);
    for (size_t i = 0; i < sizeof seeks / sizeof seeks[0]; i++) {
        snapreader_seek(r, seeks[i].seq);
        assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
        assert_int_equal(end, seeks[i].first == 0);
        if (!end)
            assert_int_equal(p.first_seq, seeks[i].first);
    }
}

static void a_known_commit_stands_for_its_signature(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapreader) struct snapreader *r = NULL;
    struct snapmake m;
    err e = ERR_INIT;
    OWNED(text) char *name = ten_frames(s.dir, &m);
    assert_done(snapreader_open_known(s.dir, name, m.parent_hash, &r, &e), &e);
    snapreader_close(r);
    r = NULL;
    m.parent_hash[7] ^= 1;
    assert_fails(snapreader_open_known(s.dir, name, m.parent_hash, &r, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "not the one");
}

/* Random bytes, so that nothing compresses: 20 MiB are six frames. */
static void large_payload(struct buf *out)
{
    uint64_t x = 88172645463325252u;
    assert_non_null(buf_room(out, (size_t)20 << 20));
    while (out->len < (size_t)20 << 20) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf_u64(out, x);
    }
}

static void a_large_payload_spans_frames_and_parts(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapwriter) struct snapwriter *w = NULL;
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(text) char *name = NULL;
    OWNED(buf) struct buf payload = {0};
    struct snapmake m;
    struct snapsection *assets = NULL;
    uint8_t hash[SHA256_LEN];
    bool found = false, end = false;
    struct snap_payload p;
    uint64_t frames = 0;
    err e = ERR_INIT;

    large_payload(&payload);
    snapmake_init(&m);
    snapmake_begin(&m, PGSTRAND__SNAPSHOT_TYPE__FULL, 1, 0);
    assert_done(framecoder_new(1, &coder, &e), &e);
    assert_done(snapwriter_open(s.dir, &m.header, 1, (uint64_t)9 << 20, &w, &e), &e);
    assert_done(snapwriter_section(w, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ASSETS, &assets, &e), &e);
    assert_done(snapsection_frame(assets, coder, 0, 0, 0, bytes_text("small"), &e), &e);
    assert_done(snapsection_frame(assets, coder, 0, 0, 0, buf_view(&payload), &e), &e);
    assert_done(snapwriter_publish(w, &m.key, hash, &name, &e), &e);
    assert_done(snapreader_open(s.dir, name, &r, &e), &e);
    assert_int_equal(snapreader_commit(r)->snap_parts, 3);
    assert_done(snapreader_verify(r, &frames, &e), &e);
    assert_int_equal(frames, 6);
    assert_done(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__ASSETS, &found, &e), &e);
    assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
    assert_int_equal(p.payload.len, 5);
    assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
    assert_true(bytes_equal(p.payload, buf_view(&payload)));
    assert_done(snapreader_next(r, 0, &p, &end, &e), &e);
    assert_true(end);

    OWNED(text) char *part = NULL;
    assert_true(asprintf(&part, "%s/%s.snap.1", s.dir, name) > 0);
    assert_done(io_unlink(part, &e), &e);
    snapreader_close(r);
    r = NULL;
    assert_fails(snapreader_open(s.dir, name, &r, &e), &e, ERR_STORAGE);
    assert_mentions(&e, ".snap.1");
}

static void absent_device_file_is_lawful_absent_snap_is_not(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(text) char *path = NULL;
    struct snapmake m;
    bool found = true;
    uint64_t frames = 0;
    err e = ERR_INIT;

    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    assert_true(asprintf(&path, "%s/%s.device", s.dir, name) > 0);
    assert_done(io_unlink(path, &e), &e);
    assert_done(snapreader_open(s.dir, name, &r, &e), &e);
    assert_false(snapreader_has_device(r));
    assert_done(snapreader_section(r, TIER_DEVICE, PGSTRAND__SECTION_KIND__ROWS, &found, &e), &e);
    assert_false(found);
    assert_done(snapreader_verify(r, &frames, &e), &e);
    assert_int_equal(frames, 5);
    strcpy(strrchr(path, '.'), ".snap");
    assert_done(io_unlink(path, &e), &e);
    snapreader_close(r);
    r = NULL;
    assert_fails(snapreader_open(s.dir, name, &r, &e), &e, ERR_STORAGE);
    assert_mentions(&e, ".snap");
}

static void a_commit_under_another_name_is_refused(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch s = scratch_make();
    OWNED(snapreader) struct snapreader *r = NULL;
    OWNED(text) char *from = NULL;
    struct snapmake m;
    err e = ERR_INIT;

    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, s.dir);
    OWNED(text) char *other = strdup(name);
    other[strlen(other) - 1] = '9';
    assert_true(asprintf(&from, "%s/%s.commit", s.dir, name) > 0);
    char to[400];
    (void)snprintf(to, sizeof to, "%s/%s.commit", s.dir, other);
    assert_int_equal(rename(from, to), 0);
    assert_fails(snapreader_open(s.dir, other, &r, &e), &e, ERR_STORAGE);
    assert_mentions(&e, name);
}

/* A snapshot whose commit is whole, with the files of another run of the same snapshot: salts differ. */
static void files_of_another_writing_are_noticed(void **state)
{
    (void)state;
    OWNED(scratch) struct scratch a = scratch_make();
    OWNED(scratch) struct scratch b = scratch_make();
    struct snapmake m;
    uint64_t frames = 0;
    err e = ERR_INIT;

    snapmake_init(&m);
    OWNED(text) char *name = snapmake_full(&m, a.dir);
    snapmake_init(&m);
    OWNED(text) char *again = snapmake_full(&m, b.dir);
    assert_string_equal(name, again);
    char from[400], to[400];
    (void)snprintf(from, sizeof from, "%s/%s.snap", b.dir, name);
    (void)snprintf(to, sizeof to, "%s/%s.snap", a.dir, name);
    assert_int_equal(rename(from, to), 0);
    assert_fails(snapmake_verify(a.dir, name, &frames, &e), &e, ERR_STORAGE);
    assert_mentions(&e, "root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(a_table_can_be_read_alone),
        cmocka_unit_test(seeking_reads_no_frame_before),
        cmocka_unit_test(a_known_commit_stands_for_its_signature),
        cmocka_unit_test(a_large_payload_spans_frames_and_parts),
        cmocka_unit_test(absent_device_file_is_lawful_absent_snap_is_not),
        cmocka_unit_test(a_commit_under_another_name_is_refused),
        cmocka_unit_test(files_of_another_writing_are_noticed),
    };
    return cmocka_run_group_tests_name("snapreader", tests, NULL, NULL);
}
