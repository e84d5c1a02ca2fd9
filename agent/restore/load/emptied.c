#include "agent/restore/load/emptied.h"

#include "agent/restore/plan/chainconf.h"

#define LOST_NAMED 4 /* tables in a warning */

void emptied_fini(struct emptied *t)
{
    table_list_free(t->target);
    config_free(t->config);
    free(t->table);
    buf_fini(&t->oids);
    *t = (struct emptied){0};
}

static const struct plan_table *planned(const struct plan *p, const struct table_info *t)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->table[i].message->schema, t->schema) == 0 &&
            strcmp(p->table[i].message->name, t->name) == 0)
            return &p->table[i];
    return NULL;
}

static bool is_emptied(const struct job *job, const struct table_info *t)
{
    const struct plan_table *known = planned(job->plan, t);
    if (known != NULL && known->comes)
        return true;
    if (t->kind != 'r' || job->request->tables != NULL)
        return false; /* what was not named stays as it is */
    if (known != NULL)
        return !job->same_device && known->message->tier == PGSTRAND__TIER__DEVICE;
    return t->tier.tier == TIER_TRANSIENT && t->tier.other == TIER_TRANSIENT;
}

status emptied_find(struct job *job, struct pgconn *c, struct emptied *out, err *e)
{
    TRY(chainconf_load(job, &out->config, e));
    TRY(table_list_read(c, out->config->tiers, &out->target, e));
    out->table = calloc(out->target->count + 1, sizeof *out->table);
    if (out->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < out->target->count; i++) {
        const struct table_info *t = &out->target->table[i];
        if (!is_emptied(job, t))
            continue;
        buf_printf(&out->oids, "%s%u", out->count > 0 ? "," : "", t->oid);
        out->table[out->count++] = t;
    }
    if (out->count == 0)
        buf_text(&out->oids, "0");
    (void)buf_cstring(&out->oids);
    return buf_done(&out->oids, e);
}

static bool comes(const struct plan *p, const struct table_info *t)
{
    const struct plan_table *known = planned(p, t);
    return known != NULL && known->comes;
}

static status has_rows(struct pgconn *c, const struct table_info *t, bool *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    buf_text(&sql, "SELECT 1 FROM ONLY ");
    table_quote(&sql, t->schema, t->name);
    buf_text(&sql, " LIMIT 1");
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    *out = pgrows_count(rows) > 0;
    return DONE;
}

status emptied_say_lost(struct job *job, struct pgconn *c, err *e)
{
    OWNED(emptied) struct emptied t = {0};
    OWNED(buf) struct buf names = {0};
    size_t lost = 0;
    TRY(emptied_find(job, c, &t, e));
    for (size_t i = 0; i < t.count; i++) {
        bool filled = false;
        if (comes(job->plan, t.table[i]))
            continue;
        TRY(has_rows(c, t.table[i], &filled, e));
        if (filled && lost++ < LOST_NAMED)
            buf_printf(&names, "%s%s.%s", lost > 1 ? ", " : "", t.table[i]->schema, t.table[i]->name);
    }
    if (lost > LOST_NAMED)
        buf_printf(&names, " and %zu more", lost - LOST_NAMED);
    TRY(buf_done(&names, e));
    return lost == 0 ? DONE
                     : job_warn(job, e, "rows that nothing brings back are removed from the target: %s",
                                buf_cstring(&names));
}

const char *emptied_oids(const struct emptied *t)
{
    return (const char *)t->oids.data; /* emptied_find has put a NUL behind it */
}

status emptied_is_referenced(const struct emptied *t, struct pgconn *c, bool *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    buf_printf(&sql,
               "SELECT count(*) FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid IN (%s)"
               " AND conrelid NOT IN (%s)",
               emptied_oids(t), emptied_oids(t));
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    *out = pgrows_int(rows, 0, 0) > 0;
    return DONE;
}

/* Runs the first column of each row now; the second ones are for later. */
static status run_and_keep(struct pgconn *c, struct buf *query, struct buf *again, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(buf_done(query, e));
    TRY(pgconn_query(c, buf_cstring(query), 0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++) {
        TRY(pgconn_exec(c, pgrows_text(rows, i, 0), e));
        buf_text(again, pgrows_text(rows, i, 1));
    }
    return buf_done(again, e);
}

status emptied_drop_foreign_keys_of(struct pgconn *c, const char *oids, struct buf *again, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(
        &sql,
        "SELECT pg_catalog.format('ALTER TABLE %%s DROP CONSTRAINT %%I', k.conrelid::regclass, k.conname),"
        " pg_catalog.format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s; ', k.conrelid::regclass, k.conname,"
        "  pg_catalog.pg_get_constraintdef(k.oid))"
        " FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0"
        "  AND (k.conrelid IN (%s) OR k.confrelid IN (%s)) ORDER BY k.oid",
        oids, oids);
    return run_and_keep(c, &sql, again, e);
}

status emptied_drop_foreign_keys(const struct emptied *t, struct pgconn *c, struct buf *again, err *e)
{
    return emptied_drop_foreign_keys_of(c, emptied_oids(t), again, e);
}

status emptied_silence_triggers_of(struct pgconn *c, const char *oids, struct buf *again, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(
        &sql,
        "SELECT pg_catalog.format('ALTER TABLE ONLY %%s DISABLE TRIGGER %%I', tgrelid::regclass, tgname),"
        " pg_catalog.format('ALTER TABLE ONLY %%s ENABLE TRIGGER %%I; ', tgrelid::regclass, tgname)"
        " FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O' AND tgrelid IN (%s)"
        " UNION ALL SELECT pg_catalog.format('ALTER TABLE ONLY %%s DISABLE RULE %%I', ev_class::regclass,"
        "  rulename), pg_catalog.format('ALTER TABLE ONLY %%s ENABLE RULE %%I; ', ev_class::regclass, "
        "rulename)"
        " FROM pg_catalog.pg_rewrite WHERE ev_enabled = 'O' AND rulename <> '_RETURN' AND ev_class IN (%s)"
        " UNION ALL SELECT pg_catalog.format('ALTER TABLE ONLY %%s NO FORCE ROW LEVEL SECURITY', "
        "oid::regclass),"
        " pg_catalog.format('ALTER TABLE ONLY %%s FORCE ROW LEVEL SECURITY; ', oid::regclass)"
        " FROM pg_catalog.pg_class WHERE relforcerowsecurity AND oid IN (%s)",
        oids, oids, oids);
    return run_and_keep(c, &sql, again, e);
}

status emptied_silence_triggers(const struct emptied *t, struct pgconn *c, struct buf *again, err *e)
{
    return emptied_silence_triggers_of(c, emptied_oids(t), again, e);
}
