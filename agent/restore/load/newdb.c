#include "agent/restore/load/newdb.h"

#include <time.h>

#include "agent/restore/load/targetdb.h"
#include "proto/base/buf.h"

#define NEW_SUFFIX "_pgstrand_new"
#define LOCK_CLASS "1885827940" /* "pgsd": of our locks among others */
#define MARK "pgstrand: a restore in progress"
#define REPLACED "pgstrand: replaced by a restore; it may be dropped"
#define CANCELED "57014"
#define DUPLICATE_DATABASE "42P04"
#define DROP_TRIES 10
#define SESSION_TRIES 50  /* 2 ms apart */
#define NAME_MAX_BYTES 63 /* NAMEDATALEN - 1 */

void newdb_fini(struct newdb *n)
{
    pgconn_close(n->admin);
    free(n->target);
    free(n->name);
    free(n->comment);
    *n = (struct newdb){0};
}

status newdb_check(struct pgconn *target, err *e)
{
    struct targetdb t;
    TRY(targetdb_read(target, &t, e));
    if (!t.create_database)
        return err_set(
            e, ERR_SCHEMA,
            "with several jobs a new database is made, and the role %s may not: give it CREATEDB, or "
            "restore with --jobs 1",
            pgconn_user(target));
    return DONE;
}

/* What targetdb_check_empty does not count, but somebody made (OIDs from 16384 on, FirstNormalObjectId), or
 * granted. */
static status holds_more(struct pgconn *target, bool *more, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(target,
                     "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_publication)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_event_trigger)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_default_acl)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)"
                     " OR EXISTS (SELECT FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_init_privs i"
                     "  ON i.objoid = n.oid AND i.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass"
                     "  WHERE n.nspname = 'public' AND n.nspacl IS DISTINCT FROM i.initprivs)",
                     0, NULL, &rows, e));
    *more = pgrows_bool(rows, 0, 0);
    return DONE;
}

/* A database to give orders from, while the target's name changes. */
static status connect_admin(const char *conninfo, const char *target, struct pgconn **out, err *e)
{
    return pgconn_open_database(conninfo, strcmp(target, "postgres") == 0 ? "template1" : "postgres", out, e);
}

status newdb_suits(struct pgconn *target, const char *conninfo, bool *suits, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(
        target,
        "SELECT (r.rolsuper OR r.rolcreatedb AND pg_catalog.pg_has_role(d.datdba, 'USAGE'))"
        " AND NOT d.datistemplate AND d.datname <> 'postgres'"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a"
        "  WHERE a.datid = d.oid AND a.pid <> pg_catalog.pg_backend_pid()"
        /* of other roles' sessions one without privileges is not told what they are */
        "   AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender'))"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.database = d.datname)"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts p WHERE p.database = d.datname)"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription s WHERE s.subdbid = d.oid)"
        /* some settings only a superuser may give to another database */
        " AND (r.rolsuper OR NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = "
        "d.oid))"
        " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d"
        " WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()",
        0, NULL, &rows, e));
    *suits = pgrows_count(rows) == 1 && pgrows_bool(rows, 0, 0) &&
             strlen(pgconn_database(target)) + strlen(NEW_SUFFIX) <= NAME_MAX_BYTES;
    if (!*suits)
        return DONE;
    bool more = false;
    err unreachable = ERR_INIT;
    OWNED(pgconn) struct pgconn *admin = NULL;
    TRY(holds_more(target, &more, e));
    *suits = !more && connect_admin(conninfo, pgconn_database(target), &admin, &unreachable).ok;
    return DONE;
}

/* Anybody could connect to it behind our last look, and put something into it. */
static status check_unused(const struct newdb *n, const char *name, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    bool more = false;
    TRY(pgconn_open_database(n->conninfo, name, &c, e));
    const bool empty = targetdb_check_empty(c, e).ok;
    if (!empty && e->class != ERR_REFUSED)
        return FAILED;
    if (empty)
        TRY(holds_more(c, &more, e));
    return empty && !more
               ? DONE
               : err_set(e, ERR_REFUSED, "%s was used meanwhile: see what is in it, then drop it", name);
}

/* Killed between making the database and marking it, a restore leaves one behind that is empty. */
static bool is_empty(const struct newdb *n, const char *name)
{
    err ignored = ERR_INIT; /* whatever keeps us from knowing: then it is not ours to drop */
    return check_unused(n, name, &ignored).ok;
}

/* A database with subscriptions cannot be dropped; those that a restore made are off and have no slot. What
 * does not go shows when the database does not. */
