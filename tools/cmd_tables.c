#include <stdlib.h>

#include "agent/pg/tables.h"
#include "store/actionlog.h"
#include "tools/interrupt.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/tableview.h"

#define COUNT_BYTES_MAX (16 << 20) /* tables up to this size are counted, larger ones estimated */

struct facts {
    int64_t rows; /* negative: not known */
    bool exact;
    uint64_t actions; /* in the log */
};

struct view {
    const struct table_list *list;
    struct facts *facts; /* by index in the list */
    uint64_t log_first;  /* the oldest seq that the log still holds */
};

/* ---- counting ---- */

static int by_oid(const void *key, const void *element)
{
    uint32_t oid = *(const uint32_t *)key;
    const struct table_info *const *t = element;
    return oid < (*t)->oid ? -1 : oid > (*t)->oid;
}

static int order_by_oid(const void *a, const void *b)
{
    const struct table_info *const *right = b;
    return -by_oid(&(*right)->oid, a);
}

static void count_action(struct view *v, const struct table_info *const *sorted,
                         const struct log_entry *entry)
{
    const struct table_info *const *found = NULL;
    if (entry->relation != NULL)
        found = bsearch(&entry->relation->oid, sorted, v->list->count, sizeof *sorted, by_oid);
    if (found != NULL)
        v->facts[*found - v->list->table].actions++;
}

static status count_actions(struct view *v, struct logreader *log, err *e)
{
    OWNED(memory) const struct table_info **sorted = calloc(v->list->count + 1, sizeof *sorted);
    struct log_state state;
    struct log_entry entry;
    bool end = false;

    if (sorted == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < v->list->count; i++)
        sorted[i] = &v->list->table[i];
    qsort(sorted, v->list->count, sizeof *sorted, order_by_oid);
    TRY(logreader_state(log, &state, e));
    v->log_first = state.first_seq;
    TRY(logreader_seek(log, state.first_seq, e));
    for (;;) {
        TRY(interrupt_check(e));
        TRY(logreader_next(log, &entry, &end, e));
        if (end)
            return DONE;
        count_action(v, sorted, &entry);
    }
}

static status count_rows(struct view *v, struct pgconn *c, err *e)
{
    for (size_t i = 0; i < v->list->count; i++) {
        const struct table_info *t = &v->list->table[i];
        OWNED(buf) struct buf sql = {0};
        OWNED(text) char *count = NULL;
        err denied = ERR_INIT;

        /* a table that was never analysed has no estimate */
        v->facts[i].rows = t->row_estimate > 0 || t->bytes == 0 ? t->row_estimate : -1;
        if (t->kind != 'r' || t->bytes > COUNT_BYTES_MAX)
            continue;
        TRY(interrupt_check(e));
        buf_text(&sql, "SELECT count(*) FROM ONLY ");
        table_quote(&sql, t->schema, t->name);
        v->facts[i].exact = pgconn_value(c, buf_cstring(&sql), &count, &denied).ok && count != NULL;
        if (v->facts[i].exact) /* who may not read the table gets the estimate */
            v->facts[i].rows = strtoll(count, NULL, 10);
    }
    return DONE;
}

/* ---- what is told of a table ---- */

/* The finding about one table, NULL when there is none. */
static const char *table_finding(const struct table_info *t)
{
    if (t->tier.tier == TIER_TRANSIENT && t->tier.column == NULL)
        return NULL;
    if (t->persistence == 'u')
        return "is unlogged: PostgreSQL does not decode its changes";
    if (t->kind == 'r' && !t->has_identity)
        return "has no replica identity: an UPDATE or DELETE of it fails while it is published; give it a "
               "primary "
               "key or REPLICA IDENTITY FULL";
    if (t->kind == 'r' && !t->has_primary_key)
        return "has no primary key: its rows are told apart by their whole content and counted";
    return NULL;
}

static void describe_key(const struct view *v, const struct cross_tier_key *k, struct buf *out)
{
    const struct table_info *from = &v->list->table[k->from];
    const struct table_info *to = &v->list->table[k->to];
    buf_printf(out, "its foreign key %s leads from %s rows to %s rows of %s.%s, which do not travel as far",
               k->constraint, tier_name(from->tier.tier), tier_name(to->tier.tier), to->schema, to->name);
}

/* ---- JSON ---- */

static json_t *table_json(const struct table_info *t, const struct facts *f)
{
    json_t *o = tableview_json(t);
    jsonout_set(&o, "rows", f->rows >= 0 ? json_integer(f->rows) : json_null());
    jsonout_set(&o, "rows_exact", json_boolean(f->exact));
    jsonout_set(&o, "actions", jsonout_count(f->actions));
    return o;
}

