/*
 * logcolumns: the columns that the actions of a log carry, as COPY lines, table by table: what a compressor
 * can be given to compare with sealed files.
 *
 *     logcolumns LOG [FROM-SEQ]
 *
 * A CREATE or UPDATE gives its new row (columns that were not sent are left out), a DELETE its old one.
 * Prints the lines on stdout, and their number on stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/copytext.h"
#include "store/actionlog.h"

struct table {
    uuid id;
    struct buf lines;
};

struct tables {
    struct table *list;
    size_t count;
};

static status lines_of(struct tables *t, const uuid *id, struct buf **out, err *e)
{
    size_t at = 0;
    while (at < t->count && !uuid_equal(&t->list[at].id, id))
        at++;
    if (at == t->count) {
        struct table *more = realloc(t->list, (t->count + 1) * sizeof *more);
        if (more == NULL)
            return err_no_memory(e);
        t->list = more;
        t->list[t->count++] = (struct table){.id = *id};
    }
    *out = &t->list[at].lines;
    return DONE;
}

static void add_line(struct buf *lines, struct bytes row)
{
    struct tuple tuple = tuple_open(row);
    struct value v;
    bool first = true;
    while (tuple_next(&tuple, &v)) {
        if (v.kind == VALUE_UNCHANGED)
            continue;
        copytext_value(lines, first, v);
        first = false;
    }
    buf_u8(lines, '\n');
}

static status run(const char *dir, uint64_t from, err *e)
{
    OWNED(logreader) struct logreader *r = NULL;
    struct tables tables = {0};
    struct log_entry entry;
    uint64_t count = 0;
    bool end = false;
    TRY(logreader_open(dir, &r, e));
    if (from != 0)
        TRY(logreader_seek(r, from, e));
    for (;; count++) {
        struct buf *lines = NULL;
        TRY(logreader_next(r, &entry, &end, e));
        if (end)
            break;
        if (entry.relation == NULL)
            continue;
        TRY(lines_of(&tables, &entry.relation->table, &lines, e));
        add_line(lines, entry.action.new.len > 0 ? entry.action.new : entry.action.old);
    }
    for (size_t i = 0; i < tables.count; i++) {
        TRY(buf_done(&tables.list[i].lines, e));
        (void)fwrite(tables.list[i].lines.data, 1, tables.list[i].lines.len, stdout);
        buf_fini(&tables.list[i].lines);
    }
    free(tables.list);
    (void)fprintf(stderr, "%llu\n", (unsigned long long)count);
    return DONE;
}

int main(int argc, char **argv)
{
    err e = ERR_INIT;
    if (argc < 2) {
        (void)fprintf(stderr, "usage: logcolumns LOG [FROM-SEQ]\n");
        return EXIT_FAILURE;
    }
    const status done = run(argv[1], argc > 2 ? strtoull(argv[2], NULL, 10) : 0, &e);
    if (!done.ok)
        (void)fprintf(stderr, "logcolumns: %s\n", e.message);
    return done.ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
