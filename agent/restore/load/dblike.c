#include "agent/restore/load/dblike.h"

#include "agent/restore/load/targetdb.h"

/* A tablespace that is named takes CREATE on it, also when it is template0's, which would be the new
 * database's without being named (createdb, dbcommands.c). */
#define TEMPLATE_SPACE "(SELECT dattablespace FROM pg_catalog.pg_database WHERE datname = 'template0')"

#define SET_ROLE_SINCE 160000 /* server version: GRANT ... WITH SET */

/* ---- who may ---- */

status dblike_check(struct pgconn *model, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf sql = {0};
    struct targetdb t;
    TRY(targetdb_read(model, &t, e));
    if (!t.create_database)
        return err_set(
            e, ERR_SCHEMA,
            "with several jobs a new database is made, and the role %s may not: give it CREATEDB, or "
            "restore with --jobs 1",
            pgconn_user(model));
    /* OWNER wants the right to be that role, which since 16 is another one than to do what it may. */
    buf_printf(&sql,
               "SELECT pg_catalog.pg_get_userbyid(d.datdba), s.spcname,"
               " pg_catalog.pg_has_role(d.datdba, 'USAGE')%s, s.oid = " TEMPLATE_SPACE
               " OR pg_catalog.has_tablespace_privilege(s.oid, 'CREATE')"
               " FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace s ON s.oid = d.dattablespace"
               " WHERE d.datname = pg_catalog.current_database()",
               pgconn_server_version(model) >= SET_ROLE_SINCE ? " AND pg_catalog.pg_has_role(d.datdba, 'SET')"
                                                              : "");
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(model, buf_cstring(&sql), 0, NULL, &rows, e));
    if (pgrows_count(rows) != 1)
        return err_set(e, ERR_SCHEMA, "the target database has gone");
    if (!pgrows_bool(rows, 0, 2))
        return err_set(e, ERR_SCHEMA,
                       "with several jobs a new database takes the place of %s, which is for its owner %s: "
                       "connect as that role, or restore with --jobs 1",
                       pgconn_database(model), pgrows_text(rows, 0, 0));
    if (!pgrows_bool(rows, 0, 3))
        return err_set(e, ERR_SCHEMA,
                       "with several jobs a new database is made in %s's tablespace %s, and the role %s may "
                       "not: GRANT CREATE ON TABLESPACE to it, or restore with --jobs 1",
                       pgconn_database(model), pgrows_text(rows, 0, 1), pgconn_user(model));
    return DONE;
}

/* ---- what it is ---- */

static status read_facts(struct pgconn *model, struct pgrows **out, err *e)
{
    const char *locale = pgconn_server_version(model) >= 170000   ? "datlocprovider, datlocale"
                         : pgconn_server_version(model) >= 150000 ? "datlocprovider, daticulocale"
                                                                  : "'c', NULL";
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql,
               "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype,"
               " pg_catalog.pg_get_userbyid(datdba), %s,"
               " (SELECT spcname FROM pg_catalog.pg_tablespace t WHERE t.oid = dattablespace"
               "  AND dattablespace <> " TEMPLATE_SPACE ") FROM pg_catalog.pg_database"
               " WHERE datname = pg_catalog.current_database()",
               locale);
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(model, buf_cstring(&sql), 0, NULL, out, e));
    return pgrows_count(*out) == 1 ? DONE : err_set(e, ERR_SCHEMA, "the target database has gone");
}

static void option(struct buf *sql, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(sql, " %s ", name);
    pgconn_quote_literal(sql, value);
}

status dblike_command(struct pgconn *model, const char *name, struct buf *out, err *e)
{
    OWNED(pgrows) struct pgrows *facts = NULL;
    TRY(read_facts(model, &facts, e));
    const char *provider = pgrows_text(facts, 0, 4);
    buf_text(out, "CREATE DATABASE ");
    pgconn_quote_name(out, name);
    buf_text(out, " TEMPLATE template0 OWNER ");
    pgconn_quote_name(out, pgrows_text(facts, 0, 3));
    if (pgrows_text(facts, 0, 6) != NULL) {
        buf_text(out, " TABLESPACE ");
        pgconn_quote_name(out, pgrows_text(facts, 0, 6));
    }
    option(out, "ENCODING", pgrows_text(facts, 0, 0));
    option(out, "LC_COLLATE", pgrows_text(facts, 0, 1));
    option(out, "LC_CTYPE", pgrows_text(facts, 0, 2));
    if (strcmp(provider, "i") == 0) {
        buf_text(out, " LOCALE_PROVIDER icu");
        option(out, "ICU_LOCALE", pgrows_text(facts, 0, 5));
    } else if (strcmp(provider, "b") == 0) {
        buf_text(out, " LOCALE_PROVIDER builtin");
        option(out, "BUILTIN_LOCALE", pgrows_text(facts, 0, 5));
    }
    return buf_done(out, e);
}

/* ---- what it was given ---- */

/* ALTER DATABASE ... SET of the target, for all roles and for single ones. The named ones hold a list of
 * quoted names (GUC_LIST_QUOTE), as one literal it would be a single name; as pg_dump's
 * variable_is_guc_list_quote. */
static const char settings_query[] =
    "SELECT CASE WHEN s.setrole = 0 THEN pg_catalog.format('ALTER DATABASE %I', $1::text) ELSE"
    " pg_catalog.format('ALTER ROLE %I IN DATABASE %I', pg_catalog.pg_get_userbyid(s.setrole), $1::text) END"
    " || pg_catalog.format(' SET %I = ', v.name) || CASE WHEN pg_catalog.lower(v.name) IN ('search_path',"
    "  'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries',"
    "  'shared_preload_libraries', 'unix_socket_directories') THEN"
    "  coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_literal("
    "    coalesce(pg_catalog.replace(m[1], '\"\"', '\"'), m[2])), ', ' ORDER BY o)"
    "   FROM pg_catalog.regexp_matches(v.value, '\"((?:[^\"]|\"\")*)\"|([^,\\s\"]+)', 'g')"
    "   WITH ORDINALITY AS x(m, o)), pg_catalog.quote_literal(v.value))"
    "  ELSE pg_catalog.quote_literal(v.value) END"
    " FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c,"
    " LATERAL (SELECT pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1))"
    "  v(name, value)"
    " WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database"
    "  WHERE datname = pg_catalog.current_database())";

/* Where the target has the default privileges, the new one has them too. */
static const char privileges_query[] =
    "WITH d AS (SELECT datdba, datacl FROM pg_catalog.pg_database WHERE datname = "
    "pg_catalog.current_database() AND datacl IS NOT NULL)"
    " SELECT s FROM (SELECT 1 AS o, pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %I', $1::text,"
    "   pg_catalog.pg_get_userbyid(datdba)) AS s FROM d"
    "  UNION ALL SELECT 2, pg_catalog.format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, $1::text,"
    "   CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) "
    "END,"
    "   CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)"
    "   FROM d, pg_catalog.aclexplode(d.datacl) a) w ORDER BY o, s";

static status run_each(struct pgconn *model, struct pgconn *admin, const char *name, const char *query,
                       err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *params[] = {name};
    TRY(pgconn_query(model, query, 1, params, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++)
        TRY(pgconn_exec(admin, pgrows_text(rows, i, 0), e));
    return DONE;
}

status dblike_dress(struct pgconn *model, struct pgconn *admin, const char *name, err *e)
{
    TRY(run_each(model, admin, name, privileges_query, e));
    return run_each(model, admin, name, settings_query, e);
}
