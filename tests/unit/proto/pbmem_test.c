#include "proto/pbmem.h"

#include <snapshot.pb-c.h>

#include "tests/unit/proto/samples.h"

static void pack_sequences(struct buf *out)
{
    err e = ERR_INIT;
    Pgstrand__Sequence one = PGSTRAND__SEQUENCE__INIT;
    Pgstrand__Sequence *all[] = {&one, &one};
    Pgstrand__Sequences message = PGSTRAND__SEQUENCES__INIT;
    char schema[] = "public";
    char name[] = "counter";
    one.schema = schema;
    one.name = name;
    one.last_value = -5;
    one.tier = PGSTRAND__TIER__DEVICE;
    message.sequence = all;
    message.n_sequence = 2;
    assert_done(pbmem_pack(&message.base, out, &e), &e);
}

static void what_is_packed_is_unpacked(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    OWNED(buf) struct buf packed = {0};
    buf_text(&packed, "before"); /* packing appends */
    pack_sequences(&packed);
    PB_OWNED(Pgstrand__Sequences) *back = NULL;
    struct bytes raw = bytes_of(packed.data + 6, packed.len - 6);
    assert_done(PB_UNPACK(back, pgstrand__sequences__descriptor, raw, "sequences", 0, &e), &e);
    assert_int_equal(back->n_sequence, 2);
    assert_string_equal(back->sequence[1]->name, "counter");
    assert_true(back->sequence[1]->last_value == -5);
    assert_int_equal(back->sequence[1]->tier, PGSTRAND__TIER__DEVICE);
}

static void damage_is_a_storage_error(void **unused)
{
    (void)unused;
    OWNED(buf) struct buf packed = {0};
    pack_sequences(&packed);
    for (size_t len = 1; len < packed.len; len++) {
        err e = ERR_INIT;
        PB_OWNED(Pgstrand__Sequences) *back = NULL;
        uint8_t *exact = sample_exact(packed.data, len);
        status s =
            PB_UNPACK(back, pgstrand__sequences__descriptor, bytes_of(exact, len), "the sequences", 0, &e);
        free(exact);
        if (len == packed.len / 2) { /* the first whole one */
            assert_true(s.ok && back->n_sequence == 1);
            continue;
        }
        assert_fails(s, &e, ERR_STORAGE);
        assert_mentions(&e, "the sequences");
        assert_int_equal(e.origin, FROM_PROTOBUF);
        assert_null(back);
    }
}

static void a_missing_required_field_is_damage(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    PB_OWNED(Pgstrand__Sequence) *back = NULL;
    uint8_t raw[16];
    size_t len = from_hex("0a0161120162", raw, sizeof raw); /* schema and name only */
    assert_fails(PB_UNPACK(back, pgstrand__sequence__descriptor, bytes_of(raw, len), "a sequence", 0, &e), &e,
                 ERR_STORAGE);
}

/* Two bytes of input may ask for a hundred of memory: the caller's limit counts, not the input's size. */
static void memory_is_limited(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    PB_OWNED(Pgstrand__SectionList) *few = NULL;
    PB_OWNED(Pgstrand__Config) *many = NULL;
    OWNED(buf) struct buf settings = {0};
    for (int i = 0; i < 1000; i++)
        buf_bytes(&settings, "\x1a\0", 2); /* an empty setting */
    struct bytes raw = buf_view(&settings);
    assert_done(PB_UNPACK(few, pgstrand__section_list__descriptor, bytes_of("", 0), "a list", 1024, &e), &e);
    assert_fails(PB_UNPACK(many, pgstrand__config__descriptor, raw, "a configuration", 4096, &e), &e,
                 ERR_STORAGE);
    assert_mentions(&e, "4096 bytes of memory");
    assert_done(PB_UNPACK(many, pgstrand__config__descriptor, raw, "a configuration", 0, &e), &e);
    assert_int_equal(many->n_setting, 1000);
}

static void packing_without_memory(void **unused)
{
    (void)unused;
    err e = ERR_INIT;
    struct buf full = {.bad = true};
    Pgstrand__Config message = PGSTRAND__CONFIG__INIT;
    assert_fails(pbmem_pack(&message.base, &full, &e), &e, ERR_STORAGE);
    assert_int_equal(full.len, 0);
}

static void freeing_nothing(void **unused)
{
    (void)unused;
    pbmem_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_unpacked),
        cmocka_unit_test(damage_is_a_storage_error),
        cmocka_unit_test(a_missing_required_field_is_damage),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(packing_without_memory),
        cmocka_unit_test(freeing_nothing),
    };
    return cmocka_run_group_tests_name("pbmem", tests, NULL, NULL);
}
