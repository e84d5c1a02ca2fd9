/*
 * config_setting: what a setting is, for config's own files: the table, the parser of values, the writer.
 */
#ifndef PGSTRAND_CONFIG_SETTING_H
#define PGSTRAND_CONFIG_SETTING_H

#include "agent/config.h"

enum setting_kind {
    SETTING_TEXT,    /* char * */
    SETTING_FILE,    /* char *, the path of a file; a relative one begins at the configuration's folder */
    SETTING_COUNT,   /* uint64_t, a plain number */
    SETTING_BYTES,   /* uint64_t, with KiB, MiB, GiB */
    SETTING_SECONDS, /* uint64_t, with s, min, h, d */
    SETTING_MS,      /* uint64_t, in milliseconds; with ms, s, min */
    SETTING_INT,     /* int */
    SETTING_BOOL,
    SETTING_TIER, /* the default tier */
    SETTING_RULES /* a list of tables; `tier` says of which tier */
};

struct setting {
    const char *section;
    const char *key;
    enum setting_kind kind;
    size_t offset; /* in struct config; unused for tiers */
    uint64_t least, most;
    const char *fallback; /* as it would be written in the file */
    const char *comment;
    enum tier tier;
};

/* Every setting there is, in the order of the file. */
#define CONFIG_SETTINGS 47
extern const struct setting config_settings[CONFIG_SETTINGS];

/* "256 MiB", "1h", "yes", "3": as the kind wants it. False when it is not such a value. */
bool config_value_parse(enum setting_kind kind, const char *text, uint64_t *out);
/* What is asked for, in words. */
const char *config_value_expected(enum setting_kind kind);
/* With the largest unit that leaves no fraction. */
void config_value_format(enum setting_kind kind, uint64_t value, struct buf *out);

#endif
