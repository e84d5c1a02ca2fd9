#include "agent/config_setting.h"
#include "agent/drill.h"
#include "tools/chains.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/report.h"
#include "tools/restoreview.h"
#include "tools/targetoptions.h"

struct drill_options {
    struct target_options to;
    const char *on, *from, *node, *memory;
    bool if_due;
};

static status read_request(const struct drill_options *o, uuid *node, struct drill_request *out, err *e)
{
    TRY(targetoptions_parse(&o->to, &out->target, e));
    if (o->memory != NULL && !config_value_parse(SETTING_BYTES, o->memory, &out->memory))
        return err_set(e, ERR_USAGE, "--memory wants a size such as 128MiB");
    if (o->node != NULL) {
        if (!uuid_parse(o->node, node, e).ok) {
            e->class = ERR_USAGE;
            return err_wrap(e, "--node");
        }
        out->node = node;
    }
    out->conninfo = o->on;
    return DONE;
}

static status drill(struct cli *cli, struct datadir *d, const struct drill_request *request, err *e)
{
    OWNED(restore_result) struct restore_result result = {0};
    OWNED(restoreview) struct restoreview view = {.json = cli->json};
    const struct restoreflow how = {.stop = WORKFLOW_CANCELS, .alone = true};
    const struct restore_request shown = {.mode = RESTORE_FRESH};
    char rows[OUTPUT_TEXT];
    TRY(drill_run(d, request, &how, &cli->progress, &result, e));
    if (cli->json)
        return restoreview_json(&view, &result, &shown, e);
    if (!cli->quiet)
        (void)printf("proven: seq %llu, %zu tables, %s rows, restored into a scratch database and compared\n",
                     (unsigned long long)result.seq, result.table_count, output_count(result.rows, rows));
    return DONE;
}

/* For timers: no more often than the configuration says. */
static status look_whether(const struct cli *cli, struct datadir *d, bool *due, err *e)
{
    char why_not[160];
    TRY(drill_is_due(d, due, why_not, e));
    if (!*due)
        report_note(cli, "%s", why_not[0] != '\0' ? why_not : "no drill is due (drill.interval)");
    return DONE;
}

status cmd_drill(struct cli *cli, err *e)
{
    struct drill_options o = {0};
    const struct option_spec specs[] = {
        TARGET_OPTIONS(&o.to),
        {"on", OPTION_TEXT, &o.on, "CONNINFO",
         "a database of the server to make the scratch database on (default: drill.conninfo, the captured "
         "one)"},
        {"from", OPTION_TEXT, &o.from, "VAULT", "a vault (name or URL) instead of the own chain and log"},
        {"node", OPTION_TEXT, &o.node, "NODE", "which node, when the vault holds several"},
        {"memory", OPTION_TEXT, &o.memory, "SIZE", "what changes may take before they go to disk"},
        {"if-due", OPTION_FLAG, &o.if_due, NULL, "only when the last one is older than drill.interval"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(text) char *url = NULL;
    struct drill_request request = {0};
    uuid node;
    bool due = true;
    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    TRY(read_request(&o, &node, &request, e));
    TRY(cli_open(cli, &d, e));
    if (o.from != NULL)
        TRY(chains_vault_url(d, o.from, &url, e));
    request.from = url;
    if (o.if_due)
        TRY(look_whether(cli, d, &due, e));
    return due ? drill(cli, d, &request, e) : DONE;
}
