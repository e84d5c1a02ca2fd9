#include <stdlib.h>
#include <string.h>

#include "agent/pg/pgdump.h"
#include "agent/setup/findings.h"
#include "agent/setup/uncaptured.h"
#include "proto/base/buf.h"

#define OLDEST 140000

/* Slots that belong to this database's own captures do not count as taken: init may be going on after a
 * pause. */
static const char own_slots[] =
    "SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE slot_name ~ '^pgstrand_[0-9a-f]{16}$'"
    " AND database = pg_catalog.current_database()";

#define ADD(level, class, ...) TRY(findings_add(p, e, level, class, __VA_ARGS__))

static status look_at_server(struct preflight *p, struct pgconn *c, err *e)
{
    const struct server_facts *s = &p->server;
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, own_slots, 0, NULL, &rows, e));
    int own = (int)pgrows_int(rows, 0, 0);
    p->other_slots = s->used_replication_slots - own;

    if (s->version < OLDEST)
        ADD(FINDING_ERROR, ERR_VALIDATION, "the server is PostgreSQL %d.%d: pgstrand needs 14 or newer",
            s->version / 10000, s->version % 10000);
    if (s->in_recovery)
        ADD(FINDING_ERROR, ERR_VALIDATION,
            "the server is a standby in recovery: capture from the primary, or promote this one");
    if (strcmp(s->wal_level, "logical") != 0)
        ADD(FINDING_ERROR, ERR_VALIDATION,
            "wal_level is %s, but changes can be read only at logical: run ALTER SYSTEM SET wal_level = "
            "'logical' and restart PostgreSQL",
            s->wal_level);
    if (own == 0 && s->used_replication_slots >= s->max_replication_slots)
        ADD(FINDING_ERROR, ERR_VALIDATION,
            "no replication slot is free (%d of %d in use): drop one that nobody reads, or run ALTER SYSTEM "
            "SET "
            "max_replication_slots = %d and restart PostgreSQL",
            s->used_replication_slots, s->max_replication_slots, s->max_replication_slots + 4);
    if (s->used_wal_senders >= s->max_wal_senders)
        ADD(FINDING_ERROR, ERR_VALIDATION,
            "no WAL sender is free (%d of %d in use): run ALTER SYSTEM SET max_wal_senders = %d and restart "
            "PostgreSQL",
            s->used_wal_senders, s->max_wal_senders, s->max_wal_senders + 4);
    if (strcmp(s->encoding, "SQL_ASCII") == 0)
        ADD(FINDING_WARNING, ERR_NONE,
            "the database's encoding is SQL_ASCII: values that are not valid UTF-8 stop the capture; convert "
            "the "
            "database to UTF8");
    return DONE;
}

/* What the triggers tell again of a table that is rewritten goes past other publications' boundaries. */
static status look_at_readers(struct preflight *p, struct pgconn *c, err *e)
{
    OWNED(text) char *names = NULL;
    if (!p->server.superuser) /* no triggers */
        return DONE;
    TRY(server_other_readers(c, NULL, &names, e));
    if (names != NULL)
        ADD(FINDING_WARNING, ERR_NONE,
            "others decode this database's WAL, too (replication slot %s): who of them asks for messages "
            "sees "
            "the rows of small tables that ALTER TABLE rewrites, also of tables that his publication leaves "
            "out; ALTER DATABASE \"%s\" SET pgstrand.retell_bytes = 0 has pgstrand not tell them",
            names, pgconn_database(c));
    return DONE;
}

bool preflight_asks_limit(const struct preflight *p)
{
    return p->server.max_slot_wal_keep_mb < 0 && p->server.superuser && p->other_slots > 0;
}

static status look_at_limit(struct preflight *p, err *e)
{
    const struct server_facts *s = &p->server;
    if (s->idle_slot_timeout_s > 0)
        ADD(FINDING_WARNING, ERR_NONE,
            "idle_replication_slot_timeout is %lld s: when the agent is stopped for longer, its slot is "
            "lost, and "
            "a new incarnation begins with what differs; set it to 0, or to more than this machine is ever "
            "off",
            (long long)s->idle_slot_timeout_s);
    if (s->max_slot_wal_keep_mb >= 0)
        return DONE;
    if (preflight_asks_limit(p))
        ADD(FINDING_WARNING, ERR_NONE,
            "max_slot_wal_keep_size is unlimited, and other replication slots exist, for which a limit would "
            "hold "
            "as well: init asks before it sets one (--yes agrees, --no-wal-limit declines); without it a "
            "stopped "
            "agent can fill the database's disk");
    else if (s->superuser)
        ADD(FINDING_NOTE, ERR_NONE,
            "max_slot_wal_keep_size is unlimited: init sets a limit, so that a stopped agent cannot fill the "
            "database's disk (--no-wal-limit declines)");
    else
        ADD(FINDING_WARNING, ERR_NONE,
            "max_slot_wal_keep_size is unlimited and only a superuser may change it: init leaves it; a "
            "stopped "
            "agent can fill the database's disk, so set a limit yourself");
    return DONE;
}

