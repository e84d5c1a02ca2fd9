#include "proto/pgoutput.h"

#include "proto/tuple.h"
#include "tests/unit/proto/samples.h"

#define MESSAGE_MAX 8192

/* Decodes from memory that ends where the message ends. */
static status decode(const uint8_t *raw, size_t len, unsigned version, bool in_stream,
                     struct pgoutput_message *out, err *e)
{
    OWNED(arena) struct arena arena = {0};
    uint8_t *exact = sample_exact(raw, len);
    status s = pgoutput_decode(bytes_of(exact, len), version, in_stream, &arena, out, e);
    free(exact);
    return s;
}

/* Calls `use` with each message that a real server sent; returns how many there were. */
typedef void use_message(const uint8_t *raw, size_t len, unsigned version, bool in_stream, void *context);

static size_t each_recorded(use_message *use, void *context)
{
    FILE *file = fopen(TEST_DATA "/pgoutput/pg15.txt", "r");
    assert_non_null(file);
    static char line[2 * MESSAGE_MAX + 16];
    static uint8_t raw[MESSAGE_MAX];
    size_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        size_t len = from_hex(line + 4, raw, sizeof raw);
        use(raw, len, (unsigned)(line[0] - '0'), line[2] == '1', context);
        count++;
    }
    (void)fclose(file);
    return count;
}

static void note_kind(const uint8_t *raw, size_t len, unsigned version, bool in_stream, void *context)
{
    err e = ERR_INIT;
    struct pgoutput_message m;
    bool *kinds = context;
    assert_done(decode(raw, len, version, in_stream, &m, &e), &e);
    assert_int_equal(m.kind, raw[0]);
    kinds[m.kind] = true;
    /* What an older version allows, newer ones do. */
    for (unsigned newer = version; newer <= PGOUTPUT_VERSION_MAX; newer++)
        assert_done(decode(raw, len, newer, in_stream, &m, &e), &e);
}

static void a_real_server_is_understood(void **unused)
{
    (void)unused;
    bool kinds[128] = {false};
    assert_true(each_recorded(note_kind, kinds) > 70);
    for (const char *kind = "BMCORYIUDTSEcAbPKrp"; *kind != '\0'; kind++)
        if (!kinds[(int)*kind])
            fail_msg("no recorded message of kind %c", *kind);
}

static void cut(const uint8_t *raw, size_t len, unsigned version, bool in_stream, void *context)
{
    (void)context;
    for (size_t keep = 0; keep < len; keep++) {
        err e = ERR_INIT;
        struct pgoutput_message m;
        assert_fails(decode(raw, keep, version, in_stream, &m, &e), &e, ERR_STORAGE);
    }
}

static void every_prefix_fails(void **unused)
{
    (void)unused;
    each_recorded(cut, NULL);
}

static void lengthen(const uint8_t *raw, size_t len, unsigned version, bool in_stream, void *context)
{
    (void)context;
    uint8_t longer[MESSAGE_MAX + 1];
    err e = ERR_INIT;
    struct pgoutput_message m;
    memcpy(longer, raw, len);
    longer[len] = 0;
    assert_fails(decode(longer, len + 1, version, in_stream, &m, &e), &e, ERR_STORAGE);
}

static void a_byte_too_many_fails(void **unused)
{
    (void)unused;
    each_recorded(lengthen, NULL);
}

/* Reads all that a decoded message promises, so that the sanitizers see a view that is not there. */
static size_t touch(const struct pgoutput_message *m)
{
    size_t sum = 0;
    if (m->kind == PGOUTPUT_RELATION)
        for (uint16_t i = 0; i < m->relation.count; i++)
            sum += strlen(m->relation.columns[i].name);
    if (m->kind == PGOUTPUT_TRUNCATE)
        for (uint32_t i = 0; i < m->truncate.count; i++)
            sum += m->truncate.relations[i];
    if (m->kind == PGOUTPUT_INSERT || m->kind == PGOUTPUT_UPDATE) {
        struct tuple t = tuple_open(m->change.new);
        for (struct value v; tuple_next(&t, &v);)
            sum += v.text.len;
        assert_true(reader_ok(&t.rest) && t.rest.left == 0);
    }
    return sum;
}

