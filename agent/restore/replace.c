#include "agent/restore/replace.h"

#include "agent/restore/load/analyze.h"
#include "agent/restore/load/emptied.h"
#include "agent/restore/load/enumlabels.h"
#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/setsequences.h"
#include "agent/restore/load/skip.h"
#include "agent/restore/load/targetdb.h"

#define FIRST_USER_OID 16384u /* FirstNormalObjectId: types below are the same everywhere */

/* ---- the target's shape ---- */

static const struct table_info *find(const struct table_list *l, const Pgstrand__Table *t)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->table[i].schema, t->schema) == 0 && strcmp(l->table[i].name, t->name) == 0)
            return &l->table[i];
    return NULL;
}

static const struct table_column *find_column(const struct table_info *t, const char *name)
{
    for (uint16_t i = 0; i < t->column_count; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return &t->columns[i];
    return NULL;
}

static status check_columns(const Pgstrand__Table *t, const struct table_info *there, err *e)
{
    uint16_t copied = 0;
    for (uint16_t i = 0; i < there->column_count; i++)
        copied = (uint16_t)(copied + !there->columns[i].generated);
    for (size_t i = 0; i < t->n_column; i++) {
        const struct table_column *column = find_column(there, t->column[i]->name);
        if (column == NULL || column->generated)
            return err_set(e, ERR_SCHEMA,
                           "the target's table %s.%s has no column %s to restore; make the schemas equal, or "
                           "restore into an empty database",
                           t->schema, t->name, t->column[i]->name);
        if (column->type != t->column[i]->type &&
            (column->type < FIRST_USER_OID || t->column[i]->type < FIRST_USER_OID))
            return err_set(
                e, ERR_SCHEMA,
                "column %s of the target's table %s.%s has another type; make the schemas equal, or "
                "restore into an empty database",
                column->name, t->schema, t->name);
    }
    if (copied == t->n_column)
        return DONE;
    return err_set(
        e, ERR_SCHEMA,
        "the target's table %s.%s has %u columns where the chain has %zu; make the schemas equal, or "
        "restore into an empty database",
        t->schema, t->name, (unsigned)copied, t->n_column);
}

static status check_tables(const struct plan *p, const struct table_list *there, err *e)
{
    for (size_t i = 0; i < p->count; i++) {
        const Pgstrand__Table *t = p->table[i].message;
        if (!p->table[i].comes || t->partition_root)
            continue;
        const struct table_info *info = find(there, t);
        if (info == NULL || info->kind != 'r')
            return err_set(e, ERR_SCHEMA,
                           "the target has no table %s.%s; restore into an empty database (--mode fresh)",
                           t->schema, t->name);
        TRY(check_columns(t, info, e));
    }
    return DONE;
}

/* Triggers that fire whatever session_replication_role says would change rows behind our back. */
static status check_triggers(struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT t.tgname, n.nspname || '.' || r.relname FROM pg_catalog.pg_trigger t"
                     " JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid"
                     " JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace"
                     " WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') AND n.nspname <> 'pgstrand'"
                     " ORDER BY 2, 1 LIMIT 1",
                     0, NULL, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "trigger %s of %s in the target is ENABLE ALWAYS or REPLICA and would fire; disable it first",
        pgrows_text(rows, 0, 0), pgrows_text(rows, 0, 1));
}

status replace_check(const struct plan *p, struct pgconn *c, err *e)
{
    OWNED(tier_rules) struct tier_rules *rules = NULL;
    OWNED(table_list) struct table_list *there = NULL;
    struct targetdb t;
    TRY(tier_rules_new(TIER_BUSINESS, &rules, e));
    TRY(table_list_read(c, rules, &there, e));
    TRY(check_tables(p, there, e));
    TRY(enumlabels_check(p->schema, c, e));
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
    return loadtable_all(job, c, e);
}

/* No rollback takes setval back: behind everything that may refuse. */
static status set_sequences(struct job *job, struct pgconn *c, err *e)
{
    TRY(setsequences_captured(job, c, e));
    return setsequences_pass_columns(c, e);
}

static status as_replica(struct job *job, const struct emptied *t, struct orphans *o, struct pgconn *c,
                         err *e)
{
    TRY(exchange(job, t, c, e));
    TRY(orphans_settle_standing(o, c, emptied_oids(t), e));
    return set_sequences(job, c, e);
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
    TRY(set_sequences(job, c, e)); /* it sees every row only as long as row security is off */
    return triggers.len == 0 ? DONE : pgconn_exec(c, buf_cstring(&triggers), e);
}

status replace_run(struct job *job, struct pgconn *c, err *e)
{
    OWNED(emptied) struct emptied t = {0};
    OWNED(orphans) struct orphans orphans;
    struct targetdb target = {0};
    orphans_init(&orphans, job, &target);
    TRY(targetdb_read(c, &target, e));
    TRY(targetdb_begin(c, &target, e));
    status done = replayed_mark(job, c, &target, e);
    if (done.ok)
        done = emptied_find(job, c, &t, e);
    if (done.ok)
        done = target.replica ? as_replica(job, &t, &orphans, c, e) : as_owner(job, &t, &orphans, c, e);
    if (done.ok)
        done = replayed_write(job, c, e);
    if (!done.ok) {
        targetdb_rollback(c);
        return FAILED;
    }
    TRY(skip_commit(job, c, e));
    return analyze_tables(job, e);
}
