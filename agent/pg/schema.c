#include "agent/pg/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/pg/gate.h"
#include "agent/pg/pgdump.h"

#define TRIES 5
#define OPEN_TRIES 3       /* after so many torn dumps the gate is closed */
#define FIRST_PAUSE_MS 100 /* doubled at each further try */

/* Count and sum over the keys of the visible rows; the sum does not depend on the order, so it can be
 * followed row by row from the log as well. The 8 bytes summed are the first of SHA-256("txid lsn"). */
static const char fingerprint_of_rows[] =
    "SELECT 'ddl ' || count(*) || ' ' || coalesce(sum(('x' || pg_catalog.encode(pg_catalog.substr("
    "pg_catalog.sha256(pg_catalog.convert_to(txid::text || ' ' || lsn::text, 'UTF8')), 1, 8), "
    "'hex'))::bit(64)::bigint),"
    " 0) FROM pgstrand.ddl";

/* Without such rows the catalogue itself: which transaction wrote each of its rows last. ANALYZE and VACUUM
 * update in place and do not show. */
static const char fingerprint_of_catalogue[] =
    "SELECT 'catalogue ' || count(*) || ' ' || coalesce(sum(pg_catalog.hashtextextended(x, 0)), 0) FROM ("
    " SELECT 'c' || oid || ' ' || xmin AS x FROM pg_catalog.pg_class WHERE relpersistence <> 't' AND oid >= "
    "16384"
    " UNION ALL SELECT 'a' || a.attrelid || ' ' || a.attnum || ' ' || a.xmin FROM pg_catalog.pg_attribute a"
    "  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE c.relpersistence <> 't' AND c.oid >= 16384"
    " UNION ALL SELECT 'd' || oid || ' ' || xmin FROM pg_catalog.pg_attrdef"
    " UNION ALL SELECT 'k' || oid || ' ' || xmin FROM pg_catalog.pg_constraint"
    " UNION ALL SELECT 'f' || oid || ' ' || xmin FROM pg_catalog.pg_proc WHERE oid >= 16384"
    " UNION ALL SELECT 't' || oid || ' ' || xmin FROM pg_catalog.pg_type WHERE oid >= 16384"
    " UNION ALL SELECT 'e' || oid || ' ' || xmin FROM pg_catalog.pg_enum"
    " UNION ALL SELECT 'n' || oid || ' ' || xmin FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\\_%'"
    " UNION ALL SELECT 'g' || oid || ' ' || xmin FROM pg_catalog.pg_trigger"
    " UNION ALL SELECT 'r' || oid || ' ' || xmin FROM pg_catalog.pg_rewrite WHERE oid >= 16384"
    " UNION ALL SELECT 'p' || oid || ' ' || xmin FROM pg_catalog.pg_policy"
    " UNION ALL SELECT 'x' || oid || ' ' || xmin FROM pg_catalog.pg_extension) o";

/* Who may be named: whoever owns or was granted something here, and the bootstrap superuser, whom pg_shdepend
 * leaves out. Which of them the text does name is looked for in the text. */
static const char roles_query[] = "SELECT rolname, pg_catalog.quote_ident(rolname) FROM pg_catalog.pg_roles "
                                  "r WHERE r.oid = 10 OR r.oid IN ("
                                  " SELECT refobjid FROM pg_catalog.pg_shdepend WHERE refclassid = "
                                  "'pg_catalog.pg_authid'::regclass AND dbid ="
                                  " (SELECT oid FROM pg_catalog.pg_database WHERE datname = "
                                  "pg_catalog.current_database())) ORDER BY rolname";

void schema_text_fini(struct schema_text *s)
{
    buf_fini(&s->pre_data);
    buf_fini(&s->post_data);
    for (size_t i = 0; i < s->role_count; i++)
        free(s->roles[i]);
    free(s->roles);
    s->roles = NULL;
    s->role_count = 0;
    table_list_free(s->tables);
    s->tables = NULL;
    typeuse_list_fini(&s->uses);
}

static status has_ddl_table(struct pgconn *c, bool *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT pg_catalog.to_regclass('pgstrand.ddl') IS NOT NULL", 0, NULL, &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

/* A whole number of any length, modulo 2^64: the server's sum does not overflow. */
static uint64_t wrapped(const char *digits)
{
    uint64_t value = 0;
    const bool negative = *digits == '-';
    for (digits += negative; *digits >= '0' && *digits <= '9'; digits++)
        value = value * 10 + (uint64_t)(*digits - '0');
    return negative ? 0 - value : value;
}

/* "ddl COUNT SUM" */
static void take_parts(struct schema_fingerprint *f, const char *text)
{
    const char *count = strchr(text, ' ');
    const char *sum = count == NULL ? NULL : strchr(count + 1, ' ');
    f->counted = sum != NULL;
    f->rows = f->counted ? wrapped(count + 1) : 0;
    f->sum = f->counted ? wrapped(sum + 1) : 0;
}

status schema_fingerprint(struct pgconn *c, struct schema_fingerprint *out, err *e)
{
    bool has_rows = false;
    OWNED(text) char *text = NULL;
    OWNED(hasher) struct hasher *h = NULL;
    *out = (struct schema_fingerprint){0};
    TRY(has_ddl_table(c, &has_rows, e));
    if (!pgconn_value(c, has_rows ? fingerprint_of_rows : fingerprint_of_catalogue, &text, e).ok)
        return err_wrap(e, "cannot tell the schema's fingerprint");
    if (has_rows && text != NULL)
        take_parts(out, text);
    TRY(hasher_new(&h, e));
    return hasher_once(h, bytes_text(text != NULL ? text : ""), out->hash, e);
}

static bool names_role(const struct buf *text, const char *quoted)
{
    return text->len > 0 && memmem(text->data, text->len, quoted, strlen(quoted)) != NULL;
}

static status read_roles(struct pgconn *c, struct schema_text *s, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, roles_query, 0, NULL, &rows, e));
    s->roles = calloc((size_t)pgrows_count(rows) + 1, sizeof *s->roles);
    if (s->roles == NULL)
        return err_no_memory(e);
    for (int row = 0; row < pgrows_count(rows); row++) {
        const char *quoted = pgrows_text(rows, row, 1);
        if (!names_role(&s->pre_data, quoted) && !names_role(&s->post_data, quoted))
            continue;
        char *name = strdup(pgrows_text(rows, row, 0));
        if (name == NULL)
            return err_no_memory(e);
        s->roles[s->role_count++] = name;
    }
    return DONE;
}

