#include "agent/restore/merge/verdict.h"

#include <inttypes.h>

#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/skip.h"
#include "agent/restore/merge/extras.h"
#include "agent/restore/merge/fate.h"
#include "agent/restore/merge/touches.h"

#define CONFLICTS_NAMED "5"

/*
 * Columns of a verdict: k1, k2, ...; what: c (both have it, and they differ), d (deleted on the source), m
 * (moved to another key there), g (deleted on the target); guard: n (newer on the target), x (made on both),
 * or empty.
 */
void verdict_name(struct buf *out, const struct stage *s)
{
    buf_printf(out, "pg_temp.pgstrand_verdict_%zu", s->table);
}

static void relation_literal(struct buf *out, const struct stage *s)
{
    OWNED(buf) struct buf name = {0};
    loadtable_name(&name, s->message);
    pgconn_quote_literal(out, buf_cstring(&name));
}

static void key_image(struct buf *out, const struct stage *s, const char *alias, bool numbered)
{
    buf_text(out, "ROW(");
    stage_key_list(out, s, alias, numbered);
    buf_text(out, ")::text");
}

/* ---- making them ---- */

/* One row of facts for each key of a history; what came from `foreign` (NULL: from nobody) is no change of
 * its own. */
static void put_history(struct buf *sql, const struct stage *s, const char *history, const char *foreign)
{
    buf_text(sql, "(SELECT ");
    stage_key_list(sql, s, "h", true);
    buf_text(sql, ", min(h.seq) AS first_seq, max(h.seq) AS last_seq,"
                  " (pg_catalog.array_agg(h.kind ORDER BY h.seq, h.kind DESC))[1] AS first_kind,"
                  " (pg_catalog.array_agg(h.origin ORDER BY h.seq))[1] AS first_origin,"
                  " (pg_catalog.array_agg(h.kind ORDER BY h.seq DESC, h.kind))[1] AS last_kind,"
                  " max(h.at)");
    if (foreign != NULL) {
        buf_text(sql, " FILTER (WHERE h.origin <> ");
        pgconn_quote_literal(sql, foreign);
        buf_text(sql, ")");
    }
    buf_text(sql, " AS last_at FROM ");
    touches_name(sql, history, s);
    buf_text(sql, " h GROUP BY ");
    stage_key_list(sql, s, "h", true);
    buf_text(sql, ")");
}

/* Which node made the row, as far as its history says. */
static void put_birth(struct buf *sql, const char *alias, const uuid *node)
{
    char origin[REPLAYED_ORIGIN_TEXT];
    buf_printf(sql, "CASE WHEN %s.first_kind = 'C' THEN coalesce(nullif(%s.first_origin, ''), '%s') END",
               alias, alias, replayed_origin(node, origin));
}

static void put_conflict(struct buf *sql, const struct verdict_facts *f)
{
    char origin[REPLAYED_ORIGIN_TEXT];
    if (f->own_chain) {
        buf_text(sql, "false");
        return;
    }
    buf_text(sql, "coalesce(");
    if (f->remembers)
        buf_text(sql, "kept.key IS NOT NULL OR ");
    if (f->own_history) {
        buf_text(sql, "(");
        put_birth(sql, "own", f->own);
        buf_text(sql, " <> ");
        put_birth(sql, "src", f->source);
        buf_text(sql, ") OR (src.first_kind IS DISTINCT FROM 'C' AND ");
        put_birth(sql, "own", f->own);
        buf_printf(sql, " = '%s') OR (own.first_kind IS DISTINCT FROM 'C' AND ",
                   replayed_origin(f->own, origin));
    } else {
        buf_text(sql, "(");
    }
    put_birth(sql, "src", f->source);
    buf_printf(sql, " = '%s' AND src.first_seq > %" PRIu64 "), false)", replayed_origin(f->source, origin),
               f->replayed);
}

/* When the source itself changed the row last: what it has only from the target is older than all. */
static void put_source_time(struct buf *sql, const struct verdict_facts *f)
{
    char time[PGTIME_TEXT];
    buf_printf(sql,
               "coalesce(src.last_at, CASE WHEN src.last_seq IS NULL THEN '%s'::timestamptz ELSE"
               " '-infinity' END)",
               pgtime_format(f->base_time, time));
}

static void put_newer(struct buf *sql, const struct verdict_facts *f)
{
    if (!f->own_history && !f->commit_times) {
        buf_text(sql, "false");
        return;
    }
    buf_text(sql, "coalesce(");
    if (f->own_history)
        buf_text(sql, "own.last_at");
    else
        buf_text(sql, "CASE WHEN pg_catalog.pg_xact_commit_timestamp_origin(t.xmin) IS NULL OR"
                      " (pg_catalog.pg_xact_commit_timestamp_origin(t.xmin)).roident = 0 THEN"
                      " pg_catalog.pg_xact_commit_timestamp(t.xmin) END");
    buf_text(sql, " > ");
    put_source_time(sql, f);
    buf_text(sql, ", false)");
}

