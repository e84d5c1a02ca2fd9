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
    {"source", "app_version", SETTING_TEXT, AT(app_version), 0, ANY, "",
     "The version of the application, kept with each snapshot.", TIER_NONE},
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
    {"seal", "full_interval", SETTING_SECONDS, AT(seal_full_interval), 0, 315360000, "0",
     "Seal a FULL after this time since the last one, such as 30d: what is older can then be pruned.\n"
     "0: only when one is needed.",
     TIER_NONE},
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
    {"retention", "fulls", SETTING_COUNT, AT(retention_fulls), 0, 10000, "0",
     "Keep the newest so many FULLs, with all that stands on them; pgstrand prune, and the agent after\n"
     "sealing, remove what is older from the data directory. 0: by age alone.",
     TIER_NONE},
    {"retention", "age", SETTING_SECONDS, AT(retention_age), 0, 3153600000, "0",
     "Keep what is needed to restore any moment of this time, such as 90d. 0: by number alone; with both 0\n"
     "everything is kept.",
     TIER_NONE},
    {"restore", "memory", SETTING_BYTES, AT(restore_memory), 16 << 20, ANY, "128 MiB",
     "Memory a restore may use before it spills to DATA/spool.", TIER_NONE},
    {"workflow", "retries", SETTING_INT, AT(workflow_retries), 0, 1000, "3",
     "How often a long operation (restore, seal, drill) is tried again when the network, a lock or a full\n"
     "disk was in its way.",
     TIER_NONE},
    {"workflow", "retry_first", SETTING_MS, AT(workflow_retry_first), 1, 3600000, "1s",
     "The pause before the first of these tries; it doubles with each. Locks: twice, a full disk: five "
     "times\n"
     "as long.",
     TIER_NONE},
    {"workflow", "retry_most", SETTING_MS, AT(workflow_retry_most), 1, 86400000, "5min",
     "The longest of these pauses.", TIER_NONE},
    {"hooks", "timeout", SETTING_SECONDS, AT(hooks_timeout), 1, 86400, "60s",
     "What each hook of a restore may take. Hooks are files with SQL (names with their schemas), run in the\n"
     "target, and commands (program and arguments, no shell). They find the facts in the settings\n"
     "pgstrand.node, pgstrand.same_device ... and in the environment, PGSTRAND_NODE, PGSTRAND_SAME_DEVICE "
     "...",
     TIER_NONE},
    {"hooks", "before_sql", SETTING_FILE, AT(hooks_before_sql), 0, ANY, "",
     "Before anything is changed: pause what works on the database. When it fails nothing happens.",
     TIER_NONE},
    {"hooks", "before_command", SETTING_TEXT, AT(hooks_before_command), 0, ANY, "", "The same, a program.",
     TIER_NONE},
    {"hooks", "same_sql", SETTING_FILE, AT(hooks_same_sql), 0, ANY, "",
     "In the restore's own transaction, behind the rows, when they return to the device they are of.",
     TIER_NONE},
    {"hooks", "other_sql", SETTING_FILE, AT(hooks_other_sql), 0, ANY, "",
     "The same, when they come to another device: what the device keeps about itself begins anew here.",
     TIER_NONE},
    {"hooks", "after_sql", SETTING_FILE, AT(hooks_after_sql), 0, ANY, "",
     "When it has ended, in whatever way (pgstrand.result is restored, failed or cancelled): resume what "
     "was\n"
     "paused.",
     TIER_NONE},
    {"hooks", "after_command", SETTING_TEXT, AT(hooks_after_command), 0, ANY, "", "The same, a program.",
     TIER_NONE},
    {"drill", "interval", SETTING_SECONDS, AT(drill_interval), 0, 31536000, "0",
     "The agent restores into a scratch database so often, compares it and drops it; 0: only pgstrand drill\n"
     "does.",
     TIER_NONE},
    {"drill", "most_bytes", SETTING_BYTES, AT(drill_most_bytes), 0, ANY, "0",
     "No drill by itself when the chain is larger than this; 0: any size.", TIER_NONE},
    {"drill", "conninfo", SETTING_TEXT, AT(drill_conninfo), 0, ANY, "",
     "A database of the server that scratch databases are made on. Empty: the captured one.", TIER_NONE},
    {"drill", "warn_after", SETTING_SECONDS, AT(drill_warn_after), 0, ANY, "35d",
     "pgstrand status warns when the last proven restore is older; 0: never.", TIER_NONE},
    {"business", "root", SETTING_TEXT, AT(business_root), 0, ANY, "",
     "The table of businesses, for --business and --no-demo: rows belong to one of them by their foreign "
     "keys.",
     TIER_NONE},
    {"business", "key", SETTING_TEXT, AT(business_key), 0, ANY, "id", "Its column that names a business.",
     TIER_NONE},
    {"business", "demo_column", SETTING_TEXT, AT(business_demo_column), 0, ANY, "",
     "Its boolean column that is true for demo businesses.", TIER_NONE},
    {"business", "demo_ids", SETTING_TEXT, AT(business_demo_ids), 0, ANY, "",
     "Or the keys of demo businesses, separated by commas.", TIER_NONE},
    {"business", "shared", SETTING_TEXT, AT(business_shared), 0, ANY, "",
     "Tables that come whole although foreign keys tie them to businesses: reference data. Names or globs.",
     TIER_NONE},
    {"business", "exclude", SETTING_TEXT, AT(business_exclude), 0, ANY, "",
     "Tables of which nothing comes when one business is asked for.", TIER_NONE},
    {"assets", "business", SETTING_TEXT, AT(assets_business), 0, ANY, "",
     "Folders whose files travel in the chain to every device: absolute paths, separated by commas. They are "
     "looked\n"
     "at whenever a snapshot is sealed; restore --files puts them back.",
     TIER_NONE},
    {"assets", "audit", SETTING_TEXT, AT(assets_audit), 0, ANY, "", "The same, kept for compliance.",
     TIER_NONE},
    {"assets", "device", SETTING_TEXT, AT(assets_device), 0, ANY, "",
     "Folders whose files return only to this device.", TIER_NONE},
    {"slot", "wal_limit_mb", SETTING_COUNT, AT(slot_wal_limit_mb), 64, INT_MAX, "8192",
     "init sets the server's max_slot_wal_keep_size to so many MB when there is no limit and no other slot.",
     TIER_NONE},
};
