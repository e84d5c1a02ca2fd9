#include "agent/tiers.h"

#include <ctype.h>
#include <strings.h>

#include "agent/glob.h"
#include "agent/nearest.h"
#include "proto/base/array.h"
#include "proto/base/buf.h"
#include "proto/tuple.h"

#define TIER_COUNT 5 /* TIER_NONE included, so that a tier is an index */

struct rule {
    char *text;   /* the item as written */
    char *schema; /* glob; NULL: any schema */
    char *table;  /* glob */
    char *column; /* NULL: a plain rule */
    char *value;
};

struct rule_list {
    struct rule *rule;
    size_t count;
    struct buf text; /* the items, comma-separated */
};

struct tier_rules {
    enum tier fallback;
    struct rule_list of[TIER_COUNT];
};

static void rule_fini(struct rule *r)
{
    free(r->text);
    free(r->schema);
    free(r->table);
    free(r->column);
    free(r->value);
}
OWN_VALUE(rule, rule_fini);

status tier_rules_new(enum tier fallback, struct tier_rules **out, err *e)
{
    struct tier_rules *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    r->fallback = fallback;
    *out = r;
    return DONE;
}

void tier_rules_free(struct tier_rules *r)
{
    if (r == NULL)
        return;
    for (size_t t = 0; t < TIER_COUNT; t++) {
        for (size_t i = 0; i < r->of[t].count; i++)
            rule_fini(&r->of[t].rule[i]);
        free(r->of[t].rule);
        buf_fini(&r->of[t].text);
    }
    free(r);
}

/* ---- reading an item ---- */

static struct bytes trimmed(const char *from, const char *to)
{
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    return bytes_of(from, (size_t)(to - from));
}

static char *copied(struct bytes piece)
{
    return bytes_strndup(piece);
}

/* Where the word "where" begins in an item, or NULL. Quoted text is not looked at. */
static const char *find_where(const char *from, const char *to)
{
    for (const char *at = from; at + 5 <= to && *at != '\''; at++)
        if ((at == from || isspace((unsigned char)at[-1])) && strncasecmp(at, "where", 5) == 0 &&
            (at + 5 == to || isspace((unsigned char)at[5])))
            return at;
    return NULL;
}

/* 'text' with '' for a quote, at exactly [from, to), as a malloc'ed string. NULL when it is not that. */
static char *unquoted(struct bytes quoted)
{
    struct buf out = {0};
    const uint8_t *at = quoted.data;
    if (quoted.len < 2 || at[0] != '\'' || at[quoted.len - 1] != '\'')
        return NULL;
    for (size_t i = 1; i + 1 < quoted.len; i++) {
        if (at[i] == '\'' && (i + 2 >= quoted.len || at[++i] != '\'')) {
            buf_fini(&out);
            return NULL;
        }
        buf_u8(&out, at[i]);
    }
    return buf_take_cstring(&out);
}

static status parse_condition(struct rule *r, const char *from, const char *to, err *e)
{
    const char *equals = memchr(from, '=', (size_t)(to - from));
    if (equals != NULL) {
        struct bytes column = trimmed(from, equals);
        r->column = column.len > 0 ? copied(column) : NULL;
        r->value = unquoted(trimmed(equals + 1, to));
    }
    if (r->column == NULL || r->value == NULL)
        return err_set(e, ERR_VALIDATION,
                       "cannot read the tier rule \"%s\": write TABLE where COLUMN = 'VALUE'", r->text);
    return DONE;
}

static status parse_name(struct rule *r, struct bytes name, err *e)
{
    if (name.len == 0)
        return err_set(e, ERR_VALIDATION, "the tier rule \"%s\" names no table", r->text);
    if (memchr(name.data, '"', name.len) != NULL)
        return err_set(
            e, ERR_VALIDATION,
            "the tier rule \"%s\" has quotes: write names as the catalogue has them, without quotes",
            r->text);
    const uint8_t *dot = memchr(name.data, '.', name.len);
    const uint8_t *end = name.data + name.len;
    if (dot != NULL && (dot == name.data || dot + 1 == end))
        return err_set(e, ERR_VALIDATION, "the tier rule \"%s\" has nothing on one side of its dot", r->text);
    if (dot != NULL)
        r->schema = copied(bytes_of(name.data, (size_t)(dot - name.data)));
    r->table = dot != NULL ? copied(bytes_of(dot + 1, (size_t)(end - dot - 1))) : copied(name);
    if (r->table == NULL || (dot != NULL && r->schema == NULL))
        return err_no_memory(e);
    return DONE;
}

static status parse_item(struct bytes item, struct rule *out, err *e)
{
    const char *from = (const char *)item.data;
    const char *to = from + item.len;
    const char *where = find_where(from, to);

    out->text = copied(item);
    if (out->text == NULL)
        return err_no_memory(e);
    if (where != NULL)
        TRY(parse_condition(out, where + strlen("where"), to, e));
    return parse_name(out, trimmed(from, where != NULL ? where : to), e);
}

/* The end of the item that begins at `from`: the next comma outside quotes, or the end of the text. */
static const char *item_end(const char *from)
{
    bool quoted = false;
    for (; *from != '\0' && (quoted || *from != ','); from++)
        if (*from == '\'')
            quoted = !quoted;
    return from;
}

