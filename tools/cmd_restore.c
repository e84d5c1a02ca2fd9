#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/config_setting.h"
#include "agent/restore/load/rolemap.h"
#include "agent/restore/plan/place.h"
#include "agent/restore/restoreflow.h"
#include "agent/restore/takeover.h"
#include "store/io.h"
#include "tools/chains.h"
#include "tools/options.h"
#include "tools/recoverykey.h"
#include "tools/report.h"
#include "tools/restoreview.h"
#include "tools/targetoptions.h"

#define RETRIES_MOST 1000                 /* as the configuration's workflow.retries */
#define MEMORY_LEAST ((uint64_t)16 << 20) /* as the configuration's restore.memory */

struct restore_options {
    const char *target;
    struct target_options to;
    const char *from, *node, *mode, *as, *tiers, *tables, *on_error, *orphans, *memory;
    const char *newer, *conflicts, *deleted, *diff;
    const char *recovery_key;
    const char *business, *files;
    bool no_demo;
    bool again;
    struct option_texts role;
    struct option_number jobs, retries;
    bool dry_run;
    bool no_analyze;
    bool no_tablespaces;
    bool drop_old;
    bool read_back;
};

/* ---- the request ---- */

/* A value that cannot be read is the command line's fault. */
static status usage(const char *option, status parsed, err *e)
{
    if (parsed.ok)
        return DONE;
    e->class = ERR_USAGE;
    return err_wrap(e, "%s", option);
}

static status parse_tiers(const char *list, unsigned *out, err *e)
{
    OWNED(text) char *copy = strdup(list);
    char *rest = NULL;
    if (copy == NULL)
        return err_no_memory(e);
    for (char *word = strtok_r(copy, ", ", &rest); word != NULL; word = strtok_r(NULL, ", ", &rest)) {
        enum tier tier = TIER_NONE;
        TRY(usage("--tiers", tier_parse(word, &tier, e), e));
        if (tier == TIER_TRANSIENT)
            return err_set(e, ERR_VALIDATION,
                           "transient rows are never written anywhere, so none can be restored");
        *out |= 1u << tier;
    }
    return *out != 0 ? DONE : err_set(e, ERR_USAGE, "--tiers wants a list such as business,audit");
}

/* What the target has and the chain has otherwise: "keep", or the word for taking the chain's. */
static status parse_choice(const char *option, const char *word, const char *take, enum merge_choice *out,
                           err *e)
{
    const char *const words[] = {"keep", take};
    size_t choice = 0;
    TRY(options_choice(option, word, words, 2, &choice, e));
    *out = choice == 0 ? MERGE_KEEP : MERGE_TAKE;
    return DONE;
}

static status parse_merge(const struct restore_options *o, struct restore_request *r, err *e)
{
    bool given = o->again || o->newer != NULL || o->conflicts != NULL || o->deleted != NULL;
    if (r->mode != RESTORE_MERGE && given)
        return err_set(e, ERR_USAGE, "--newer, --conflicts, --deleted and --again go with --mode merge");
    TRY(parse_choice("--newer", o->newer != NULL ? o->newer : "keep", "replace", &r->newer, e));
    TRY(parse_choice("--conflicts", o->conflicts != NULL ? o->conflicts : "keep", "replace", &r->conflicts,
                     e));
    r->again = o->again;
    return parse_choice("--deleted", o->deleted != NULL ? o->deleted : "keep", "delete", &r->deleted, e);
}

static status parse_modes(const struct restore_options *o, struct restore_request *r, err *e)
{
    static const char *const modes[] = {"fresh", "replace", "merge"};
    static const char *const roles[] = {"auto", "same", "other"};
    static const char *const on_error[] = {"stop", "skip"};
    static const char *const orphans[] = {"refuse", "report", "delete"};
    size_t mode = 0, role = 0, error = 0, orphan = 0;
    TRY(options_choice("--mode", o->mode, modes, 3, &mode, e));
    TRY(options_choice("--as", o->as, roles, 3, &role, e));
    TRY(options_choice("--on-error", o->on_error, on_error, 2, &error, e));
    TRY(options_choice("--orphans", o->orphans, orphans, 3, &orphan, e));
    r->skip = error == 1;
    r->orphans = orphan == 0 ? ORPHANS_REFUSE : orphan == 1 ? ORPHANS_REPORT : ORPHANS_DELETE;
    r->mode = mode == 0 ? RESTORE_FRESH : mode == 1 ? RESTORE_REPLACE : RESTORE_MERGE;
    r->as = role == 0 ? RESTORE_AS_AUTO : role == 1 ? RESTORE_AS_SAME : RESTORE_AS_OTHER;
    return parse_merge(o, r, e);
}