static void add_finding(json_t **list, const struct table_info *t, const char *kind, const char *text)
{
    json_t *o = json_object();
    jsonout_set(&o, "table", tableview_name(t));
    jsonout_set(&o, "kind", jsonout_text(kind));
    jsonout_set(&o, "text", jsonout_text(text));
    jsonout_append(list, o);
}

static status print_json(const struct view *v, err *e)
{
    OWNED(json) json_t *document = json_object();
    json_t *tables = json_array();
    json_t *findings = json_array();
    for (size_t i = 0; i < v->list->count; i++) {
        const char *finding = table_finding(&v->list->table[i]);
        jsonout_append(&tables, table_json(&v->list->table[i], &v->facts[i]));
        if (finding != NULL)
            add_finding(&findings, &v->list->table[i], "identity", finding);
    }
    for (size_t i = 0; i < v->list->finding_count; i++) {
        OWNED(buf) struct buf text = {0};
        describe_key(v, &v->list->finding[i], &text);
        add_finding(&findings, &v->list->table[v->list->finding[i].from], "cross_tier_key",
                    buf_cstring(&text));
    }
    jsonout_set(&document, "tables", tables);
    jsonout_set(&document, "findings", findings);
    return jsonout_print(document, JSONOUT_DOCUMENT, e);
}

/* ---- for people ---- */

static const struct output_column columns[] = {
    {"Table", OUTPUT_LEFT}, {"Tier", OUTPUT_LEFT},  {"Rule", OUTPUT_LEFT},    {"Identity", OUTPUT_LEFT},
    {"Rows", OUTPUT_RIGHT}, {"Size", OUTPUT_RIGHT}, {"Actions", OUTPUT_RIGHT}};

static void add_row(struct output_table *t, const struct table_info *info, const struct facts *f)
{
    OWNED(buf) struct buf tier = {0};
    char text[OUTPUT_TEXT];
    output_cell(t, "%s.%s", info->schema, info->name);
    tableview_tier(info, &tier);
    output_cell(t, "%s", buf_cstring(&tier));
    output_cell(t, "%s", info->tier.rule);
    output_cell(t, "%s", tableview_identity(info));
    if (f->rows < 0 || info->kind == 'p')
        output_cell(t, "%s", info->kind == 'p' ? "-" : "?");
    else
        output_cell(t, "%s%s", f->exact ? "" : "~", output_count((uint64_t)f->rows, text));
    output_cell(t, "%s", output_size((uint64_t)info->bytes, text));
    output_cell(t, "%s", output_count(f->actions, text));
}

static status print_text(const struct view *v, err *e)
{
    OWNED(output_table)
    struct output_table t = {.column = columns, .columns = sizeof columns / sizeof columns[0]};
    const char *title = "\nFindings\n";

    for (size_t i = 0; i < v->list->count; i++)
        add_row(&t, &v->list->table[i], &v->facts[i]);
    TRY(output_table_print(&t, stdout, e));
    (void)printf("%s%zu table%s; actions are those in the log, from seq %llu on\n",
                 v->list->count > 0 ? "\n" : "", v->list->count, v->list->count == 1 ? "" : "s",
                 (unsigned long long)v->log_first);
    for (size_t i = 0; i < v->list->count; i++) {
        const struct table_info *info = &v->list->table[i];
        const char *finding = table_finding(info);
        if (finding == NULL)
            continue;
        (void)printf("%s  %s.%s %s\n", title, info->schema, info->name, finding);
        title = "";
    }
    for (size_t i = 0; i < v->list->finding_count; i++) {
        const struct table_info *info = &v->list->table[v->list->finding[i].from];
        OWNED(buf) struct buf text = {0};
        describe_key(v, &v->list->finding[i], &text);
        (void)printf("%s  %s.%s: %s\n", title, info->schema, info->name, buf_cstring(&text));
        title = "";
    }
    return DONE;
}

status cmd_tables(struct cli *cli, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(table_list) struct table_list *list = NULL;
    OWNED(logreader) struct logreader *log = NULL;
    OWNED(memory) struct facts *facts = NULL;
    err absent = ERR_INIT;

    TRY(options_parse(cli, NULL, 0, 0, 0, e));
    if (cli->finished)
        return DONE;
    TRY(cli_open(cli, &d, e));
    TRY(pgconn_open(d->config->conninfo, PGCONN_QUERY, &c, e));
    TRY(table_list_read(c, d->config->tiers, &list, e));
    facts = calloc(list->count + 1, sizeof *facts);
    if (facts == NULL)
        return err_no_memory(e);
    struct view v = {.list = list, .facts = facts, .log_first = 1};
    TRY(count_rows(&v, c, e));
    if (logreader_open(d->log, &log, &absent).ok) /* not there before the agent's first start */
        TRY(count_actions(&v, log, e));
    return cli->json ? print_json(&v, e) : print_text(&v, e);
}
