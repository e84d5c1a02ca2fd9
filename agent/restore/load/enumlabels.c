#include "agent/restore/load/enumlabels.h"

#include "proto/base/buf.h"
#include "proto/sqlsplit.h"

/* pg_dump writes CREATE TYPE name AS ENUM (labels); */
static bool take_apart(struct bytes s, struct bytes *name, struct bytes *labels)
{
    static const char create[] = "CREATE TYPE ", as[] = " AS ENUM (";
    const size_t create_len = sizeof create - 1, as_len = sizeof as - 1;
    if (s.len < create_len || memcmp(s.data, create, create_len) != 0)
        return false;
    const uint8_t *middle = memmem(s.data, s.len, as, as_len);
    const uint8_t *end = memrchr(s.data, ')', s.len);
    if (middle == NULL || end == NULL || end < middle + as_len)
        return false;
    *name = bytes_of(s.data + create_len, (size_t)(middle - s.data) - create_len);
    *labels = bytes_of(middle + as_len, (size_t)(end - middle) - as_len);
    return true;
}

static status check_type(struct pgconn *c, struct bytes name, struct bytes labels, err *e)
{
    OWNED(buf) struct buf type = {0};
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    buf_bytes(&type, name.data, name.len);
    const char *const params[] = {buf_cstring(&type)};
    buf_text(&sql, "SELECT pg_catalog.quote_literal(l) FROM pg_catalog.unnest(ARRAY[");
    buf_bytes(&sql, labels.data, labels.len);
    buf_text(
        &sql,
        "]::text[]) WITH ORDINALITY u(l, n), pg_catalog.to_regtype($1) t WHERE t IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM pg_catalog.pg_enum WHERE enumtypid = t AND enumlabel = l) ORDER BY n");
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 1, params, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    return err_set(e, ERR_SCHEMA,
                   "the target's type %s lacks %d label%s of the chain's; adding them cannot share a "
                   "transaction with the "
                   "rows: run first ALTER TYPE %s ADD VALUE %s",
                   buf_cstring(&type), pgrows_count(rows), pgrows_count(rows) == 1 ? "" : "s",
                   buf_cstring(&type), pgrows_text(rows, 0, 0));
}

status enumlabels_check(const Pgstrand__Schema *schema, struct pgconn *c, err *e)
{
    struct reader rest = reader_over(bytes_text(schema->pre_data == NULL ? "" : schema->pre_data));
    struct bytes statement, name, labels;
    while (sqlsplit_next(&rest, &statement))
        if (take_apart(statement, &name, &labels))
            TRY(check_type(c, name, labels, e));
    return DONE;
}