static status parse_memory(const char *text, uint64_t *out, err *e)
{
    if (config_value_parse(SETTING_BYTES, text, out) && *out >= MEMORY_LEAST)
        return DONE;
    return err_set(e, ERR_USAGE, "--memory wants a size from 16 MiB up, such as 128MiB or \"1 GiB\"");
}

static status parse_request(const struct restore_options *o, struct restore_request *r, uuid *node, err *e)
{
    TRY(targetoptions_parse(&o->to, &r->target, e));
    TRY(parse_modes(o, r, e));
    if (o->tiers != NULL)
        TRY(parse_tiers(o->tiers, &r->tiers, e));
    if (o->node != NULL) {
        TRY(usage("--node", uuid_parse(o->node, node, e), e));
        r->node = node;
    }
    if (o->recovery_key != NULL && (r->as != RESTORE_AS_SAME || o->from == NULL))
        return err_set(e, ERR_USAGE, "--recovery-key goes with --as same and --from VAULT");
    r->jobs = o->jobs.given ? (int)o->jobs.value : 0;
    r->drop_old = o->drop_old;
    r->read_back = o->read_back;
    if (o->jobs.given && (o->jobs.value < 1 || o->jobs.value > 64))
        return err_set(e, ERR_USAGE, "--jobs wants a number from 1 to 64");
    if (o->retries.given && o->retries.value > RETRIES_MOST)
        return err_set(e, ERR_USAGE, "--retries wants a number from 0 to %d", RETRIES_MOST);
    if (o->memory != NULL)
        TRY(parse_memory(o->memory, &r->memory, e));
    r->conninfo = o->target;
    r->tables = o->tables;
    r->business = o->business;
    r->no_demo = o->no_demo;
    r->dry_run = o->dry_run;
    if (o->diff != NULL && (!r->dry_run || r->mode == RESTORE_FRESH))
        return err_set(e, ERR_USAGE, "--diff goes with --dry-run and --mode replace or merge");
    r->diff = o->diff;
    r->no_analyze = o->no_analyze;
    r->no_tablespaces = o->no_tablespaces;
    if (r->no_tablespaces && r->mode != RESTORE_FRESH)
        return err_set(e, ERR_USAGE, "--no-tablespaces goes with --mode fresh: the others make no tables");
    return DONE;
}

/* Another process, started elsewhere, may go on with the restore. */
static status absolute_path(const char *path, char **out, err *e)
{
    char *here = path == NULL || path[0] == '/' || strcmp(path, RESTORE_FILES_CONFIGURED) == 0
                     ? NULL
                     : getcwd(NULL, 0);
    *out = here != NULL ? io_join(here, path) : path != NULL ? strdup(path) : NULL;
    free(here);
    return path == NULL || *out != NULL ? DONE : err_no_memory(e);
}

/* The pairs, and the texts that they are made of. */
struct roles {
    struct role_pair pair[OPTION_TEXTS_MAX];
    char *text[2 * OPTION_TEXTS_MAX];
};

static void roles_fini(struct roles *r)
{
    for (size_t i = 0; i < 2 * OPTION_TEXTS_MAX; i++)
        free(r->text[i]);
}
OWN_VALUE(roles, roles_fini);

static status parse_roles(const struct option_texts *given, struct roles *out, struct restore_request *r,
                          err *e)
{
    for (size_t i = 0; i < given->count; i++) {
        TRY(rolemap_parse(given->text[i], &out->text[2 * i], &out->text[2 * i + 1], e));
        out->pair[i] = (struct role_pair){out->text[2 * i], out->text[2 * i + 1]};
    }
    r->role = out->pair;
    r->role_count = given->count;
    return DONE;
}

/* ---- whose rows these are ---- */

struct whose {
    const char *key_file; /* --recovery-key; NULL: not given */
    bool key_given;
    uint8_t secret[SIGNING_KEY_LEN];
};

/* The recovery key of a node that is taken over; none from a chain without one, or when there is nobody to
 * ask. */
static status find_key(const struct place *place, const char *file, struct whose *out, err *e)
{
    char question[160], node[UUID_TEXT];
    if (file != NULL) {
        out->key_given = true;
        return recoverykey_load(file, out->secret, e);
    }
    if (chain_recovery_key(place->chain) == NULL)
        return DONE;
    (void)snprintf(question, sizeof question,
                   "node %s is taken over; its recovery key:", uuid_format(&place->node, node));
    return recoverykey_ask(question, out->secret, &out->key_given, e);
}

