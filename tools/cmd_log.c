#include <string.h>

#include "agent/glob.h"
#include "agent/history/allactions.h"
#include "agent/history/dependencies.h"
#include "agent/history/entitykey.h"
#include "agent/history/history.h"
#include "store/actionlog.h"
#include "tools/failedlog.h"
#include "tools/interrupt.h"
#include "tools/jsonout.h"
#include "tools/logview.h"
#include "tools/options.h"
#include "tools/report.h"

struct filter {
    struct option_number from, to, xid;
    const char *from_time, *to_time;
    pgtime begin, end;
    const char *table; /* NULL: all */
    bool by_entity;
    uuid entity;
};

struct listing {
    struct cli *cli;
    const struct filter *filter;
    struct history *history; /* its index is only there when it is needed */
    struct allactions *actions;
    struct dependencies *dependencies; /* NULL: not asked for */
    struct logview view;
    struct buf scratch;
};

static void listing_fini(struct listing *l)
{
    allactions_close(l->actions);
    dependencies_close(l->dependencies);
    logview_fini(&l->view);
    buf_fini(&l->scratch);
}
OWN_VALUE(listing, listing_fini);

static status find_relation(void *context, uint32_t version, const struct relation **out, err *e)
{
    return allactions_relation(context, version, out, e);
}

static bool any_truncated(const struct listing *l, const struct source_action *a)
{
    struct reader versions = reader_over(a->action.truncated);
    uint32_t version;
    while ((version = action_next_truncated(&versions)) != 0) {
        const struct relation *rel = NULL;
        err ignored = ERR_INIT;
        if (allactions_relation(l->actions, version, &rel, &ignored).ok &&
            glob_list_match(l->filter->table, rel->schema, rel->name))
            return true;
    }
    return false;
}

static status matches(struct listing *l, const struct source_action *a, bool *out, err *e)
{
    const struct filter *f = l->filter;
    *out = false;
    if ((f->xid.given && a->commit.xid != f->xid.value) || a->commit.time < f->begin ||
        a->commit.time > f->end)
        return DONE;
    if (f->table != NULL) {
        bool listed = a->relation != NULL ? glob_list_match(f->table, a->relation->schema, a->relation->name)
                                          : any_truncated(l, a);
        if (!listed)
            return DONE;
    }
    if (f->by_entity) {
        uuid now, before;
        bool found = false;
        TRY(entitykey_of_action(a->relation, &a->action, &l->history->d->identity.dataset, &l->scratch, &now,
                                &before, &found, e));
        if (!found || !(uuid_equal(&now, &f->entity) || uuid_equal(&before, &f->entity)))
            return DONE;
    }
    *out = true;
    return DONE;
}

#define PARENTS_MAX 32 /* foreign keys of one row that are shown */

static json_t *seq_json(uint64_t seq)
{
    return seq == 0 ? json_null() : jsonout_count(seq);
}

/* {"depends_on": {previous, foreign_keys[]}} */
static status dependencies_json(struct listing *l, const struct source_action *a, json_t **out, err *e)
{
    struct dependency parent[PARENTS_MAX];
    uint64_t previous = 0;
    size_t count = 0;
    *out = NULL;
    if (l->dependencies == NULL)
        return DONE;
    TRY(dependencies_previous(l->dependencies, a->relation, &a->action, a->seq, &previous, e));
    TRY(dependencies_parents(l->dependencies, a->relation, &a->action, a->seq, parent, PARENTS_MAX, &count,
                             e));
    json_t *keys = json_array(), *on = json_object();
    for (size_t i = 0; i < count; i++) {
        OWNED(buf) struct buf name = {0};
        json_t *key = json_object();
        buf_printf(&name, "%s.%s", parent[i].parent->schema, parent[i].parent->name);
        jsonout_set(&key, "constraint", jsonout_text(parent[i].constraint));
        jsonout_set(&key, "table", jsonout_text(buf_cstring(&name)));
        jsonout_set(&key, "entity", jsonout_uuid(&parent[i].entity));
        jsonout_set(&key, "seq", seq_json(parent[i].seq));
        jsonout_append(&keys, key);
    }
    jsonout_set(&on, "previous", seq_json(previous));
    jsonout_set(&on, "foreign_keys", keys);
    *out = json_object();
    jsonout_set(out, "depends_on", on);
    return *out != NULL ? DONE : err_no_memory(e);
}

