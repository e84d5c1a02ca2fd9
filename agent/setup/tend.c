#include "agent/setup/tend.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/buf.h"

#define TRIGGERS 4 /* in triggers.sql */

/* A glob as LIKE has it. */
static void append_like(struct buf *sql, const char *glob)
{
    OWNED(buf) struct buf like = {0};
    for (const char *at = glob; *at != '\0'; at++) {
        if (*at == '%' || *at == '_' || *at == '\\')
            buf_u8(&like, '\\');
        buf_u8(&like, *at == '*' ? '%' : *at == '?' ? '_' : (uint8_t)*at);
    }
    pgconn_quote_literal(sql, buf_cstring(&like));
}

static status append_rule(void *context, const char *schema, const char *table, const char *column, err *e)
{
    struct buf *sql = context;
    buf_text(sql, sql->len > 0 ? ", (" : "(");
    append_like(sql, schema != NULL ? schema : "*");
    buf_text(sql, ", ");
    append_like(sql, table);
    buf_text(sql, ", ");
    pgconn_quote_literal(sql, column);
    buf_u8(sql, ')');
    return buf_done(sql, e);
}

static status append_table(void *context, const char *schema, const char *table, err *e)
{
    struct buf *sql = context;
    buf_text(sql, sql->len > 0 ? ", (" : "(");
    append_like(sql, schema != NULL ? schema : "*");
    buf_text(sql, ", ");
    append_like(sql, table);
    buf_u8(sql, ')');
    return buf_done(sql, e);
}

static status exists(struct pgconn *c, const char *relation, bool *out, err *e)
{
    const char *const params[] = {relation};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", 1, params, &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

/* `values`: what the table of these columns must have. Only what differs is written: the agent asks for this
 * at every start. */
static status put_list(struct pgconn *c, const char *table, const char *columns, struct buf *values, err *e)
{
    bool there = false;
    TRY(buf_done(values, e));
    TRY(exists(c, table, &there, e));
    if (!there) /* no superuser made it, or an earlier version */
        return DONE;
    if (values->len == 0)
        return pgconn_execf(c, e, "DELETE FROM %s", table);
    return pgconn_execf(c, e,
                        "WITH wanted (%s) AS (VALUES %s),"
                        " gone AS (DELETE FROM %s WHERE (%s) NOT IN (SELECT * FROM wanted))"
                        " INSERT INTO %s SELECT DISTINCT * FROM wanted ON CONFLICT DO NOTHING",
                        columns, buf_cstring(values), table, columns, table);
}

status tend_rules(struct pgconn *c, const struct tier_rules *rules, err *e)
{
    OWNED(buf) struct buf columns = {0};
    OWNED(buf) struct buf untold = {0};
    TRY(tier_rules_each_column(rules, append_rule, &columns, e));
    TRY(put_list(c, "pgstrand.rule", "schema, relation, \"column\"", &columns, e));
    TRY(tier_rules_each_table(rules, TIER_DEVICE, append_table, &untold, e));
    TRY(tier_rules_each_table(rules, TIER_TRANSIENT, append_table, &untold, e));
    return put_list(c, "pgstrand.untold", "schema, relation", &untold, e);
}

/* One ALTER with its record, if the lock is to be had at once. */
static status change(struct pgconn *c, uint32_t oid, const char *quoted, char from, char to, const char *why,
                     const struct progress *progress, size_t *left, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql,
               "BEGIN; SET LOCAL lock_timeout = '50ms'; ALTER TABLE ONLY %s REPLICA IDENTITY %s;"
               " INSERT INTO pgstrand.identity (relid, relation, previous, now, why) VALUES (%u, ",
               quoted, to == 'f' ? "FULL" : "DEFAULT", oid);
    pgconn_quote_literal(&sql, quoted);
    buf_printf(&sql, ", '%c', '%c', '%s'); COMMIT", from, to, why);
    TRY(buf_done(&sql, e));
    if (pgconn_exec(c, buf_cstring(&sql), e).ok) {
        char line[512];
        (void)snprintf(line, sizeof line, "%s gets REPLICA IDENTITY %s", quoted,
                       to == 'f' ? "FULL" : "DEFAULT");
        progress->say(progress->context, line);
        return DONE;
    }
    err rolled = ERR_INIT; /* the first failure is the one to tell */
    if (!pgconn_exec(c, "ROLLBACK", &rolled).ok)
        return FAILED;
    const bool gone = strcmp(e->sqlstate, "42P01") == 0;     /* dropped meanwhile */
    const bool stranger = strcmp(e->sqlstate, "42501") == 0; /* another role's: init has said so */
    if (e->class == ERR_TIMEOUT)
        ++*left;
    else if (!gone && !stranger)
        return err_wrap(e, "cannot change the replica identity of %s", quoted);
    *e = ERR_INIT;
    return DONE;
}

