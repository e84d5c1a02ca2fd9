#include <string.h>

#include "agent/agentstate.h"
#include "agent/setup/setup.h"
#include "store/io.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/recoverykey.h"
#include "tools/report.h"
#include "tools/tableview.h"

#define RETRIES_MOST 1000 /* as the configuration's workflow.retries */

struct init_request {
    const char *source;
    const char *dataset;
    const char *device_name;
    struct option_number jobs, retries;
    bool no_wal_limit;
    bool dry_run;
};

/* The configuration that init starts from: the one named, else that of an earlier, interrupted init. The data
 * directory is not made before the preflight has found nothing against it. */
static status load_config(const struct cli *cli, struct config **out, err *e)
{
    OWNED(text) char *root = datadir_root(cli->data);
    OWNED(text) char *own = root != NULL ? io_join(root, "pgstrand.conf") : NULL;
    if (own == NULL)
        return err_no_memory(e);
    if (cli->config != NULL && !io_exists(cli->config))
        return err_set(e, ERR_VALIDATION, "there is no configuration file %s", cli->config);
    return config_load(cli->config != NULL ? cli->config : own, out, e);
}

/* ---- what was found ---- */

static const char *level_word(enum finding_level level)
{
    return level == FINDING_ERROR ? "error" : level == FINDING_WARNING ? "warning" : "note";
}

static status print_tables(const struct preflight *p, err *e)
{
    static const struct output_column columns[] = {{"Table", OUTPUT_LEFT},
                                                   {"Tier", OUTPUT_LEFT},
                                                   {"Rule", OUTPUT_LEFT},
                                                   {"Identity", OUTPUT_LEFT},
                                                   {"Size", OUTPUT_RIGHT}};
    OWNED(output_table)
    struct output_table t = {.column = columns, .columns = sizeof columns / sizeof columns[0]};
    char size[OUTPUT_TEXT];

    for (size_t i = 0; i < p->tables->count; i++) {
        const struct table_info *info = &p->tables->table[i];
        OWNED(buf) struct buf tier = {0};
        tableview_tier(info, &tier);
        output_cell(&t, "%s.%s", info->schema, info->name);
        output_cell(&t, "%s", buf_cstring(&tier));
        output_cell(&t, "%s", info->tier.rule);
        output_cell(&t, "%s", tableview_identity(info));
        output_cell(&t, "%s", output_size((uint64_t)info->bytes, size));
    }
    return output_table_print(&t, stdout, e);
}

static status print_found(const struct preflight *p, err *e)
{
    TRY(print_tables(p, e));
    if (p->finding_count > 0)
        (void)printf("\n");
    for (size_t i = 0; i < p->finding_count; i++) {
        OWNED(buf) struct buf clean = {0};
        output_clean(&clean, bytes_text(p->finding[i].text));
        (void)printf("%s: %s\n", level_word(p->finding[i].level), buf_cstring(&clean));
    }
    return DONE;
}

static json_t *found_json(const struct preflight *p)
{
    json_t *document = json_object();
    json_t *tables = json_array();
    json_t *findings = json_array();
    for (size_t i = 0; i < p->tables->count; i++)
        jsonout_append(&tables, tableview_json(&p->tables->table[i]));
    for (size_t i = 0; i < p->finding_count; i++) {
        json_t *o = json_object();
        jsonout_set(&o, "level", jsonout_text(level_word(p->finding[i].level)));
        jsonout_set(&o, "text", jsonout_text(p->finding[i].text));
        jsonout_append(&findings, o);
    }
    jsonout_set(&document, "tables", tables);
    jsonout_set(&document, "findings", findings);
    return document;
}

/* ---- what was done ---- */