static status look_at_role(struct preflight *p, struct pgconn *c, err *e)
{
    const struct server_facts *s = &p->server;
    const char *role = pgconn_user(c);
    if (!s->replication)
        ADD(FINDING_ERROR, ERR_VALIDATION,
            "role %s may not replicate: run ALTER ROLE \"%s\" REPLICATION as a superuser, or connect as "
            "another role",
            role, role);
    if (!s->may_create)
        ADD(FINDING_ERROR, ERR_VALIDATION,
            "role %s may not create in database %s: run GRANT CREATE ON DATABASE \"%s\" TO \"%s\"", role,
            pgconn_database(c), pgconn_database(c), role);
    if (!s->superuser) {
        ADD(FINDING_WARNING, ERR_NONE,
            "role %s is not superuser, so the mode is reduced: tables made later are not captured until they "
            "are "
            "added to the publication, DDL is not recorded, and new tables without key are not looked after",
            role);
        return DONE;
    }
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT FROM pg_catalog.pg_language WHERE lanname = 'plpgsql'", 0, NULL, &rows, e));
    if (pgrows_count(rows) == 0)
        ADD(FINDING_ERROR, ERR_SCHEMA,
            "the language plpgsql is missing, in which DDL is recorded: run CREATE EXTENSION plpgsql");
    return DONE;
}

/* Every table must be readable in full; a role's row security would hide rows without a word. */
static status look_at_rights(struct preflight *p, struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    if (p->server.superuser)
        return DONE;
    TRY(pgconn_query(
        c,
        "SELECT c.oid::regclass::text, pg_catalog.has_table_privilege(c.oid, 'SELECT'),"
        " pg_catalog.pg_has_role(c.relowner, 'USAGE'), pg_catalog.row_security_active(c.oid),"
        " pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.quote_ident(n.nspname)"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%'"
        " AND n.nspname NOT IN ('information_schema', 'pgstrand') ORDER BY 1",
        0, NULL, &rows, e));
    const char *role = pgconn_user(c);
    for (int i = 0; i < pgrows_count(rows); i++) {
        const char *table = pgrows_text(rows, i, 0);
        if (!pgrows_bool(rows, i, 4))
            ADD(FINDING_ERROR, ERR_SCHEMA,
                "role %s may not use the schema of table %s: run GRANT USAGE ON SCHEMA %s TO \"%s\"", role,
                table, pgrows_text(rows, i, 5), role);
        else if (!pgrows_bool(rows, i, 1))
            ADD(FINDING_ERROR, ERR_SCHEMA, "role %s may not read table %s: run GRANT SELECT ON %s TO \"%s\"",
                role, table, table, role);
        else if (pgrows_bool(rows, i, 3))
            ADD(FINDING_ERROR, ERR_SCHEMA,
                "row security hides rows of table %s from role %s: run ALTER ROLE \"%s\" BYPASSRLS as a "
                "superuser",
                table, role, role);
        else if (!pgrows_bool(rows, i, 2))
            ADD(FINDING_WARNING, ERR_NONE,
                "table %s belongs to another role, so role %s cannot publish it: its changes are not "
                "captured",
                table, role);
    }
    return DONE;
}

static status look_at_table(struct preflight *p, const struct table_info *t, err *e)
{
    const char *computed = table_computed_column(t);
    if (t->kind != 'r')
        return DONE;
    if (t->persistence == 'u') {
        ADD(FINDING_WARNING, ERR_NONE,
            "table %s.%s is unlogged: PostgreSQL does not decode its changes, so it is left out", t->schema,
            t->name);
        return DONE;
    }
    if (table_blocks(t) || (computed != NULL && t->tier.column != NULL)) {
        ADD(FINDING_ERROR, ERR_SCHEMA,
            "the application could not UPDATE or DELETE rows of table %s.%s while it is captured: it needs "
            "REPLICA IDENTITY FULL, which PostgreSQL does not allow with the virtual generated column %s; "
            "give "
            "the table a primary key, or make the column STORED",
            t->schema, t->name, computed);
        return DONE;
    }
    if (!t->has_identity)
        ADD(FINDING_NOTE, ERR_NONE,
            "table %s.%s has no usable key: init gives it REPLICA IDENTITY FULL, because its UPDATE and "
            "DELETE would "
            "fail otherwise; equal rows are told apart by their number only",
            t->schema, t->name);
    else if (t->tier.column != NULL && t->replica_identity != 'f')
        ADD(FINDING_NOTE, ERR_NONE,
            "the tier of table %s.%s depends on column %s: init gives it REPLICA IDENTITY FULL, so that "
            "deleted rows "
            "show the column",
            t->schema, t->name, t->tier.column);
    return DONE;
}

