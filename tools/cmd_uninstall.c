#include "agent/setup/setup.h"
#include "store/io.h"
#include "tools/agentstate.h"
#include "tools/options.h"
#include "tools/report.h"

status cmd_uninstall(struct cli *cli, err *e)
{
    bool keep = false;
    const struct option_spec specs[] = {
        {"keep-data", OPTION_FLAG, &keep, NULL,
         "leave the data directory (log, snapshots, identity) as it is"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(text) char *root = NULL;
    bool yes = true;

    TRY(options_parse(cli, specs, 1, 0, 0, e));
    if (cli->finished)
        return DONE;
    TRY(datadir_open(cli->data, cli->config, DATADIR_EXISTING, &d, e));
    if (agentstate_life(d) == AGENT_RUNNING)
        return err_set(e, ERR_REFUSED, "the agent is running: stop pgstrand-agent first");
    if (!keep)
        TRY(cli_confirm(cli, "Remove the data directory with its log, snapshots and key as well?", &yes, e));
    if (!yes)
        return err_set(e, ERR_REFUSED, "nothing was changed; --keep-data leaves the data directory alone");
    TRY(setup_uninstall(d, d->config->conninfo, &cli->progress, e));
    if (keep)
        return DONE;
    root = strdup(d->root);
    datadir_close(d);
    d = NULL;
    if (root == NULL)
        return err_no_memory(e);
    TRY(io_remove_tree(root, e));
    report_note(cli, "removed %s", root);
    return DONE;
}