static void flip(const uint8_t *raw, size_t len, unsigned version, bool in_stream, void *context)
{
    size_t *accepted = context;
    if (len > 600)
        return;
    for (size_t at = 0; at < 8 * len; at++) {
        OWNED(arena) struct arena arena = {0};
        err e = ERR_INIT;
        struct pgoutput_message m;
        uint8_t *exact = sample_exact(raw, len);
        exact[at / 8] ^= (uint8_t)(1u << at % 8);
        if (pgoutput_decode(bytes_of(exact, len), version, in_stream, &arena, &m, &e).ok)
            *accepted += 1 + touch(&m);
        else
            assert_int_equal(e.class, ERR_STORAGE);
        free(exact);
    }
}

static void flipped_bits_do_no_harm(void **unused)
{
    (void)unused;
    size_t accepted = 0;
    each_recorded(flip, &accepted);
    assert_true(accepted > 0); /* a flipped letter is another name */
}

/* The recorded messages of one kind under other circumstances than they were sent in. */
static void misplace(const uint8_t *raw, size_t len, unsigned version, bool in_stream, void *context)
{
    (void)context;
    err e = ERR_INIT;
    struct pgoutput_message m;
    unsigned since = strchr("SEcA", raw[0]) != NULL ? 2 : strchr("bPKrp", raw[0]) != NULL ? 3 : 1;
    for (unsigned older = 0; older < since; older++)
        assert_fails(decode(raw, len, older, in_stream, &m, &e), &e, ERR_STORAGE);
    if (strchr("BCSEcAbPKrp", raw[0]) != NULL)
        assert_fails(decode(raw, len, version, !in_stream, &m, &e), &e, ERR_STORAGE);
}

static void version_and_place_are_checked(void **unused)
{
    (void)unused;
    each_recorded(misplace, NULL);
}

static struct pgoutput_message decode_hex(const char *hex, unsigned version, bool in_stream,
                                          struct arena *arena, uint8_t *memory)
{
    err e = ERR_INIT;
    struct pgoutput_message m;
    size_t len = sample_hex(hex, memory, 256);
    assert_done(pgoutput_decode(bytes_of(memory, len), version, in_stream, arena, &m, &e), &e);
    return m;
}

static void transaction_fields(void **unused)
{
    (void)unused;
    OWNED(arena) struct arena arena = {0};
    uint8_t raw[256];
    struct pgoutput_message m;
    m = decode_hex("42 0000000001020304 fffffffffffffffe 000002da", 1, false, &arena, raw);
    assert_true(m.begin.final_lsn == 0x01020304 && m.begin.time == -2 && m.xid == 730);
    m = decode_hex("43 00 0000000000000010 0000000000000020 0000000000000030", 1, false, &arena, raw);
    assert_true(m.commit.commit_lsn == 0x10 && m.commit.end_lsn == 0x20 && m.commit.time == 0x30);
    m = decode_hex("4f 000000000000abcd 656c736500", 1, false, &arena, raw);
    assert_true(m.origin.lsn == 0xabcd);
    assert_string_equal(m.origin.name, "else");
    m = decode_hex("4d 01 0000000000000011 706700 00000003 616263", 1, false, &arena, raw);
    assert_true(m.message.flags == 1 && m.message.lsn == 0x11 && m.xid == 0);
    assert_string_equal(m.message.prefix, "pg");
    assert_true(bytes_equal(m.message.content, bytes_text("abc")));
}

static void change_fields(void **unused)
{
    (void)unused;
    OWNED(arena) struct arena arena = {0};
    uint8_t raw[256];
    struct pgoutput_message m;
    m = decode_hex("49 00000007 00004000 4e 0002 74 00000001 31 6e", 2, true, &arena, raw);
    assert_true(m.xid == 7 && m.change.relation == 0x4000 && m.change.old_kind == 0);
    assert_int_equal(m.change.old.len, 0);
    assert_int_equal(m.change.new.len, 2 + 6 + 1);
    m = decode_hex("55 00004000 4b 0001 6e 4e 0001 75", 1, false, &arena, raw);
    assert_true(m.change.old_kind == 'K' && m.change.old.len == 3 && m.change.new.len == 3);
    m = decode_hex("55 00004000 4e 0001 62 00000002 ffff", 1, false, &arena, raw);
    assert_true(m.change.old_kind == 0 && m.change.new.len == 9);
    m = decode_hex("44 00004000 4f 0000", 1, false, &arena, raw);
    assert_true(m.change.old_kind == 'O' && m.change.old.len == 2 && m.change.new.len == 0);
    m = decode_hex("54 00000002 03 00004000 00004001", 1, false, &arena, raw);
    assert_true(m.truncate.count == 2 && m.truncate.flags == 3);
    assert_true(m.truncate.relations[0] == 0x4000 && m.truncate.relations[1] == 0x4001);
}

