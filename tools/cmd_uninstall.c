#include "agent/agentstate.h"
#include "agent/setup/setup.h"
#include "store/io.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/report.h"

static status print_done(const struct cli *cli, const char *database, const char *data, bool kept, err *e)
{
    if (cli->json) {
        OWNED(json) json_t *o = json_object();
        jsonout_set(&o, "database", jsonout_text(database[0] != '\0' ? database : NULL));
        jsonout_set(&o, "data", jsonout_text(data));
        jsonout_set(&o, "data_kept", json_boolean(kept));
        return jsonout_print(o, JSONOUT_DOCUMENT, e);
    }
    if (!kept)
        report_note(cli, "removed %s", data);
    return DONE;
}

/* What says whose directory this is goes last: after an interruption the command finds the rest. */
static status remove_data(const char *root, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(root, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        OWNED(text) char *path = io_join(root, names.name[i]);
        if (path == NULL)
            return err_no_memory(e);
        if ((strncmp(names.name[i], "catalog.mdb", sizeof "catalog.mdb" - 1) != 0 ||
             strcmp(names.name[i], "catalog.mdb.making") == 0) &&
            strcmp(names.name[i], "pgstrand.conf") != 0)
            TRY(io_remove_tree(path, e));
    }
    return io_remove_tree(root, e);
}

status cmd_uninstall(struct cli *cli, err *e)
{
    bool keep = false;
    const struct option_spec specs[] = {
        {"keep-data", OPTION_FLAG, &keep, NULL,
         "leave the data directory (log, snapshots, identity) as it is"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(text) char *root = NULL;
    OWNED(text) char *database = NULL;
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
    root = strdup(d->root);
    database = strdup(d->identity.database);
    datadir_close(d);
    d = NULL;
    if (root == NULL || database == NULL)
        return err_no_memory(e);
    if (!keep)
        TRY(remove_data(root, e));
    return print_done(cli, database, root, keep, e);
}
