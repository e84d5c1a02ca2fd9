#include "tools/restoreview.h"

#include <string.h>

#include "tools/jsonout.h"
#include "tools/output.h"
#include "tools/recoverykey.h"
#include "tools/snapview.h"

#define SKIPPED_SHOWN 5 /* tables named for each reason */

void restoreview_fini(struct restoreview *v)
{
    json_decref(v->rows);
    v->rows = NULL;
}

static status keep_row(struct restoreview *v, const char *table, const char *kind, const char *old,
                       const char *new)
{
    json_t *o = json_object();
    json_t *before = old != NULL ? json_loads(old, JSON_DECODE_ANY, NULL) : NULL;
    json_t *after = new != NULL ? json_loads(new, JSON_DECODE_ANY, NULL) : NULL;
    if (v->rows == NULL)
        v->rows = json_array();
    jsonout_set(&o, "table", jsonout_text(table));
    jsonout_set(&o, "kind", jsonout_text(kind));
    jsonout_set(&o, "old", before != NULL ? before : json_null());
    jsonout_set(&o, "new", after != NULL ? after : json_null());
    jsonout_append(&v->rows, o);
    return DONE;
}

static void print_row(char sign, const char *table, const char *row)
{
    OWNED(buf) struct buf clean = {0};
    if (row == NULL)
        return;
    output_clean(&clean, bytes_text(row));
    (void)printf("%c %s %s\n", sign, table, buf_cstring(&clean));
}

status restoreview_row(void *context, const char *table, const char *kind, const char *old, const char *new,
                       err *e)
{
    struct restoreview *v = context;
    if (v->json)
        return keep_row(v, table, kind, old, new);
    print_row('-', table, old);
    print_row('+', table, new);
    return ferror(stdout) ? err_set(e, ERR_STORAGE, "cannot write to standard output") : DONE;
}

static void set_changes(json_t **o, const struct row_changes *n)
{
    jsonout_set(o, "added", jsonout_count(n->added));
    jsonout_set(o, "changed", jsonout_count(n->changed));
    jsonout_set(o, "removed", jsonout_count(n->removed));
    jsonout_set(o, "newer", jsonout_count(n->newer));
    jsonout_set(o, "conflicts", jsonout_count(n->conflicts));
    jsonout_set(o, "left", jsonout_count(n->left));
}

static json_t *table_json(const struct restored_table *t, const struct restore_request *request)
{
    bool dry_run = request->dry_run;
    OWNED(buf) struct buf name = {0};
    json_t *o = json_object();
    buf_printf(&name, "%s.%s", t->schema, t->name);
    jsonout_set(&o, "table", jsonout_text(buf_cstring(&name)));
    jsonout_set(&o, "tier", jsonout_text(tier_name(t->tier)));
    jsonout_set(&o, "rows", dry_run ? json_null() : jsonout_count(t->rows));
    jsonout_set(&o, "entities", t->proven && t->keyed ? jsonout_count(t->rows) : json_null());
    jsonout_set(&o, "digest",
                dry_run || request->mode == RESTORE_MERGE
                    ? json_null()
                    : jsonout_hex(bytes_of(t->digest, sizeof t->digest)));
    jsonout_set(&o, "proven", json_boolean(t->proven));
    jsonout_set(&o, "base_rows", jsonout_count(t->base_rows));
    jsonout_set(&o, "actions", jsonout_count(t->actions));
    jsonout_set(&o, "failed", jsonout_count(t->failed));
    if (t->compared)
        set_changes(&o, &t->changes);
    return o;
}

static json_t *lines_json(char *const *line, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        jsonout_append(&list, jsonout_text(line[i]));
    return list;
}

static json_t *orphans_json(const struct restore_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->orphan_count; i++) {
        const struct restored_orphans *at = &r->orphan[i];
        json_t *o = json_object();
        jsonout_set(&o, "constraint", jsonout_text(at->constraint));
        jsonout_set(&o, "table", jsonout_text(at->table));
        jsonout_set(&o, "references", jsonout_text(at->parent));
        jsonout_set(&o, "rows", jsonout_count(at->rows));
        jsonout_set(&o, "action", jsonout_text(at->action));
        jsonout_append(&list, o);
    }
    return list;
}

static json_t *links_json(const struct restore_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->link_count; i++) {
        json_t *o = json_object();
        jsonout_set(&o, "uuid", jsonout_uuid(&r->link[i].snapshot));
        jsonout_set(&o, "number", jsonout_count(r->link[i].number));
        jsonout_set(&o, "type", jsonout_text(snapview_type(r->link[i].type)));
        jsonout_append(&list, o);
    }
    return list;
}

