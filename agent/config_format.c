#include <string.h>

#include "agent/config_setting.h"

#define WRAP_COLUMN 100

static void format_comment(struct buf *out, const char *comment)
{
    while (*comment != '\0') {
        size_t len = strcspn(comment, "\n");
        buf_printf(out, "# %.*s\n", (int)len, comment);
        comment += len + (comment[len] == '\n' ? 1 : 0);
    }
}

/* "key = a, b," with the rest on indented lines. Breaks only at commas outside quotes. */
static void format_list(struct buf *out, const char *key, const char *list)
{
    size_t column = strlen(key) + 3;
    buf_printf(out, "%s =%s", key, *list != '\0' ? " " : "");
    while (*list != '\0') {
        bool quoted = false;
        size_t len = 0;
        while (list[len] != '\0' && (quoted || list[len] != ',')) {
            quoted ^= list[len] == '\'';
            len++;
        }
        len += list[len] == ',' ? 1 : 0;
        if (column + len > WRAP_COLUMN && column > 4 && strchr(";#", list[0]) == NULL) {
            buf_text(out, "\n    ");
            column = 4;
        }
        buf_bytes(out, list, len);
        column += len;
        list += len;
        if (*list == ' ') {
            list++;
            buf_u8(out, ' ');
            column++;
        }
    }
    buf_u8(out, '\n');
}

static uint64_t number_of(const struct config *c, const struct setting *s)
{
    const void *member = (const char *)c + s->offset;
    if (s->kind == SETTING_BOOL)
        return *(const bool *)member;
    return s->kind == SETTING_INT ? (uint64_t) * (const int *)member : *(const uint64_t *)member;
}

static void format_value(struct buf *out, const struct config *c, const struct setting *s)
{
    switch (s->kind) {
    case SETTING_RULES:
        format_list(out, s->key, tier_rules_list(c->tiers, s->tier));
        return;
    case SETTING_TIER:
        buf_printf(out, "%s = %s\n", s->key, tier_name(tier_rules_default(c->tiers)));
        return;
    case SETTING_TEXT:
    case SETTING_FILE:
        buf_printf(out, "%s = %s\n", s->key, *(char *const *)(const void *)((const char *)c + s->offset));
        return;
    default:
        buf_printf(out, "%s = ", s->key);
        config_value_format(s->kind, number_of(c, s), out);
        buf_u8(out, '\n');
    }
}

status config_format(const struct config *c, struct buf *out, err *e)
{
    const char *section = "";
    if (strpbrk(c->conninfo, "\r\n") != NULL)
        return err_set(e, ERR_VALIDATION, "the connection string has a line end in it: write it on one line");
    buf_text(out,
             "# pgstrand's configuration: every setting with its default. An unknown name is an error.\n");
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        const struct setting *s = &config_settings[i];
        if (strcmp(section, s->section) != 0)
            buf_printf(out, "\n[%s]\n", s->section);
        else
            buf_u8(out, '\n');
        section = s->section;
        format_comment(out, s->comment);
        if (s->kind != SETTING_RULES && s->kind != SETTING_TEXT && s->kind != SETTING_FILE)
            buf_printf(out, "# Default: %s\n", s->fallback);
        format_value(out, c, s);
    }
    return buf_done(out, e);
}
