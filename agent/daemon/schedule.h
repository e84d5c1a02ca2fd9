/*
 * schedule: when the next snapshot is due: by time, by actions, by bytes, and after a change of the schema
 * that only a FULL, or bases of single tables, can follow; and when a version of the schema is.
 *
 * Pure: the caller says what time it is (milliseconds of any clock that does not go back).
 */
#ifndef PGSTRAND_SCHEDULE_H
#define PGSTRAND_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* DUE_FULL: nothing less can follow what happened; DUE_NEW_FULL: the last one is old. */
enum schedule_due { DUE_NOTHING, DUE_INCREMENTAL, DUE_FULL, DUE_NEW_FULL, DUE_VERSION };

/* DDL comes in bursts (a migration): one version of the schema for all of it, when it has been quiet so long,
 * but not later than so long after its first. */
#define SCHEDULE_VERSION_QUIET_MS 400
#define SCHEDULE_VERSION_QUIET_MAX_MS 5000
/* And one FULL for what a version cannot follow. */
#define SCHEDULE_QUIET_MS 2000
#define SCHEDULE_QUIET_MAX_MS 30000
/* Bases of single tables are cheap, and targets are refused until they are there. */
#define SCHEDULE_TABLES_QUIET_MS 200
#define SCHEDULE_TABLES_QUIET_MAX_MS 2000
/* Between tries that fail; doubled each time. */
#define SCHEDULE_RETRY_MIN_MS 2000
#define SCHEDULE_RETRY_MAX_MS 300000

struct schedule {
    int64_t interval_ms; /* 0: never by time */
    uint64_t actions;    /* 0: never */
    uint64_t bytes;      /* 0: never */
    int64_t full_ms;     /* from one FULL to the next; 0: never by time */

    int64_t full_at; /* the last FULL */
    uint64_t full_seq;
    int64_t sealed_at;
    uint64_t sealed_seq;
    uint64_t sealed_bytes; /* of the log, when it was sealed last */
    bool changed;          /* the schema, since its last version */
    int64_t changed_first;
    int64_t changed_last;
    int64_t version_retry_ms; /* 0: the last try went well */
    int64_t version_retry_at;
    bool broken;      /* only a new base can follow what happened */
    bool broken_wide; /* of everything, not of single tables: a FULL */
    int64_t broken_first;
    int64_t broken_last;
    int64_t retry_ms; /* 0: the last try went well */
    int64_t retry_at;
    int64_t base_retry_ms; /* the same for new bases: actions are sealed meanwhile */
    int64_t base_retry_at;
    int64_t prune_retry_ms; /* the same for pruning, which is else done with each snapshot */
    int64_t prune_retry_at;
};

/* The schema changed. */
void schedule_changed(struct schedule *s, int64_t now);
/* In a way that only a new base can follow: of single tables, or (`wide`) a FULL. Both are due as DUE_FULL.
 */
void schedule_broken(struct schedule *s, int64_t now, bool wide);

enum schedule_due schedule_due(const struct schedule *s, int64_t now, uint64_t last_seq, uint64_t log_bytes);

/* What was due was done, up to this seq; `healed`: and no change of the schema is left without a FULL. */
void schedule_sealed(struct schedule *s, int64_t now, uint64_t seq, uint64_t log_bytes, bool healed);
/* And it was a FULL. */
void schedule_full(struct schedule *s, int64_t now, uint64_t seq);
/* `base`: it was due for new bases, DUE_FULL or DUE_NEW_FULL. */
void schedule_failed(struct schedule *s, int64_t now, bool base);

/* The version is taken, or a FULL has to do; false: it could not be taken now. */
void schedule_versioned(struct schedule *s, int64_t now, bool done);

/* Pruning went well, or failed. */
void schedule_pruned(struct schedule *s, int64_t now, bool done);
/* What failed is to be tried again. */
bool schedule_prune_due(const struct schedule *s, int64_t now);

#endif
