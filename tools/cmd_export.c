#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/document/docexport.h"
#include "store/io.h"
#include "tools/chains.h"
#include "tools/jsonout.h"
#include "tools/output.h"
#include "tools/report.h"
#include "tools/targetoptions.h"

struct export_options {
    const char *format, *output, *from, *node, *tables, *backup_type, *created_by, *business;
    bool no_demo;
    struct target_options to;
};

/* Where the document goes: a file that appears when it is whole, or stdout. */
struct outlet {
    char *path; /* NULL: stdout */
    char *part;
    struct io_file *file;
};

static void outlet_fini(struct outlet *o)
{
    err ignored = ERR_INIT;
    if (o->file != NULL) {
        io_close(o->file);
        (void)io_unlink(o->part, &ignored).ok;
    }
    free(o->path);
    free(o->part);
}
OWN_VALUE(outlet, outlet_fini);

/* backup-business-2026-01-01.json: its name says what it is. */
static char *default_name(bool full_device)
{
    char time[PGTIME_TEXT], *name = NULL;
    (void)pgtime_format(pgtime_now(), time);
    int len = asprintf(&name, "backup-%s-%.10s.json", full_device ? "full-device" : "business", time);
    return len < 0 ? NULL : name;
}

/* A folder gets a file with a name that says what it is; nothing said: stdout, but never a terminal. */
static status choose_path(const struct export_options *o, bool full_device, char **path, err *e)
{
    struct stat s;
    OWNED(text) char *name = default_name(full_device);
    const bool to_stdout = o->output == NULL ? isatty(STDOUT_FILENO) == 0 : strcmp(o->output, "-") == 0;
    *path = NULL;
    if (to_stdout)
        return DONE;
    if (name == NULL)
        return err_no_memory(e);
    if (o->output == NULL)
        *path = strdup(name);
    else if (stat(o->output, &s) == 0 && S_ISDIR(s.st_mode))
        *path = io_join(o->output, name);
    else
        *path = strdup(o->output);
    return *path != NULL ? DONE : err_no_memory(e);
}

static status outlet_open(const struct export_options *o, bool full_device, struct outlet *out, err *e)
{
    TRY(choose_path(o, full_device, &out->path, e));
    if (out->path == NULL)
        return DONE;
    if (asprintf(&out->part, "%s.part", out->path) < 0) {
        out->part = NULL;
        return err_no_memory(e);
    }
    return io_open(out->part, IO_TRUNCATE, &out->file, e);
}

static status write_out(void *context, struct bytes text, err *e)
{
    struct outlet *o = context;
    if (o->file != NULL)
        return io_write(o->file, text, e);
    if (fwrite(text.data, 1, text.len, stdout) == text.len)
        return DONE;
    return err_errno(e, errno, "cannot write to stdout");
}

static status outlet_publish(struct outlet *o, err *e)
{
    if (o->file == NULL)
        return DONE;
    TRY(io_sync(o->file, e));
    io_close(o->file);
    o->file = NULL;
    return io_publish(o->part, o->path, e);
}

/* ---- the result ---- */

static status print_json(const struct outlet *o, const struct restore_result *r,
                         const struct docpart_facts *f, bool full_device, err *e)
{
    OWNED(json) json_t *document = json_object();
    json_t *warnings = json_array();
    for (size_t i = 0; i < r->warning_count; i++)
        jsonout_append(&warnings, jsonout_text(r->warning[i]));
    jsonout_set(&document, "file", jsonout_text(o->path));
    jsonout_set(&document, "seq", jsonout_count(r->seq));
    jsonout_set(&document, "backup_type", jsonout_text(full_device ? "full-device" : "business"));
    jsonout_set(&document, "tables", jsonout_count(f->tables));
    jsonout_set(&document, "rows", jsonout_count(f->records));
    jsonout_set(&document, "size", jsonout_count(f->bytes));
    jsonout_set(&document, "warnings", warnings);
    return jsonout_print(document, JSONOUT_DOCUMENT, e);
}

