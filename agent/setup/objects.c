#include "agent/setup/objects.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"

/* The comment on the schema says whose it is. */
#define MARK "pgstrand node "
/* Made by a restore: no node captures this database. */
#define MARK_OF_NONE MARK "00000000-0000-0000-0000-000000000000"

#define VERSION_SENDING_GENERATED 180000

static const char triggers_away[] = "DROP EVENT TRIGGER IF EXISTS pgstrand_command_start;\n"
                                    "DROP EVENT TRIGGER IF EXISTS pgstrand_command_end;\n"
                                    "DROP EVENT TRIGGER IF EXISTS pgstrand_sql_drop;\n"
                                    "DROP EVENT TRIGGER IF EXISTS pgstrand_table_rewrite;\n";

static const char owner_query[] =
    "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace"
    " WHERE nspname = 'pgstrand'";

/* Another node's UUID on the schema, NULL when there is none or it is ours. */
static status read_stranger(struct pgconn *c, const char *node, char **out, err *e)
{
    OWNED(text) char *comment = NULL;
    *out = NULL;
    TRY(pgconn_value(c, owner_query, &comment, e));
    if (comment == NULL || strncmp(comment, MARK, strlen(MARK)) != 0 ||
        strcmp(comment + strlen(MARK), node) == 0)
        return DONE;
    *out = strdup(comment + strlen(MARK));
    return *out != NULL ? DONE : err_no_memory(e);
}

/* A copy of a captured database (a template, a physical copy) carries the mark but not the slot: it may be
 * taken. */