/* The joins behind FROM ...: `on` has the key. */
static void put_joins(struct buf *sql, const struct stage *s, const struct verdict_facts *f, const char *on)
{
    char origin[REPLAYED_ORIGIN_TEXT], text[UUID_TEXT];
    const char *own = f->own != NULL && !f->own_chain ? replayed_origin(f->own, origin) : NULL;
    buf_text(sql, " LEFT JOIN ");
    put_history(sql, s, VERDICT_SOURCE, own);
    buf_text(sql, " src ON ");
    stage_key_match(sql, s, "src", on);
    if (f->own_history) {
        buf_text(sql, " LEFT JOIN ");
        put_history(sql, s, VERDICT_OWN, replayed_origin(f->source, origin));
        buf_text(sql, " own ON ");
        stage_key_match(sql, s, "own", on);
    }
    if (!f->remembers)
        return;
    buf_text(sql, " LEFT JOIN pgstrand.conflict kept ON kept.relation = ");
    relation_literal(sql, s);
    buf_printf(sql, " AND kept.node = '%s' AND kept.key = ", uuid_format(f->source, text));
    key_image(sql, s, on, false);
}

static void put_guard(struct buf *sql, const struct verdict_facts *f)
{
    buf_text(sql, " CASE WHEN ");
    put_conflict(sql, f);
    buf_text(sql, " THEN 'x' WHEN ");
    put_newer(sql, f);
    buf_text(sql, " THEN 'n' ELSE '' END AS guard");
}

/* k1, k2, ... out of the named columns. */
static void put_keys(struct buf *sql, const struct stage *s, const char *alias)
{
    for (uint16_t i = 0; i < s->key_count; i++) {
        buf_printf(sql, "%s%s.", i > 0 ? ", " : "", alias);
        pgconn_quote_name(sql, s->message->column[s->key[i]]->name);
        buf_printf(sql, " AS k%u", (unsigned)i + 1);
    }
}

static void put_changed(struct buf *sql, const struct stage *s, const struct verdict_facts *f)
{
    buf_text(sql, "SELECT ");
    put_keys(sql, s, "t");
    buf_text(sql, ", 'c' AS what,");
    put_guard(sql, f);
    buf_text(sql, " FROM ");
    stage_name(sql, s);
    buf_text(sql, " s JOIN ");
    stage_target(sql, s);
    buf_text(sql, " t ON ");
    stage_same_key(sql, s);
    put_joins(sql, s, f, "t");
    buf_text(sql, " WHERE ");
    stage_differs(sql, s);
}

/* What the source deleted or moved since, and the target has. A row that was moved and then deleted is
 * deleted. Of one business's rows: only those that moved and still are among what comes; whose the others
 * were cannot be told. */
static void put_gone_there(struct buf *sql, const struct stage *s, const struct verdict_facts *f)
{
    buf_text(sql, " UNION ALL SELECT ");
    put_keys(sql, s, "t");
    buf_text(sql, ", CASE WHEN src.last_kind = 'M' AND ");
    fate_lives(sql, s, "t");
    buf_text(sql, " THEN 'm' ELSE 'd' END,");
    put_guard(sql, f);
    buf_text(sql, " FROM ");
    stage_target(sql, s);
    buf_text(sql, " t");
    put_joins(sql, s, f, "t");
    buf_printf(sql, " WHERE (src.last_kind = 'D' OR (src.last_kind = 'M' AND (src.last_seq > %" PRIu64,
               f->replayed);
    if (!f->filtered &&
        (f->own_history || f->commit_times)) { /* a row that the target made there since is newer */
        buf_text(sql, " OR NOT ");
        fate_lives(sql, s, "t");
    }
    buf_text(sql, ")))");
    if (f->filtered) {
        buf_text(sql, " AND src.last_kind = 'M' AND ");
        fate_lives(sql, s, "t");
    }
    buf_text(sql, " AND NOT EXISTS (SELECT FROM ");
    stage_name(sql, s);
    buf_text(sql, " s WHERE ");
    stage_same_key(sql, s);
    buf_text(sql, ")");
}

