#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/config_setting.h"

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit byte_units[] = {
    {"", 1},         {"B", 1},        {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
    {"kB", 1 << 10}, {"KB", 1 << 10}, {"MB", 1 << 20},  {"GB", 1 << 30},  {"K", 1 << 10},
    {"M", 1 << 20},  {"G", 1 << 30},  {NULL, 0}};
static const struct unit second_units[] = {{"", 1},     {"s", 1},     {"min", 60}, {"m", 60},
                                           {"h", 3600}, {"d", 86400}, {NULL, 0}};
static const struct unit ms_units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_BYTES:
        return byte_units;
    case SETTING_SECONDS:
        return second_units;
    case SETTING_MS:
        return ms_units;
    default:
        return no_units;
    }
}

const char *config_value_expected(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_BYTES:
        return "a size such as 256 MiB";
    case SETTING_SECONDS:
        return "a time such as 30s, 10min or 1h";
    case SETTING_MS:
        return "a time such as 500ms or 10s";
    case SETTING_BOOL:
        return "yes or no";
    default:
        return "a whole number";
    }
}

static bool parse_number(const char *text, const struct unit *unit, uint64_t *out)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    while (isspace((unsigned char)*end))
        end++;
    while (unit->name != NULL && strcmp(unit->name, end) != 0)
        unit++;
    return unit->name != NULL && !__builtin_mul_overflow((uint64_t)number, unit->factor, out);
}

static bool parse_bool(const char *text, uint64_t *out)
{
    static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (uint64_t value = 0; value < 2; value++) {
            if (strcasecmp(text, words[i][value]) == 0) {
                *out = value;
                return true;
            }
        }
    }
    return false;
}

bool config_value_parse(enum setting_kind kind, const char *text, uint64_t *out)
{
    return kind == SETTING_BOOL ? parse_bool(text, out) : parse_number(text, units_of(kind), out);
}

void config_value_format(enum setting_kind kind, uint64_t value, struct buf *out)
{
    static const struct unit shown_bytes[] = {
        {" GiB", 1 << 30}, {" MiB", 1 << 20}, {" KiB", 1 << 10}, {"", 1}};
    static const struct unit shown_seconds[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    static const struct unit shown_ms[] = {{"min", 60000}, {"s", 1000}, {"ms", 1}, {"ms", 1}};
    static const struct unit plain[] = {{"", 1}, {"", 1}, {"", 1}, {"", 1}};
    if (kind == SETTING_BOOL) {
        buf_text(out, value != 0 ? "yes" : "no");
        return;
    }
    const struct unit *unit = kind == SETTING_BYTES     ? shown_bytes
                              : kind == SETTING_SECONDS ? shown_seconds
                              : kind == SETTING_MS      ? shown_ms
                                                        : plain;
    while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
        unit++;
    buf_printf(out, "%llu%s", (unsigned long long)(value / unit->factor), value == 0 ? "" : unit->name);
}