static status refuse_stranger(struct pgconn *c, const char *node, err *e)
{
    OWNED(text) char *stranger = NULL;
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(read_stranger(c, node, &stranger, e));
    if (stranger == NULL)
        return DONE;
    const char *const params[] = {stranger};
    TRY(pgconn_query(c,
                     "SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE slot_name = 'pgstrand_' ||"
                     " pg_catalog.substr(pg_catalog.replace($1, '-', ''), 1, 16)",
                     1, params, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "database %s is captured by node %s already (slot %s): use its data directory, or run pgstrand "
        "uninstall there first",
        pgconn_database(c), stranger, pgrows_text(rows, 0, 0));
}

/* Ours are plain: nothing in them runs when a row is written or read. What a default calls is pg_catalog's
 * when nothing is on record that it depends on beside its table; then its text says what it is. */
#define OUR_TABLES                                                                                     \
    "(SELECT * FROM pg_catalog.pg_class WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace" \
    "  WHERE nspname = 'pgstrand') AND relname IN ('replay', 'conflict')) c"

static const char embellished_query[] =
    "SELECT 'table ' || relname || ' is not a plain one' FROM " OUR_TABLES
    " WHERE relkind <> 'r' OR relpersistence <> 'p' OR relhasrules OR relrowsecurity OR relispartition OR"
    "  reloftype <> 0 OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE c.oid IN (inhrelid, inhparent))"
    "  OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = c.oid)"
    " UNION ALL SELECT 'trigger ' || tgname || ' on ' || relname FROM " OUR_TABLES
    "  JOIN pg_catalog.pg_trigger ON tgrelid = c.oid"
    " UNION ALL SELECT 'constraint ' || conname || ' of ' || relname FROM " OUR_TABLES
    "  JOIN pg_catalog.pg_constraint k ON (conrelid = c.oid AND contype NOT IN ('p', 'n')) OR"
    "   confrelid = c.oid"
    " UNION ALL SELECT 'an index of ' || relname FROM " OUR_TABLES
    "  JOIN pg_catalog.pg_index i ON indrelid = c.oid AND (NOT indisprimary OR indexprs IS NOT NULL OR"
    "   indpred IS NOT NULL)"
    " UNION ALL SELECT 'column ' || attname || ' of ' || relname FROM " OUR_TABLES
    "  JOIN pg_catalog.pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
    "  LEFT JOIN pg_catalog.pg_attrdef d ON adrelid = attrelid AND adnum = attnum"
    "  WHERE atttypid NOT IN ('pg_catalog.uuid'::regtype, 'pg_catalog.int8'::regtype,"
    "    'pg_catalog.text'::regtype, 'pg_catalog.timestamptz'::regtype) OR attgenerated <> ''"
    "   OR attidentity <> '' OR pg_catalog.pg_get_expr(adbin, adrelid) NOT IN ('now()', 'pg_catalog.now()', "
    "'1')"
    "   OR EXISTS (SELECT FROM pg_catalog.pg_depend p WHERE p.classid = 'pg_catalog.pg_attrdef'::regclass AND"
    "    p.objid = d.oid AND NOT (p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid = adrelid))"
    " LIMIT 1";

static const char foreign_query[] =
    "SELECT o.what || ' belongs to role ' || pg_catalog.pg_get_userbyid(o.owner) FROM ("
    " SELECT 1 AS place, 'the schema' AS what, nspowner AS owner, false AS content"
    "  FROM pg_catalog.pg_namespace WHERE nspname = 'pgstrand'"
    " UNION ALL SELECT 2, relname, relowner, true FROM pg_catalog.pg_class"
    "  WHERE relnamespace = 'pgstrand'::regnamespace"
    " UNION ALL SELECT 3, proname, proowner, true FROM pg_catalog.pg_proc"
    "  WHERE pronamespace = 'pgstrand'::regnamespace"
    " UNION ALL SELECT 4, 'operator ' || oprname, oprowner, true FROM pg_catalog.pg_operator"
    "  WHERE oprnamespace = 'pgstrand'::regnamespace"
    " UNION ALL SELECT 5, 'type ' || typname, typowner, true FROM pg_catalog.pg_type"
    "  WHERE typnamespace = 'pgstrand'::regnamespace) o,"
    " pg_catalog.obj_description('pgstrand'::regnamespace, 'pg_namespace') AS mark"
    " WHERE (o.owner <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)"
    "   AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE oid = o.owner))"
    "  OR (o.content AND coalesce(mark, '') NOT LIKE '" MARK "%')"
    " ORDER BY o.place, o.what LIMIT 1";

static status refuse_found(struct pgconn *c, const char *query, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, query, 0, NULL, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    return err_set(e, ERR_REFUSED,
                   "database %s has a schema pgstrand that pgstrand did not make (%s): rename or drop it",
                   pgconn_database(c), pgrows_text(rows, 0, 0));
}

/*
 * Whoever owns the schema or something in it decides what runs when our SECURITY DEFINER functions call or
 * write there; and a schema with other people's objects would go with uninstall. Asked when the schema
 * exists, inside the transaction: from then on nobody else can put anything into it.
 */
static status refuse_foreign_schema(struct pgconn *c, err *e)
{
    TRY(refuse_found(c, foreign_query, e));
    return refuse_found(c, embellished_query, e);
}

/* What a restore made under another role becomes ours. The locks come with it, so what refuse_foreign_schema
 * finds (or not) afterwards stays so; a refusal rolls it back. Nobody keeps a right that the former owner
 * gave. */
static status take_over(struct pgconn *c, err *e)
{
    OWNED(text) char *sql = NULL;
    OWNED(text) char *revoke = NULL;
    TRY(pgconn_value(
        c,
        "SELECT 'ALTER SCHEMA pgstrand OWNER TO CURRENT_USER; ALTER TABLE IF EXISTS pgstrand.replay OWNER"
        " TO CURRENT_USER; ALTER TABLE IF EXISTS pgstrand.conflict OWNER TO CURRENT_USER' FROM"
        " pg_catalog.pg_namespace n, pg_catalog.pg_roles r WHERE n.nspname = 'pgstrand' AND r.rolname ="
        " current_user AND r.rolsuper AND n.nspowner <> r.oid AND"
        " pg_catalog.obj_description(n.oid, 'pg_namespace') = '" MARK_OF_NONE "'",
        &sql, e));
    if (sql == NULL)
        return DONE;
    TRY(pgconn_exec(c, sql, e));
    TRY(pgconn_value(
        c,
        "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', what,"
        "  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee))"
        "  END), '; ') FROM ("
        " SELECT 'SCHEMA pgstrand' AS what, nspowner AS owner, nspacl AS acl FROM pg_catalog.pg_namespace"
        "  WHERE nspname = 'pgstrand'"
        " UNION ALL SELECT 'TABLE pgstrand.' || relname, relowner, relacl FROM " OUR_TABLES
        " UNION ALL SELECT 'TABLE pgstrand.' || relname, relowner, attacl FROM " OUR_TABLES
        "  JOIN pg_catalog.pg_attribute ON attrelid = c.oid) o, pg_catalog.aclexplode(o.acl)"
        " WHERE grantee <> o.owner",
        &revoke, e));
    return revoke == NULL ? DONE : pgconn_exec(c, revoke, e);
}

static status install(struct pgconn *c, const char *node, enum objects_mode mode, err *e)
{
    OWNED(buf) struct buf sql = {0};
    TRY(pgconn_exec(c, "BEGIN; SET LOCAL client_min_messages = warning", e));
    /* The triggers last (and first to go when they are made again): nothing of ours is recorded as the
     * application's. */
    if (mode == OBJECTS_FULL)
        TRY(pgconn_exec(c, triggers_away, e));
    TRY(pgconn_exec(c, "CREATE SCHEMA IF NOT EXISTS pgstrand", e));
    TRY(take_over(c, e));
    TRY(refuse_foreign_schema(c, e));
    buf_text(&sql, objects_common_sql);
    buf_text(&sql, objects_replay_sql);
    buf_printf(&sql, "COMMENT ON SCHEMA pgstrand IS '" MARK "%s';\n", node);
    if (mode == OBJECTS_FULL)
        buf_text(&sql, objects_triggers_sql);
    buf_text(&sql, "COMMIT");
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status objects_install(struct pgconn *c, const char *node, enum objects_mode mode, err *e)
{
    TRY(refuse_stranger(c, node, e));
    if (install(c, node, mode, e).ok)
        return DONE;
    err rolled = ERR_INIT; /* the first failure is the one to tell */
    if (!pgconn_exec(c, "ROLLBACK", &rolled).ok || e->class == ERR_REFUSED)
        return FAILED;
    return err_wrap(e, "cannot make schema pgstrand");
}

status objects_check_replay(struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'pgstrand'", 0, NULL, &rows, e));
    return pgrows_count(rows) == 0 ? DONE : refuse_foreign_schema(c, e);
}

status objects_install_replay(struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(objects_check_replay(c, e));
    TRY(pgconn_query(c,
                     "SELECT pg_catalog.to_regclass('pgstrand.replay') IS NULL OR"
                     "  pg_catalog.to_regclass('pgstrand.conflict') IS NULL OR NOT EXISTS (SELECT FROM"
                     "  pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass('pgstrand.replay')"
                     "   AND attname = 'workflow' AND NOT attisdropped),"
                     " pg_catalog.to_regnamespace('pgstrand') IS NULL,"
                     " coalesce(pg_catalog.obj_description(pg_catalog.to_regnamespace('pgstrand')::oid,"
                     "  'pg_namespace') LIKE '" MARK "%', false)",
                     0, NULL, &rows, e));
    if (!pgrows_bool(rows, 0, 0))
        return DONE;
    if (pgrows_bool(rows, 0, 1))
        TRY(pgconn_exec(c, "CREATE SCHEMA pgstrand; COMMENT ON SCHEMA pgstrand IS '" MARK_OF_NONE "'", e));
    else if (!pgrows_bool(rows, 0, 2))
        return err_set(e, ERR_REFUSED,
                       "database %s has a schema pgstrand that pgstrand did not make: rename or drop it",
                       pgconn_database(c));
    TRY(pgconn_exec(c, "SET LOCAL client_min_messages = warning", e));
    return pgconn_exec(c, objects_replay_sql, e);
}

/* 0: there is none. */
static status find_publication(struct pgconn *c, const char *publication, uint32_t *oid, err *e)
{
    const char *const params[] = {publication};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT oid FROM pg_catalog.pg_publication WHERE pubname = $1", 1, params, &rows, e));
    *oid = pgrows_count(rows) > 0 ? (uint32_t)pgrows_int(rows, 0, 0) : 0;
    return DONE;
}

/* Roots bring their partitions with them, so partitions are not named. */
static status append_own_tables(struct pgconn *c, struct buf *sql, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                     " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'"
                     " AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN"
                     " ('information_schema', 'pgstrand') AND pg_catalog.pg_has_role(c.relowner, 'USAGE')"
                     " ORDER BY 1, 2",
                     0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++) {
        buf_text(sql, i == 0 ? " FOR TABLE " : ", ");
        table_quote(sql, pgrows_text(rows, i, 0), pgrows_text(rows, i, 1));
    }
    return DONE;
}

/* For the triggers: they know it by its OID. */
static status remember_publication(struct pgconn *c, const char *publication, err *e)
{
    OWNED(buf) struct buf name = {0};
    pgconn_quote_literal(&name, publication);
    TRY(buf_done(&name, e));
    return pgconn_execf(c, e,
                        "BEGIN; DELETE FROM pgstrand.published; INSERT INTO pgstrand.published SELECT oid, "
                        "pubname FROM pg_catalog.pg_publication WHERE pubname = %s; COMMIT",
                        buf_cstring(&name));
}

static status make_publication(struct pgconn *c, const char *publication, enum objects_mode mode, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "CREATE PUBLICATION ");
    pgconn_quote_name(&sql, publication);
    if (mode == OBJECTS_FULL)
        buf_text(&sql, " FOR ALL TABLES");
    else
        TRY(append_own_tables(c, &sql, e));
    buf_text(&sql, " WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false");
    /* Or the application could not update a table of REPLICA IDENTITY FULL that has such a column. */
    if (pgconn_server_version(c) >= VERSION_SENDING_GENERATED)
        buf_text(&sql, ", publish_generated_columns = stored");
    buf_text(&sql, ")");
    if (!pgconn_exec(c, buf_cstring(&sql), e).ok)
        return err_wrap(e, "cannot make publication %s", publication);
    return DONE;
}