/* Before anything happens: rows of another device are about to become this one's, or this machine that
 * device. */
static status say_whose(const struct cli *cli, struct datadir *d, const struct restore_request *r,
                        struct whose *out, err *e)
{
    OWNED(place) struct place place = {0};
    char node[UUID_TEXT];

    TRY(place_find(d, r, &place, e));
    if (takeover_is_asked(d, r))
        TRY(find_key(&place, out->key_file, out, e));
    if (place.same_device)
        return DONE;
    const char *name = place.chain->link[0].commit->header->device_name;
    report_note(cli,
                "different device: this chain is of %s (node %s), not of this device: business and audit "
                "rows come with "
                "their ids, its device rows stay behind, and this device has a node of its own",
                name != NULL ? name : "a device without a name", uuid_format(&place.node, node));
    return DONE;
}

/* ---- doing it ---- */

static double seconds_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static status run(struct cli *cli, struct datadir *d, struct restore_request *r, struct restoreflow *how,
                  struct whose *whose, err *e)
{
    OWNED(restore_result) struct restore_result result = {0};
    OWNED(restoreview) struct restoreview view = {.json = cli->json};
    double began = seconds_now();

    r->diff_row = restoreview_row;
    r->diff_context = &view;
    TRY(say_whose(cli, d, r, whose, e));
    how->recovery = whose->key_given ? whose->secret : NULL;
    if (r->dry_run)
        TRY(restore_run(d, r, &cli->progress, &result, e));
    else
        TRY(restoreflow_run(d, r, how, &cli->progress, &result, NULL, e));
    if (!r->dry_run && !result.new_identity)
        TRY(datadir_recovery_unshown(d, result.recovery_secret, &result.new_identity, e));
    if (cli->json)
        TRY(restoreview_json(&view, &result, r, e));
    else if (!cli->quiet)
        TRY(restoreview_text(&result, r, seconds_now() - began, e));
    /* --quiet: pgstrand identity shows it */
    const bool shown = result.new_identity && (cli->json || !cli->quiet);
    explicit_bzero(result.recovery_secret, sizeof result.recovery_secret);
    return shown ? recoverykey_shown(d, e) : DONE;
}

/* A machine that has no data directory yet gets one, but not for looking: then it is one that goes away
 * again. */
static status open_data(const struct cli *cli, const struct restore_options *o, char **scratch,
                        struct datadir **out, err *e)
{
    OWNED(text) char *root = datadir_root(cli->data);
    OWNED(text) char *catalog = root != NULL ? io_join(root, "catalog.mdb") : NULL;
    const char *tmp = getenv("TMPDIR");

    if (catalog == NULL)
        return err_no_memory(e);
    if (o->from == NULL)
        return datadir_open(cli->data, cli->config, DATADIR_EXISTING, out, e);
    if (!o->dry_run || io_exists(catalog))
        return datadir_open(cli->data, cli->config, DATADIR_CREATE, out, e);
    *scratch = io_join(tmp != NULL ? tmp : "/tmp", "pgstrand-plan-XXXXXX");
    if (*scratch == NULL)
        return err_no_memory(e);
    if (mkdtemp(*scratch) == NULL)
        return err_errno(e, errno, "cannot make a folder %s", *scratch);
    return datadir_open(*scratch, cli->config, DATADIR_CREATE, out, e);
}

static status restore_with(struct cli *cli, const struct restore_options *o, struct restore_request *request,
                           char **scratch, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(text) char *url = NULL;
    TRY(open_data(cli, o, scratch, &d, e));
    if (o->from != NULL)
        TRY(chains_vault_url(d, o->from, &url, e));
    request->from = url;
    uint32_t retries = (uint32_t)o->retries.value;
    struct restoreflow how = {
        .stop = WORKFLOW_CANCELS, .alone = true, .retries = o->retries.given ? &retries : NULL};
    struct whose whose = {.key_file = o->recovery_key};
    const status done = run(cli, d, request, &how, &whose, e);
    explicit_bzero(&whose, sizeof whose);
    return done;
}

