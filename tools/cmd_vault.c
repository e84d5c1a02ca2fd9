#include "store/vault.h"
#include "tools/chains.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"

static const char *const backup_types[] = {"business", "full-device"};

static status check_name(const char *name, err *e)
{
    if (name[0] == '\0' || name[0] == '-' || strlen(name) > 64 || strpbrk(name, "/: \t\r\n") != NULL)
        return err_set(e, ERR_VALIDATION,
                       "\"%s\" is no name for a vault: use up to 64 characters without / : and blanks", name);
    return DONE;
}

static json_t *vault_json(const char *name, const char *url, size_t type)
{
    json_t *o = json_object();
    jsonout_set(&o, "name", jsonout_text(name));
    jsonout_set(&o, "url", jsonout_text(url));
    jsonout_set(&o, "backup_type", jsonout_text(backup_types[type]));
    return o;
}

static status print_added(const struct cli *cli, const char *name, const char *url, size_t type, err *e)
{
    if (cli->json) {
        OWNED(json) json_t *o = vault_json(name, url, type);
        return jsonout_print(o, JSONOUT_DOCUMENT, e);
    }
    if (!cli->quiet)
        (void)printf("vault %s: %s, %s\n", name, url,
                     type == 1 ? "full-device (device rows included)" : "business (device rows stay home)");
    return DONE;
}

static status add(struct cli *cli, struct datadir *d, const char *type_word, err *e)
{
    char *name = cli->args[1];
    char *url = cli->args[2];
    size_t type = 0;
    OWNED(vault) struct vault *vault = NULL;
    PB_OWNED(ProtobufCMessage) *message = NULL;
    Pgstrand__VaultRecord record = PGSTRAND__VAULT_RECORD__INIT;

    TRY(check_name(name, e));
    TRY(options_choice("--backup-type", type_word, backup_types, 2, &type, e));
    TRY(catalog_get(d->catalog, CATALOG_VAULT, bytes_text(name), &message, e));
    if (message != NULL) {
        const Pgstrand__VaultRecord *known = (const Pgstrand__VaultRecord *)(const void *)message;
        if (strcmp(known->url, url) == 0 && (known->device_files != 0) == (type == 1))
            return print_added(cli, name, url, type, e);
        return err_set(e, ERR_VALIDATION, "there is a vault \"%s\" already, %s (%s): remove it first", name,
                       known->url, backup_types[known->device_files ? 1 : 0]);
    }
    TRY(vault_open(url, true, &vault, e));
    record.name = name;
    record.url = url;
    record.device_files = type == 1;
    TRY(catalog_put(d->catalog, CATALOG_VAULT, bytes_text(name), &record.base, e));
    return print_added(cli, name, url, type, e);
}

static status remove_vault(struct cli *cli, struct datadir *d, err *e)
{
    OWNED(text) char *url = NULL;
    const char *name = cli->args[1];
    TRY(check_name(name, e));
    TRY(chains_vault_url(d, name, &url, e));
    TRY(catalog_delete(d->catalog, CATALOG_VAULT, bytes_text(name), e));
    if (cli->json) {
        OWNED(json) json_t *o = json_object();
        jsonout_set(&o, "name", jsonout_text(name));
        jsonout_set(&o, "url", jsonout_text(url));
        return jsonout_print(o, JSONOUT_DOCUMENT, e);
    }
    if (!cli->quiet)
        (void)printf("vault %s is forgotten; what it holds at %s stays\n", name, url);
    return DONE;
}

struct vault_list_view {
    json_t *list;
    struct output_table table;
};

static status on_vault(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct vault_list_view *view = context;
    const Pgstrand__VaultRecord *v = (const Pgstrand__VaultRecord *)(const void *)message;
    size_t type = v->device_files ? 1 : 0;
    json_t *o = vault_json(v->name, v->url, type);
    (void)key;
    (void)e;
    jsonout_set(&o, "shipped_number", v->has_shipped_number ? jsonout_count(v->shipped_number) : json_null());
    jsonout_append(&view->list, o);
    output_cell(&view->table, "%s", v->name);
    output_cell(&view->table, "%s", backup_types[type]);
    if (v->has_shipped_number)
        output_cell(&view->table, "%llu", (unsigned long long)v->shipped_number);
    else
        output_cell(&view->table, "nothing yet");
    output_cell(&view->table, "%s", v->url);
    return DONE;
}

static status list(struct cli *cli, struct datadir *d, err *e)
{
    static const struct output_column columns[] = {{"Name", OUTPUT_LEFT},
                                                   {"Backup type", OUTPUT_LEFT},
                                                   {"Shipped up to", OUTPUT_RIGHT},
                                                   {"URL", OUTPUT_LEFT}};
    struct vault_list_view view = {.list = json_array(), .table = {.column = columns, .columns = 4}};

    status done = catalog_each(d->catalog, CATALOG_VAULT, on_vault, &view, e);
    if (done.ok && cli->json)
        done = jsonout_print(view.list, JSONOUT_DOCUMENT, e);
    else if (done.ok && view.table.cells == 0)
        (void)puts("no vaults yet: pgstrand vault add NAME URL");
    else if (done.ok)
        done = output_table_print(&view.table, stdout, e);
    json_decref(view.list);
    output_table_fini(&view.table);
    return done;
}

status cmd_vault(struct cli *cli, err *e)
{
    static const char *const actions[] = {"add", "list", "remove"};
    static const int words[] = {3, 1, 2};
    const char *type = "business";
    const struct option_spec specs[] = {
        {"backup-type", OPTION_TEXT, &type, "TYPE", "business (default: no device rows) or full-device"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    size_t action = 0;

    TRY(options_parse(cli, specs, 1, 1, 3, e));
    if (cli->finished)
        return DONE;
    TRY(options_choice("vault", cli->args[0], actions, 3, &action, e));
    if (cli->arg_count != words[action])
        return err_set(e, ERR_USAGE, "pgstrand vault %s",
                       action == 0   ? "add NAME URL"
                       : action == 1 ? "list"
                                     : "remove NAME");
    TRY(cli_open(cli, &d, e));
    return action == 0 ? add(cli, d, type, e) : action == 1 ? list(cli, d, e) : remove_vault(cli, d, e);
}
