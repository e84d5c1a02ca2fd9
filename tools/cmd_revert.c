#include <inttypes.h>

#include "agent/history/reversalapply.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/report.h"

static status print_result(const struct cli *cli, const struct reversal *r, bool applied, err *e)
{
    OWNED(json) json_t *o = json_object();
    OWNED(buf) struct buf text = {0};
    if (!cli->json && applied) {
        (void)printf("undone: seq %" PRIu64 " to %" PRIu64 ": %zu rows deleted, %zu updated, %zu inserted\n",
                     r->first, r->last, r->deletes, r->updates, r->inserts);
        return DONE;
    }
    if (!applied)
        TRY(reversal_text(r, &text, e));
    if (!cli->json) {
        (void)fwrite(text.data, 1, text.len, stdout);
        return DONE;
    }
    jsonout_set(&o, "from_seq", jsonout_count(r->first));
    jsonout_set(&o, "to_seq", jsonout_count(r->last));
    jsonout_set(&o, "deleted", jsonout_count(r->deletes));
    jsonout_set(&o, "updated", jsonout_count(r->updates));
    jsonout_set(&o, "inserted", jsonout_count(r->inserts));
    jsonout_set(&o, "applied", json_boolean(applied));
    if (!applied)
        jsonout_set(&o, "sql", jsonout_bytes(buf_view(&text)));
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

static status apply(const struct cli *cli, struct datadir *d, const struct reversal *r, bool *applied, err *e)
{
    char question[160];
    bool yes = false, marked = false;
    (void)snprintf(question, sizeof question,
                   "delete %zu rows, update %zu and insert %zu in the captured database?", r->deletes,
                   r->updates, r->inserts);
    TRY(cli_confirm(cli, question, &yes, e));
    if (!yes)
        return err_set(e, ERR_REFUSED, "nothing was undone");
    TRY(reversalapply_run(d, r, &cli->progress, &marked, e));
    if (!marked)
        report_note(cli, "the role may not set a replication origin: the changes do not carry one");
    *applied = true;
    return DONE;
}

status cmd_revert(struct cli *cli, err *e)
{
    struct option_number from = {0}, to = {0};
    const char *tables = NULL;
    bool act = false, applied = false;
    const struct option_spec specs[] = {
        {"from-seq", OPTION_NUMBER, &from, "A", "the first action that is undone"},
        {"to-seq", OPTION_NUMBER, &to, "B", "the last one"},
        {"table", OPTION_TEXT, &tables, "T", "only these tables: names or globs, with or without schema"},
        {"apply", OPTION_FLAG, &act, NULL, "do it, in one transaction, instead of printing the SQL"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(history) struct history h = {0};
    OWNED(reversal) struct reversal r = {0};

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    if (!from.given || !to.given || from.value == 0 || from.value > to.value)
        return err_set(e, ERR_USAGE,
                       "which range? pgstrand revert --from-seq A --to-seq B, A at least 1 and not "
                       "behind B");
    TRY(cli_open(cli, &d, e));
    TRY(history_open(d, &cli->progress, &h, e));
    TRY(reversal_make(&h, from.value, to.value, tables, &r, e));
    for (size_t i = 0; i < r.changes.notes; i++)
        report_note(cli, "%s", r.changes.note[i]);
    if (r.changes.count == 0) {
        report_note(cli, "no row differs: there is nothing to undo");
        return cli->json ? print_result(cli, &r, false, e) : DONE;
    }
    if (act)
        TRY(apply(cli, d, &r, &applied, e));
    return print_result(cli, &r, applied, e);
}