/* The trigger could not, or was not there: the application must be able to go on. */
static status suspend_if_blocked(struct pgconn *c, const struct table_list *tables, err *e)
{
    bool there = false;
    for (size_t i = 0; i < tables->count && !there; i++)
        there = table_blocks(&tables->table[i]);
    if (!there)
        return DONE;
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT pg_catalog.to_regprocedure('pgstrand.suspend()') IS NOT NULL", 0, NULL, &rows,
                     e));
    return pgrows_bool(rows, 0, 0) ? pgconn_exec(c, "SELECT pgstrand.suspend()", e) : DONE;
}

static status raise_all(struct pgconn *c, const struct table_list *tables, const struct progress *progress,
                        size_t *left, err *e)
{
    for (size_t i = 0; i < tables->count; i++) {
        const struct table_info *t = &tables->table[i];
        if (!table_wants_full(t))
            continue;
        OWNED(buf) struct buf name = {0};
        table_quote(&name, t->schema, t->name);
        TRY(buf_done(&name, e));
        TRY(change(c, t->oid, buf_cstring(&name), t->replica_identity, 'f',
                   t->has_identity ? "rule" : "no key", progress, left, e));
    }
    return DONE;
}

/* Ours, and with a key whose columns are all in the stream. What the owner had set to NOTHING had its key
 * then already: it stays, so that uninstall finds and puts it back. */
static const char raised_query[] =
    "SELECT l.relid, pg_catalog.format('%I.%I', n.nspname, k.relname), n.nspname, k.relname"
    " FROM (SELECT DISTINCT ON (relid) relid, previous, now FROM pgstrand.identity WHERE now <> '?'"
    "  ORDER BY relid, at DESC) l"
    " JOIN pg_catalog.pg_class k ON k.oid = l.relid AND k.relreplident = 'f'"
    " JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace"
    " WHERE l.now = 'f' AND l.previous <> 'n' AND EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid "
    "= k.oid AND "
    "i.indisprimary"
    "  AND i.indimmediate AND i.indisvalid AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
    "   WHERE a.attrelid = k.oid AND a.attnum = ANY (i.indkey) AND a.attgenerated <> ''))"
    " AND pg_catalog.pg_has_role(k.relowner, 'USAGE')";

static status lower_all(struct pgconn *c, const struct tier_rules *rules, const struct progress *progress,
                        size_t *left, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, raised_query, 0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++) {
        struct table_tier tier;
        TRY(tier_rules_match(rules, pgrows_text(rows, i, 2), pgrows_text(rows, i, 3), &tier, e));
        if (tier.column == NULL)
            TRY(change(c, (uint32_t)pgrows_int(rows, i, 0), pgrows_text(rows, i, 1), 'f', 'd', "key",
                       progress, left, e));
    }
    return DONE;
}

status tend_identities(struct pgconn *c, const struct tier_rules *rules, const struct progress *progress,
                       size_t *left, err *e)
{
    OWNED(table_list) struct table_list *tables = NULL;
    bool recorded = false;
    *left = 0;
    TRY(exists(c, "pgstrand.identity", &recorded, e));
    if (!recorded)
        return DONE;
    TRY(table_list_read(c, rules, &tables, e));
    TRY(suspend_if_blocked(c, tables, e));
    TRY(raise_all(c, tables, progress, left, e));
    return lower_all(c, rules, progress, left, e);
}

static status missing_triggers(struct pgconn *c, char *out, size_t size, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT count(*) FROM pg_catalog.pg_event_trigger WHERE evtname LIKE 'pgstrand\\_%'"
                     " AND evtenabled = 'A'",
                     0, NULL, &rows, e));
    if (pgrows_int(rows, 0, 0) < TRIGGERS)
        (void)snprintf(
            out, size,
            "only %lld of %d event triggers of pgstrand stand and are enabled: changes of the schema are "
            "not recorded; run pgstrand uninstall and pgstrand init",
            (long long)pgrows_int(rows, 0, 0), TRIGGERS);
    return DONE;
}

static status missing_tables(struct pgconn *c, const char *publication, char *out, size_t size, err *e)
{
    const char *const params[] = {publication};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT count(*), min(pg_catalog.format('%I.%I', n.nspname, k.relname))"
                     " FROM pg_catalog.pg_class k JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace"
                     " WHERE k.relkind = 'r' AND k.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%'"
                     " AND n.nspname NOT IN ('information_schema', 'pgstrand') AND NOT EXISTS"
                     " (SELECT FROM pg_catalog.pg_publication_tables p WHERE p.pubname = $1"
                     "  AND p.schemaname = n.nspname AND p.tablename = k.relname)",
                     1, params, &rows, e));
    if (pgrows_int(rows, 0, 0) > 0)
        (void)snprintf(
            out, size,
            "%lld tables are not captured, among them %s: a role without superuser captures a fixed list "
            "of its own tables; run pgstrand uninstall and pgstrand init to take them in",
            (long long)pgrows_int(rows, 0, 0), pgrows_text(rows, 0, 1));
    return DONE;
}

status tend_lacks(struct pgconn *c, bool triggers, const char *publication, char *out, size_t size, err *e)
{
    out[0] = '\0';
    return triggers ? missing_triggers(c, out, size, e) : missing_tables(c, publication, out, size, e);
}