static void drop_subscriptions(const struct newdb *n, const char *name)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(text) char *sql = NULL;
    err ignored = ERR_INIT;
    if (!pgconn_value(n->admin, "SELECT 'x' FROM pg_catalog.pg_subscription LIMIT 1", &sql, &ignored).ok ||
        sql == NULL)
        return;
    free(sql);
    sql = NULL;
    if (pgconn_open_database(n->conninfo, name, &c, &ignored).ok &&
        pgconn_value(c,
                     "SELECT pg_catalog.string_agg(pg_catalog.format('DROP SUBSCRIPTION %I', subname), '; ')"
                     " FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
                     " WHERE d.datname = pg_catalog.current_database() AND subslotname IS NULL",
                     &sql, &ignored)
            .ok &&
        sql != NULL)
        (void)pgconn_exec(c, sql, &ignored).ok;
}

/* What a killed restore left behind goes away, and what an earlier one replaced, if it is still empty;
 * anything else of that name stays, and is in the way. */
static status clear_leftover(struct newdb *n, const char *name, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf sql = {0};
    const char *params[] = {name};
    TRY(pgconn_query(n->admin,
                     "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '') FROM "
                     "pg_catalog.pg_database WHERE datname = $1",
                     1, params, &rows, e));
    if (pgrows_count(rows) == 0)
        return DONE;
    bool marked = strcmp(pgrows_text(rows, 0, 0), MARK) == 0;
    bool may_go = strcmp(pgrows_text(rows, 0, 0), REPLACED) == 0 || strcmp(name, n->name) == 0;
    if (!marked && (!may_go || !is_empty(n, name)))
        return err_set(e, ERR_REFUSED,
                       "there is a database %s already, which the restore would use: rename it", name);
    if (marked)
        drop_subscriptions(n, name);
    buf_text(&sql, "DROP DATABASE ");
    pgconn_quote_name(&sql, name);
    TRY(buf_done(&sql, e));
    return pgconn_exec(n->admin, buf_cstring(&sql), e);
}

static status read_facts(struct pgconn *target, struct pgrows **out, err *e)
{
    const char *locale = pgconn_server_version(target) >= 170000   ? "datlocprovider, datlocale"
                         : pgconn_server_version(target) >= 150000 ? "datlocprovider, daticulocale"
                                                                   : "'c', NULL";
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql,
               "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype,"
               " pg_catalog.pg_get_userbyid(datdba), %s,"
               " (SELECT spcname FROM pg_catalog.pg_tablespace t WHERE t.oid = dattablespace), datconnlimit,"
               " pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database"
               " WHERE datname = pg_catalog.current_database()",
               locale);
    TRY(buf_done(&sql, e));
    TRY(pgconn_query(target, buf_cstring(&sql), 0, NULL, out, e));
    return pgrows_count(*out) == 1 ? DONE : err_set(e, ERR_SCHEMA, "the target database has gone");
}

static void option(struct buf *sql, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(sql, " %s ", name);
    pgconn_quote_literal(sql, value);
}

static status create(struct newdb *n, const struct pgrows *facts, err *e)
{
    OWNED(buf) struct buf sql = {0};
    const char *provider = pgrows_text(facts, 0, 4);
    buf_text(&sql, "CREATE DATABASE ");
    pgconn_quote_name(&sql, n->name);
    buf_text(&sql, " TEMPLATE template0 OWNER ");
    pgconn_quote_name(&sql, pgrows_text(facts, 0, 3));
    buf_text(&sql, " TABLESPACE ");
    pgconn_quote_name(&sql, pgrows_text(facts, 0, 6));
    option(&sql, "ENCODING", pgrows_text(facts, 0, 0));
    option(&sql, "LC_COLLATE", pgrows_text(facts, 0, 1));
    option(&sql, "LC_CTYPE", pgrows_text(facts, 0, 2));
    if (strcmp(provider, "i") == 0) {
        buf_text(&sql, " LOCALE_PROVIDER icu");
        option(&sql, "ICU_LOCALE", pgrows_text(facts, 0, 5));
    } else if (strcmp(provider, "b") == 0) {
        buf_text(&sql, " LOCALE_PROVIDER builtin");
        option(&sql, "BUILTIN_LOCALE", pgrows_text(facts, 0, 5));
    }
    TRY(buf_done(&sql, e));
    if (!pgconn_exec(n->admin, buf_cstring(&sql), e).ok) {
        if (strcmp(e->sqlstate, DUPLICATE_DATABASE) != 0)
            return FAILED;
        /* The server was still making it for a restore that was killed. */
        *e = ERR_INIT;
        TRY(clear_leftover(n, n->name, e));
        TRY(pgconn_exec(n->admin, buf_cstring(&sql), e));
    }
    n->made = true;
    buf_reset(&sql);
    buf_text(&sql, "COMMENT ON DATABASE ");
    pgconn_quote_name(&sql, n->name);
    buf_text(&sql, " IS '" MARK "'");
    return pgconn_exec(n->admin, buf_cstring(&sql), e);
}

