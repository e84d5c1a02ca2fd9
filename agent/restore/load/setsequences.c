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

/* `only`: a condition on sequence s. setval is strict: what is not there (replace) is passed over. */
static status set_captured(struct job *job, struct pgconn *c, const char *only, err *e)
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
        buf_printf(&sql, "SELECT pg_catalog.setval(s.oid, %lld, %s) FROM (SELECT pg_catalog.to_regclass(",
                   (long long)s->last_value, s->is_called ? "true" : "false");
        pgconn_quote_literal(&sql, buf_cstring(&name));
        buf_printf(&sql, ") AS oid) s WHERE %s", only);
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
    "  AND (y.oid IN (20, 21, 23) OR y.typbasetype IN (20, 21, 23)) AND ";

static status pass_columns(struct pgconn *c, const char *only, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf query = {0};
    buf_printf(&query, "%s%s ORDER BY 1, 2, 3", users_query, only);
    TRY(buf_done(&query, e));
    TRY(pgconn_query(c, buf_cstring(&query), 0, NULL, &rows, e));
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

status setsequences_captured(struct job *job, struct pgconn *c, err *e)
{
    return set_captured(job, c, "true", e);
}

status setsequences_pass_columns(struct pgconn *c, err *e)
{
    return pass_columns(c, "true", e);
}

/* ---- where others are at work ---- */

/* Sequences that a column of these tables, or of the tables they are partitions of, owns or calls. */
static void put_used(struct buf *sql, const char *oids)
{
    buf_printf(sql,
               "s.oid IN (WITH t AS (SELECT o FROM pg_catalog.unnest(ARRAY[%s]::oid[]) o UNION"
               "  SELECT a::oid FROM pg_catalog.unnest(ARRAY[%s]::oid[]) o,"
               "   pg_catalog.pg_partition_ancestors(o::regclass) a)"
               " SELECT d.objid FROM pg_catalog.pg_depend d JOIN t ON t.o = d.refobjid"
               "  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0"
               "   AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')"
               " UNION SELECT d.refobjid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f"
               "   ON f.oid = d.objid JOIN t ON t.o = f.adrelid"
               "  WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass"
               "   AND d.refclassid = 'pg_catalog.pg_class'::regclass)",
               oids, oids);
}

/* No rollback takes setval back. But ALTER SEQUENCE, also one that changes nothing, gives the sequence a new
 * file that goes with a rollback, and with it whatever setval writes there later. Only its owner may. */
static status give_new_files(struct pgconn *c, const char *only, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf query = {0};
    buf_printf(
        &query,
        "SELECT pg_catalog.format('ALTER SEQUENCE %%I.%%I INCREMENT BY %%s', n.nspname, s.relname,"
        " q.seqincrement) FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class s ON s.oid = q.seqrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace WHERE s.relpersistence <> 't'"
        " AND n.nspname <> 'pgstrand' AND pg_catalog.pg_has_role(s.relowner, 'USAGE') AND %s ORDER BY 1",
        only);
    TRY(buf_done(&query, e));
    TRY(pgconn_query(c, buf_cstring(&query), 0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++)
        TRY(pgconn_exec(c, pgrows_text(rows, i, 0), e));
    return DONE;
}

status setsequences_exchange(struct job *job, struct pgconn *c, const char *oids, err *e)
{
    OWNED(buf) struct buf only = {0};
    if (job->request->tables == NULL)
        buf_text(&only, "true");
    else
        put_used(&only, oids);
    TRY(buf_done(&only, e));
    TRY(give_new_files(c, buf_cstring(&only), e));
    TRY(set_captured(job, c, buf_cstring(&only), e));
    return pass_columns(c, buf_cstring(&only), e);
}
