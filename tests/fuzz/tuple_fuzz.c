/* Input: TupleData and perhaps something behind it. Skipping, walking and making a key agree on what is
 * sound. */
#include "proto/tuple.h"

#include "proto/relation.h"
#include "tests/fuzz/fuzzing.h"

/* Written again value by value, a row has the same bytes. */
static void check_rewrite(struct bytes row)
{
    OWNED(buf) struct buf again = {0};
    struct tuple t = tuple_open(row);
    tuple_begin(&again, t.count);
    for (struct value v; tuple_next(&t, &v);)
        tuple_put(&again, v);
    HOLDS(reader_ok(&t.rest) && bytes_equal(buf_view(&again), row));
}

static void check_key(struct bytes row)
{
    static struct column columns[RELATION_COLUMNS_MAX];
    struct relation r = {.schema = "s", .name = "t", .replica_identity = 'f', .columns = columns};
    OWNED(buf) struct buf key = {0};
    err e = ERR_INIT;
    struct tuple t = tuple_open(row);
    if (t.count > RELATION_COLUMNS_MAX)
        return;
    for (size_t i = 0; i < RELATION_COLUMNS_MAX; i++)
        columns[i] = (struct column){.name = "c", .key = i % 2 == 0};
    r.column_count = t.count;
    (void)relation_key(&r, row, row, &key, &e);
    r.replica_identity = 'd';
    (void)relation_key(&r, row, row, &key, &e);
}

/* What is taken for a record is a sound tuple of so many columns. */
static void check_record(struct bytes record)
{
    OWNED(buf) struct buf row = {0};
    struct reader head = reader_over(record);
    const uint16_t columns = (uint16_t)reader_u32(&head);
    if (!tuple_of_record(record, columns, &row))
        return;
    struct reader r = reader_over(buf_view(&row));
    HOLDS(tuple_skip(&r).len == row.len && reader_ok(&r) && tuple_open(buf_view(&row)).count == columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_over(bytes_of(data, size));
    check_record(bytes_of(data, size));
    struct bytes row = tuple_skip(&r);
    if (reader_ok(&r)) {
        HOLDS(row.len + r.left == size);
        (void)tuple_has_unchanged(row);
        check_rewrite(row);
        check_key(row);
    } else {
        HOLDS(row.len == 0);
        check_key(bytes_of(data, size));
    }
    return 0;
}
