#include "store/snapprune.h"
#include "store/snapreader.h"
#include "store/snapwriter.h"
#include "tools/chains.h"
#include "tools/interrupt.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"

static const struct output_column columns[] = {
    {"No", OUTPUT_RIGHT},         {"Snapshot", OUTPUT_LEFT}, {"Frames", OUTPUT_RIGHT},
    {"Device rows", OUTPUT_LEFT}, {"Result", OUTPUT_LEFT},
};

struct verify {
    struct cli *cli;
    char **wanted; /* UUIDs or names; none: all */
    int wanted_count;
    bool seen[256]; /* which of them were found */
    size_t damaged;
    struct output_table table;
    json_t *snapshots;
    json_t *chains;
};

static bool is_wanted(struct verify *v, const struct chains_item *item, const char *name)
{
    struct snapname parsed;
    char id[UUID_TEXT] = "";
    bool found = v->wanted_count == 0;

    if (snapname_parse(name, &parsed))
        (void)uuid_format(&parsed.id, id);
    for (int i = 0; i < v->wanted_count; i++) {
        const struct chain_link *link = item->chain != NULL ? chain_find(item->chain, v->wanted[i]) : NULL;
        if (strcasecmp(v->wanted[i], id) == 0 || strcmp(v->wanted[i], name) == 0 ||
            (link != NULL && strcmp(link->name, name) == 0)) {
            v->seen[i] = true;
            found = true;
        }
    }
    return found;
}

struct outcome {
    const char *name;
    uint64_t frames;
    bool has_device; /* the device file is there, or nothing of that tier was sealed */
    bool opened;
    bool pruned;
    status result;
    err why;
};

static void check_snapshot(const char *dir, const char *name, struct outcome *out)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    *out = (struct outcome){.name = name, .why = ERR_INIT};
    out->result = snapprune_is_pruned(dir, name, &out->pruned, &out->why);
    if (!out->result.ok || out->pruned) /* its commit was checked with the chain */
        return;
    out->result = snapreader_open(dir, name, &r, &out->why);
    if (!out->result.ok)
        return;
    out->opened = true;
    out->has_device = !snapreader_commit(r)->has_device_header_hash || snapreader_has_device(r);
    out->result = snapreader_verify(r, &out->frames, &out->why);
}

static void add_outcome(struct verify *v, const struct outcome *o)
{
    struct snapname parsed = {0};
    char id[UUID_TEXT] = "";
    char text[OUTPUT_TEXT];
    json_t *line = json_object();

    bool known = snapname_parse(o->name, &parsed);
    jsonout_set(&line, "uuid", known ? jsonout_uuid(&parsed.id) : json_null());
    jsonout_set(&line, "number", known ? jsonout_count(parsed.number) : json_null());
    jsonout_set(&line, "file", jsonout_text(o->name));
    jsonout_set(&line, "ok", json_boolean(o->result.ok));
    jsonout_set(&line, "frames", jsonout_count(o->frames));
    jsonout_set(&line, "device_rows_absent", json_boolean(o->opened && !o->has_device));
    jsonout_set(&line, "pruned", json_boolean(o->pruned));
    jsonout_set(&line, "error", o->result.ok ? json_null() : jsonout_text(o->why.message));
    jsonout_append(&v->snapshots, line);

    output_cell(&v->table, "%llu", (unsigned long long)parsed.number);
    output_cell(&v->table, "%s", known ? uuid_format(&parsed.id, id) : o->name);
    output_cell(&v->table, "%s", output_count(o->frames, text));
    output_cell(&v->table, "%s", o->pruned ? "" : !o->opened ? "?" : o->has_device ? "" : "left at home");
    output_cell(&v->table, "%s", o->pruned ? "pruned" : o->result.ok ? "ok" : o->why.message);
    v->damaged += !o->result.ok;
}

