/*
 * restore: plan, fold, load, prove.
 *
 *   plan   which snapshots (and how much of the local log) lead to the target; what is missing is said here,
 * before anything changes fold   table bases and actions up to the target become one final row per entity
 * (restore/fold/fold.h) load   COPY in bulk, in one transaction; pre-data before, indexes and foreign keys
 * after (fresh), or delete and load (replace) prove  each table's digest, made while folding, against what
 * the target then holds
 *
 * Memory: bounded by config's restore_memory, whatever the chain's size; beyond it the fold spills to disk.
 */
#ifndef PGSTRAND_RESTORE_H
#define PGSTRAND_RESTORE_H

#include "agent/datadir.h"
#include "agent/progress.h"
#include "proto/base/lsn.h"
#include "proto/base/pgtime.h"

enum target_kind { TARGET_LATEST, TARGET_SEQ, TARGET_TIME, TARGET_LSN, TARGET_SNAPSHOT, TARGET_NAME };
struct restore_target {
    enum target_kind kind;
    uint64_t seq;
    pgtime time;
    lsn lsn;
    const char *snapshot; /* UUID or name */
};

enum restore_mode { RESTORE_FRESH, RESTORE_REPLACE, RESTORE_MERGE };
/* Merge: what the target has stays, or gives way. */
enum merge_choice { MERGE_KEEP, MERGE_TAKE };
/* Rows whose foreign key leads to no row: nothing happens; they stay, and the foreign key is NOT VALID; they
 * go. */
enum restore_orphans { ORPHANS_REFUSE, ORPHANS_REPORT, ORPHANS_DELETE };
enum restore_as { RESTORE_AS_AUTO, RESTORE_AS_SAME, RESTORE_AS_OTHER };

#define RESTORE_FILES_CONFIGURED "configured" /* each folder of [assets] in its own place */

struct role_pair; /* restore/load/rolemap.h */

struct restore_request {
    const char *conninfo;    /* the target database */
    const char *from;        /* vault URL or path; NULL: the own chain and the local log's tail */
    const uuid *node;        /* when the vault holds several; NULL: the only one */
    const uuid *incarnation; /* NULL: the newest of the node */
    struct restore_target target;
    enum restore_mode mode;
    enum restore_as as;
    enum restore_orphans orphans;
    const struct role_pair *role; /* the schema's roles that are others on the target */
    size_t role_count;
    enum merge_choice newer;     /* merge: rows that changed on the target later than on the source */
    enum merge_choice conflicts; /* merge: rows of one key that both devices made */
    enum merge_choice deleted;   /* merge: rows that the source deleted; taken: deleted here as well */
    bool skip;                   /* rows that the target refuses are left out and kept in the quarantine */
    bool again;                  /* merge: also what the target remembers as merged */
    unsigned tiers;              /* bits 1 << enum tier; 0: by device */
    const char *tables;          /* glob list; NULL: all */
    const char *business;        /* only this one (filter/rowfilter.h); NULL: all */
    const char *files;           /* where the chain's files go: a folder, or "configured"; NULL: nowhere */
    bool no_demo;                /* demo businesses stay behind */
    int jobs; /* 1: one transaction; more: a new database, then names are swapped; 0: what suits the target */
    bool drop_old;   /* jobs > 1: the database whose place the new one takes goes, if it holds nothing */
    uint64_t memory; /* bytes before it spills; 0: the configuration's restore.memory */
    bool dry_run;
    /* dry_run: each row of the tables that match `diff` (a glob list, NULL: none) that would be "added",
     * "changed" or "removed", as JSON objects; old or new is NULL where there is none. */
    const char *diff;
    status (*diff_row)(void *context, const char *table, const char *kind, const char *old, const char *new,
                       err *e);
    void *diff_context;
    bool read_back;      /* every row is read back for the proof, also where the server could add up hashes */
    bool no_analyze;     /* statistics are left to autovacuum, as pg_restore does */
    bool no_tablespaces; /* fresh: all tables and indexes go to the database's own */
};

/* What a merge did, or what a dry run would do: rows of a table. */
struct row_changes {
    uint64_t added, changed, removed;
    uint64_t newer;     /* on the target: kept, or among those changed, as was asked for */
    uint64_t conflicts; /* made on both devices: likewise */
    uint64_t left;      /* deleted on the source, still in the target */
};

struct restored_table {
    char *schema;
    char *name;
    enum tier tier;
    uint64_t rows;
    uint8_t digest[SHA256_LEN];
    bool proven;
    bool keyed;         /* each of its rows is an entity of its own: as many entities as rows */
    uint64_t base_rows; /* plan: rows in the base */
    uint64_t actions;   /* plan: actions folded */

    uint64_t failed; /* rows that were left out */
    bool compared;   /* merge, and dry runs */
    struct row_changes changes;
};

/* Rows whose foreign key leads to no row, and what became of them. */
struct restored_orphans {
    char *constraint;
    char *table;  /* quoted, with its schema */
    char *parent; /* the table it leads to */
    uint64_t rows;
    const char *action; /* "kept", "deleted", or "cleared" (ON DELETE SET NULL) */
};

/* A snapshot that the plan reads. */
struct restored_link {
    uuid snapshot;
    uint64_t number;
    Pgstrand__SnapshotType type;
};

/* The files that came along (agent/assets). */
struct restored_files {
    bool asked;
    uint64_t count;   /* in the chain at that state */
    uint64_t changed; /* exchanged or made */
    uint64_t bytes;
    uint64_t left; /* links that lead out of their folder */
};

struct restore_result {
    struct restored_files files;
    uuid snapshot; /* the last one used */
    uint64_t seq;  /* what the target was rounded down to */
    bool rounded;
    bool same_device;
    bool taken_over; /* this machine is the chain's node from now on */
    bool before;     /* merge: the target has it already: nothing was done */
    uint64_t rows;
    uint64_t entities; /* of them, those that were compared and are told apart by a key */
    uint64_t actions;
    struct restored_link *link; /* the FULL, a DIFFERENTIAL when there is one, INCREMENTALs */
    size_t link_count;
    struct restored_table *table;
    size_t table_count;
    struct restored_orphans *orphan;
    size_t orphan_count;
    char **skipped; /* one line each */
    size_t skipped_count;
    char **warning;
    size_t warning_count;
    bool new_identity;                        /* a new machine: the data directory was given an identity */
    uint8_t recovery_secret[SIGNING_KEY_LEN]; /* with it: show it to the owner, keep it nowhere */
};
void restore_result_fini(struct restore_result *r);
OWN_VALUE(restore_result, restore_result_fini);

/* `d` may lack an identity (a new machine): then everything is "other device", and it is given one (same
 * dataset, new device and node); or, as RESTORE_AS_SAME, it takes the node over (takeover.h). A failed
 * restore leaves the target as it was. */
MUST_CHECK status restore_run(struct datadir *d, const struct restore_request *request,
                              const struct progress *progress, struct restore_result *out, err *e);

#endif
