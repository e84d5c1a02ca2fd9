/*
 * Input: a byte that chooses a kind of record of the catalogue, then a record. One that is accepted is packed
 * and unpacked again, to the same.
 */
#include <catalog.pb-c.h>

#include "proto/pbmem.h"
#include "tests/fuzz/fuzzing.h"

static const ProtobufCMessageDescriptor *const kinds[] = {
    &pgstrand__identity_record__descriptor,   &pgstrand__setup_record__descriptor,
    &pgstrand__base_table_record__descriptor, &pgstrand__table_record__descriptor,
    &pgstrand__snapshot_record__descriptor,   &pgstrand__vault_record__descriptor,
    &pgstrand__schema_break__descriptor,      &pgstrand__agent_state__descriptor,
    &pgstrand__heal_record__descriptor,       &pgstrand__migration_record__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(buf) struct buf once = {0};
    OWNED(buf) struct buf twice = {0};
    ProtobufCMessage *message = NULL;
    err e = ERR_INIT;
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *kind = kinds[data[0] % (sizeof kinds / sizeof kinds[0])];
    if (!pbmem_unpack(kind, bytes_of(data + 1, size - 1), "a record", 0, &message, &e).ok)
        return 0;
    HOLDS(pbmem_pack(message, &once, &e).ok);
    pbmem_free(message);
    message = NULL;
    /* protobuf-c takes unknown fields that it does not take back (number 0, in two bytes). */
    if (!pbmem_unpack(kind, buf_view(&once), "a record", 0, &message, &e).ok)
        return 0;
    HOLDS(pbmem_pack(message, &twice, &e).ok);
    pbmem_free(message);
    HOLDS(bytes_equal(buf_view(&once), buf_view(&twice)));
    return 0;
}