static status parse_options(struct cli *cli, struct restore_options *o, err *e)
{
    const struct option_spec specs[] = {
        {"target", OPTION_TEXT, &o->target, "CONNINFO", "the database to rebuild (required)"},
        TARGET_OPTIONS(&o->to),
        {"from", OPTION_TEXT, &o->from, "VAULT", "a vault (name or URL) instead of the own chain and log"},
        {"node", OPTION_TEXT, &o->node, "NODE", "which node, when the vault holds several"},
        {"mode", OPTION_TEXT, &o->mode, "MODE", "fresh (default: an empty database), replace or merge"},
        {"as", OPTION_TEXT, &o->as, "WHO", "same, other or auto (default): as which device"},
        {"recovery-key", OPTION_TEXT, &o->recovery_key, "FILE",
         "with --as same on a new machine: the node's recovery key (-: standard input; default: asked for)"},
        {"tiers", OPTION_TEXT, &o->tiers, "LIST", "only these tiers (default: by device)"},
        {"tables", OPTION_TEXT, &o->tables, "PATTERN", "only these tables: names or globs"},
        {"business", OPTION_TEXT, &o->business, "ID",
         "only the rows of this business ([business] in the configuration)"},
        {"no-demo", OPTION_FLAG, &o->no_demo, NULL, "leave the rows of demo businesses out"},
        {"files", OPTION_TEXT, &o->files, "DIR",
         "put the chain's files below this folder; \"configured\": where [assets] says"},
        {"role", OPTION_TEXTS, &o->role, "OLD=NEW",
         "a role of the schema is another one on the target; may be repeated"},
        {"jobs", OPTION_NUMBER, &o->jobs, "N",
         "1: one transaction; more: a new database, then names swap (default: 2 for a large base, if "
         "possible)"},
        {"read-back", OPTION_FLAG, &o->read_back, NULL,
         "read every row back for the proof, also where the server could add up hashes of them"},
        {"drop-old", OPTION_FLAG, &o->drop_old, NULL,
         "with --jobs: the empty database that the new one replaces is not kept"},
        {"memory", OPTION_TEXT, &o->memory, "SIZE",
         "what changes may take before they go to disk (default: restore.memory, 128 MiB)"},
        {"retries", OPTION_NUMBER, &o->retries, "N",
         "tries after the first one when network, locks or a full disk are in the way (default: "
         "workflow.retries)"},
        {"on-error", OPTION_TEXT, &o->on_error, "WHAT",
         "stop (default), or skip: rows that the target refuses are left out and kept (log --failed)"},
        {"orphans", OPTION_TEXT, &o->orphans, "WHAT",
         "rows whose foreign key leads to no row: refuse (default), report or delete"},
        {"newer", OPTION_TEXT, &o->newer, "WHAT",
         "merge: rows changed on the target later: keep (default) or replace"},
        {"conflicts", OPTION_TEXT, &o->conflicts, "WHAT",
         "merge: rows that both devices made under one key: keep the target's (default) or replace"},
        {"deleted", OPTION_TEXT, &o->deleted, "WHAT",
         "merge: rows deleted on the source: keep (default) or delete"},
        {"again", OPTION_FLAG, &o->again, NULL, "merge: also what the target remembers as merged"},
        {"no-analyze", OPTION_FLAG, &o->no_analyze, NULL, "leave the tables' statistics to autovacuum"},
        {"no-tablespaces", OPTION_FLAG, &o->no_tablespaces, NULL,
         "tables and indexes go to the database's own tablespace, not to one of the name they were in"},
        {"dry-run", OPTION_FLAG, &o->dry_run, NULL, "the plan and what would change: nothing is changed"},
        {"diff", OPTION_TEXT, &o->diff, "TABLE",
         "with --dry-run: the rows of these tables that would change"},
    };
    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (!cli->finished && o->target == NULL)
        return err_set(e, ERR_USAGE, "restore where to? --target CONNINFO");
    return DONE;
}

status cmd_restore(struct cli *cli, err *e)
{
    struct restore_options o = {.mode = "fresh", .as = "auto", .on_error = "stop", .orphans = "refuse"};
    OWNED(text) char *scratch = NULL;
    OWNED(text) char *files = NULL;
    OWNED(roles) struct roles roles = {0};
    struct restore_request request = {0};
    uuid node;

    TRY(parse_options(cli, &o, e));
    if (cli->finished)
        return DONE;
    TRY(parse_request(&o, &request, &node, e));
    TRY(parse_roles(&o.role, &roles, &request, e));
    TRY(absolute_path(o.files, &files, e));
    request.files = files;
    status done = restore_with(cli, &o, &request, &scratch, e);
    err left = ERR_INIT;
    if (scratch != NULL && !io_remove_tree(scratch, &left).ok)
        report_warning("%s", left.message);
    return done;
}