static status look_at_tables(struct preflight *p, const char *database, err *e)
{
    const struct table_list *l = p->tables;
    if (l->count == 0)
        ADD(FINDING_WARNING, ERR_NONE,
            "database %s has no tables yet: is it the right one? Tables made later are captured", database);
    for (size_t i = 0; i < l->count; i++)
        TRY(look_at_table(p, &l->table[i], e));
    for (size_t i = 0; i < l->finding_count; i++) {
        const struct table_info *from = &l->table[l->finding[i].from];
        const struct table_info *to = &l->table[l->finding[i].to];
        ADD(FINDING_WARNING, ERR_NONE,
            "foreign key %s leads from %s table %s.%s to %s table %s.%s, whose rows do not travel as far: a "
            "restore "
            "elsewhere meets rows without their parent; give both one tier in the configuration",
            l->finding[i].constraint, tier_name(from->tier.tier), from->schema, from->name,
            tier_name(to->tier.tier), to->schema, to->name);
    }
    return DONE;
}

/*
 * Rows that PostgreSQL cannot send: a message holds less than 1 GB (MaxAllocSize), the values are text, and
 * bytea is two digits a byte. Sizes are those of the stored values, so nothing large is read; only tables
 * whose TOAST table is of some size are looked through (compression makes at most 250 bytes of one).
 */
static const char large_rows_queries[] =
    "SELECT n.nspname, c.relname, pg_catalog.format('SELECT count(*) FROM ONLY %I.%I WHERE %s > 1000000000',"
    " n.nspname, c.relname, pg_catalog.string_agg(pg_catalog.format(CASE"
    " coalesce(nullif(t.typbasetype, 0), t.oid)"
    " WHEN 'pg_catalog.bytea'::regtype THEN 'coalesce(2 * pg_catalog.octet_length(%I)::bigint, 0)'"
    " WHEN 'pg_catalog.text'::regtype THEN 'coalesce(pg_catalog.octet_length(%I)::bigint, 0)'"
    " WHEN 'pg_catalog.varchar'::regtype THEN 'coalesce(pg_catalog.octet_length(%I)::bigint, 0)'"
    " ELSE 'coalesce(pg_catalog.pg_column_size(%I)::bigint, 0)' END, a.attname), ' + '))"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    "  AND a.attlen = -1 AND a.attgenerated = ''"
    " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%'"
    "  AND n.nspname NOT IN ('information_schema', 'pgstrand')"
    "  AND pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)) > 4000000"
    "  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    "  AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
    " GROUP BY 1, 2 ORDER BY 1, 2";

static status look_at_large_rows(struct preflight *p, struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *tables = NULL;
    TRY(pgconn_query(c, large_rows_queries, 0, NULL, &tables, e));
    for (int i = 0; i < pgrows_count(tables); i++) {
        OWNED(pgrows) struct pgrows *rows = NULL;
        TRY(pgconn_query(c, pgrows_text(tables, i, 2), 0, NULL, &rows, e));
        if (pgrows_int(rows, 0, 0) > 0)
            ADD(FINDING_ERROR, ERR_SCHEMA,
                "table %s.%s has %lld rows of more than 1 GB as text (a bytea counts twice), which "
                "PostgreSQL "
                "cannot send: make them smaller",
                pgrows_text(tables, i, 0), pgrows_text(tables, i, 1), (long long)pgrows_int(rows, 0, 0));
    }
    return DONE;
}

static status look_at_others(struct preflight *p, struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata", 0, NULL, &rows, e));
    p->large_objects = pgrows_int(rows, 0, 0);
    if (p->large_objects > 0)
        ADD(FINDING_WARNING, ERR_NONE,
            "the database has %lld large objects: PostgreSQL does not decode their changes, so they are left "
            "out",
            (long long)p->large_objects);
    OWNED(pgrows) struct pgrows *others = NULL;
    TRY(pgconn_query(c, uncaptured_others, 0, NULL, &others, e));
    p->temporary = pgrows_bool(others, 0, 1);
    if (p->temporary)
        ADD(FINDING_NOTE, ERR_NONE,
            "there are temporary tables: PostgreSQL does not decode their changes, so they are left out");
    err why = ERR_INIT;
    OWNED(text) char *folder = NULL;
    if (!pgdump_find(p->server.version, &folder, &why).ok)
        ADD(FINDING_ERROR, why.class, "%s", why.message);
    return DONE;
}

status preflight_run(struct pgconn *c, const struct tier_rules *rules, struct preflight **out, err *e)
{
    OWNED(preflight) struct preflight *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_no_memory(e);
    TRY(server_facts_read(c, &p->server, e));
    TRY(table_list_read(c, rules, &p->tables, e));
    TRY(look_at_server(p, c, e));
    TRY(look_at_role(p, c, e));
    TRY(look_at_readers(p, c, e));
    TRY(look_at_rights(p, c, e));
    TRY(look_at_limit(p, e));
    TRY(look_at_tables(p, pgconn_database(c), e));
    TRY(look_at_others(p, c, e));
    TRY(look_at_large_rows(p, c, e));
    *out = p;
    p = NULL;
    return DONE;
}
