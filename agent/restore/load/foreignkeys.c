#include "agent/restore/load/foreignkeys.h"

#include <stdlib.h>

void foreignkeys_fini(struct foreignkeys *k)
{
    pgrows_free(k->rows);
    free(k->key);
    *k = (struct foreignkeys){0};
}

/* Roots of partitions stand for them: conparentid. A partial SET NULL leaves a MATCH FULL key an orphan, so
 * there it is none. */
static const char keys_query[] =
    "SELECT k.oid, k.conname, pg_catalog.format('%%I.%%I', cn.nspname, ch.relname),"
    " pg_catalog.format('%%I.%%I', pn.nspname, pa.relname), k.conrelid, k.confrelid, pa.relkind = 'p',"
    " pg_catalog.format('%%s%%I.%%I c', CASE ch.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END, cn.nspname,"
    "  ch.relname),"
    " pg_catalog.format('(%%s) AND NOT EXISTS (SELECT FROM %%s%%I.%%I p WHERE %%s)',"
    "  (SELECT pg_catalog.string_agg(pg_catalog.format('c.%%I IS NOT NULL', a.attname),"
    "     CASE k.confmatchtype WHEN 'f' THEN ' OR ' ELSE ' AND ' END)"
    "   FROM pg_catalog.unnest(k.conkey) u(n) JOIN pg_catalog.pg_attribute a"
    "   ON a.attrelid = k.conrelid AND a.attnum = u.n),"
    "  CASE pa.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END, pn.nspname, pa.relname,"
    "  (SELECT pg_catalog.string_agg(pg_catalog.format('p.%%I OPERATOR(%%I.%%s) c.%%I', b.attname, x.nspname,"
    "     o.oprname, a.attname), ' AND ')"
    "   FROM unnest(k.conkey, k.confkey, k.conpfeqop) u(n, m, op) JOIN pg_catalog.pg_attribute a"
    "   ON a.attrelid = k.conrelid AND a.attnum = u.n JOIN pg_catalog.pg_attribute b"
    "   ON b.attrelid = k.confrelid AND b.attnum = u.m JOIN pg_catalog.pg_operator o ON o.oid = u.op"
    "   JOIN pg_catalog.pg_namespace x ON x.oid = o.oprnamespace)),"
    " CASE WHEN k.confdeltype = 'n' AND NOT (k.confmatchtype = 'f' AND %s IS NOT NULL) THEN"
    "  (SELECT pg_catalog.string_agg(pg_catalog.format('%%I = NULL', a.attname), ', ')"
    "   FROM pg_catalog.unnest(coalesce(%s, k.conkey)) u(n) JOIN pg_catalog.pg_attribute a"
    "   ON a.attrelid = k.conrelid AND a.attnum = u.n) END,"
    " pg_catalog.pg_get_constraintdef(k.oid),"
    " k.conrelid IN (%s) OR k.confrelid IN (%s) OR ch.relkind = 'p' OR pa.relkind = 'p'"
    " FROM pg_catalog.pg_constraint k"
    " JOIN pg_catalog.pg_class ch ON ch.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace cn ON cn.oid = ch.relnamespace"
    " JOIN pg_catalog.pg_class pa ON pa.oid = k.confrelid"
    " JOIN pg_catalog.pg_namespace pn ON pn.oid = pa.relnamespace"
    " WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.convalidated OR k.oid IN (%s))"
    " ORDER BY 3, 2";

static void take_row(const struct pgrows *rows, int i, struct foreignkey *out)
{
    *out = (struct foreignkey){.oid = (uint32_t)pgrows_int(rows, i, 0),
                               .name = pgrows_text(rows, i, 1),
                               .table = pgrows_text(rows, i, 2),
                               .parent = pgrows_text(rows, i, 3),
                               .table_oid = (uint32_t)pgrows_int(rows, i, 4),
                               .parent_oid = (uint32_t)pgrows_int(rows, i, 5),
                               .parent_partitioned = pgrows_bool(rows, i, 6),
                               .target = pgrows_text(rows, i, 7),
                               .where = pgrows_text(rows, i, 8),
                               .clear = pgrows_text(rows, i, 9),
                               .definition = pgrows_text(rows, i, 10),
                               .concerned = pgrows_bool(rows, i, 11)};
}

status foreignkeys_read(struct pgconn *c, const char *more, const char *oids, struct foreignkeys *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    const char *cleared = pgconn_server_version(c) >= 150000 ? "k.confdelsetcols" : "NULL::int2[]";
    buf_printf(&sql, keys_query, cleared, cleared, oids, oids, more);
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(c, buf_cstring(&sql), 0, NULL, &out->rows, e));
    out->count = (size_t)pgrows_count(out->rows);
    out->key = calloc(out->count + 1, sizeof *out->key);
    if (out->key == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < out->count; i++)
        take_row(out->rows, (int)i, &out->key[i]);
    return DONE;
}

status foreignkeys_count(struct pgconn *c, const struct foreignkey *k, uint64_t *orphans, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql, "SELECT count(*) FROM %s WHERE %s", k->target, k->where);
    TRY(buf_done(&sql, e));
    if (!pgconn_query(c, buf_cstring(&sql), 0, NULL, &rows, e).ok)
        return err_wrap(e, "looking for rows of %s without their parent", k->table);
    *orphans = (uint64_t)pgrows_int(rows, 0, 0);
    return DONE;
}
