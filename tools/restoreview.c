#include "tools/restoreview.h"

#include <string.h>

#include "tools/jsonout.h"
#include "tools/output.h"
#include "tools/recoverykey.h"
#include "tools/snapview.h"

#define SKIPPED_SHOWN 5 /* tables named for each reason */

static json_t *table_json(const struct restored_table *t, bool dry_run)
{
    OWNED(buf) struct buf name = {0};
    json_t *o = json_object();
    buf_printf(&name, "%s.%s", t->schema, t->name);
    jsonout_set(&o, "table", jsonout_text(buf_cstring(&name)));
    jsonout_set(&o, "tier", jsonout_text(tier_name(t->tier)));
    jsonout_set(&o, "rows", dry_run ? json_null() : jsonout_count(t->rows));
    jsonout_set(&o, "digest", dry_run ? json_null() : jsonout_hex(bytes_of(t->digest, sizeof t->digest)));
    jsonout_set(&o, "proven", json_boolean(t->proven));
    jsonout_set(&o, "base_rows", jsonout_count(t->base_rows));
    jsonout_set(&o, "actions", jsonout_count(t->actions));
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

status restoreview_json(const struct restore_result *r, bool dry_run, err *e)
{
    OWNED(json) json_t *o = json_object();
    json_t *tables = json_array();
    char key[RECOVERYKEY_TEXT];
    for (size_t i = 0; i < r->table_count; i++)
        jsonout_append(&tables, table_json(&r->table[i], dry_run));
    jsonout_set(&o, "snapshot", jsonout_uuid(&r->snapshot));
    jsonout_set(&o, "seq", jsonout_count(r->seq));
    jsonout_set(&o, "rounded", json_boolean(r->rounded));
    jsonout_set(&o, "same_device", json_boolean(r->same_device));
    jsonout_set(&o, "dry_run", json_boolean(dry_run));
    jsonout_set(&o, "rows", jsonout_count(r->rows));
    jsonout_set(&o, "actions", jsonout_count(r->actions));
    jsonout_set(&o, "skipped", lines_json(r->skipped, r->skipped_count));
    jsonout_set(&o, "warnings", lines_json(r->warning, r->warning_count));
    jsonout_set(&o, "orphans", orphans_json(r));
    jsonout_set(&o, "chain", links_json(r));
    jsonout_set(&o, "tables", tables);
    jsonout_set(&o, "recovery_key",
                r->new_identity ? jsonout_text(recoverykey_format(r->recovery_secret, key)) : json_null());
    explicit_bzero(key, sizeof key);
    return jsonout_print(o, JSONOUT_DOCUMENT, e);
}

static status print_tables(const struct restore_result *r, bool dry_run, err *e)
{
    static const struct output_column planned[] = {{"Table", OUTPUT_LEFT},
                                                   {"Tier", OUTPUT_LEFT},
                                                   {"Base rows", OUTPUT_RIGHT},
                                                   {"Actions", OUTPUT_RIGHT}};
    static const struct output_column done[] = {{"Table", OUTPUT_LEFT},
                                                {"Tier", OUTPUT_LEFT},
                                                {"Rows", OUTPUT_RIGHT},
                                                {"Digest", OUTPUT_LEFT},
                                                {"", OUTPUT_LEFT}};
    OWNED(output_table)
    struct output_table t = {.column = dry_run ? planned : done, .columns = dry_run ? 4 : 5};
    char text[OUTPUT_TEXT], digest[SHA256_TEXT];

    for (size_t i = 0; i < r->table_count; i++) {
        const struct restored_table *at = &r->table[i];
        output_cell(&t, "%s.%s", at->schema, at->name);
        output_cell(&t, "%s", tier_name(at->tier));
        output_cell(&t, "%s", output_count(dry_run ? at->base_rows : at->rows, text));
        if (dry_run) {
            output_cell(&t, "%s", output_count(at->actions, text));
            continue;
        }
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

status restoreview_text(const struct restore_result *r, bool dry_run, double seconds, err *e)
{
    char rows[OUTPUT_TEXT], actions[OUTPUT_TEXT], time[OUTPUT_TEXT], id[UUID_TEXT];

    TRY(print_tables(r, dry_run, e)); /* the warnings were said when they arose */
    print_skipped(r);
    (void)printf("%s%s seq %llu%s of snapshot %s as the %s device: ", r->table_count > 0 ? "\n" : "",
                 dry_run ? "would restore" : "restored", (unsigned long long)r->seq,
                 r->rounded ? " (rounded down to the commit before the target)" : "",
                 uuid_format(&r->snapshot, id), r->same_device ? "same" : "other");
    if (dry_run) {
        (void)printf("%s actions to fold; nothing was changed\n", output_count(r->actions, actions));
        print_links(r);
        return DONE;
    }
    (void)printf("%s rows, %s actions folded, in %s\n", output_count(r->rows, rows),
                 output_count(r->actions, actions), output_duration(seconds, time));
    if (r->new_identity) {
        (void)printf("\nthis machine has an identity of its own now (pgstrand identity shows it)\n");
        recoverykey_print(r->recovery_secret);
    }
    return DONE;
}
