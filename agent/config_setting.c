#include "agent/config_setting.h"

#include <limits.h>
#include <stddef.h>

#define AT(member) offsetof(struct config, member)
#define ANY UINT64_MAX

const struct setting config_settings[CONFIG_SETTINGS] = {
    {"source", "conninfo", SETTING_TEXT, AT(conninfo), 0, ANY, "",
     "The database to capture, as libpq's connection string without a password: passwords come from\n"
     "PGPASSFILE, ~/.pgpass or a service file. Empty: PGHOST, PGPORT, PGUSER and PGDATABASE.",
     TIER_NONE},
    {"tiers", "default", SETTING_TIER, 0, 0, 0, "business",
     "The tier of a table that no list names, also of tables made later.\n"
     "Lists hold names or globs (* and ?) as in the catalogue, with or without schema, separated by commas;\n"
     "indented lines continue a list. \"printJobs where status = 'COMPLETED'\" keeps such rows only: list\n"
     "the table under transient too, as the others must be. Rules with a column win, then the order below.",
     TIER_NONE},
    {"tiers", "business", SETTING_RULES, 0, 0, 0, "", "Rows that go to every device, ids unchanged.",
     TIER_BUSINESS},
    {"tiers", "audit", SETTING_RULES, 0, 0, 0, "", "The same, kept for compliance.", TIER_AUDIT},
    {"tiers", "device", SETTING_RULES, 0, 0, 0, "",
     "Rows that are captured but return only to the node they came from.", TIER_DEVICE},
    {"tiers", "transient", SETTING_RULES, 0, 0, 0, "", "Rows that are never written anywhere.",
     TIER_TRANSIENT},
    {"seal", "interval", SETTING_SECONDS, AT(seal_interval), 0, 31536000, "1h",
     "Seal a snapshot after this time, if there is anything new; 0: never by time.", TIER_NONE},
    {"seal", "actions", SETTING_COUNT, AT(seal_actions), 0, ANY, "1000000",
     "Seal after so many actions; 0: never.", TIER_NONE},
    {"seal", "bytes", SETTING_BYTES, AT(seal_bytes), 0, ANY, "256 MiB", "Seal after so much log; 0: never.",
     TIER_NONE},
    {"seal", "level", SETTING_INT, AT(seal_level), 1, 19, "3",
     "zstd level of sealed actions, 1 (fast) to 19 (small).", TIER_NONE},
    {"seal", "on_stop", SETTING_BOOL, AT(seal_on_stop), 0, 1, "yes",
     "Seal what is new when the agent is stopped.", TIER_NONE},
    {"base", "jobs", SETTING_INT, AT(base_jobs), 1, 64, "2", "Connections that copy a base.", TIER_NONE},
    {"base", "level", SETTING_INT, AT(base_level), 1, 19, "1",
     "zstd level of a base's rows, 1 (fast) to 19 (small). Rows lie by column: level 1 is within 2 percent "
     "of 3.",
     TIER_NONE},
    {"log", "segment_bytes", SETTING_BYTES, AT(log_segment_bytes), 1 << 20, ANY, "256 MiB",
     "Size of one segment of the action log; whole segments are removed once they are sealed.", TIER_NONE},
    {"log", "keep_bytes", SETTING_BYTES, AT(log_keep_bytes), 0, ANY, "1 GiB",
     "Sealed segments are kept up to this size.", TIER_NONE},
    {"capture", "status_interval", SETTING_MS, AT(status_interval_ms), 100, 10000, "10s",
     "Longest time between two reports of the position to the server.", TIER_NONE},
    {"capture", "spool_bytes", SETTING_BYTES, AT(spool_bytes), 0, ANY, "0",
     "Largest spool of transactions that the server streams before they commit; 0: no limit.", TIER_NONE},
    {"capture", "schema_check", SETTING_SECONDS, AT(schema_check), 0, 31536000, "1h",
     "Dump the schema and compare it with what was recorded, because some changes are seen by no event "
     "trigger\n"
     "(CLUSTER ... USING, a renamed role); 0: never.",
     TIER_NONE},
    {"restore", "memory", SETTING_BYTES, AT(restore_memory), 16 << 20, ANY, "128 MiB",
     "Memory a restore may use before it spills to DATA/spool.", TIER_NONE},
    {"slot", "wal_limit_mb", SETTING_COUNT, AT(slot_wal_limit_mb), 64, INT_MAX, "8192",
     "init sets the server's max_slot_wal_keep_size to so many MB when there is no limit and no other slot.",
     TIER_NONE},
};