static void relation_fields(void **unused)
{
    (void)unused;
    OWNED(arena) struct arena arena = {0};
    uint8_t raw[256];
    struct pgoutput_message m;
    m = decode_hex("52 00004000 00 7400 66 0002 01 6900 00000017 ffffffff 00 6e00 00000413 0000000e", 1,
                   false, &arena, raw);
    assert_true(m.relation.oid == 0x4000 && m.relation.replica_identity == 'f' && m.relation.count == 2);
    assert_string_equal(m.relation.schema, "");
    assert_string_equal(m.relation.name, "t");
    assert_true(m.relation.columns[0].key && !m.relation.columns[1].key);
    assert_string_equal(m.relation.columns[1].name, "n");
    assert_true(m.relation.columns[0].type == 23 && m.relation.columns[0].typmod == -1);
    assert_true(m.relation.columns[1].typmod == 14);
    m = decode_hex("59 00004001 7300 6d6f6f6400", 1, false, &arena, raw);
    assert_true(m.type.oid == 0x4001);
    assert_string_equal(m.type.name, "mood");
}

static void stream_fields(void **unused)
{
    (void)unused;
    OWNED(arena) struct arena arena = {0};
    uint8_t raw[256];
    struct pgoutput_message m;
    m = decode_hex("53 00000009 01", 2, false, &arena, raw);
    assert_true(m.xid == 9 && m.stream_start.first);
    m = decode_hex("45", 2, true, &arena, raw);
    m = decode_hex("63 00000009 00 0000000000000010 0000000000000020 0000000000000030", 2, false, &arena,
                   raw);
    assert_true(m.xid == 9 && m.commit.commit_lsn == 0x10 && m.commit.end_lsn == 0x20);
    m = decode_hex("41 00000009 0000000a", 2, false, &arena, raw);
    assert_true(m.xid == 9 && m.stream_abort.subxid == 10 && m.stream_abort.abort_lsn == LSN_NONE);
    /* streaming = parallel of 16 and later */
    m = decode_hex("41 00000009 0000000a 0000000000000010 0000000000000030", 4, false, &arena, raw);
    assert_true(m.stream_abort.abort_lsn == 0x10 && m.stream_abort.abort_time == 0x30);
}

static void prepared_fields(void **unused)
{
    (void)unused;
    OWNED(arena) struct arena arena = {0};
    uint8_t raw[256];
    struct pgoutput_message m;
    m = decode_hex("62 0000000000000010 0000000000000020 0000000000000030 00000009 6700", 3, false, &arena,
                   raw);
    assert_true(m.prepared.prepare_lsn == 0x10 && m.prepared.end_lsn == 0x20 && m.xid == 9);
    assert_string_equal(m.prepared.gid, "g");
    m = decode_hex("4b 00 0000000000000010 0000000000000020 0000000000000030 00000009 6700", 3, false, &arena,
                   raw);
    assert_true(m.prepared.prepare_lsn == 0x10 && m.prepared.time == 0x30);
    m = decode_hex("72 00 0000000000000010 0000000000000020 0000000000000030 0000000000000040 00000009 6700",
                   3, false, &arena, raw);
    assert_true(m.prepared.time == 0x30 && m.prepared.rollback_time == 0x40 && m.xid == 9);
}

