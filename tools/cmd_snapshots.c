#include "proto/pbmem.h"
#include "tools/chains.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/snapdetail.h"
#include "tools/snapview.h"

struct listing {
    struct datadir *d;
    const struct chains *chains;
    bool tree;
};

static status verified_of(const struct listing *l, const struct chain_link *link, pgtime *at, bool *found,
                          err *e)
{
    return snapview_verified(l->d->catalog, link->commit, at, found, e);
}

static status link_json(const struct listing *l, const struct chain_link *link, json_t **out, err *e)
{
    pgtime at = 0;
    bool found = false;
    TRY(verified_of(l, link, &at, &found, e));
    *out = snapview_json(link->commit, found ? &at : NULL);
    jsonout_set(out, "pruned", json_boolean(link->pruned));
    return DONE;
}

static status print_list_json(const struct listing *l, err *e)
{
    OWNED(json) json_t *list = json_array();
    for (size_t i = 0; i < l->chains->count; i++) {
        const struct chain *chain = l->chains->item[i].chain;
        for (size_t n = chain->own; n < chain->count; n++) {
            json_t *o = NULL;
            TRY(link_json(l, &chain->link[n], &o, e));
            jsonout_append(&list, o);
        }
    }
    return jsonout_print(list, JSONOUT_DOCUMENT, e);
}

/* ---- for people ---- */

static const struct output_column columns[] = {
    {"No", OUTPUT_RIGHT},    {"Snapshot", OUTPUT_LEFT}, {"Type", OUTPUT_LEFT},  {"Seq", OUTPUT_RIGHT},
    {"Sealed", OUTPUT_LEFT}, {"Size", OUTPUT_RIGHT},    {"Rows", OUTPUT_RIGHT}, {"Actions", OUTPUT_RIGHT},
    {"Proven", OUTPUT_LEFT}, {"Name", OUTPUT_LEFT},
};

static void time_words(pgtime at, char out[static PGTIME_TEXT])
{
    (void)pgtime_format(at, out);
    out[10] = ' ';
    out[19] = '\0';
}

/* In a tree what stands on a FULL hangs under it. */
static void uuid_cell(struct output_table *t, const struct listing *l, const struct chain *chain, size_t n)
{
    const Pgstrand__SnapshotHeader *h = chain->link[n].commit->header;
    bool last = n + 1 == chain->count || !chain->link[n + 1].commit->header->has_base_snapshot;
    const char *branch = !l->tree || !h->has_base_snapshot ? "" : last ? "`- " : "|- ";
    char text[UUID_TEXT] = "?";
    uuid id;
    err ignored = ERR_INIT;
    if (uuid_from_bytes(pbmem_view(h->snapshot), "snapshot", &id, &ignored).ok)
        (void)uuid_format(&id, text);
    output_cell(t, "%s%s", branch, text);
}

static status add_link(struct output_table *t, const struct listing *l, const struct chain *chain, size_t n,
                       err *e)
{
    const struct chain_link *link = &chain->link[n];
    const Pgstrand__SnapshotHeader *h = link->commit->header;
    char text[OUTPUT_TEXT], time[PGTIME_TEXT];
    pgtime at = 0;
    bool proven = false;

    TRY(verified_of(l, link, &at, &proven, e));
    output_cell(t, "%llu", (unsigned long long)h->number);
    uuid_cell(t, l, chain, n);
    output_cell(t, "%s", snapview_type(h->type));
    if (h->first_seq <= h->last_seq)
        output_cell(t, "%llu..%llu", (unsigned long long)h->first_seq, (unsigned long long)h->last_seq);
    else /* a FULL: the state at a seq, no actions */
        output_cell(t, "%llu", (unsigned long long)h->last_seq);
    time_words(h->created, time);
    output_cell(t, "%s", time);
    output_cell(t, "%s", link->pruned ? "pruned" : output_size(link->commit->size, text));
    output_cell(t, "%s", output_count(snapview_rows(link->commit), text));
    output_cell(t, "%s", output_count(snapview_actions(link->commit), text));
    if (proven)
        time_words(at, time);
    output_cell(t, "%s", proven ? time : "-");
    output_cell(t, "%s", h->name != NULL ? h->name : "");
    return DONE;
}

static status print_list(const struct listing *l, err *e)
{
    char node[UUID_TEXT], incarnation[UUID_TEXT];
    if (l->chains->count == 0)
        (void)puts("no snapshots yet");
    for (size_t i = 0; i < l->chains->count; i++) {
        const struct chains_item *item = &l->chains->item[i];
        OWNED(output_table)
        struct output_table t = {.column = columns, .columns = sizeof columns / sizeof columns[0]};
        for (size_t n = item->chain->own; n < item->chain->count; n++)
            TRY(add_link(&t, l, item->chain, n, e));
        if (l->chains->count > 1)
            (void)printf("%snode %s, incarnation %s\n", i > 0 ? "\n" : "", uuid_format(&item->node, node),
                         uuid_format(&item->incarnation, incarnation));
        TRY(output_table_print(&t, stdout, e));
    }
    return DONE;
}

/* JSON's own form is what a person reads best here, too: many facts, none of them a table. */
static status print_one(const struct cli *cli, const struct listing *l, const char *which, err *e)
{
    for (size_t i = 0; i < l->chains->count; i++) {
        const struct chain_link *link = chain_find(l->chains->item[i].chain, which);
        OWNED(json) json_t *o = NULL;
        if (link == NULL)
            continue;
        TRY(link_json(l, link, &o, e));
        TRY(snapdetail_add(link, &o, e));
        if (cli->json)
            return jsonout_print(o, JSONOUT_DOCUMENT, e);
        return jsonout_facts(o, stdout, e);
    }
    return err_set(e, ERR_VALIDATION, "there is no snapshot %s: pgstrand snapshots lists them", which);
}

static status check_chains(const struct chains *c, err *e)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->item[i].chain == NULL) {
            *e = c->item[i].why;
            return err_wrap(e, "chain in %s", c->item[i].dir);
        }
    }
    return DONE;
}

status cmd_snapshots(struct cli *cli, err *e)
{
    struct listing l = {0};
    const char *from = NULL;
    const struct option_spec specs[] = {
        {"tree", OPTION_FLAG, &l.tree, NULL, "show what stands on which FULL"},
        {"from", OPTION_TEXT, &from, "VAULT", "list a vault (name or URL) instead of the own chain"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(chains) struct chains *chains = NULL;
    OWNED(text) char *url = NULL;

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 1, e));
    if (cli->finished)
        return DONE;
    TRY(cli_open(cli, &d, e));
    if (from != NULL)
        TRY(chains_vault_url(d, from, &url, e));
    TRY(chains_load(url != NULL ? url : d->snapshots, &chains, e));
    TRY(check_chains(chains, e));
    l.d = d;
    l.chains = chains;
    if (cli->arg_count == 1)
        return print_one(cli, &l, cli->args[0], e);
    return cli->json ? print_list_json(&l, e) : print_list(&l, e);
}
