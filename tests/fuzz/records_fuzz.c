/*
 * Input: a byte ('a' action, 'c' commit, 'r' relation), then a record. One that is accepted is encoded and
 * decoded again, to the same.
 */
#include "proto/action.h"
#include "proto/relation.h"
#include "tests/fuzz/fuzzing.h"

static void fuzz_action(struct bytes raw)
{
    OWNED(buf) struct buf once = {0};
    OWNED(buf) struct buf twice = {0};
    struct action a;
    err e = ERR_INIT;
    if (!action_decode(raw, &a, &e).ok)
        return;
    HOLDS(*action_kind_name(a.kind) != '\0');
    struct reader r = reader_over(a.truncated);
    while (action_next_truncated(&r) != 0)
        continue;
    HOLDS(reader_ok(&r) && r.left == 0);
    action_encode(&a, true, &once);
    HOLDS(action_decode(buf_view(&once), &a, &e).ok);
    action_encode(&a, true, &twice);
    HOLDS(bytes_equal(buf_view(&once), buf_view(&twice)));
}

static void fuzz_commit(struct bytes raw)
{
    OWNED(buf) struct buf once = {0};
    OWNED(buf) struct buf twice = {0};
    struct commit c;
    err e = ERR_INIT;
    if (!commit_decode(raw, &c, &e).ok)
        return;
    commit_encode(&c, &once);
    HOLDS(commit_decode(buf_view(&once), &c, &e).ok);
    commit_encode(&c, &twice);
    HOLDS(bytes_equal(buf_view(&once), buf_view(&twice)));
}

static void fuzz_relation(struct bytes raw)
{
    OWNED(buf) struct buf once = {0};
    OWNED(buf) struct buf twice = {0};
    OWNED(relation) struct relation *first = NULL;
    OWNED(relation) struct relation *second = NULL;
    OWNED(relation) struct relation *copy = NULL;
    err e = ERR_INIT;
    if (!relation_decode(raw, &first, &e).ok)
        return;
    relation_encode(first, &once);
    HOLDS(relation_decode(buf_view(&once), &second, &e).ok);
    HOLDS(relation_same_shape(first, second));
    HOLDS(relation_copy(second, &copy, &e).ok);
    relation_encode(copy, &twice);
    HOLDS(bytes_equal(buf_view(&once), buf_view(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes raw = bytes_of(data + 1, size - 1);
    if (data[0] == 'a')
        fuzz_action(raw);
    else if (data[0] == 'c')
        fuzz_commit(raw);
    else if (data[0] == 'r')
        fuzz_relation(raw);
    return 0;
}
