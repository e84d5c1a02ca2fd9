#include "agent/seal/sealflow.h"
#include "agent/waiting.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/report.h"
#include "tools/snapview.h"

struct seal_options {
    const char *type;
    const char *name;
    const char *description;
    double timeout;
    bool no_wait;
};

static status parse_type(const char *word, Pgstrand__SnapshotType *out, err *e)
{
    static const char *const words[] = {"incremental", "full", "differential"};
    static const Pgstrand__SnapshotType types[] = {PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL,
                                                   PGSTRAND__SNAPSHOT_TYPE__FULL,
                                                   PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL};
    size_t choice = 0;
    TRY(options_choice("--type", word, words, sizeof words / sizeof words[0], &choice, e));
    *out = types[choice];
    return DONE;
}

/* Everything that was committed before the call shall be in the snapshot. With the server away that is what
 * the log holds: nothing more can come. */
static status wait_for_log(const struct cli *cli, struct datadir *d, const struct seal_options *o,
                           bool *offline, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    struct waited waited;

    if (!pgconn_open(d->config->conninfo, PGCONN_QUERY, &c, e).ok) {
        if (e->class != ERR_NETWORK)
            return FAILED;
        report_warning("%s; sealing what the log holds", e->message);
        *offline = true;
        return DONE;
    }
    if (o->no_wait)
        return DONE;
    if (!waiting_run(d, c, LSN_NONE, o->timeout, &cli->progress, &waited, e).ok)
        return e->class == ERR_TIMEOUT ? err_wrap(e, "not sealed (--no-wait seals what the log holds)")
                                       : FAILED;
    if (cli->verbose)
        report_note(cli, "everything up to seq %llu is in the log", (unsigned long long)waited.seq);
    return DONE;
}

static status print_json(const struct seal_result *r, err *e)
{
    OWNED(json) json_t *o = json_object();
    bool made = !r->nothing_new;
    jsonout_set(&o, "uuid", made ? jsonout_uuid(&r->snapshot) : json_null());
    jsonout_set(&o, "type", made ? jsonout_text(snapview_type(r->type)) : json_null());
    jsonout_set(&o, "first_seq", made ? jsonout_count(r->first_seq) : json_null());
    jsonout_set(&o, "last_seq", made ? jsonout_count(r->last_seq) : json_null());
    jsonout_set(&o, "rows", jsonout_count(r->rows));
    jsonout_set(&o, "actions", jsonout_count(r->actions));
    jsonout_set(&o, "size", jsonout_count(r->size));
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

/* A FULL without actions is the state at a seq, no range of them. */
static const char *seq_words(const struct seal_result *r, char out[static OUTPUT_TEXT])
{
    unsigned long long first = r->first_seq, last = r->last_seq;
    if (first > last)
        (void)snprintf(out, OUTPUT_TEXT, "at seq %llu", last);
    else
        (void)snprintf(out, OUTPUT_TEXT, "seq %llu..%llu", first, last);
    return out;
}

static status print_sealed(const struct cli *cli, const struct seal_result *r, err *e)
{
    char id[UUID_TEXT], seqs[OUTPUT_TEXT], rows[OUTPUT_TEXT], actions[OUTPUT_TEXT], size[OUTPUT_TEXT];
    if (cli->json)
        return print_json(r, e);
    if (r->nothing_new) {
        (void)puts("nothing new since the last snapshot");
        return DONE;
    }
    (void)printf("%s  %s  %s  %s rows, %s actions, %s\n", uuid_format(&r->snapshot, id),
                 snapview_type(r->type), seq_words(r, seqs), output_count(r->rows, rows),
                 output_count(r->actions, actions), output_size(r->size, size));
    return DONE;
}

/* A name that nothing carries would be missed when it is wanted. */
static void warn_of_name(const struct seal_options *o, const struct seal_result *r)
{
    if (r->nothing_new && o->name != NULL)
        report_warning(
            "nothing was new, so no snapshot carries the name \"%s\"; --type full makes one all the same",
            o->name);
}

status cmd_seal(struct cli *cli, err *e)
{
    struct seal_options o = {.type = "incremental", .timeout = 60};
    const struct option_spec specs[] = {
        {"type", OPTION_TEXT, &o.type, "TYPE", "incremental (default), full or differential"},
        {"name", OPTION_TEXT, &o.name, "N", "a name to restore by"},
        {"description", OPTION_TEXT, &o.description, "D", "a text that travels with it"},
        {"timeout", OPTION_SECONDS, &o.timeout, "S", "wait so long for the log to catch up (default 60)"},
        {"no-wait", OPTION_FLAG, &o.no_wait, NULL, "seal what the log holds now"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(seal_result) struct seal_result result = {0};
    struct seal_request request = {0};

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    TRY(parse_type(o.type, &request.type, e));
    TRY(cli_open(cli, &d, e));
    TRY(datadir_check_init(d, e));
    request.name = o.name;
    request.description = o.description;
    TRY(wait_for_log(cli, d, &o, &request.offline, e));
    const struct sealflow how = {.stop = WORKFLOW_CANCELS, .alone = true};
    TRY(sealflow_run(d, &request, &how, &cli->progress, &result, e));
    warn_of_name(&o, &result);
    return print_sealed(cli, &result, e);
}