static void add_chain(struct verify *v, const struct chains_item *item)
{
    json_t *line = json_object();
    jsonout_set(&line, "node", jsonout_uuid(&item->node));
    jsonout_set(&line, "incarnation", jsonout_uuid(&item->incarnation));
    jsonout_set(&line, "snapshots", jsonout_count(item->names.count));
    jsonout_set(&line, "ok", json_boolean(item->chain != NULL));
    jsonout_set(&line, "error", item->chain != NULL ? json_null() : jsonout_text(item->why.message));
    jsonout_append(&v->chains, line);
    v->damaged += item->chain == NULL;
}

static status verify_all(struct verify *v, const struct chains *chains, err *e)
{
    const struct progress *p = &v->cli->progress;
    for (size_t i = 0; i < chains->count; i++) {
        const struct chains_item *item = &chains->item[i];
        add_chain(v, item);
        for (size_t n = 0; n < item->names.count; n++) {
            struct outcome o;
            TRY(interrupt_check(e));
            p->step(p->context, "verify", n + 1, item->names.count);
            if (!is_wanted(v, item, item->names.name[n]))
                continue;
            check_snapshot(item->dir, item->names.name[n], &o);
            add_outcome(v, &o);
        }
    }
    for (int i = 0; i < v->wanted_count; i++)
        if (!v->seen[i])
            return err_set(e, ERR_VALIDATION, "there is no snapshot %s: pgstrand snapshots lists them",
                           v->wanted[i]);
    return DONE;
}

static status print_text(const struct verify *v, const struct chains *chains, err *e)
{
    char node[UUID_TEXT], incarnation[UUID_TEXT];
    TRY(output_table_print(&v->table, stdout, e));
    for (size_t i = 0; i < chains->count; i++) {
        const struct chains_item *item = &chains->item[i];
        (void)printf("chain of node %s, incarnation %s: %zu snapshots, %s%s\n",
                     uuid_format(&item->node, node), uuid_format(&item->incarnation, incarnation),
                     item->names.count, item->chain != NULL ? "holds together" : "DAMAGED: ",
                     item->chain != NULL ? "" : item->why.message);
    }
    if (chains->count == 0)
        (void)puts("there is no snapshot");
    return DONE;
}

static status print_verified(struct verify *v, const struct chains *chains, err *e)
{
    v->cli->exit_code = v->damaged == 0 ? 0 : EXIT_UNHEALTHY;
    if (!v->cli->json)
        return print_text(v, chains, e);
    OWNED(json) json_t *document = json_object();
    jsonout_set(&document, "ok", json_boolean(v->damaged == 0));
    jsonout_set(&document, "snapshots", json_incref(v->snapshots));
    jsonout_set(&document, "chains", json_incref(v->chains));
    return jsonout_print(document, JSONOUT_DOCUMENT, e);
}

/* A vault can be verified on a machine that has no data directory. */
static status find_place(const struct cli *cli, const char *from, char **root, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    if (from != NULL && (strstr(from, "://") != NULL || from[0] == '/'))
        return chains_vault_url(NULL, from, root, e);
    TRY(cli_open(cli, &d, e));
    if (from != NULL)
        return chains_vault_url(d, from, root, e);
    *root = strdup(d->snapshots);
    return *root != NULL ? DONE : err_no_memory(e);
}

status cmd_verify(struct cli *cli, err *e)
{
    const char *from = NULL;
    const struct option_spec specs[] = {
        {"from", OPTION_TEXT, &from, "VAULT", "verify a vault (name or URL) instead of the own chain"},
    };
    OWNED(text) char *root = NULL;
    OWNED(chains) struct chains *chains = NULL;
    struct verify v = {.cli = cli,
                       .table = {.column = columns, .columns = sizeof columns / sizeof columns[0]}};

    TRY(options_parse(cli, specs, 1, 0, (int)(sizeof v.seen), e));
    if (cli->finished)
        return DONE;
    v.wanted = cli->args;
    v.wanted_count = cli->arg_count;
    TRY(find_place(cli, from, &root, e));
    TRY(chains_load(root, &chains, e));
    v.snapshots = json_array();
    v.chains = json_array();
    status done = verify_all(&v, chains, e);
    if (done.ok)
        done = print_verified(&v, chains, e);
    json_decref(v.snapshots);
    json_decref(v.chains);
    output_table_fini(&v.table);
    return done;
}
