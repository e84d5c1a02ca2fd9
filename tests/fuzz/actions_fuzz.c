/*
 * Input: a byte ('c' actions by column, 'm' an ActionsFrame message), then the payload of a sealed frame.
 * What was read to its end is laid out again and read once more, to the same. Before, some are passed over.
 */
#include "proto/actionpack.h"
#include "proto/actionunpack.h"
#include "tests/fuzz/fuzzing.h"

#define LIMIT ((size_t)4 << 20)

static void note(struct buf *out, const struct sealed_action *a)
{
    commit_encode(&a->commit, out);
    buf_u64(out, a->seq);
    action_encode(&a->action, true, out);
}

/* False when the payload is malformed. Into `pack` as long as it takes them; *packed: it took all. */
static bool read_all(struct bytes payload, enum actionunpack_layout layout, struct actionpack *pack,
                     struct buf *out, bool *packed)
{
    OWNED(actionunpack) struct actionunpack *u = NULL;
    OWNED(buf) struct buf commit = {0};
    OWNED(buf) struct buf same = {0};
    err e = ERR_INIT;
    uint64_t last = 0, last_commit = 0;
    *packed = true;
    if (!actionunpack_new(&u, &e).ok || !actionunpack_open(u, payload, layout, &e).ok)
        return false;
    for (;;) {
        struct sealed_action a;
        bool end = false, added = false;
        if (!actionunpack_next(u, &a, &end, &e).ok)
            return false;
        if (end)
            return true;
        note(out, &a);
        /* A writer gives rising seqs, each within its commit, and one commit with one first seq. */
        buf_reset(&commit);
        commit_encode(&a.commit, &commit);
        *packed =
            *packed && (a.commit.first_seq != last_commit || bytes_equal(buf_view(&commit), buf_view(&same)));
        last_commit = a.commit.first_seq;
        buf_reset(&same);
        buf_bytes(&same, commit.data, commit.len);
        *packed = *packed && a.seq > last && a.seq >= a.commit.first_seq && a.seq <= a.commit.last_seq &&
                  a.commit.first_seq > 0 && a.commit.last_seq < UINT64_MAX;
        last = a.seq;
        if (pack != NULL && *packed)
            HOLDS(actionpack_add(pack, &a.commit, a.seq, &a.action, &added, &e).ok);
        *packed = *packed && (pack == NULL || added);
    }
}

/* Passes over some, takes one, passes over more. */
static bool leap(struct bytes payload, enum actionunpack_layout layout, uint64_t stride)
{
    OWNED(actionunpack) struct actionunpack *u = NULL;
    err e = ERR_INIT;
    if (!actionunpack_new(&u, &e).ok || !actionunpack_open(u, payload, layout, &e).ok)
        return false;
    for (uint64_t from = stride;;) {
        struct sealed_action a;
        bool end = false;
        actionunpack_from(u, from);
        if (!actionunpack_next(u, &a, &end, &e).ok)
            return false;
        if (end)
            return true;
        from = a.seq + stride;
    }
}

static void fuzz(struct bytes payload, enum actionunpack_layout layout)
{
    OWNED(actionpack) struct actionpack *pack = NULL;
    OWNED(packroom) struct packroom *room = NULL;
    OWNED(buf) struct buf once = {0};
    OWNED(buf) struct buf twice = {0};
    struct bytes again;
    bool packed = false;
    err e = ERR_INIT;
    const bool near = leap(payload, layout, 2), far = leap(payload, layout, 300);
    if (!read_all(payload, layout, NULL, &once, &packed))
        return;
    HOLDS(near && far);
    if (!packed)
        return;
    buf_reset(&once);
    HOLDS(actionpack_new(LIMIT, &pack, &e).ok && packroom_new(&room, &e).ok);
    HOLDS(read_all(payload, layout, pack, &once, &packed));
    if (!packed)
        return;
    HOLDS(actionpack_take(pack, room, &again, &e).ok && again.len <= LIMIT);
    HOLDS(read_all(again, ACTIONUNPACK_COLUMNS, NULL, &twice, &packed));
    HOLDS(bytes_equal(buf_view(&once), buf_view(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct bytes payload = bytes_of(data + 1, size - 1);
    if (data[0] == 'c')
        fuzz(payload, ACTIONUNPACK_COLUMNS);
    else if (data[0] == 'm')
        fuzz(payload, ACTIONUNPACK_MESSAGE);
    return 0;
}
