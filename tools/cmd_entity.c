#include <inttypes.h>

#include "tools/entityview.h"
#include "tools/options.h"
#include "tools/report.h"

static status by_uuid(struct history *h, const uuid *entity, uint64_t seq, struct rowhistory *r,
                      struct rowvalue *v, err *e)
{
    char text[UUID_TEXT];
    TRY(rowhistory_read(h, entity, r, e));
    if (r->count == 0)
        return err_set(e, ERR_VALIDATION, "no row %s was ever seen here", uuid_format(entity, text));
    return rowvalue_find_entity(h, r->event[0].relation, entity, seq, v, e);
}

static status by_key(struct history *h, const struct cli *cli, uint64_t seq, struct rowhistory *r,
                     struct rowvalue *v, err *e)
{
    TRY(rowvalue_find(h, cli->args[0], (const char *const *)(cli->args + 1), (size_t)cli->arg_count - 1, seq,
                      v, e));
    return rowhistory_read(h, &v->entity, r, e);
}

status cmd_entity(struct cli *cli, err *e)
{
    struct option_number at = {0};
    const struct option_spec specs[] = {
        {"at-seq", OPTION_NUMBER, &at, "N", "the row as it was then, and its history up to it"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(history) struct history h = {0};
    OWNED(rowhistory) struct rowhistory r = {0};
    OWNED(rowvalue) struct rowvalue v = {0};
    err no_uuid = ERR_INIT;
    uuid entity;

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 1, -1, e));
    if (cli->finished)
        return DONE;
    TRY(cli_open(cli, &d, e));
    TRY(history_open(d, &cli->progress, &h, e));
    uint64_t seq = at.given ? at.value : entityindex_end(h.index);
    if (at.given)
        TRY(history_round(&h, &seq, e));
    if (at.given && seq != at.value)
        report_note(cli, "seq %" PRIu64 " lies inside a transaction: rounded down to seq %" PRIu64, at.value,
                    seq);
    if (cli->arg_count == 1 && uuid_parse(cli->args[0], &entity, &no_uuid).ok)
        TRY(by_uuid(&h, &entity, seq, &r, &v, e));
    else
        TRY(by_key(&h, cli, seq, &r, &v, e));
    const uint64_t reached = v.plan->stop_seq;
    if (reached < seq)
        report_note(cli,
                    "seq %" PRIu64 " lies between changes of the schema that share a version: rounded down "
                    "to seq %" PRIu64,
                    seq, reached);
    TRY(rowhistory_fill(&h, v.plan, &r, e));
    TRY(rowvalue_at(&h, &r, reached, &v, e));
    if (r.count == 0 && !v.there)
        return err_set(e, ERR_VALIDATION,
                       "%s.%s has had no row of this key, as far as the chain goes back; values are written "
                       "as PostgreSQL prints them",
                       v.table->schema, v.table->name);
    return entityview_print(cli, &v, &r, reached, e);
}