/* What the target deleted later than the source changed it. */
static void put_gone_here(struct buf *sql, const struct stage *s, const struct verdict_facts *f)
{
    buf_text(sql, " UNION ALL SELECT ");
    put_keys(sql, s, "s");
    buf_text(sql, ", 'g', 'n' FROM ");
    stage_name(sql, s);
    buf_text(sql, " s");
    put_joins(sql, s, f, "s");
    buf_text(sql, " WHERE own.last_kind IN ('D', 'M') AND own.last_at > ");
    put_source_time(sql, f);
    buf_text(sql, " AND NOT EXISTS (SELECT FROM ");
    stage_target(sql, s);
    buf_text(sql, " t WHERE ");
    stage_same_key(sql, s);
    buf_text(sql, ")");
}

status verdict_make(const struct stage *s, const struct verdict_facts *f, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    if (s->key_count == 0)
        return DONE;
    TRY(fate_make(s, c, e));
    buf_printf(&sql, "CREATE TEMPORARY TABLE pgstrand_verdict_%zu ON COMMIT DROP AS ", s->table);
    put_changed(&sql, s, f);
    put_gone_there(&sql, s, f);
    if (f->own_history)
        put_gone_here(&sql, s, f);
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

/* ---- carrying them out ---- */

/* Does a verdict v act? */
static void put_acts(struct buf *sql, const struct restore_request *r)
{
    buf_printf(
        sql, "(v.guard = ''%s%s) AND (v.what <> 'd'%s)", r->newer == MERGE_TAKE ? " OR v.guard = 'n'" : "",
        r->conflicts == MERGE_TAKE ? " OR v.guard = 'x'" : "", r->deleted == MERGE_TAKE ? " OR true" : "");
}

/* Staged rows that the target has too few of, numbered among their equals; FROM what this says. */
static void put_missing_copies(struct buf *sql, const struct stage *s)
{
    buf_text(sql, "(SELECT s.*, pg_catalog.row_number() OVER (PARTITION BY ");
    stage_image(sql, s, "s");
    buf_text(sql, "::text) AS pgstrand_copy, ");
    stage_image(sql, s, "s");
    buf_text(sql, "::text AS pgstrand_image FROM ");
    stage_name(sql, s);
    buf_text(sql, " s) s LEFT JOIN (SELECT ");
    stage_image(sql, s, "t");
    buf_text(sql, "::text AS image, count(*) AS copies FROM ");
    stage_target(sql, s);
    buf_text(sql,
             " t GROUP BY 1) t ON t.image = s.pgstrand_image WHERE s.pgstrand_copy > coalesce(t.copies, 0)");
}

/* Staged rows whose key the target has not (any more), but for those whose verdict is to leave them out. */
static void put_missing(struct buf *sql, const struct stage *s, const struct restore_request *r)
{
    stage_name(sql, s);
    buf_text(sql, " s WHERE NOT EXISTS (SELECT FROM ");
    stage_target(sql, s);
    buf_text(sql, " t WHERE ");
    stage_same_key(sql, s);
    buf_text(sql, ") AND NOT EXISTS (SELECT FROM ");
    verdict_name(sql, s);
    buf_text(sql, " v WHERE ");
    stage_key_match(sql, s, "v", "s");
    buf_text(sql, " AND v.what = 'g' AND NOT (");
    put_acts(sql, r);
    buf_text(sql, "))");
}

static void put_range(struct buf *sql, uint64_t from, uint64_t to)
{
    buf_printf(sql, " s.pgstrand_row BETWEEN %" PRIu64 " AND %" PRIu64, from, to);
}

/* from 0: all; else those of a range of staged rows. */
static status delete_rows(const struct stage *s, const struct restore_request *r, struct pgconn *c,
                          uint64_t from, uint64_t to, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "DELETE FROM ");
    stage_target(&sql, s);
    buf_text(&sql, " t USING ");
    verdict_name(&sql, s);
    buf_text(&sql, " v WHERE ");
    stage_key_match(&sql, s, "v", "t");
    buf_text(&sql, " AND ");
    put_acts(&sql, r);
    if (from > 0) {
        buf_text(&sql, " AND v.what = 'c' AND EXISTS (SELECT FROM ");
        stage_name(&sql, s);
        buf_text(&sql, " s WHERE ");
        stage_same_key(&sql, s);
        buf_text(&sql, " AND");
        put_range(&sql, from, to);
        buf_text(&sql, ")");
    } else if (r->skip) {
        buf_text(&sql, " AND v.what <> 'c'");
    }
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

static status insert_rows(const struct stage *s, const struct restore_request *r, struct pgconn *c,
                          uint64_t from, uint64_t to, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "INSERT INTO ");
    loadtable_name(&sql, s->message);
    loadtable_columns(&sql, s->message);
    buf_text(&sql, " OVERRIDING SYSTEM VALUE SELECT ");
    stage_columns(&sql, s, "s");
    buf_text(&sql, " FROM ");
    if (s->key_count == 0)
        put_missing_copies(&sql, s);
    else
        put_missing(&sql, s, r);
    if (from > 0) {
        buf_text(&sql, " AND");
        put_range(&sql, from, to);
    }
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

struct bringing {
    const struct stage *stage;
    const struct restore_request *choices;
};

static status bring(void *context, struct pgconn *c, uint64_t from, uint64_t to, err *e)
{
    const struct bringing *b = context;
    if (b->stage->key_count > 0)
        TRY(delete_rows(b->stage, b->choices, c, from, to, e));
    return insert_rows(b->stage, b->choices, c, from, to, e);
}

static status exchange(const struct stage *s, struct job *job, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf name = {0};
    struct bringing bringing = {s, job->request};
    if (s->key_count > 0)
        TRY(delete_rows(s, job->request, c, 0, 0, e));
    if (!job->request->skip)
        return insert_rows(s, job->request, c, 0, 0, e);
    stage_name(&name, s);
    const struct skip_rows rows = {s->table, buf_cstring(&name), s->rows, &bringing, bring};
    return skip_bring(job, c, &rows, e);
}

status verdict_apply(const struct stage *s, struct job *job, struct pgconn *c, err *e)
{
    TRY(extras_keep(s, job, c, e));
    TRY(exchange(s, job, c, e));
    return extras_return(s, job, c, e);
}

/* ---- telling ---- */

static status count_verdicts(const struct stage *s, const struct restore_request *r, struct pgconn *c,
                             struct row_changes *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    buf_text(&sql,
             "SELECT count(*) FILTER (WHERE acts AND what = 'c'), count(*) FILTER (WHERE acts AND what IN"
             " ('d', 'm')), count(*) FILTER (WHERE guard = 'n'), count(*) FILTER (WHERE guard = 'x'),"
             " count(*) FILTER (WHERE NOT acts AND what = 'd' AND guard = '') FROM (SELECT v.*, ");
    put_acts(&sql, r);
    buf_text(&sql, " AS acts FROM ");
    verdict_name(&sql, s);
    buf_text(&sql, " v) v");
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    out->changed = (uint64_t)pgrows_int(rows, 0, 0);
    out->removed = (uint64_t)pgrows_int(rows, 0, 1);
    out->newer = (uint64_t)pgrows_int(rows, 0, 2);
    out->conflicts = (uint64_t)pgrows_int(rows, 0, 3);
    out->left = (uint64_t)pgrows_int(rows, 0, 4);
    return DONE;
}

status verdict_count(const struct stage *s, const struct restore_request *choices, struct pgconn *c,
                     struct row_changes *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    *out = (struct row_changes){0};
    if (s->key_count > 0)
        TRY(count_verdicts(s, choices, c, out, e));
    buf_text(&sql, "SELECT count(*) FROM ");
    if (s->key_count == 0)
        put_missing_copies(&sql, s);
    else
        put_missing(&sql, s, choices);
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e));
    out->added = (uint64_t)pgrows_int(rows, 0, 0);
    return DONE;
}

