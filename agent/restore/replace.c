#include "agent/restore/replace.h"

#include "agent/restore/hooks.h"
#include "agent/restore/load/analyze.h"
#include "agent/restore/load/emptied.h"
#include "agent/restore/load/enumlabels.h"
#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/setsequences.h"
#include "agent/restore/load/skip.h"
#include "agent/restore/load/targetdb.h"
#include "agent/restore/load/targetfit.h"

/* ---- what must hold ---- */

/* Triggers and rules that act whatever session_replication_role says would change rows behind our back. */
static status check_triggers(struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT a.name, n.nspname || '.' || r.relname FROM"
                     " (SELECT 'trigger ' || tgname AS name, tgrelid AS relation FROM pg_catalog.pg_trigger"
                     "   WHERE NOT tgisinternal AND tgenabled IN ('A', 'R')"
                     "  UNION ALL SELECT 'rule ' || rulename, ev_class FROM pg_catalog.pg_rewrite"
                     "   WHERE ev_enabled IN ('A', 'R') AND rulename <> '_RETURN') a"
                     " JOIN pg_catalog.pg_class r ON r.oid = a.relation AND r.relkind IN ('r', 'p')"
                     " JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace"
                     " WHERE n.nspname <> 'pgstrand' ORDER BY 2, 1 LIMIT 1",
                     0, NULL, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    return err_set(e, ERR_REFUSED,
                   "%s of %s in the target is ENABLE ALWAYS or REPLICA and would fire; disable it first",
                   pgrows_text(rows, 0, 0), pgrows_text(rows, 0, 1));
}

status replace_check(struct job *job, struct pgconn *c, err *e)
{
    OWNED(tier_rules) struct tier_rules *rules = NULL;
    OWNED(table_list) struct table_list *there = NULL;
    struct targetdb t;
    TRY(tier_rules_new(TIER_BUSINESS, &rules, e));
    TRY(table_list_read(c, rules, &there, e));
    TRY(targetfit_tables(job, c, there, e));
    TRY(enumlabels_check(job->plan->schema, c, e));
    TRY(check_triggers(c, e));
    TRY(targetdb_read(c, &t, e));
    /* Without the right to switch triggers off there will be ALTER TABLE commands. */
    return t.replica ? DONE : targetdb_check_event_triggers(c, &t, e);
}

/* ---- exchanging the rows ---- */

static status each_table(const struct emptied *t, struct pgconn *c, const char *before, const char *after,
                         err *e)
{
    for (size_t i = 0; i < t->count; i++) {
        OWNED(buf) struct buf sql = {0};
        buf_text(&sql, before);
        table_quote(&sql, t->table[i]->schema, t->table[i]->name);
        buf_text(&sql, after);
        TRY(buf_done(&sql, e));
        TRY(pgconn_exec(c, buf_cstring(&sql), e));
    }
    return DONE;
}

static status truncate_all(const struct emptied *t, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    if (t->count == 0)
        return DONE;
    buf_text(&sql, "TRUNCATE ");
    for (size_t i = 0; i < t->count; i++) {
        buf_text(&sql, i > 0 ? ", ONLY " : "ONLY ");
        table_quote(&sql, t->table[i]->schema, t->table[i]->name);
    }
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

static status empty(const struct emptied *t, struct pgconn *c, err *e)
{
    bool referenced = false;
    TRY(emptied_is_referenced(t, c, &referenced, e));
    return referenced ? each_table(t, c, "DELETE FROM ONLY ", "", e) : truncate_all(t, c, e);
}

/* Indexes take part in loading: there is nothing to build afterwards. */
static status exchange(struct job *job, const struct emptied *t, struct pgconn *c, err *e)
{
    TRY(empty(t, c, e));
    return loadtable_all(job, c, false, e);
}

static status as_replica(struct job *job, const struct emptied *t, struct orphans *o, struct pgconn *c,
                         err *e)
{
    TRY(exchange(job, t, c, e));
    TRY(orphans_settle_standing(o, c, emptied_oids(t), e));
    return setsequences_exchange(job, c, emptied_oids(t), e);
}

static status as_owner(struct job *job, const struct emptied *t, struct orphans *o, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf triggers = {0};
    OWNED(buf) struct buf keys = {0};
    TRY(emptied_silence_triggers(t, c, &triggers, e));
    TRY(emptied_drop_foreign_keys(t, c, &keys, e));
    TRY(exchange(job, t, c, e));
    TRY(orphans_add_keys(o, c, buf_cstring(&keys), e));
    TRY(orphans_settle(o, c, e));
    /* It sees every row only as long as row security is off. */
    TRY(setsequences_exchange(job, c, emptied_oids(t), e));
    return triggers.len == 0 ? DONE : pgconn_exec(c, buf_cstring(&triggers), e);
}

static status change(struct job *job, const struct targetdb *target, struct pgconn *c, err *e)
{
    OWNED(emptied) struct emptied t = {0};
    OWNED(orphans) struct orphans orphans;
    orphans_init(&orphans, job, target);
    TRY(replayed_mark(job, c, target, e));
    TRY(emptied_find(job, c, &t, e));
    TRY(target->replica ? as_replica(job, &t, &orphans, c, e) : as_owner(job, &t, &orphans, c, e));
    TRY(hooks_inside(job, c, e));
    return replayed_write(job, c, e);
}

status replace_run(struct job *job, struct pgconn *c, err *e)
{
    struct targetdb target;
    TRY(targetdb_read(c, &target, e));
    TRY(replayed_announce(job, c, &target, e));
    if (targetdb_begin(c, &target, e).ok && change(job, &target, c, e).ok && skip_commit(job, c, e).ok)
        return analyze_tables(job, e);
    replayed_rollback(job, c);
    return FAILED;
}
