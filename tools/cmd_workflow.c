#include <string.h>

#include "agent/resume.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/recoverykey.h"
#include "tools/report.h"
#include "tools/restoreview.h"
#include "tools/workflowview.h"

enum action { LIST, SHOW, RESUME, CANCEL };

static status print_list(const struct cli *cli, struct datadir *d, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    OWNED(json) json_t *list = json_array();
    TRY(workflowrecord_list(d, &all, e));
    if (!cli->json)
        return workflowview_list(d, &all, e);
    for (size_t i = 0; i < all.count; i++)
        jsonout_append(&list, workflowview_json(d, all.record[i], false));
    return jsonout_print(list, JSONOUT_DOCUMENT, e);
}

static status show(const struct cli *cli, struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    if (!cli->json)
        return workflowview_show(d, record, e);
    OWNED(json) json_t *o = workflowview_json(d, record, true);
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

/* As it is now. */
static status show_again(const struct cli *cli, struct datadir *d, const Pgstrand__WorkflowRecord *before,
                         err *e)
{
    PB_OWNED(Pgstrand__WorkflowRecord) *record = NULL;
    uuid id = workflowrecord_id(before);
    TRY(workflowrecord_load(d, &id, &record, e));
    return cli->json && record != NULL ? show(cli, d, record, e) : DONE;
}

static status resume(struct cli *cli, struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    OWNED(resume_result) struct resume_result result = {0};
    TRY(resume_run(d, record, WORKFLOW_CANCELS, true, &cli->progress, &result, e));
    if (!result.restore.new_identity)
        TRY(datadir_recovery_unshown(d, result.restore.recovery_secret, &result.restore.new_identity, e));
    if (cli->json)
        return show_again(cli, d, record, e);
    if (result.restored && !cli->quiet) {
        TRY(restoreview_resumed(&result.restore, e));
        return result.restore.new_identity ? recoverykey_shown(d, e) : DONE;
    }
    report_note(cli, "%s: done", record->name);
    return DONE;
}

static status cancel(struct cli *cli, struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e)
{
    const bool running = workflowrecord_is_running(d, record);
    if (!workflowrecord_is_open(record) && record->state != PGSTRAND__WORKFLOW_RECORD__STATE__FAILED)
        return err_set(e, ERR_VALIDATION, "it has ended already (%s)", workflowrecord_state(record->state));
    TRY(resume_cancel(d, record, e));
    report_note(cli, "%s: %s", record->name, running ? "asked to stop" : "cancelled");
    return show_again(cli, d, record, e);
}

static status act(struct cli *cli, struct datadir *d, enum action action, err *e)
{
    PB_OWNED(Pgstrand__WorkflowRecord) *record = NULL;
    if (action == LIST)
        return print_list(cli, d, e);
    TRY(workflowrecord_find(d, cli->args[1], &record, e));
    switch (action) {
    case RESUME:
        return resume(cli, d, record, e);
    case CANCEL:
        return cancel(cli, d, record, e);
    default:
        return show(cli, d, record, e);
    }
}

status cmd_workflow(struct cli *cli, err *e)
{
    static const char *const actions[] = {"list", "show", "resume", "cancel"};
    OWNED(datadir) struct datadir *d = NULL;
    size_t action = LIST;
    TRY(options_parse(cli, NULL, 0, 0, 2, e));
    if (cli->finished)
        return DONE;
    if (cli->arg_count > 0)
        TRY(options_choice("workflow", cli->args[0], actions, 4, &action, e));
    if (cli->arg_count > 0 && cli->arg_count != (action == LIST ? 1 : 2))
        return err_set(e, ERR_USAGE, "pgstrand workflow %s%s", actions[action],
                       action == LIST ? "" : " UUID");
    TRY(datadir_open(cli->data, cli->config, DATADIR_EXISTING, &d, e)); /* a restore needs no identity */
    return act(cli, d, (enum action)action, e);
}