status objects_publish(struct pgconn *c, const char *publication, enum objects_mode mode, uint32_t *oid,
                       err *e)
{
    TRY(find_publication(c, publication, oid, e));
    if (*oid == 0) {
        TRY(make_publication(c, publication, mode, e));
        TRY(find_publication(c, publication, oid, e));
    }
    return mode == OBJECTS_FULL ? remember_publication(c, publication, e) : DONE;
}

status objects_are_ours(struct pgconn *c, const char *node, bool *out, err *e)
{
    OWNED(text) char *comment = NULL;
    TRY(pgconn_value(c, owner_query, &comment, e));
    *out = comment != NULL && strncmp(comment, MARK, strlen(MARK)) == 0 &&
           strcmp(comment + strlen(MARK), node) == 0;
    return DONE;
}

status objects_had_restored(struct pgconn *c, const char *node, bool *out, err *e)
{
    OWNED(pgrows) struct pgrows *there = NULL;
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *const params[] = {node};
    *out = false;
    TRY(pgconn_query(
        c,
        "SELECT coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('pgstrand.replay'),"
        " 'SELECT'), false)",
        0, NULL, &there, e));
    if (!pgrows_bool(there, 0, 0))
        return DONE;
    TRY(objects_check_replay(c, e));
    TRY(pgconn_query(
        c,
        "SELECT EXISTS (SELECT FROM pgstrand.replay WHERE node = $1::uuid AND whole_seq IS NOT NULL"
        " AND (scope LIKE 'fresh %' OR scope LIKE 'replace %'))",
        1, params, &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

static status drop_triggers(struct pgconn *c, const char *node, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    bool ours = false;
    TRY(objects_are_ours(c, node, &ours, e));
    if (!ours)
        return DONE;
    TRY(pgconn_query(c, "SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtname LIKE 'pgstrand\\_%'",
                     0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++) {
        OWNED(buf) struct buf sql = {0};
        buf_text(&sql, "DROP EVENT TRIGGER IF EXISTS ");
        pgconn_quote_name(&sql, pgrows_text(rows, i, 0));
        TRY(pgconn_exec(c, buf_cstring(&sql), e));
    }
    return DONE;
}

status objects_retract(struct pgconn *c, const char *node, const char *publication, err *e)
{
    OWNED(buf) struct buf sql = {0};
    /* The triggers first: one of them refuses that the publication goes. */
    TRY(drop_triggers(c, node, e));
    if (publication[0] == '\0')
        return DONE;
    buf_text(&sql, "DROP PUBLICATION IF EXISTS ");
    pgconn_quote_name(&sql, publication);
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status objects_drop_schema(struct pgconn *c, const char *node, err *e)
{
    bool ours = false;
    TRY(objects_are_ours(c, node, &ours, e));
    return ours ? pgconn_exec(c, "DROP SCHEMA pgstrand CASCADE", e) : DONE;
}
