#include <time.h>

#include "agent/base/base.h"
#include "agent/base/baselock.h"
#include "agent/base/tablemsg.h"
#include "agent/breaks.h"
#include "agent/pg/lockturns.h"
#include "agent/seal/sealrun.h"
#include "agent/setup/slotwait.h"

#define LOCK_PATIENCE_MS 5000
#define STAGE_TRIES 3
#define SLOT_PATIENCE "5s" /* for the slot's snapshot while tables are locked */

static bool is_wanted(const struct sealrun *run, const struct table_info *t)
{
    for (size_t i = 0; i < run->request->table_count; i++)
        if (run->request->tables[i] == t->oid)
            return tablemsg_has_rows(t);
    return false;
}

/* Those of `all` that are wanted and still there; borrowed from it. */
static status pick(const struct sealrun *run, const struct table_list *all, struct table_list *out, err *e)
{
    *out = (struct table_list){.table = calloc(all->count + 1, sizeof *out->table)};
    if (out->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < all->count; i++)
        if (is_wanted(run, &all->table[i]))
            out->table[out->count++] = all->table[i];
    return DONE;
}

/*
 * Before the snapshot is made: a TRUNCATE or a rewrite that came between it and the COPY would leave nothing
 * to be seen under it. The lock lets everything pass but that. A transaction that waits for our lock and that
 * the snapshot has to wait for would be a deadlock that nobody sees: both waits are short.
 */
static status lock_tables(const struct sealrun *run, const char *conninfo, struct pgconn **out, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(table_list) struct table_list *all = NULL;
    OWNED(buf) struct buf names = {0};
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &c, e));
    TRY(pgconn_exec(c, "BEGIN", e));
    TRY(table_list_read(c, run->d->config->tiers, &all, e));
    for (size_t i = 0; i < all->count; i++) {
        if (!is_wanted(run, &all->table[i]))
            continue;
        table_quote(&names, all->table[i].schema, all->table[i].name);
        buf_u8(&names, 0);
    }
    TRY(buf_done(&names, e));
    TRY(lockturns_take(c, buf_view(&names), LOCK_PATIENCE_MS, e));
    *out = c;
    c = NULL;
    return DONE;
}

/* Their rows as they are at one point of the log; the snapshot lives as long as the replication connection.
 */
static status stage(struct sealrun *run, int tries, struct slot_export *point, err *e)
{
    OWNED(pgconn) struct pgconn *replication = NULL;
    OWNED(pgconn) struct pgconn *locks = NULL;
    OWNED(pgconn) struct pgconn *reading = NULL;
    OWNED(table_list) struct table_list *all = NULL;
    struct table_list picked = {0};
    char name[64];
    const char *conninfo = run->request->conninfo == NULL ? run->d->config->conninfo : run->request->conninfo;
    /* The slot of the try before may end a little later than its connection. */
    (void)snprintf(name, sizeof name, "pgstrand_table_%.8s_%lld_%d",
                   run->d->identity.slot + sizeof "pgstrand_" - 1, (long long)time(NULL), tries);
    TRY(pgconn_open(conninfo, PGCONN_REPLICATION, &replication, e));
    TRY(pgconn_exec(replication, "SET lock_timeout = '" SLOT_PATIENCE "'", e));
    TRY(lock_tables(run, conninfo, &locks, e));
    TRY(slotwait_create(replication, run->conn, name, SLOT_TEMPORARY, run->progress, point, e));
    const struct base_request request = {.conninfo = conninfo,
                                         .snapshot = point->snapshot,
                                         .lsn = point->lsn,
                                         .jobs = run->d->config->base_jobs,
                                         .rows_only = true,
                                         .here = pgconn_is_here(run->conn),
                                         .locks = locks};
    TRY(baselock_connect(&request, &reading, e)); /* a table's size waits for its lock, whoever has it */
    TRY(table_list_read(reading, run->d->config->tiers, &all, e));
    TRY(base_clear(run->d, e));
    TRY(pick(run, all, &picked, e));
    const status copied = base_copy(run->d, &request, &picked, run->progress, e);
    free(picked.table);
    return copied;
}

/* When a table was rewritten behind the snapshot after all, because its lock had to be given up, or a table's
 * size was not to be had: once more. Not when the slot had to wait: who made it wait is not gone so soon. */
static status stage_bases(struct sealrun *run, struct slot_export *point, err *e)
{
    for (int tries = 1;; tries++) {
        *e = ERR_INIT;
        *point = (struct slot_export){0};
        if (stage(run, tries, point, e).ok)
            return DONE;
        if (e->class != ERR_TIMEOUT || point->lsn == LSN_NONE || tries == STAGE_TRIES ||
            progress_stopped(run->progress))
            return FAILED;
    }
}

status sealtables_run(struct sealrun *run, struct seal_result *out, err *e)
{
    struct slot_export point;
    uint64_t seq = 0;
    OWNED(sealstaged) struct sealstaged rows = {0};
    if (run->conn == NULL)
        return err_set(e, ERR_NETWORK, "new bases of tables need the database, which cannot be reached");
    TRY(stage_bases(run, &point, e));
    TRY(sealrun_wait_for_log(run, point.lsn, e));
    TRY(logreader_seq_before_lsn(run->log, point.lsn, &seq, e));
    TRY(sealstaged_load(run->d, &rows, e));
    TRY(sealincremental_based(run, seq, point.lsn, &rows, out, e));
    TRY(breaks_heal_tables(run->d->catalog, run->request->tables, run->request->table_count, seq, e));
    return base_clear(run->d, e);
}
