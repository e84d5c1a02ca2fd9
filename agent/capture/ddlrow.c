#include "agent/capture/ddlrow.h"

#include "proto/base/digest.h"
#include "proto/tuple.h"

#define EVENT_RETOLD "table_retold"

static bool column_is(const struct relation *shape, uint16_t at, const char *name)
{
    return at < shape->column_count && strcmp(shape->columns[at].name, name) == 0;
}

/* As the fingerprint's query counts it (pg/schema.c): so the log can be followed up to a dump's fingerprint.
 */
static status mark_of(struct bytes txid, struct bytes place, uint64_t *out, err *e)
{
    OWNED(buf) struct buf key = {0};
    OWNED(hasher) struct hasher *h = NULL;
    uint8_t hash[SHA256_LEN];
    buf_bytes(&key, txid.data, txid.len);
    buf_u8(&key, ' ');
    buf_bytes(&key, place.data, place.len);
    TRY(buf_done(&key, e));
    TRY(hasher_new(&h, e));
    TRY(hasher_once(h, buf_view(&key), hash, e));
    struct reader first = reader_over(bytes_of(hash, sizeof hash));
    *out = reader_u64(&first);
    return DONE;
}

status ddlrow_apply(struct transaction *t, const struct relation *shape, struct bytes row, err *e)
{
    struct action a = {.kind = ACTION_DDL};
    struct tuple tuple = tuple_open(row);
    struct value v;
    struct bytes txid = {0};
    struct bytes place = {0};
    struct bytes event = {0};
    for (uint16_t at = 0; tuple_next(&tuple, &v); at++) {
        if (v.kind == VALUE_TEXT && column_is(shape, at, "tag"))
            a.prefix = v.text;
        else if (v.kind == VALUE_TEXT && column_is(shape, at, "objects"))
            a.content = v.text;
        else if (v.kind == VALUE_TEXT && column_is(shape, at, "event"))
            event = v.text;
        else if (v.kind == VALUE_TEXT && column_is(shape, at, "txid"))
            txid = v.text;
        else if (v.kind == VALUE_TEXT && column_is(shape, at, "lsn"))
            place = v.text;
    }
    if (tuple.rest.bad)
        return err_set(e, ERR_STORAGE, "the server sent a row of pgstrand.ddl that is malformed");
    if (a.prefix.len == 0) /* somebody else wrote it: it is recorded, and the schema looked at again */
        a.prefix = bytes_text("UNKNOWN");
    if (txid.len > 0 && place.len > 0)
        TRY(mark_of(txid, place, &a.mark, e));
    transaction_mark(t, "%.*s", (int)(a.prefix.len < 100 ? a.prefix.len : 100), (const char *)a.prefix.data);
    TRY(transaction_put(t, &a, e));
    if (bytes_equal(event, bytes_text(EVENT_RETOLD)))
        retold_expect(&t->retold);
    return DONE;
}