static status add_rule(struct rule_list *list, struct bytes item, err *e)
{
    OWNED(rule) struct rule r = {0};
    TRY(parse_item(item, &r, e));
    TRY(array_one_more(&list->rule, list->count, sizeof *list->rule, e));
    buf_text(&list->text, list->text.len > 0 ? ", " : "");
    buf_text(&list->text, r.text);
    (void)buf_cstring(&list->text);
    list->rule[list->count++] = r;
    r = (struct rule){0};
    return buf_done(&list->text, e);
}

status tier_rules_add(struct tier_rules *r, enum tier tier, const char *list, err *e)
{
    while (*list != '\0') {
        const char *end = item_end(list);
        struct bytes item = trimmed(list, end);
        if (item.len > 0)
            TRY(add_rule(&r->of[tier], item, e));
        list = *end == ',' ? end + 1 : end;
    }
    return DONE;
}

status tier_parse(const char *word, enum tier *out, err *e)
{
    static const char *const known[] = {"business", "audit", "device", "transient"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(word, known[i]) == 0) {
            *out = (enum tier)(TIER_BUSINESS + i);
            return DONE;
        }
    }
    return err_set(e, ERR_VALIDATION, "there is no tier \"%s\": did you mean \"%s\"?", word,
                   nearest_word(word, known, sizeof known / sizeof known[0]));
}

const char *tier_rules_list(const struct tier_rules *r, enum tier tier)
{
    return r->of[tier].text.data != NULL ? (const char *)r->of[tier].text.data : "";
}

status tier_rules_each_column(const struct tier_rules *r,
                              status (*rule)(void *context, const char *schema, const char *table,
                                             const char *column, err *e),
                              void *context, err *e)
{
    for (enum tier t = TIER_BUSINESS; t <= TIER_TRANSIENT; t++) {
        for (size_t i = 0; i < r->of[t].count; i++) {
            const struct rule *one = &r->of[t].rule[i];
            if (one->column != NULL)
                TRY(rule(context, one->schema, one->table, one->column, e));
        }
    }
    return DONE;
}

enum tier tier_rules_default(const struct tier_rules *r)
{
    return r->fallback;
}

/* ---- matching ---- */

static bool rule_matches(const struct rule *r, const char *schema, const char *table)
{
    return (r->schema == NULL || glob_match(r->schema, schema)) && glob_match(r->table, table);
}

static status match_column_rules(const struct tier_rules *r, const char *schema, const char *table,
                                 struct table_tier *out, err *e)
{
    for (enum tier t = TIER_BUSINESS; t <= TIER_TRANSIENT; t++) {
        for (size_t i = 0; i < r->of[t].count; i++) {
            const struct rule *rule = &r->of[t].rule[i];
            if (rule->column == NULL || !rule_matches(rule, schema, table))
                continue;
            if (out->column != NULL)
                return err_set(e, ERR_VALIDATION,
                               "two tier rules look at columns of %s.%s, \"%s\" and \"%s\": keep one of them",
                               schema, table, out->rule, rule->text);
            out->tier = t;
            out->column = rule->column;
            out->value = rule->value;
            out->rule = rule->text;
        }
    }
    return DONE;
}

status tier_rules_match(const struct tier_rules *r, const char *schema, const char *table,
                        struct table_tier *out, err *e)
{
    struct table_tier found = {.other = r->fallback};
    const char *plain_rule = "default";

    if (strcmp(schema, "pgstrand") == 0) {
        *out = (struct table_tier){.tier = TIER_AUDIT, .other = TIER_AUDIT, .rule = "pgstrand's own"};
        return DONE;
    }
    TRY(match_column_rules(r, schema, table, &found, e));
    for (enum tier t = TIER_TRANSIENT; t >= TIER_BUSINESS; t--) { /* the last one found is the first rule */
        for (size_t i = r->of[t].count; i-- > 0;) {
            const struct rule *rule = &r->of[t].rule[i];
            if (rule->column == NULL && rule_matches(rule, schema, table)) {
                found.other = t;
                plain_rule = rule->text;
            }
        }
    }
    if (found.column == NULL) {
        found.tier = found.other;
        found.rule = plain_rule;
    } else if (found.other != TIER_TRANSIENT || found.tier == TIER_TRANSIENT)
        return err_set(
            e, ERR_VALIDATION,
            "the tier rule \"%s\" would spread %s.%s over two tiers that are kept: list the table under "
            "transient too, and name the rows that are kept in the rule",
            found.rule, schema, table);
    *out = found;
    return DONE;
}

enum tier table_tier_of_row(const struct table_tier *t, const struct relation *rel, struct bytes tuple)
{
    if (t->column == NULL)
        return t->tier;
    struct tuple row = tuple_open(tuple);
    struct value v;
    for (uint16_t i = 0; i < rel->column_count && tuple_next(&row, &v); i++)
        if (strcmp(rel->columns[i].name, t->column) == 0)
            return v.kind == VALUE_TEXT && bytes_equal(v.text, bytes_text(t->value)) ? t->tier : t->other;
    return t->other;
}

status tier_rules_each_table(const struct tier_rules *r, enum tier tier,
                             status (*rule)(void *context, const char *schema, const char *table, err *e),
                             void *context, err *e)
{
    for (size_t i = 0; i < r->of[tier].count; i++) {
        const struct rule *one = &r->of[tier].rule[i];
        if (one->column == NULL)
            TRY(rule(context, one->schema, one->table, e));
    }
    return r->fallback == tier ? rule(context, NULL, "*", e) : DONE;
}
