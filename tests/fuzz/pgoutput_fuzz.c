/* Input: a byte (bits 0 and 1: protocol version less 1; bit 2: inside a streamed chunk), then one message. */
#include "proto/pgoutput.h"

#include "proto/tuple.h"
#include "tests/fuzz/fuzzing.h"

/* A row that was accepted can be taken apart to its end. */
static void check_row(struct bytes row)
{
    if (row.len == 0)
        return;
    struct tuple t = tuple_open(row);
    unsigned columns = 0;
    for (struct value v; tuple_next(&t, &v); columns++)
        (void)touch(v.text);
    HOLDS(reader_ok(&t.rest) && t.rest.left == 0 && columns == t.count);
}

static void check_message(const struct pgoutput_message *m)
{
    switch (m->kind) {
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        HOLDS((m->change.old_kind != 0) == (m->change.old.len > 0));
        check_row(m->change.old);
        check_row(m->change.new);
        break;
    case PGOUTPUT_RELATION:
        for (uint16_t i = 0; i < m->relation.count; i++)
            HOLDS(*m->relation.columns[i].name != '\0');
        break;
    case PGOUTPUT_TRUNCATE:
        for (uint32_t i = 0; i < m->truncate.count; i++)
            HOLDS(m->truncate.relations[i] != 0);
        break;
    case PGOUTPUT_MESSAGE:
        (void)touch(m->message.content);
        (void)touch(bytes_text(m->message.prefix));
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    OWNED(arena) struct arena arena = {0};
    struct pgoutput_message m;
    err e = ERR_INIT;
    unsigned version = 1 + (data[0] & 3);
    if (pgoutput_decode(bytes_of(data + 1, size - 1), version, (data[0] & 4) != 0, &arena, &m, &e).ok)
        check_message(&m);
    else
        HOLDS(e.class == ERR_STORAGE);
    return 0;
}
