#include "agent/capture/ddlrow.h"

#include "proto/tuple.h"

static bool column_is(const struct relation *shape, uint16_t at, const char *name)
{
    return at < shape->column_count && strcmp(shape->columns[at].name, name) == 0;
}

status ddlrow_apply(struct transaction *t, const struct relation *shape, struct bytes row, err *e)
{
    struct action a = {.kind = ACTION_DDL};
    struct tuple tuple = tuple_open(row);
    struct value v;
    for (uint16_t at = 0; tuple_next(&tuple, &v); at++) {
        if (v.kind == VALUE_TEXT && column_is(shape, at, "tag"))
            a.prefix = v.text;
        else if (v.kind == VALUE_TEXT && column_is(shape, at, "objects"))
            a.content = v.text;
    }
    if (tuple.rest.bad)
        return err_set(e, ERR_STORAGE, "the server sent a row of pgstrand.ddl that is malformed");
    if (a.prefix.len == 0) /* somebody else wrote it: it is recorded, and the schema looked at again */
        a.prefix = bytes_text("UNKNOWN");
    transaction_mark(t, "%.*s", (int)(a.prefix.len < 100 ? a.prefix.len : 100), (const char *)a.prefix.data);
    return transaction_put(t, &a, e);
}