status verdict_remember(const struct stage *s, const struct verdict_facts *f,
                        const struct restore_request *choices, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    char text[UUID_TEXT];
    if (s->key_count == 0)
        return DONE;
    buf_text(&sql, "DELETE FROM pgstrand.conflict WHERE relation = ");
    relation_literal(&sql, s);
    buf_printf(&sql, " AND node = '%s'; ", uuid_format(f->source, text));
    if (choices->conflicts == MERGE_KEEP) {
        buf_printf(&sql, "INSERT INTO pgstrand.conflict (node, relation, key) SELECT '%s', ", text);
        relation_literal(&sql, s);
        buf_text(&sql, ", ");
        key_image(&sql, s, "v", true);
        buf_text(&sql, " FROM ");
        verdict_name(&sql, s);
        buf_text(&sql, " v WHERE v.guard = 'x'");
    }
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status verdict_name_conflicts(const struct stage *s, struct pgconn *c, char **out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "SELECT pg_catalog.string_agg(k, ', ') FROM (SELECT ");
    key_image(&sql, s, "v", true);
    buf_text(&sql, " AS k FROM ");
    verdict_name(&sql, s);
    buf_text(&sql, " v WHERE v.guard = 'x' ORDER BY ");
    stage_key_list(&sql, s, "v", true);
    buf_text(&sql, " LIMIT " CONFLICTS_NAMED ") f");
    TRY(buf_done(&sql, e));
    return pgconn_value(c, buf_cstring(&sql), out, e);
}
