/*
 * Files of a transaction's actions, and the log's entries that name them. Input: 'e' and an entry; 'f' and a
 * file as it is; 'b', a number of actions, and what a block holds: its head is made here, or no input would
 * get past the checksum.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/crc32c.h"
#include "store/logbulk.h"
#include "tests/fuzz/fuzzing.h"

static void fuzz_entry(struct bytes raw)
{
    OWNED(logbulk) struct logbulk first = {0};
    OWNED(buf) struct buf once = {0};
    OWNED(logbulk) struct logbulk second = {0};
    OWNED(buf) struct buf twice = {0};
    err e = ERR_INIT;
    if (!logbulk_is(raw) || !logbulk_decode(raw, &first, &e).ok)
        return;
    logbulk_encode(&first.extent, &(struct bulk_versions){first.version, first.count}, &once);
    HOLDS(logbulk_decode(buf_view(&once), &second, &e).ok);
    logbulk_encode(&second.extent, &(struct bulk_versions){second.version, second.count}, &twice);
    HOLDS(bytes_equal(buf_view(&once), buf_view(&twice)));
}

static void fuzz_file(struct bytes content, uint64_t actions)
{
    static const uint32_t version[] = {1, 2, 3};
    OWNED(bulkreader) struct bulkreader *r = NULL;
    OWNED(buf) struct buf action = {0};
    char path[64];
    err e = ERR_INIT;
    const int fd = memfd_create("bulk", MFD_CLOEXEC);
    HOLDS(fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const struct bulk_place extent = {.bytes = content.len, .actions = actions};
    HOLDS(bulkreader_open(path, &extent, &r, &e).ok);
    for (bool ok = bulkreader_seek(r, actions > 3 ? 1 : 0, &e).ok; ok; buf_reset(&action)) {
        ok = bulkreader_next(r, &(struct bulk_versions){version, 3}, &action, &e).ok;
        (void)touch(buf_view(&action));
    }
    (void)close(fd);
}

static void fuzz_block(uint8_t actions, struct bytes body)
{
    OWNED(buf) struct buf head = {0};
    const uint32_t number[] = {(uint32_t)body.len, actions};
    for (size_t i = 0; i < 8; i++)
        buf_u8(&head, (uint8_t)(number[i / 4] >> (8 * (i % 4))));
    const uint32_t crc = crc32c(crc32c(0, buf_view(&head)), body);
    for (size_t i = 0; i < 4; i++)
        buf_u8(&head, (uint8_t)(crc >> (8 * i)));
    buf_bytes(&head, body.data, body.len);
    fuzz_file(buf_view(&head), actions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] == 'e')
        fuzz_entry(bytes_of(data + 1, size - 1));
    else if (data[0] == 'f')
        fuzz_file(bytes_of(data + 2, size - 2), data[1]);
    else if (data[0] == 'b')
        fuzz_block(data[1], bytes_of(data + 2, size - 2));
    return 0;
}
