#include "agent/history/entitykey.h"
#include "proto/tuple.h"
#include "tests/lib/check.h"
#include "tools/actionview.h"
#include "tools/jsonout.h"

static struct column columns[] = {{.name = "id", .key = true}, {.name = "status"}, {.name = "document"}};

static struct relation orders(void)
{
    return (struct relation){.version = 1,
                             .oid = 16384,
                             .schema = "public",
                             .name = "orders",
                             .replica_identity = 'd',
                             .table = {{7}},
                             .tier = TIER_BUSINESS,
                             .column_count = 3,
                             .columns = columns};
}

static struct value text(const char *t)
{
    return t == NULL ? (struct value){.kind = VALUE_NULL} : (struct value){VALUE_TEXT, bytes_text(t)};
}

static void row(struct buf *out, struct value id, struct value status_value, struct value document)
{
    tuple_begin(out, 3);
    tuple_put(out, id);
    tuple_put(out, status_value);
    tuple_put(out, document);
}

static const struct commit commit = {
    .lsn = 0x1000, .end_lsn = 0x1030, .time = 0, .xid = 700, .first_seq = 42, .last_seq = 42};

static struct action shown;

static struct actionview_entry entry(enum action_kind kind, const struct relation *rel, const struct buf *old,
                                     char old_kind, const struct buf *new)
{
    shown = (struct action){.kind = kind, .old_kind = old_kind};
    shown.old = old != NULL ? buf_view(old) : bytes_of(NULL, 0);
    shown.new = new != NULL ? buf_view(new) : bytes_of(NULL, 0);
    return (struct actionview_entry){
        .seq = 42, .id = {{1}}, .action = &shown, .commit = &commit, .relation = rel};
}

static void check_line(const struct actionview_entry *at, const char *wanted)
{
    OWNED(buf) struct buf line = {0};
    err e = ERR_INIT;
    assert_done(actionview_line(at, 100, &line, &e), &e);
    assert_string_equal(buf_cstring(&line), wanted);
}

static void lines(void **state)
{
    (void)state;
    OWNED(buf) struct buf old = {0};
    OWNED(buf) struct buf new = {0};
    struct relation rel = orders();
    row(&old, text("7"), text("new"), text("d"));
    row(&new, text("7"), text("paid"), (struct value){.kind = VALUE_UNCHANGED});

    struct actionview_entry at = entry(ACTION_UPDATE, &rel, &old, 'O', &new);
    check_line(&at, "        42  2000-01-01 00:00:00  UPDATE   public.orders id=7  status: new -> paid");
    at = entry(ACTION_UPDATE, &rel, NULL, 0, &new);
    check_line(&at, "        42  2000-01-01 00:00:00  UPDATE   public.orders id=7  status: paid");
    at = entry(ACTION_DELETE, &rel, &old, 'K', NULL);
    check_line(&at, "        42  2000-01-01 00:00:00  DELETE   public.orders id=7");
    at = entry(ACTION_CREATE, &rel, NULL, 0, &old);
    check_line(&at, "        42  2000-01-01 00:00:00  CREATE   public.orders id=7  status: new, document: d");
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    OWNED(buf) struct buf new = {0};
    struct relation rel = orders();
    /* 39 letters, then one of two bytes: the cut after 40 bytes would split it */
    row(&new, text("1"), text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xC3\xA4zzz"), text(NULL));
    struct actionview_entry at = entry(ACTION_CREATE, &rel, NULL, 0, &new);
    check_line(&at, "        42  2000-01-01 00:00:00  CREATE   public.orders id=1  status: "
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..., document: null");
}

static void json(void **state)
{
    (void)state;
    OWNED(buf) struct buf old = {0};
    OWNED(buf) struct buf new = {0};
    OWNED(json) json_t *o = NULL;
    struct relation rel = orders();
    const uuid dataset = {{9}};
    err e = ERR_INIT;
    row(&old, text("7"), text(NULL), text(NULL));
    row(&new, text("8"), text(NULL), (struct value){.kind = VALUE_UNCHANGED});
    struct actionview_entry at = entry(ACTION_UPDATE, &rel, &old, 'K', &new);

    assert_done(actionview_json(&at, &dataset, &o, &e), &e);
    OWNED(text) char *whole = json_dumps(o, JSON_COMPACT);
    json_t *entity = json_object_get(o, "entity");
    assert_true(json_is_string(entity));
    assert_non_null(strstr(
        whole, "\"old\":{\"id\":\"7\"},\"new\":{\"id\":\"8\",\"status\":null},\"unchanged\":[\"document\"]"));
    assert_non_null(strstr(
        whole, "\"lsn\":\"0/1000\",\"xid\":700,\"time\":\"2000-01-01T00:00:00.000000Z\",\"user\":null"));
    assert_non_null(strstr(whole, "\"session\":null,\"origin\":null"));

    uuid now, before;
    char words[UUID_TEXT];
    bool found = false;
    OWNED(buf) struct buf scratch = {0};
    assert_done(entitykey_of_action(&rel, at.action, &dataset, &scratch, &now, &before, &found, &e), &e);
    assert_true(found && !uuid_is_nil(&before) && !uuid_equal(&now, &before));
    assert_string_equal(uuid_format(&now, words), json_string_value(entity));
}

static void a_malformed_row_is_damage(void **state)
{
    (void)state;
    static const uint8_t cut[] = {0, 3, 't', 0, 0};
    struct relation rel = orders();
    const uuid dataset = {{9}};
    json_t *o = NULL;
    err e = ERR_INIT;
    struct actionview_entry at = entry(ACTION_CREATE, &rel, NULL, 0, NULL);
    shown.new = bytes_of(cut, sizeof cut);
    assert_false(actionview_json(&at, &dataset, &o, &e).ok);
    assert_null(o);
}

static void messages_have_no_entity(void **state)
{
    (void)state;
    const uuid dataset = {{9}};
    OWNED(json) json_t *o = NULL;
    err e = ERR_INIT;
    struct actionview_entry at = entry(ACTION_MESSAGE, NULL, NULL, 0, NULL);
    shown.prefix = bytes_text("app");
    shown.content = bytes_text("hi\n");
    check_line(&at, "        42  2000-01-01 00:00:00  MESSAGE  app hi?");
    assert_done(actionview_json(&at, &dataset, &o, &e), &e);
    assert_true(json_is_null(json_object_get(o, "entity")) && json_is_null(json_object_get(o, "table")));
    assert_string_equal(json_string_value(json_object_get(o, "content")), "hi\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(long_values_are_cut_between_characters),
        cmocka_unit_test(json),
        cmocka_unit_test(a_malformed_row_is_damage),
        cmocka_unit_test(messages_have_no_entity),
    };
    return cmocka_run_group_tests_name("actionview", tests, NULL, NULL);
}
