#include "agent/restore/merge/fate.h"

#include "agent/restore/merge/touches.h"
#include "agent/restore/merge/verdict.h"

void fate_name(struct buf *out, const struct stage *s)
{
    buf_printf(out, "pg_temp.pgstrand_fate_%zu", s->table);
}

/* a.k1, a.k2, ... AS a letter with the same numbers. */
static void put_numbered(struct buf *sql, const struct stage *s, const char *from, const char *as)
{
    for (uint16_t i = 0; i < s->key_count; i++) {
        buf_printf(sql, "%s%s%u", i > 0 ? ", " : "", from, (unsigned)i + 1);
        if (as != NULL)
            buf_printf(sql, " AS %s%u", as, (unsigned)i + 1);
    }
}

static void put_equal(struct buf *sql, const struct stage *s, const char *left, const char *right)
{
    for (uint16_t i = 0; i < s->key_count; i++)
        buf_printf(sql, "%s%s%u %s %s%u", i > 0 ? " AND " : "", left, (unsigned)i + 1, s->equals[i], right,
                   (unsigned)i + 1);
}

status fate_make(const struct stage *s, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(
        &sql,
        "CREATE TEMPORARY TABLE pgstrand_fate_%zu ON COMMIT DROP AS WITH RECURSIVE gone AS MATERIALIZED"
        " (SELECT h.*, coalesce(pg_catalog.lag(h.seq) OVER w, 0) AS before,"
        " pg_catalog.lead(h.seq) OVER w IS NULL AS last FROM ",
        s->table);
    touches_name(&sql, VERDICT_SOURCE, s);
    buf_text(&sql, " h WHERE h.kind IN ('D', 'M') WINDOW w AS (PARTITION BY ");
    put_numbered(&sql, s, "h.k", NULL);
    buf_text(&sql, " ORDER BY h.seq)), way AS (SELECT ");
    put_numbered(&sql, s, "g.k", NULL);
    buf_text(&sql, ", ");
    put_numbered(&sql, s, "g.n", "p");
    buf_text(&sql, ", g.seq, g.kind FROM gone g WHERE g.kind = 'M' AND g.last UNION ALL SELECT ");
    put_numbered(&sql, s, "y.k", NULL);
    buf_text(&sql, ", ");
    put_numbered(&sql, s, "g.n", NULL);
    buf_text(&sql, ", g.seq, g.kind FROM way y JOIN gone g ON ");
    put_equal(&sql, s, "g.k", "y.p");
    buf_text(&sql, " AND g.seq > y.seq AND g.before <= y.seq WHERE y.kind = 'M') SELECT ");
    put_numbered(&sql, s, "f.k", NULL);
    buf_text(&sql, ", ");
    put_numbered(&sql, s, "f.p", NULL);
    buf_text(&sql, " FROM (SELECT y.*, pg_catalog.row_number() OVER (PARTITION BY ");
    put_numbered(&sql, s, "y.k", NULL);
    buf_text(&sql, " ORDER BY y.seq DESC) AS back FROM way y) f WHERE f.back = 1 AND f.kind = 'M'");
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

void fate_lives(struct buf *sql, const struct stage *s, const char *alias)
{
    buf_text(sql, "EXISTS (SELECT FROM ");
    fate_name(sql, s);
    buf_text(sql, " f JOIN ");
    stage_name(sql, s);
    buf_text(sql, " s ON ");
    for (uint16_t i = 0; i < s->key_count; i++) {
        buf_printf(sql, "%sf.p%u %s s.", i > 0 ? " AND " : "", (unsigned)i + 1, s->equals[i]);
        pgconn_quote_name(sql, s->message->column[s->key[i]]->name);
    }
    buf_text(sql, " WHERE ");
    stage_key_match(sql, s, "f", alias);
    buf_text(sql, ")");
}
