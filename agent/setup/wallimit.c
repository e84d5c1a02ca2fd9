#include "agent/setup/wallimit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What previous_slot_keep_size holds: the setting came from nowhere, or from ALTER SYSTEM SET ... = -1. */
#define BY_DEFAULT "default"
#define BY_SYSTEM "-1"

struct limit {
    bool unlimited;
    bool by_system; /* it stands in postgresql.auto.conf */
    bool superuser;
    int64_t megabytes; /* -1: unlimited */
    int64_t other_slots;
};

static status read_limit(struct pgconn *c, const char *slot, struct limit *out, err *e)
{
    const char *const params[] = {slot};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT setting = '-1', coalesce(sourcefile, '') LIKE '%postgresql.auto.conf',"
                     " (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),"
                     " (SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE slot_name <> $1), setting"
                     " FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size'",
                     1, params, &rows, e));
    out->unlimited = pgrows_bool(rows, 0, 0);
    out->by_system = pgrows_bool(rows, 0, 1);
    out->superuser = pgrows_bool(rows, 0, 2);
    out->other_slots = pgrows_int(rows, 0, 3);
    out->megabytes = pgrows_int(rows, 0, 4);
    return DONE;
}

static status remember(struct datadir *d, Pgstrand__SetupRecord *record, const char *previous,
                       uint64_t megabytes, err *e)
{
    record->has_slot_keep_size_mb = 1;
    record->slot_keep_size_mb = megabytes;
    free(record->previous_slot_keep_size);
    record->previous_slot_keep_size = strdup(previous);
    if (record->previous_slot_keep_size == NULL)
        return err_no_memory(e);
    return setuprecord_save(d, record, e);
}

status wallimit_set(struct pgconn *c, struct datadir *d, uint64_t megabytes, bool others,
                    Pgstrand__SetupRecord *record, const struct progress *progress, err *e)
{
    struct limit limit;
    char line[256];
    TRY(read_limit(c, d->identity.slot, &limit, e));
    if (!limit.unlimited)
        return DONE;
    if (!limit.superuser || (limit.other_slots > 0 && !others)) {
        (void)snprintf(
            line, sizeof line,
            "max_slot_wal_keep_size stays unlimited (%s): a stopped agent can fill the database's disk",
            limit.superuser ? "other replication slots exist" : "only a superuser may change it");
        progress->say(progress->context, line);
        return DONE;
    }
    TRY(remember(d, record, limit.by_system ? BY_SYSTEM : BY_DEFAULT, megabytes, e));
    TRY(pgconn_execf(c, e, "ALTER SYSTEM SET max_slot_wal_keep_size = '%" PRIu64 "MB'", megabytes));
    TRY(pgconn_exec(c, "SELECT pg_catalog.pg_reload_conf()", e));
    (void)snprintf(line, sizeof line,
                   "max_slot_wal_keep_size was unlimited and is now %" PRIu64
                   " MB: the database's disk is safe while the "
                   "agent is stopped; uninstall puts it back",
                   megabytes);
    progress->say(progress->context, line);
    return DONE;
}

/* Is the limit still the one that init chose? */
static status is_ours(struct pgconn *c, const Pgstrand__SetupRecord *record, bool *out, err *e)
{
    struct limit limit;
    TRY(read_limit(c, "", &limit, e));
    *out = !record->has_slot_keep_size_mb || limit.megabytes == (int64_t)record->slot_keep_size_mb;
    return DONE;
}

status wallimit_undo(struct pgconn *c, const Pgstrand__SetupRecord *record, const struct progress *progress,
                     err *e)
{
    const char *previous = record->previous_slot_keep_size;
    bool ours = false;
    if (previous == NULL)
        return DONE;
    TRY(is_ours(c, record, &ours, e));
    if (!ours) {
        progress->say(progress->context, "max_slot_wal_keep_size was changed after init: it stays as it is");
        return DONE;
    }
    if (strcmp(previous, BY_SYSTEM) == 0)
        TRY(pgconn_exec(c, "ALTER SYSTEM SET max_slot_wal_keep_size = -1", e));
    else
        TRY(pgconn_exec(c, "ALTER SYSTEM RESET max_slot_wal_keep_size", e));
    return pgconn_exec(c, "SELECT pg_catalog.pg_reload_conf()", e);
}

status wallimit_decline(struct pgconn *c, struct datadir *d, Pgstrand__SetupRecord *record,
                        const struct progress *progress, err *e)
{
    if (record->previous_slot_keep_size == NULL)
        return DONE;
    TRY(wallimit_undo(c, record, progress, e));
    free(record->previous_slot_keep_size);
    record->previous_slot_keep_size = NULL;
    record->has_slot_keep_size_mb = 0;
    return setuprecord_save(d, record, e);
}