static json_t *files_json(const struct restored_files *f)
{
    json_t *o = json_object();
    jsonout_set(&o, "count", jsonout_count(f->count));
    jsonout_set(&o, "restored", json_boolean(f->asked));
    jsonout_set(&o, "changed", jsonout_count(f->changed));
    jsonout_set(&o, "bytes", jsonout_count(f->bytes));
    jsonout_set(&o, "links_left_out", jsonout_count(f->left));
    return o;
}

status restoreview_json(const struct restoreview *v, const struct restore_result *r,
                        const struct restore_request *request, err *e)
{
    OWNED(json) json_t *o = json_object();
    json_t *tables = json_array();
    char key[RECOVERYKEY_TEXT];
    for (size_t i = 0; i < r->table_count; i++)
        jsonout_append(&tables, table_json(&r->table[i], request));
    jsonout_set(&o, "snapshot", jsonout_uuid(&r->snapshot));
    jsonout_set(&o, "seq", jsonout_count(r->seq));
    jsonout_set(&o, "rounded", json_boolean(r->rounded));
    jsonout_set(&o, "same_device", json_boolean(r->same_device));
    jsonout_set(&o, "taken_over", json_boolean(r->taken_over));
    jsonout_set(&o, "dry_run", json_boolean(request->dry_run));
    jsonout_set(&o, "already_there", json_boolean(r->before));
    jsonout_set(&o, "rows", jsonout_count(r->rows));
    jsonout_set(&o, "entities", jsonout_count(r->entities));
    jsonout_set(&o, "actions", jsonout_count(r->actions));
    jsonout_set(&o, "files", files_json(&r->files));
    jsonout_set(&o, "skipped", lines_json(r->skipped, r->skipped_count));
    jsonout_set(&o, "warnings", lines_json(r->warning, r->warning_count));
    jsonout_set(&o, "orphans", orphans_json(r));
    jsonout_set(&o, "chain", links_json(r));
    jsonout_set(&o, "tables", tables);
    if (request->diff != NULL)
        jsonout_set(&o, "diff", v->rows != NULL ? json_incref(v->rows) : json_array());
    jsonout_set(&o, "recovery_key",
                r->new_identity ? jsonout_text(recoverykey_format(r->recovery_secret, key)) : json_null());
    explicit_bzero(key, sizeof key);
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

static void put_count(struct output_table *t, uint64_t count)
{
    char text[OUTPUT_TEXT];
    output_cell(t, "%s", output_count(count, text));
}

static void put_changes(struct output_table *t, const struct restored_table *at, bool merge)
{
    const uint64_t counts[] = {at->changes.added, at->changes.changed, at->changes.removed, at->changes.newer,
                               at->changes.conflicts};
    for (size_t i = 0; i < (merge ? 5 : 3); i++)
        put_count(t, counts[i]);
}

#define TABLE_COLUMN        \
    {"Table", OUTPUT_LEFT}, \
    {                       \
        "Tier", OUTPUT_LEFT \
    }
#define CHANGE_COLUMN                                   \
    {"Added", OUTPUT_RIGHT}, {"Changed", OUTPUT_RIGHT}, \
    {                                                   \
        "Removed", OUTPUT_RIGHT                         \
    }
#define MERGE_COLUMN                              \
    CHANGE_COLUMN, {"Newer there", OUTPUT_RIGHT}, \
    {                                             \
        "Made twice", OUTPUT_RIGHT                \
    }

static status print_plan(const struct restore_result *r, bool merge, err *e)
{
    static const struct output_column changes[] = {
        TABLE_COLUMN, {"Base rows", OUTPUT_RIGHT}, {"Actions", OUTPUT_RIGHT}, MERGE_COLUMN};
    OWNED(output_table) struct output_table t = {.column = changes, .columns = merge ? 9 : 7};
    for (size_t i = 0; i < r->table_count; i++) {
        const struct restored_table *at = &r->table[i];
        output_cell(&t, "%s.%s", at->schema, at->name);
        output_cell(&t, "%s", tier_name(at->tier));
        put_count(&t, at->base_rows);
        put_count(&t, at->actions);
        put_changes(&t, at, merge);
    }
    return output_table_print(&t, stdout, e);
}

static status print_merged(const struct restore_result *r, err *e)
{
    static const struct output_column columns[] = {TABLE_COLUMN, {"Rows", OUTPUT_RIGHT}, MERGE_COLUMN};
    OWNED(output_table) struct output_table t = {.column = columns, .columns = 8};
    for (size_t i = 0; i < r->table_count && !r->before; i++) {
        const struct restored_table *at = &r->table[i];
        output_cell(&t, "%s.%s", at->schema, at->name);
        output_cell(&t, "%s", tier_name(at->tier));
        put_count(&t, at->rows);
        put_changes(&t, at, true);
    }
    return output_table_print(&t, stdout, e);
}

static status print_tables(const struct restore_result *r, err *e)
{
    static const struct output_column done[] = {
        TABLE_COLUMN, {"Rows", OUTPUT_RIGHT}, {"Digest", OUTPUT_LEFT}, {"", OUTPUT_LEFT}};
    OWNED(output_table) struct output_table t = {.column = done, .columns = 5};
    char digest[SHA256_TEXT];
    for (size_t i = 0; i < r->table_count; i++) {
        const struct restored_table *at = &r->table[i];
        output_cell(&t, "%s.%s", at->schema, at->name);
        output_cell(&t, "%s", tier_name(at->tier));
        put_count(&t, at->rows);
        output_cell(&t, "%.16s", sha256_format(at->digest, digest));
        output_cell(&t, "%s", at->proven ? "proven" : "not proven");
    }
    return output_table_print(&t, stdout, e);
}

/* "public.users (business): not named": what stands behind the table. */
static const char *reason_of(const char *skipped)
{
    const char *colon = strrchr(skipped, ':');
    return colon != NULL ? colon : "";
}

/* A line for each reason, with the first tables it holds for: dozens may be skipped for one and the same. */
static void print_reason(const struct restore_result *r, size_t first, struct buf *line)
{
    const char *reason = reason_of(r->skipped[first]);
    size_t count = 0;
    for (size_t i = first; i < r->skipped_count; i++) {
        if (strcmp(reason_of(r->skipped[i]), reason) != 0)
            continue;
        if (count++ < SKIPPED_SHOWN)
            buf_printf(line, "%s%.*s", count == 1 ? " " : ", ",
                       (int)(reason_of(r->skipped[i]) - r->skipped[i]), r->skipped[i]);
    }
    buf_text(line, count > SKIPPED_SHOWN ? ", ..." : "");
    OWNED(buf) struct buf clean = {0};
    output_clean(&clean, buf_view(line));
    (void)printf("skipped %zu table%s%s:%s\n", count, count == 1 ? "" : "s", reason, buf_cstring(&clean));
}

static void print_skipped(const struct restore_result *r)
{
    for (size_t i = 0; i < r->skipped_count; i++) {
        OWNED(buf) struct buf line = {0};
        size_t earlier = 0;
        while (earlier < i && strcmp(reason_of(r->skipped[earlier]), reason_of(r->skipped[i])) != 0)
            earlier++;
        if (earlier == i)
            print_reason(r, i, &line);
    }
}

/* "from snapshots: full 0, differential 7, incremental 8..11" */
static void print_links(const struct restore_result *r)
{
    (void)printf("from snapshots:");
    for (size_t i = 0; i < r->link_count; i++) {
        size_t last = i;
        while (last + 1 < r->link_count && r->link[last + 1].type == r->link[i].type)
            last++;
        (void)printf("%s %s %llu", i == 0 ? "" : ",", snapview_type(r->link[i].type),
                     (unsigned long long)r->link[i].number);
        if (last > i)
            (void)printf("..%llu", (unsigned long long)r->link[last].number);
        i = last;
    }
    (void)puts("");
}

static void print_identity(const struct restore_result *r)
{
    if (!r->new_identity)
        return;
    (void)printf("\nthis machine has an identity of its own now (pgstrand identity shows it)\n");
    recoverykey_print(r->recovery_secret);
}

status restoreview_text(const struct restore_result *r, const struct restore_request *request, double seconds,
                        err *e)
{
    bool dry_run = request->dry_run, merge = request->mode == RESTORE_MERGE;
    char rows[OUTPUT_TEXT], entities[OUTPUT_TEXT], actions[OUTPUT_TEXT], time[OUTPUT_TEXT], id[UUID_TEXT];

    /* The warnings were said when they arose. */
    TRY(dry_run ? print_plan(r, merge, e) : merge ? print_merged(r, e) : print_tables(r, e));
    print_skipped(r);
    (void)printf("%s%s seq %llu%s of snapshot %s as the %s device: ", r->table_count > 0 ? "\n" : "",
                 dry_run ? merge ? "would merge" : "would restore"
                 : merge ? "merged"
                         : "restored",
                 (unsigned long long)r->seq,
                 r->rounded ? " (rounded down to the commit before the target)" : "",
                 uuid_format(&r->snapshot, id), r->same_device ? "same" : "other");
    if (dry_run) {
        (void)printf("%s actions to fold; nothing was changed\n", output_count(r->actions, actions));
        print_links(r);
        return DONE;
    }
    (void)printf("%s rows, %s entities, %s actions folded, in %s\n", output_count(r->rows, rows),
                 output_count(r->entities, entities), output_count(r->actions, actions),
                 output_duration(seconds, time));
    print_identity(r);
    return DONE;
}

status restoreview_resumed(const struct restore_result *r, err *e)
{
    char id[UUID_TEXT];
    TRY(print_tables(r, e));
    (void)printf("restored seq %llu of snapshot %s as the %s device\n", (unsigned long long)r->seq,
                 uuid_format(&r->snapshot, id), r->same_device ? "same" : "other");
    print_identity(r);
    return DONE;
}
