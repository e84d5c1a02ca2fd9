/*
 * config: DATA/pgstrand.conf, an INI file (inih). Every setting, its default and its meaning stand in one
 * table (config.c), from which the file that init writes, the parser and the checks are made. An unknown
 * section or key is ERR_VALIDATION that names the nearest known one.
 *
 * Ownership: config_load -> caller -> config_free (NULL-safe). Threads: immutable after loading.
 */
#ifndef PGSTRAND_CONFIG_H
#define PGSTRAND_CONFIG_H

#include "agent/tiers.h"
#include "proto/base/buf.h"
#include "proto/base/own.h"

struct config {
    /* [source] */
    char *conninfo;
    char *app_version; /* of the application; "": not told */
    /* [seal] */
    uint64_t schema_check;  /* seconds between two comparisons of the schema; 0: never */
    uint64_t seal_interval; /* seconds; 0: never by time */
    uint64_t seal_actions;  /* after so many actions; 0: never */
    uint64_t seal_bytes;    /* after so many bytes in the log; 0: never */
    int seal_level;         /* zstd level of actions */
    bool seal_on_stop;
    uint64_t seal_full_interval; /* seconds between two FULLs by schedule; 0: never */
    /* [base] */
    int base_jobs;  /* connections of a base copy */
    int base_level; /* zstd level of its rows */
    /* [log] */
    uint64_t log_segment_bytes;
    uint64_t log_keep_bytes; /* sealed segments kept at least up to this size */
    /* [capture] */
    uint64_t status_interval_ms; /* at most 10 s */
    uint64_t spool_bytes;        /* largest spool of streamed transactions; 0: no limit */
    /* [retention] */
    uint64_t retention_fulls; /* FULLs kept with all that stands on them; 0: by age alone */
    uint64_t retention_age; /* seconds that stay restorable; 0: by number alone. Both 0: everything is kept */
    /* [restore] */
    uint64_t restore_memory; /* bytes the fold may use before it spills */
    /* [workflow] */
    int workflow_retries;          /* of a long operation, after the first try */
    uint64_t workflow_retry_first; /* ms before the first of them */
    uint64_t workflow_retry_most;  /* ms: no pause is longer */
    /* [hooks]: of restores; "" where there is none */
    uint64_t hooks_timeout; /* seconds, of each */
    char *hooks_before_sql; /* files, absolute once loaded */
    char *hooks_before_command;
    char *hooks_same_sql;
    char *hooks_other_sql;
    char *hooks_after_sql;
    char *hooks_after_command;
    /* [drill] */
    uint64_t drill_interval;   /* seconds between two; 0: none by itself */
    uint64_t drill_most_bytes; /* of what may be restored; 0: any */
    uint64_t drill_warn_after; /* seconds; 0: never */
    char *drill_conninfo;      /* a database of the server for scratch databases; "": the captured one */
    /* [business] */
    char *business_root; /* "": none */
    char *business_key;
    char *business_demo_column;
    char *business_demo_ids;
    char *business_shared;
    char *business_exclude;
    /* [assets]: folders, comma-separated */
    char *assets_business;
    char *assets_audit;
    char *assets_device;
    /* [slot] */
    uint64_t slot_wal_limit_mb; /* set by init as max_slot_wal_keep_size when there is none */
    /* [tiers] */
    struct tier_rules *tiers;
};

/* `path` missing: all defaults. */
MUST_CHECK status config_load(const char *path, struct config **out, err *e);
void config_free(struct config *c);
OWN_POINTER(config, config_free);

/* The commented text of a configuration with every setting; values from `c`. */
MUST_CHECK status config_format(const struct config *c, struct buf *out, err *e);

#endif
