#include "agent/restore/merge/extras.h"

#include "agent/restore/merge/fate.h"
#include "agent/restore/merge/verdict.h"

static const struct plan_table *table_of(const struct stage *s, const struct job *job)
{
    return &job->plan->table[s->table];
}

static bool has_extras(const struct stage *s, const struct job *job)
{
    return s->key_count > 0 && table_of(s, job)->extra_count > 0;
}

/* t."extra" AS x1, ... */
static void put_values(struct buf *sql, const struct plan_table *t)
{
    for (size_t i = 0; i < t->extra_count; i++) {
        buf_text(sql, ", t.");
        pgconn_quote_name(sql, t->extra[i]);
        buf_printf(sql, " AS x%zu", i + 1);
    }
}

/* The rows with a verdict of this kind, t; the key as a.k1, ... or a.p1, ... */
static void put_rows(struct buf *sql, const struct stage *s, const struct plan_table *t, const char *key,
                     char what)
{
    buf_text(sql, "SELECT ");
    for (uint16_t i = 0; i < s->key_count; i++)
        buf_printf(sql, "%s%s%u AS k%u", i > 0 ? ", " : "", key, (unsigned)i + 1, (unsigned)i + 1);
    put_values(sql, t);
    buf_text(sql, " FROM ");
    stage_target(sql, s);
    buf_text(sql, " t JOIN ");
    verdict_name(sql, s);
    buf_printf(sql, " v ON v.what = '%c' AND ", what);
    stage_key_match(sql, s, "v", "t");
}

status extras_keep(const struct stage *s, const struct job *job, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    if (!has_extras(s, job))
        return DONE;
    buf_printf(&sql, "CREATE TEMPORARY TABLE pgstrand_kept_%zu ON COMMIT DROP AS ", s->table);
    put_rows(&sql, s, table_of(s, job), "v.k", 'c');
    buf_text(&sql, " UNION ALL ");
    put_rows(&sql, s, table_of(s, job), "f.p", 'm');
    buf_text(&sql, " JOIN ");
    fate_name(&sql, s);
    buf_text(&sql, " f ON ");
    stage_key_match(&sql, s, "f", "t");
    buf_text(&sql, " WHERE NOT EXISTS (SELECT FROM ");
    stage_target(&sql, s);
    buf_text(&sql, " o WHERE ");
    for (uint16_t i = 0; i < s->key_count; i++) {
        buf_printf(&sql, "%sf.p%u %s o.", i > 0 ? " AND " : "", (unsigned)i + 1, s->equals[i]);
        pgconn_quote_name(&sql, s->message->column[s->key[i]]->name);
    }
    buf_text(&sql, ")");
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status extras_return(const struct stage *s, const struct job *job, struct pgconn *c, err *e)
{
    const struct plan_table *t = table_of(s, job);
    OWNED(buf) struct buf sql = {0};
    if (!has_extras(s, job))
        return DONE;
    buf_text(&sql, "UPDATE ");
    stage_target(&sql, s);
    buf_text(&sql, " t SET ");
    for (size_t i = 0; i < t->extra_count; i++) {
        buf_text(&sql, i > 0 ? ", " : "");
        pgconn_quote_name(&sql, t->extra[i]);
        buf_printf(&sql, " = k.x%zu", i + 1);
    }
    buf_printf(&sql, " FROM pg_temp.pgstrand_kept_%zu k WHERE ", s->table);
    stage_key_match(&sql, s, "k", "t");
    for (size_t i = 0; i < t->extra_count; i++) {
        buf_text(&sql, i > 0 ? ", t." : " AND ROW(t.");
        pgconn_quote_name(&sql, t->extra[i]);
    }
    for (size_t i = 0; i < t->extra_count; i++)
        buf_printf(&sql, "%sk.x%zu", i > 0 ? ", " : ")::record OPERATOR(pg_catalog.*<>) ROW(", i + 1);
    buf_text(&sql, ")::record");
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}
