#include "agent/glob.h"
#include "store/io.h"
#include "tools/actionview.h"
#include "tools/failedlog.h"
#include "tools/interrupt.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/report.h"

#define LINE_ROOM 110 /* bytes of values in a line */

struct filter {
    struct option_number from, to, xid;
    const char *table; /* NULL: all */
    bool by_entity;
    uuid entity;
};

static bool any_truncated(const struct filter *f, struct logreader *log, const struct log_entry *entry)
{
    struct reader versions = reader_over(entry->action.truncated);
    uint32_t version;
    while ((version = action_next_truncated(&versions)) != 0) {
        const struct relation *rel = NULL;
        err ignored = ERR_INIT;
        if (logreader_relation(log, version, &rel, &ignored).ok &&
            glob_list_match(f->table, rel->schema, rel->name))
            return true;
    }
    return false;
}

static status matches(const struct filter *f, struct logreader *log, const struct log_entry *entry,
                      const uuid *dataset, bool *out, err *e)
{
    *out = false;
    if (f->xid.given && entry->commit->xid != f->xid.value)
        return DONE;
    if (f->table != NULL) {
        bool listed = entry->relation != NULL
                          ? glob_list_match(f->table, entry->relation->schema, entry->relation->name)
                          : any_truncated(f, log, entry);
        if (!listed)
            return DONE;
    }
    if (f->by_entity) {
        uuid entity, previous;
        bool found = false;
        TRY(actionview_entity(entry, dataset, &entity, &previous, &found, e));
        if (!found || !(uuid_equal(&entity, &f->entity) || uuid_equal(&previous, &f->entity)))
            return DONE;
    }
    *out = true;
    return DONE;
}

static status print_entry(const struct cli *cli, struct logreader *log, const struct log_entry *entry,
                          const uuid *dataset, struct buf *line, err *e)
{
    if (cli->json) {
        OWNED(json) json_t *object = NULL;
        TRY(actionview_json(log, entry, dataset, &object, e));
        return jsonout_print(object, JSONOUT_LINE, e);
    }
    buf_reset(line);
    TRY(actionview_line(log, entry, LINE_ROOM, line, e));
    TRY(buf_done(line, e));
    (void)puts(buf_cstring(line));
    return DONE;
}

static status print_all(const struct cli *cli, const struct filter *f, struct logreader *log,
                        const uuid *dataset, err *e)
{
    OWNED(buf) struct buf line = {0};
    struct log_entry entry;
    bool end = false;
    bool wanted = false;

    for (;;) {
        TRY(interrupt_check(e));
        TRY(logreader_next(log, &entry, &end, e));
        if (end || (f->to.given && entry.seq > f->to.value))
            return DONE;
        TRY(matches(f, log, &entry, dataset, &wanted, e));
        if (wanted)
            TRY(print_entry(cli, log, &entry, dataset, &line, e));
        if (ferror(stdout)) /* nobody takes more: do not read gigabytes for nobody */
            return err_set(e, ERR_STORAGE, "cannot write to standard output");
    }
}

/* Before the agent's first start there is a folder, but no log in it. */
static status is_empty(const char *dir, bool *out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(dir, &names, e));
    *out = names.count == 0;
    return DONE;
}

status cmd_log(struct cli *cli, err *e)
{
    struct filter f = {0};
    const char *entity = NULL;
    bool failed = false;
    const struct option_spec specs[] = {
        {"from-seq", OPTION_NUMBER, &f.from, "N", "begin here (default: the oldest in the log)"},
        {"to-seq", OPTION_NUMBER, &f.to, "N", "end here"},
        {"table", OPTION_TEXT, &f.table, "T", "only these tables: names or globs, with or without schema"},
        {"entity", OPTION_TEXT, &entity, "UUID", "only this row"},
        {"xid", OPTION_NUMBER, &f.xid, "X", "only this transaction"},
        {"failed", OPTION_FLAG, &failed, NULL, "instead: rows that restores with --on-error skip left out"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(logreader) struct logreader *log = NULL;
    struct log_state state;
    bool empty = false;

    TRY(options_parse(cli, specs, sizeof specs / sizeof specs[0], 0, 0, e));
    if (cli->finished)
        return DONE;
    f.by_entity = entity != NULL;
    if (entity != NULL)
        TRY(uuid_parse(entity, &f.entity, e));
    TRY(cli_open(cli, &d, e));
    if (failed)
        return failedlog_print(cli, d, f.table, e);
    TRY(is_empty(d->log, &empty, e));
    if (empty) {
        report_note(cli, "nothing was captured yet: start pgstrand-agent");
        return DONE;
    }
    TRY(logreader_open(d->log, &log, e));
    TRY(logreader_state(log, &state, e));
    TRY(logreader_seek(log, f.from.given ? f.from.value : state.first_seq, e));
    return print_all(cli, &f, log, &d->identity.dataset, e);
}
