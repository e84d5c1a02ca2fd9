#include <inttypes.h>

#include "agent/document/docimport.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/report.h"

static status print_json(const struct docimport_result *r, err *e)
{
    OWNED(json) json_t *o = json_object();
    jsonout_set(&o, "uuid", jsonout_uuid(&r->snapshot));
    jsonout_set(&o, "node", jsonout_uuid(&r->node));
    jsonout_set(&o, "version", jsonout_text(r->version == DOCFACTS_V1 ? "1" : "2.0"));
    jsonout_set(&o, "backup_type", jsonout_text(r->full_device ? "full-device" : "business"));
    jsonout_set(&o, "same_device", json_boolean(r->same_device));
    jsonout_set(&o, "tables", jsonout_count(r->tables));
    jsonout_set(&o, "rows", jsonout_count(r->rows));
    jsonout_set(&o, "size", jsonout_count(r->size));
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

static status print_imported(const struct cli *cli, const struct docimport_result *r, err *e)
{
    char id[UUID_TEXT], tables[OUTPUT_TEXT], rows[OUTPUT_TEXT], size[OUTPUT_TEXT];
    if (cli->json)
        return print_json(r, e);
    (void)printf("%s  version %s, %s backup of %s: %s rows in %s tables, %s\n", uuid_format(&r->snapshot, id),
                 r->version == DOCFACTS_V1 ? "1" : "2.0", r->full_device ? "full-device" : "business",
                 r->same_device ? "this device" : "another device", output_count(r->rows, rows),
                 output_count(r->tables, tables), output_size(r->size, size));
    report_note(cli, "restore it with pgstrand restore --target CONNINFO --to-snapshot %s", id);
    return DONE;
}

status cmd_import(struct cli *cli, err *e)
{
    struct docimport_request request = {0};
    const struct option_spec specs[] = {
        {"name", OPTION_TEXT, &request.name, "N", "a name to restore by"},
        {"skip-unknown", OPTION_FLAG, &request.lenient, NULL,
         "leave out tables and columns that the schema here does not have"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    struct docimport_result result;

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 1, 1, e));
    if (cli->finished)
        return DONE;
    request.path = cli->args[0];
    TRY(cli_open(cli, &d, e));
    TRY(docimport_run(d, &request, &cli->progress, &result, e));
    return print_imported(cli, &result, e);
}