static status read_encoding(struct pgconn *c, struct schema_text *s, err *e)
{
    OWNED(text) char *encoding = NULL;
    TRY(pgconn_value(c,
                     "SELECT pg_catalog.pg_encoding_to_char(encoding) FROM pg_catalog.pg_database"
                     " WHERE datname = pg_catalog.current_database()",
                     &encoding, e));
    (void)snprintf(s->encoding, sizeof s->encoding, "%s", encoding != NULL ? encoding : "");
    return DONE;
}

/* Opens a transaction that sees what `snapshot` sees, or a new snapshot; *name is what pg_dump is to be
 * given. */
static status begin_snapshot(struct pgconn *c, const char *snapshot, char **name, err *e)
{
    TRY(pgconn_exec(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", e));
    if (snapshot == NULL)
        return pgconn_value(c, "SELECT pg_catalog.pg_export_snapshot()", name, e);
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "SET TRANSACTION SNAPSHOT ");
    pgconn_quote_literal(&sql, snapshot);
    TRY(pgconn_exec(c, buf_cstring(&sql), e));
    *name = strdup(snapshot);
    return *name != NULL ? DONE : err_no_memory(e);
}

/* One dump under one snapshot; *torn when DDL was committed meanwhile. Definitions come from newer catalogues
 * than the snapshot's, so pg_dump's success alone says nothing. */
static status dump_once(struct pgconn *c, const char *conninfo, const char *snapshot,
                        const struct tier_rules *rules, struct schema_text *s, bool *torn, err *e)
{
    struct schema_fingerprint after;
    OWNED(text) char *name = NULL;
    TRY(begin_snapshot(c, snapshot, &name, e));
    TRY(schema_fingerprint(c, &s->fingerprint, e));
    status dumped = pgdump_sections(c, conninfo, name, &s->pre_data, &s->post_data, e);
    if (dumped.ok && rules != NULL)
        dumped = table_list_read(c, rules, &s->tables, e);
    if (dumped.ok && rules != NULL)
        dumped = typeuse_read(c, &s->uses, e);
    if (dumped.ok)
        TRY(read_roles(c, s, e));
    err rolled = ERR_INIT;
    if (!pgconn_exec(c, "ROLLBACK", dumped.ok ? e : &rolled).ok)
        return FAILED;
    err looked = ERR_INIT;
    if (!schema_fingerprint(c, &after, dumped.ok ? e : &looked).ok)
        return FAILED;
    *torn = memcmp(s->fingerprint.hash, after.hash, sizeof after.hash) != 0;
    /* A dump that failed because its objects went away meanwhile is torn too. */
    return *torn ? DONE : dumped;
}

static void pause_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

status schema_dump(struct pgconn *c, const char *conninfo, const char *snapshot,
                   const struct tier_rules *rules, struct schema_text *out, err *e)
{
    /* A connection of its own: the caller's may be inside a transaction. */
    OWNED(pgconn) struct pgconn *own = NULL;
    TRY(pgconn_open_database(conninfo, pgconn_database(c), &own, e));
    long wait = FIRST_PAUSE_MS;
    /* A snapshot that is given does not become newer: one try. */
    int tries = snapshot != NULL ? 1 : TRIES;
    for (int i = 0; i < tries; i++, wait *= 2) {
        OWNED(schema_text) struct schema_text s = {.server_version = pgconn_server_version(own)};
        OWNED(gate) struct gate gate = {0};
        bool torn = false;
        if (i > 0)
            pause_ms(wait);
        if (i >= OPEN_TRIES)
            TRY(gate_close(conninfo, pgconn_database(c), &gate, e));
        if (!dump_once(own, conninfo, snapshot, rules, &s, &torn, e).ok)
            return err_wrap(e, "cannot dump the schema");
        if (torn)
            continue;
        TRY(read_encoding(own, &s, e));
        *out = s;
        s = (struct schema_text){0};
        return DONE;
    }
    return err_set(
        e, ERR_TIMEOUT,
        "the schema of database %s changed while it was dumped (%d tries); try again when no DDL runs",
        pgconn_database(own), tries);
}