static status print_done_json(const struct datadir *d, const struct preflight *p, const struct init_result *r,
                              const struct init_result *shown, err *e)
{
    OWNED(json) json_t *o = found_json(p);
    char key[RECOVERYKEY_TEXT];
    jsonout_set(&o, "node", jsonout_uuid(&d->identity.node));
    jsonout_set(&o, "device", jsonout_uuid(&d->identity.device));
    jsonout_set(&o, "dataset", jsonout_uuid(&d->identity.dataset));
    jsonout_set(&o, "snapshot", jsonout_uuid(&r->snapshot));
    jsonout_set(&o, "rows", jsonout_count(r->rows));
    jsonout_set(&o, "already_complete", json_boolean(r->already_complete));
    jsonout_set(&o, "continued", json_boolean(r->continued));
    jsonout_set(&o, "recovery_key",
                shown->made_identity ? jsonout_text(recoverykey_format(shown->recovery_secret, key))
                                     : json_null());
    explicit_bzero(key, sizeof key);
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

static status print_done(const struct cli *cli, const struct datadir *d, const struct preflight *p,
                         const struct init_result *r, const struct init_result *shown, err *e)
{
    char id[UUID_TEXT], rows[OUTPUT_TEXT];
    if (cli->json)
        return print_done_json(d, p, r, shown, e);
    if (r->already_complete)
        (void)printf("\nthis database is captured already, as node %s\n", uuid_format(&d->identity.node, id));
    else if (r->continued)
        (void)printf("\nthe chain of node %s goes on on this machine\n", uuid_format(&d->identity.node, id));
    else
        (void)printf("\nbase sealed: %s rows in snapshot %s\n", output_count(r->rows, rows),
                     uuid_format(&r->snapshot, id));
    if (!cli->quiet)
        (void)printf("\nnow start the agent: pgstrand-agent --data %s\n", d->root);
    return DONE;
}

/* The identity first, and its recovery key shown at once, or with the document that ends it: an init that
 * does not come so far leaves it to the next. */
static status make_identity(const struct cli *cli, struct datadir *d, const struct init_options *options,
                            struct init_result *shown, err *e)
{
    const bool had = d->has_identity;
    if (had)
        TRY(datadir_recovery_unshown(d, shown->recovery_secret, &shown->made_identity, e));
    else
        TRY(datadir_new_identity(d, options->dataset, NULL, options->device_name, shown->recovery_secret, e));
    shown->made_identity = shown->made_identity || !had;
    if (cli->json || !shown->made_identity)
        return DONE; /* in the document */
    recoverykey_print(shown->recovery_secret);
    return recoverykey_shown(d, e);
}

static void warn_too_late(const struct cli *cli, const struct init_request *q, const struct datadir *d)
{
    if (cli->config != NULL)
        report_warning("%s is not taken over, since init is complete: the configuration is %s/pgstrand.conf",
                       cli->config, d->root);
    if (q->no_wal_limit)
        report_warning("--no-wal-limit comes too late, since init is complete: ALTER SYSTEM RESET "
                       "max_slot_wal_keep_size takes a limit away that init has set");
}

/* Before everything is copied for a snapshot that could not be signed. */
static status check_key(struct datadir *d, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    struct signing_key key;
    err why = ERR_INIT;
    TRY(agentstate_setup(d, &setup, e));
    if ((setup != NULL && setup->slot_made) || datadir_device_key(d, &key, &why).ok) {
        explicit_bzero(&key, sizeof key);
        return DONE;
    }
    return err_set(e, why.class, "%s; pgstrand identity new makes another", why.message);
}

static status set_up(struct cli *cli, const struct init_request *q, const struct init_options *options,
                     const struct preflight *p, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    struct init_result shown = {0};
    struct init_result result = {0};

    TRY(datadir_open(cli->data, cli->config, DATADIR_CREATE, &d, e));
    TRY(make_identity(cli, d, options, &shown, e));
    TRY(check_key(d, e));
    struct init_options all = *options;
    const uint32_t retries = (uint32_t)q->retries.value;
    all.retries = q->retries.given ? &retries : NULL;
    all.jobs = q->jobs.given ? (int)q->jobs.value : 0;
    status done = setup_init(d, &all, p, &cli->progress, &result, e);
    if (done.ok)
        done = print_done(cli, d, p, &result, &shown, e);
    if (done.ok && result.already_complete)
        warn_too_late(cli, q, d);
    if (done.ok && cli->json && shown.made_identity)
        done = recoverykey_shown(d, e);
    explicit_bzero(&shown, sizeof shown);
    return done;
}

/* Without a terminal and without --yes nobody agrees, and init goes on without. */
static void ask_limit(const struct cli *cli, const struct config *config, const struct preflight *p,
                      struct init_options *options)
{
    char question[256];
    bool yes = false;
    err nobody = ERR_INIT;
    if (options->wal_limit != WAL_LIMIT_ALONE || !preflight_asks_limit(p))
        return;
    (void)snprintf(
        question, sizeof question,
        "%d other replication slot%s on this server. Set max_slot_wal_keep_size = %llu MB for all of "
        "them, so that none can fill the disk?",
        p->other_slots, p->other_slots == 1 ? " is" : "s are", (unsigned long long)config->slot_wal_limit_mb);
    options->wal_limit_said = cli_confirm(cli, question, &yes, &nobody).ok;
    if (options->wal_limit_said && yes)
        options->wal_limit = WAL_LIMIT_ALWAYS;
}

static status run(struct cli *cli, const struct init_request *q, err *e)
{
    OWNED(config) struct config *config = NULL;
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(preflight) struct preflight *p = NULL;
    uuid dataset;
    struct init_options options = {.device_name = q->device_name,
                                   .wal_limit = q->no_wal_limit ? WAL_LIMIT_NEVER : WAL_LIMIT_ALONE,
                                   .wal_limit_said = q->no_wal_limit};

    if (q->dataset != NULL) {
        TRY(uuid_parse(q->dataset, &dataset, e));
        options.dataset = &dataset;
    }
    TRY(load_config(cli, &config, e));
    options.conninfo = q->source != NULL ? q->source : config->conninfo;
    TRY(pgconn_open(options.conninfo, PGCONN_QUERY, &c, e));
    TRY(preflight_run(c, config->tiers, &p, e));
    if (!cli->json && !cli->quiet)
        TRY(print_found(p, e));
    if (q->dry_run && cli->json) {
        OWNED(json) json_t *document = found_json(p);
        TRY(jsonout_print(document, JSONOUT_DOCUMENT, e));
    }
    TRY(preflight_verdict(p, e));
    if (!q->dry_run) {
        ask_limit(cli, config, p, &options);
        return set_up(cli, q, &options, p, e);
    }
    report_note(cli, "nothing was changed (--dry-run)");
    return DONE;
}

status cmd_init(struct cli *cli, err *e)
{
    struct init_request q = {0};
    const struct option_spec specs[] = {
        {"source", OPTION_TEXT, &q.source, "CONNINFO",
         "the database to capture (default: the configuration's, PGHOST...)"},
        {"dataset", OPTION_TEXT, &q.dataset, "UUID", "join this dataset instead of making a new one"},
        {"device-name", OPTION_TEXT, &q.device_name, "N", "this device's name (default: the host's)"},
        {"jobs", OPTION_NUMBER, &q.jobs, "N", "connections that copy the base"},
        {"retries", OPTION_NUMBER, &q.retries, "N",
         "tries after the first one when network, locks or a full disk are in the way (default: "
         "workflow.retries)"},
        {"no-wal-limit", OPTION_FLAG, &q.no_wal_limit, NULL, "leave max_slot_wal_keep_size alone"},
        {"dry-run", OPTION_FLAG, &q.dry_run, NULL, "look, and stop before changing anything"},
    };
    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    if (q.jobs.given && (q.jobs.value < 1 || q.jobs.value > 64))
        return err_set(e, ERR_USAGE, "--jobs wants a number from 1 to 64");
    if (q.retries.given && q.retries.value > RETRIES_MOST)
        return err_set(e, ERR_USAGE, "--retries wants a number from 0 to %d", RETRIES_MOST);
    return run(cli, &q, e);
}