static void out_of_range(void **unused)
{
    (void)unused;
    static const struct {
        const char *what, *hex;
        bool in_stream;
    } known[] = {
        {"nothing", "", false},
        {"unknown kind", "58", false},
        {"kind beyond ASCII", "c3", false},
        {"begin without xid", "42000000000000000000000000000000000000 0000", false},
        {"commit flags", "43 01 0000000000000010 0000000000000020 0000000000000030", false},
        {"message flags", "4d 02 0000000000000011 00 00000000", false},
        {"message longer than what is there", "4d 00 0000000000000011 00 ffffffff 61", false},
        {"message shorter than what is there", "4d 00 0000000000000011 00 00000000 61", false},
        {"prefix without end", "4d 00 0000000000000011 6161616161616161", false},
        {"relation 0", "49 00000000 4e 0000", false},
        {"stream xid 0", "49 00000000 00004000 4e 0000", true},
        {"insert without N", "49 00004000 4b 0000", false},
        {"column kind", "49 00004000 4e 0001 78", false},
        {"column longer than what is there", "49 00004000 4e 0001 74 7fffffff 61", false},
        {"column of length -1", "49 00004000 4e 0001 74 ffffffff 61", false},
        {"more columns than there are", "49 00004000 4e ffff 6e", false},
        {"update with two old rows", "55 00004000 4b 0000 4f 0000 4e 0000", false},
        {"update without new row", "55 00004000 4b 0000", false},
        {"delete of a new row", "44 00004000 4e 0000", false},
        {"truncate of nothing", "54 00000000 00", false},
        {"truncate of too many", "54 40000001 00 00004000", false},
        {"truncate flags", "54 00000001 04 00004000", false},
        {"truncate of relation 0", "54 00000001 00 00000000", false},
        {"replica identity", "52 00004000 7300 7400 78 0000", false},
        {"relation without name", "52 00004000 7300 00 64 0000", false},
        {"column flags", "52 00004000 7300 7400 64 0001 02 6100 00000017 ffffffff", false},
        {"column without name", "52 00004000 7300 7400 64 0001 00 00 00000017 ffffffff", false},
        {"column of type 0", "52 00004000 7300 7400 64 0001 00 6100 00000000 ffffffff", false},
        {"stream start flag", "53 00000009 02", false},
        {"gid empty", "62 0000000000000010 0000000000000020 0000000000000030 00000009 00", false},
        {"prepare flags", "50 01 0000000000000010 0000000000000020 0000000000000030 00000009 6700", false},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        err e = ERR_INIT;
        struct pgoutput_message m;
        uint8_t raw[256];
        size_t len = sample_hex(known[i].hex, raw, sizeof raw);
        if (decode(raw, len, PGOUTPUT_VERSION_MAX, known[i].in_stream, &m, &e).ok)
            fail_msg("%s was accepted", known[i].what);
        assert_int_equal(e.class, ERR_STORAGE);
    }
}

/* A Relation message with `count` columns, each as small as can be. */
static void put_relation(struct buf *b, uint16_t count)
{
    buf_bytes(b, "R\0\0\x40\0s\0t\0d", 10);
    buf_u16(b, count);
    for (uint16_t i = 0; i < count; i++)
        buf_bytes(b, "\0c\0\0\0\0\x17\xff\xff\xff\xff", 11);
}

static void columns_are_bounded(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    err e = ERR_INIT;
    struct pgoutput_message m;
    put_relation(&b, 1600);
    assert_done(decode(b.data, b.len, 1, false, &m, &e), &e);
    assert_int_equal(m.relation.count, 1600);
    buf_reset(&b);
    put_relation(&b, 1601);
    assert_fails(decode(b.data, b.len, 1, false, &m, &e), &e, ERR_STORAGE);
}

static void long_gid_is_refused(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf b = {0};
    err e = ERR_INIT;
    struct pgoutput_message m;
    buf_bytes(&b, "b\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\x30\0\0\0\x09", 29);
    for (int i = 0; i < 199; i++)
        buf_u8(&b, 'g');
    buf_u8(&b, '\0');
    assert_done(decode(b.data, b.len, 3, false, &m, &e), &e);
    b.data[b.len - 1] = 'g';
    buf_u8(&b, '\0');
    assert_fails(decode(b.data, b.len, 3, false, &m, &e), &e, ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_server_is_understood),
        cmocka_unit_test(every_prefix_fails),
        cmocka_unit_test(a_byte_too_many_fails),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(version_and_place_are_checked),
        cmocka_unit_test(transaction_fields),
        cmocka_unit_test(change_fields),
        cmocka_unit_test(relation_fields),
        cmocka_unit_test(stream_fields),
        cmocka_unit_test(prepared_fields),
        cmocka_unit_test(out_of_range),
        cmocka_unit_test(columns_are_bounded),
        cmocka_unit_test(long_gid_is_refused),
    };
    return cmocka_run_group_tests_name("pgoutput", tests, NULL, NULL);
}
