#include "agent/restore/load/setsequences.h"

#include "agent/pg/tables.h"
#include "proto/pbmem.h"
#include "store/snapreader.h"

/* A large database has tens of thousands of sequences. */
#define SEQUENCES_MEMORY ((size_t)64 << 20)

static status load(const struct job *job, Pgstrand__Sequences **out, err *e)
{
    const struct plan *p = job->plan;
    *out = NULL;
    for (size_t i = plan_last_link(p, p->seq) + 1; i > p->base && *out == NULL; i--) {
        OWNED(snapreader) struct snapreader *r = NULL;
        bool found = false, end = false;
        struct snap_payload payload;
        TRY(snapreader_open(p->chain->link[i - 1].dir, p->chain->link[i - 1].name, &r, e));
        TRY(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__SEQUENCES, &found, e));
        if (!found)
            continue;
        TRY(snapreader_next(r, 0, &payload, &end, e));
        if (!end)
            TRY(PB_UNPACK(*out, pgstrand__sequences__descriptor, payload.payload, "SEQUENCES section",
                          SEQUENCES_MEMORY, e));
    }
    return DONE;
}

status setsequences_captured(struct job *job, struct pgconn *c, err *e)
{
    PB_OWNED(Pgstrand__Sequences) *sequences = NULL;
    TRY(load(job, &sequences, e));
    for (size_t i = 0; sequences != NULL && i < sequences->n_sequence; i++) {
        const Pgstrand__Sequence *s = sequences->sequence[i];
        OWNED(buf) struct buf name = {0};
        OWNED(buf) struct buf sql = {0};
        if ((job->plan->tiers & TIER_BIT(s->tier)) == 0)
            continue;
        table_quote(&name, s->schema, s->name);
        /* setval is strict: a sequence that is not there (replace) is passed over. */
        buf_text(&sql, "SELECT pg_catalog.setval(pg_catalog.to_regclass(");
        pgconn_quote_literal(&sql, buf_cstring(&name));
        buf_printf(&sql, "), %lld, %s)", (long long)s->last_value, s->is_called ? "true" : "false");
        TRY(buf_done(&sql, e));
        if (!pgconn_exec(c, buf_cstring(&sql), e).ok)
            return err_wrap(e, "sequence %s.%s", s->schema, s->name);
    }
    return DONE;
}

/* Sequences and the integer columns that own them or call them in a default. */
static const char users_query[] =
    "SELECT DISTINCT pg_catalog.format('%I.%I', sn.nspname, s.relname),"
    " pg_catalog.format('%I.%I', tn.nspname, t.relname), pg_catalog.quote_ident(a.attname),"
    " q.seqincrement > 0, q.seqmin, q.seqmax"
    " FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class s ON s.oid = q.seqrelid"
    " JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace"
    " JOIN (SELECT d.objid AS seq, d.refobjid AS tab, d.refobjsubid AS att FROM pg_catalog.pg_depend d"
    "   WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass"
    "    AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0"
    "  UNION SELECT d.refobjid, f.adrelid, f.adnum FROM pg_catalog.pg_depend d"
    "   JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid"
    "   WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass"
    "    AND d.refclassid = 'pg_catalog.pg_class'::regclass) u ON u.seq = s.oid"
    " JOIN pg_catalog.pg_class t ON t.oid = u.tab AND t.relkind IN ('r', 'p')"
    " JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.att AND NOT a.attisdropped"
    " JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
    " WHERE s.relpersistence <> 't' AND sn.nspname <> 'pgstrand'"
    "  AND (y.oid IN (20, 21, 23) OR y.typbasetype IN (20, 21, 23))"
    " ORDER BY 1, 2, 3";

status setsequences_pass_columns(struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, users_query, 0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++) {
        const char *sequence = pgrows_text(rows, i, 0);
        const char *aggregate = pgrows_bool(rows, i, 3) ? "max" : "min";
        const char *beyond = pgrows_bool(rows, i, 3) ? ">" : "<";
        OWNED(buf) struct buf sql = {0};
        buf_text(&sql, "SELECT pg_catalog.setval(");
        pgconn_quote_literal(&sql, sequence);
        buf_printf(&sql,
                   ", u.v, true) FROM (SELECT pg_catalog.%s(%s)::bigint AS v FROM %s) u, %s s"
                   " WHERE (u.v %s s.last_value OR (u.v = s.last_value AND NOT s.is_called))"
                   " AND u.v BETWEEN %s AND %s",
                   aggregate, pgrows_text(rows, i, 2), pgrows_text(rows, i, 1), sequence, beyond,
                   pgrows_text(rows, i, 4), pgrows_text(rows, i, 5));
        TRY(buf_done(&sql, e));
        if (!pgconn_exec(c, buf_cstring(&sql), e).ok)
            return err_wrap(e, "sequence %s", sequence);
    }
    return DONE;
}
