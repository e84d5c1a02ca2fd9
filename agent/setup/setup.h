/*
 * setup: init, uninstall, and what they put into the database: publication, schema pgstrand with the table
 * ddl, event triggers, replication slot, WAL limit. Every step is recorded in the catalogue (SetupRecord), so
 * that init can be run again after an interruption.
 */
#ifndef PGSTRAND_SETUP_H
#define PGSTRAND_SETUP_H

#include "agent/datadir.h"
#include "agent/pg/server.h"
#include "agent/pg/tables.h"
#include "agent/progress.h"

/* What preflight found. */
enum finding_level { FINDING_NOTE, FINDING_WARNING, FINDING_ERROR };
struct finding {
    enum finding_level level;
    enum err_class class; /* of an ERROR */
    char *text;           /* one line: what, why, what to do */
};
struct preflight {
    struct server_facts server;
    struct table_list *tables;
    struct finding *finding;
    size_t finding_count;
    int other_slots;       /* replication slots that are not this database's own captures */
    int64_t large_objects; /* how many there are */
    bool temporary;        /* there are temporary tables */
};
/*
 * Looks, changes nothing: wal_level, free slots and senders, WAL limit, privileges, version (14 or later),
 * recovery, replica identities, keyless tables, cross-tier foreign keys, unlogged and temporary tables, large
 * objects, other readers of the database's WAL, a database without tables, encoding. Fails only when it
 * cannot look.
 */
MUST_CHECK status preflight_run(struct pgconn *c, const struct tier_rules *rules, struct preflight **out,
                                err *e);
void preflight_free(struct preflight *p);
OWN_POINTER(preflight, preflight_free);
/* The first FINDING_ERROR as a failure. */
MUST_CHECK status preflight_verdict(const struct preflight *p, err *e);

/* May init set max_slot_wal_keep_size where it is unlimited? It holds for all slots of the server. */
enum wal_limit { WAL_LIMIT_ALONE, WAL_LIMIT_NEVER, WAL_LIMIT_ALWAYS }; /* ALONE: not when there are others */
/* Would it be set, but for other slots? Then the user is to be asked. */
bool preflight_asks_limit(const struct preflight *p);

/* Of an init that goes on: what is not said is as it was said before. */
struct init_options {
    const char *conninfo;
    const uuid *dataset;     /* NULL: a new one */
    const char *device_name; /* NULL: host name */
    enum wal_limit wal_limit;
    bool wal_limit_said;     /* somebody chose, or was asked */
    int jobs;                /* 0: the configuration's */
    const uint32_t *retries; /* NULL: the configuration's */
};
/*
 * The whole of init, as a workflow of type BACKUP, on an opened data directory: preflight, identity,
 * publication, trigger, replica identities, slot (with exported snapshot), table bases, FULL snapshot. Goes
 * on where an interrupted one stopped. `recovery_secret` is filled when the identity is made in this call
 * (*made_identity).
 */
struct init_result {
    bool made_identity;
    uint8_t recovery_secret[SIGNING_KEY_LEN];
    bool already_complete;
    bool continued; /* a chain that was taken over: `snapshot` is its newest link */
    uuid snapshot;
    uint64_t rows;
};
MUST_CHECK status setup_init(struct datadir *d, const struct init_options *options,
                             const struct preflight *preflight, const struct progress *progress,
                             struct init_result *out, err *e);

/* An init that was interrupted or has failed goes on; cancelled, everything it made in the database goes. */
MUST_CHECK status setup_resume(struct datadir *d, const Pgstrand__WorkflowRecord *record,
                               const struct progress *progress, err *e);
MUST_CHECK status setup_cancel(struct datadir *d, const Pgstrand__WorkflowRecord *record, err *e);

/* Drops slot, publication, triggers, schema; puts replica identities and the WAL limit back. What is already
 * gone is not an error. */
MUST_CHECK status setup_uninstall(struct datadir *d, const char *conninfo, const struct progress *progress,
                                  err *e);

#endif