static status run_each(struct newdb *n, struct pgconn *target, const char *query, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *params[] = {n->name};
    TRY(pgconn_query(target, query, 1, params, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++)
        TRY(pgconn_exec(n->admin, pgrows_text(rows, i, 0), e));
    return DONE;
}

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

/* What the swap gives back: a limit of connections would be in the way of the workers. */
static status keep_facts(struct newdb *n, const struct pgrows *facts, err *e)
{
    const char *comment = pgrows_text(facts, 0, 8);
    n->connections = (int)pgrows_int(facts, 0, 7);
    n->comment = comment == NULL ? NULL : strdup(comment);
    return comment == NULL || n->comment != NULL ? DONE : err_no_memory(e);
}

/* Its name (NULL: the target's with a suffix), and a connection to another database of the server. */
static status begin(struct newdb *out, struct pgconn *target, const char *conninfo, const char *name, err *e)
{
    out->conninfo = conninfo;
    out->target = strdup(pgconn_database(target));
    if (out->target == NULL ||
        asprintf(&out->name, "%s%s", name != NULL ? name : out->target, name != NULL ? "" : NEW_SUFFIX) < 0) {
        out->name = NULL;
        return err_no_memory(e);
    }
    if (strlen(out->name) > NAME_MAX_BYTES)
        return err_set(
            e, ERR_VALIDATION,
            "the name of database %s is too long for a second one beside it: restore with --jobs 1",
            out->target);
    return connect_admin(conninfo, out->target, &out->admin, e);
}

/* Of this name: advisory locks belong to a database, and the target's changes its name. Goes with `admin`. */
static status lock_name(struct newdb *n, bool *ours, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *params[] = {n->name};
    TRY(pgconn_query(n->admin,
                     "SELECT pg_catalog.pg_try_advisory_lock(" LOCK_CLASS ", pg_catalog.hashtext($1))", 1,
                     params, &rows, e));
    *ours = pgrows_bool(rows, 0, 0);
    return DONE;
}

static status taken(const char *name, err *e)
{
    return err_set(e, ERR_REFUSED, "another restore builds database %s: wait until it has ended", name);
}

status newdb_check_none(struct pgconn *target, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s" NEW_SUFFIX, pgconn_database(target));
    TRY(buf_done(&name, e));
    const char *params[] = {buf_cstring(&name)};
    TRY(pgconn_query(target,
                     "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted"
                     " AND classid = " LOCK_CLASS " AND objid::bigint ="
                     "  pg_catalog.hashtext($1)::bigint & 4294967295)",
                     1, params, &rows, e));
    return pgrows_bool(rows, 0, 0) ? taken(params[0], e) : DONE;
}

static void old_name(const struct newdb *n, struct buf *out)
{
    buf_printf(out, "%s_pgstrand_old", n->target);
}

/* Before the work, rather than when all of it is done. */
static status clear_old(struct newdb *n, err *e)
{
    OWNED(buf) struct buf old = {0};
    old_name(n, &old);
    TRY(buf_done(&old, e));
    return clear_leftover(n, buf_cstring(&old), e);
}

status newdb_make(struct pgconn *target, const char *conninfo, bool keep_old, struct newdb *out, err *e)
{
    TRY(holds_more(target, &out->holds_more, e));
    out->keep_old = keep_old || out->holds_more;
    TRY(newdb_make_named(target, conninfo, NULL, out, e));
    return clear_old(out, e);
}

status newdb_make_named(struct pgconn *target, const char *conninfo, const char *name, struct newdb *out,
                        err *e)
{
    OWNED(pgrows) struct pgrows *facts = NULL;
    bool ours = false;
    TRY(begin(out, target, conninfo, name, e));
    TRY(lock_name(out, &ours, e));
    if (!ours)
        return taken(out->name, e);
    TRY(clear_leftover(out, out->name, e));
    TRY(read_facts(target, &facts, e));
    TRY(keep_facts(out, facts, e));
    TRY(create(out, facts, e));
    TRY(run_each(out, target, privileges_query, e));
    return run_each(out, target, settings_query, e);
}

status newdb_connect(const struct newdb *n, struct pgconn **out, err *e)
{
    return pgconn_open_database(n->conninfo, n->name, out, e);
}

status newdb_look_again(struct newdb *n, struct pgconn *target, err *e)
{
    TRY(holds_more(target, &n->holds_more, e));
    n->keep_old |= n->holds_more;
    return DONE;
}

/* Sessions that were closed end when their processes do. RENAME looks for such ones, and when it finds one
 * looks again a tenth of a second later (CountOtherDBBackends, procarray.c): we are quicker to ask. */
static status wait_for_sessions(struct newdb *n, const char *old, err *e)
{
    const struct timespec pause = {0, 2000000};
    for (int tries = 0; tries < SESSION_TRIES; tries++) {
        OWNED(pgrows) struct pgrows *rows = NULL;
        const char *params[] = {n->name, old};
        TRY(pgconn_query(n->admin,
                         "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname IN ($1, $2))",
                         2, params, &rows, e));
        if (!pgrows_bool(rows, 0, 0))
            return DONE;
        (void)nanosleep(&pause, NULL);
    }
    return DONE; /* RENAME waits for some seconds, and says who is in the way */
}

status newdb_swap(struct newdb *n, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(buf) struct buf old = {0};
    TRY(clear_old(n, e)); /* another restore's, made meanwhile */
    TRY(wait_for_sessions(n, n->target, e));
    old_name(n, &old);
    buf_text(&sql, "BEGIN; ALTER DATABASE ");
    pgconn_quote_name(&sql, n->target);
    buf_text(&sql, " RENAME TO ");
    pgconn_quote_name(&sql, buf_cstring(&old));
    if (!n->holds_more) {
        buf_text(&sql, "; COMMENT ON DATABASE ");
        pgconn_quote_name(&sql, buf_cstring(&old));
        buf_text(&sql, " IS '" REPLACED "'");
    }
    buf_text(&sql, "; ALTER DATABASE ");
    pgconn_quote_name(&sql, n->name);
    buf_text(&sql, " RENAME TO ");
    pgconn_quote_name(&sql, n->target);
    buf_text(&sql, "; COMMENT ON DATABASE ");
    pgconn_quote_name(&sql, n->target);
    buf_text(&sql, " IS ");
    if (n->comment == NULL)
        buf_text(&sql, "NULL");
    else
        pgconn_quote_literal(&sql, n->comment);
    buf_text(&sql, "; ALTER DATABASE ");
    pgconn_quote_name(&sql, n->target);
    buf_printf(&sql, " CONNECTION LIMIT %d; COMMIT", n->connections);
    TRY(buf_done(&sql, e));
    if (pgconn_exec(n->admin, buf_cstring(&sql), e).ok)
        return DONE;
    targetdb_rollback(n->admin);
    return err_wrap(e, "giving %s the name %s", n->name, n->target);
}

/* What interrupts a restore cancels every connection's statement, and may meet the one that cleans up. */
static status drop(struct newdb *n, const char *sql, err *e)
{
    for (int tries = 1;; tries++) {
        *e = ERR_INIT;
        if (pgconn_exec(n->admin, sql, e).ok)
            return DONE;
        if (strcmp(e->sqlstate, CANCELED) != 0 || tries == DROP_TRIES)
            return FAILED;
    }
}

status newdb_drop_old(struct newdb *n, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(buf) struct buf old = {0};
    old_name(n, &old);
    buf_text(&sql, "DROP DATABASE ");
    pgconn_quote_name(&sql, buf_cstring(&old));
    TRY(buf_done(&old, e));
    TRY(buf_done(&sql, e));
    TRY(check_unused(n, buf_cstring(&old), e));
    TRY(wait_for_sessions(n, buf_cstring(&old), e)); /* ours, that looked */
    return drop(n, buf_cstring(&sql), e);
}

void newdb_drop(struct newdb *n)
{
    OWNED(buf) struct buf sql = {0};
    err why = ERR_INIT; /* the first failure is the one to tell; a later restore removes what stays */
    if (!n->made || !pgconn_alive(n->admin))
        return;
    drop_subscriptions(n, n->name);
    buf_text(&sql, "DROP DATABASE IF EXISTS ");
    pgconn_quote_name(&sql, n->name);
    if (pgconn_server_version(n->admin) >= 130000)
        buf_text(&sql, " WITH (FORCE)");
    (void)drop(n, buf_cstring(&sql), &why).ok;
}

status newdb_clear(const char *conninfo, err *e)
{
    return newdb_clear_named(conninfo, NULL, e);
}

status newdb_clear_named(const char *conninfo, const char *name, err *e)
{
    OWNED(pgconn) struct pgconn *target = NULL;
    OWNED(newdb) struct newdb n = {0};
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &target, e));
    bool ours = false;
    TRY(begin(&n, target, conninfo, name, e));
    TRY(lock_name(&n, &ours, e));
    return ours ? clear_leftover(&n, n.name, e) : DONE;
}