static status print_exported(const struct cli *cli, const struct outlet *o, const struct restore_result *r,
                             const struct docpart_facts *f, bool full_device, err *e)
{
    char rows[OUTPUT_TEXT], size[OUTPUT_TEXT];
    if (o->path == NULL) {
        report_note(cli, "%s rows in %" PRIu64 " tables, as of seq %" PRIu64, output_count(f->records, rows),
                    f->tables, r->seq);
        return DONE;
    }
    if (cli->json)
        return print_json(o, r, f, full_device, e);
    (void)printf("%s  %s backup as of seq %" PRIu64 ": %s rows in %" PRIu64 " tables, %s\n", o->path,
                 full_device ? "full-device" : "business", r->seq, output_count(f->records, rows), f->tables,
                 output_size(f->bytes, size));
    return DONE;
}

static status export_to(struct cli *cli, struct datadir *d, const struct export_options *o,
                        const struct docexport_request *request, err *e)
{
    OWNED(outlet) struct outlet outlet = {0};
    OWNED(restore_result) struct restore_result report = {0};
    struct docpart_facts facts = {0};
    const struct docsink sink = {&outlet, write_out};
    TRY(outlet_open(o, request->full_device, &outlet, e));
    if (outlet.path == NULL && cli->json)
        return err_set(e, ERR_USAGE,
                       "--json is about the result, and stdout gets the document: add --output FILE");
    TRY(docexport_run(d, request, &cli->progress, &sink, &report, &facts, e));
    TRY(outlet_publish(&outlet, e));
    return print_exported(cli, &outlet, &report, &facts, request->full_device, e);
}

static status parse_request(const struct export_options *o, struct docexport_request *r, uuid *node, err *e)
{
    static const char *const formats[] = {"json"};
    static const char *const types[] = {"business", "full-device"};
    size_t format = 0, type = 0;
    TRY(options_choice("--format", o->format, formats, 1, &format, e));
    TRY(options_choice("--backup-type", o->backup_type, types, 2, &type, e));
    TRY(targetoptions_parse(&o->to, &r->what.target, e));
    if (o->node != NULL) {
        if (!uuid_parse(o->node, node, e).ok) {
            e->class = ERR_USAGE;
            return err_wrap(e, "--node");
        }
        r->what.node = node;
    }
    r->full_device = type == 1;
    r->created_by = o->created_by;
    r->what.tables = o->tables;
    r->what.business = o->business;
    r->what.no_demo = o->no_demo;
    return DONE;
}

status cmd_export(struct cli *cli, err *e)
{
    struct export_options o = {.format = "json", .backup_type = "business"};
    const struct option_spec specs[] = {
        {"format", OPTION_TEXT, &o.format, "FORMAT", "json (default): metadata, businessData, deviceData"},
        {"output", OPTION_TEXT, &o.output, "FILE",
         "a file, or a folder that gets backup-TYPE-DATE.json (default: stdout)"},
        {"backup-type", OPTION_TEXT, &o.backup_type, "TYPE",
         "business (default: no row of the device tier) or full-device"},
        {"created-by", OPTION_TEXT, &o.created_by, "USER", "who made it, for the metadata (default: system)"},
        TARGET_OPTIONS(&o.to),
        {"from", OPTION_TEXT, &o.from, "VAULT", "a vault (name or URL) instead of the own chain and log"},
        {"node", OPTION_TEXT, &o.node, "NODE", "which node, when the vault holds several"},
        {"business", OPTION_TEXT, &o.business, "ID",
         "only the rows of this business ([business] in the configuration)"},
        {"no-demo", OPTION_FLAG, &o.no_demo, NULL, "leave the rows of demo businesses out"},
        {"tables", OPTION_TEXT, &o.tables, "PATTERN", "only these tables: names or globs"},
    };
    struct docexport_request request = {0};
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(text) char *url = NULL;
    uuid node;

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    TRY(parse_request(&o, &request, &node, e));
    TRY(cli_open(cli, &d, e));
    if (o.from != NULL)
        TRY(chains_vault_url(d, o.from, &url, e));
    request.what.from = url;
    return export_to(cli, d, &o, &request, e);
}