static status print_one(struct listing *l, const struct source_action *a, err *e)
{
    json_t *more = NULL;
    const struct actionview_entry entry = {.seq = a->seq,
                                           .id = a->id,
                                           .action = &a->action,
                                           .commit = &a->commit,
                                           .relation = a->relation,
                                           .find = find_relation,
                                           .context = l->actions};
    TRY(dependencies_json(l, a, &more, e));
    return logview_put(&l->view, &entry, more, e);
}

static status print_all(struct listing *l, err *e)
{
    for (;;) {
        struct source_action a;
        bool end = false;
        bool wanted = false;
        TRY(interrupt_check(e));
        TRY(allactions_next(l->actions, &a, &end, e));
        if (end || (l->filter->to.given && a.seq > l->filter->to.value))
            return logview_end(&l->view, e);
        TRY(matches(l, &a, &wanted, e));
        if (wanted)
            TRY(print_one(l, &a, e));
    }
}

static status print_log(struct cli *cli, struct datadir *d, const struct filter *f, bool join, bool depends,
                        err *e)
{
    const struct restore_request own = {0};
    OWNED(history) struct history h = {.d = d, .progress = &cli->progress};
    OWNED(seqlist) struct seqlist only = {0};
    OWNED(listing) struct listing l = {.cli = cli, .filter = f, .history = &h};
    if (f->by_entity || depends)
        TRY(history_open(d, &cli->progress, &h, e));
    else
        TRY(place_find(d, &own, &h.place, e));
    if (depends)
        TRY(dependencies_open(&h, &l.dependencies, e));
    if (f->by_entity) {
        TRY(history_find(&h, &f->entity, &only, e));
        seqlist_sort(&only);
        only.count = f->to.given ? seqlist_from(&only, f->to.value + 1) : only.count;
        size_t from = f->from.given ? seqlist_from(&only, f->from.value) : 0;
        if (from > 0)
            memmove(only.seq, only.seq + from, (only.count - from) * sizeof *only.seq);
        only.count -= from;
    }
    const struct entityindex_place place = {d, h.place.chain, h.place.log};
    logview_init(&l.view, cli, &d->identity.dataset);
    l.view.join = join;
    /* Equal rows of a table without key are not in the index: all actions are looked at for them. */
    TRY(allactions_open(&place, f->from.given ? f->from.value : 0, only.count > 0 ? &only : NULL, &l.actions,
                        e));
    return print_all(&l, e);
}

/* A value that cannot be read is the command line's fault. */
static status parse_time(const char *option, const char *text, pgtime *out, err *e)
{
    if (text == NULL || pgtime_parse(text, out, e).ok)
        return DONE;
    e->class = ERR_USAGE;
    return err_wrap(e, "%s", option);
}

status cmd_log(struct cli *cli, err *e)
{
    struct filter f = {.begin = INT64_MIN, .end = INT64_MAX};
    const char *entity = NULL;
    bool failed = false, join = false, depends = false;
    const struct option_spec specs[] = {
        {"from-seq", OPTION_NUMBER, &f.from, "N", "begin here (default: the oldest there is, sealed or not)"},
        {"to-seq", OPTION_NUMBER, &f.to, "N", "end here"},
        {"from-time", OPTION_TEXT, &f.from_time, "T", "only transactions committed at this time or later"},
        {"to-time", OPTION_TEXT, &f.to_time, "T", "only transactions committed at this time or before"},
        {"table", OPTION_TEXT, &f.table, "T", "only these tables: names or globs, with or without schema"},
        {"entity", OPTION_TEXT, &entity, "UUID", "only this row"},
        {"xid", OPTION_NUMBER, &f.xid, "X", "only this transaction"},
        {"join", OPTION_FLAG, &join, NULL,
         "neighbours of a transaction that do the same to one table as one BATCH_ line"},
        {"dependencies", OPTION_FLAG, &depends, NULL,
         "with --json: what each action stands on: the one before on its row, its foreign keys' rows"},
        {"failed", OPTION_FLAG, &failed, NULL, "instead: rows that restores with --on-error skip left out"},
    };
    OWNED(datadir) struct datadir *d = NULL;

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    f.by_entity = entity != NULL;
    if (entity != NULL)
        TRY(uuid_parse(entity, &f.entity, e));
    TRY(parse_time("--from-time", f.from_time, &f.begin, e));
    TRY(parse_time("--to-time", f.to_time, &f.end, e));
    TRY(cli_open(cli, &d, e));
    return failed ? failedlog_print(cli, d, f.table, e)
                  : print_log(cli, d, &f, join, depends && cli->json, e);
}
