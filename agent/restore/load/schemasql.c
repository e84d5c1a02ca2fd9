#include "agent/restore/load/schemasql.h"

#include "agent/restore/load/tablespaces.h"
#include "proto/sqlsplit.h"

static bool contains(struct bytes s, const char *piece)
{
    return s.len > 0 && memmem(s.data, s.len, piece, strlen(piece)) != NULL;
}

/* pg_dump's words (src/bin/pg_dump/pg_dump.c): it writes one form of each statement, names in quotes where
 * needed; a quoted name that holds such words only makes a statement run in its order or alone. */
enum schemasql_phase schemasql_phase_of(struct bytes s)
{
    if (bytes_begin(s, "CREATE INDEX ") || bytes_begin(s, "CREATE UNIQUE INDEX "))
        return SCHEMASQL_INDEX;
    if (bytes_begin(s, "CREATE STATISTICS "))
        return SCHEMASQL_STATISTICS;
    if (bytes_begin(s, "ALTER INDEX ") && contains(s, " ATTACH PARTITION "))
        return SCHEMASQL_ATTACH;
    if (bytes_begin(s, "CREATE EVENT TRIGGER ") || bytes_begin(s, "ALTER EVENT TRIGGER ") ||
        bytes_begin(s, "COMMENT ON EVENT TRIGGER "))
        return SCHEMASQL_LAST;
    if (bytes_begin(s, "CREATE SUBSCRIPTION "))
        return SCHEMASQL_SUBSCRIPTION;
    if (!bytes_begin(s, "ALTER TABLE ") || !contains(s, " ADD CONSTRAINT "))
        return SCHEMASQL_REST;
    if (contains(s, " FOREIGN KEY ("))
        return SCHEMASQL_FOREIGN;
    if (contains(s, " PRIMARY KEY (") || contains(s, " UNIQUE ") || contains(s, " EXCLUDE "))
        return SCHEMASQL_INDEX;
    return SCHEMASQL_REST;
}

/* The first words of a statement in one line, for messages. */
static void excerpt(struct bytes statement, char out[static 96])
{
    size_t at = 0;
    for (size_t i = 0; i < statement.len && at < 92; i++) {
        char letter = (char)statement.data[i];
        if (letter == '\n' || letter == '\t')
            letter = ' ';
        if (letter == ' ' && (at == 0 || out[at - 1] == ' '))
            continue;
        out[at++] = letter;
    }
    out[at] = '\0';
    if (at == 92)
        memcpy(out + at, "...", sizeof "...");
}

/* A newer pg_dump opens its text with settings that an older target does not know. Our sessions have switched
 * all such limits off themselves (pgconn.c), so nothing is missing without them. */
static bool unknown_setting(struct pgconn *c, struct bytes s)
{
    return pgconn_server_version(c) < 170000 && bytes_begin(s, "SET transaction_timeout = ");
}

status schemasql_statement(struct pgconn *c, struct bytes statement, err *e)
{
    return schemasql_statement_in(c, (struct bytes){0}, statement, e);
}

status schemasql_statement_in(struct pgconn *c, struct bytes space, struct bytes statement, err *e)
{
    OWNED(buf) struct buf sql = {0};
    char shown[96];
    if (unknown_setting(c, statement))
        return DONE;
    if (space.len > 0) {
        buf_text(&sql, "SET default_tablespace = ");
        buf_bytes(&sql, space.data, space.len);
        buf_text(&sql, ";");
    }
    buf_bytes(&sql, statement.data, statement.len);
    if (space.len > 0)
        buf_text(&sql, "; SET default_tablespace = ''"); /* one that fails sets nothing */
    TRY(buf_done(&sql, e));
    if (pgconn_exec(c, buf_cstring(&sql), e).ok)
        return DONE;
    excerpt(statement, shown);
    return err_wrap(e, "schema: %s", shown);
}

/* pg_dump writes none of these; a text from elsewhere may. */
static bool stands_alone(struct bytes s)
{
    static const char *const words[] = {"CREATE DATABASE ",   "DROP DATABASE ",   "ALTER SYSTEM ", "VACUUM",
                                        "CREATE TABLESPACE ", "DROP TABLESPACE ", "REINDEX "};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bytes_begin(s, words[i]))
            return true;
    if (bytes_begin(s, "CREATE INDEX CONCURRENTLY ") || bytes_begin(s, "CREATE UNIQUE INDEX CONCURRENTLY ") ||
        bytes_begin(s, "DROP INDEX CONCURRENTLY "))
        return true;
    if (bytes_begin(s, "CREATE SUBSCRIPTION ") || bytes_begin(s, "DROP SUBSCRIPTION "))
        return !contains(s, "connect = false");
    if (bytes_begin(s, "ALTER TABLE ") && contains(s, " DETACH PARTITION "))
        return contains(s, " CONCURRENTLY");
    return bytes_begin(s, "ALTER TYPE ") &&
           contains(s, " ADD VALUE "); /* rows with it may come in the same one */
}

static status check_text(const char *text, err *e)
{
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    struct bytes statement;
    char shown[96];
    while (sqlsplit_next(&rest, &statement)) {
        if (!stands_alone(statement))
            continue;
        excerpt(statement, shown);
        return err_set(
            e, ERR_SCHEMA,
            "the schema has a command that cannot share a transaction with the rows: %s; run it on "
            "the source, then pgstrand seal --type full there",
            shown);
    }
    return DONE;
}

status schemasql_check(const Pgstrand__Schema *schema, err *e)
{
    TRY(check_text(schema->pre_data, e));
    return check_text(schema->post_data, e);
}

static status make_subscription(struct job *job, struct pgconn *c, struct bytes statement, err *e)
{
    err why = ERR_INIT;
    const size_t word = strlen("CREATE SUBSCRIPTION ");
    const uint8_t *end = memmem(statement.data, statement.len, " CONNECTION ", 12);
    const int len = end == NULL ? 0 : (int)(end - statement.data - (long)word);
    const char *name = (const char *)statement.data + word;
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_subscription", e));
    if (schemasql_statement(c, statement, &why).ok) {
        TRY(pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_subscription", e));
        return job_warn(job, e,
                        "subscription %.*s is restored switched off, without password and slot: give it both "
                        "before ALTER SUBSCRIPTION ... ENABLE",
                        len, name);
    }
    TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_subscription", e));
    return job_warn(job, e, "subscription %.*s is not restored: %s", len, name, why.message);
}

status schemasql_subscriptions(struct job *job, struct pgconn *c, err *e)
{
    const char *text = job->plan->schema->post_data;
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    struct bytes statement;
    while (sqlsplit_next(&rest, &statement))
        if (schemasql_phase_of(statement) == SCHEMASQL_SUBSCRIPTION)
            TRY(make_subscription(job, c, statement, e));
    return DONE;
}

bool schemasql_owns_already(struct bytes s, const char *owner)
{
    static const char *const made[] = {"ALTER TABLE ", "ALTER SEQUENCE ", "ALTER VIEW ",
                                       "ALTER TYPE ",  "ALTER FUNCTION ", "ALTER DOMAIN "};
    static const char word[] = " OWNER TO ";
    const size_t len = strlen(owner), end = len + strlen(word) + 1;
    bool known = false;
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        known |= bytes_begin(s, made[i]);
    if (!known || s.len <= end)
        return false;
    const uint8_t *at = s.data + (s.len - end);
    return memcmp(at, word, strlen(word)) == 0 && memcmp(at + strlen(word), owner, len) == 0 &&
           at[end - 1] == ';';
}

bool schemasql_is_of_public(struct bytes s)
{
    return bytes_begin(s, "ALTER SCHEMA public OWNER TO ") ||
           bytes_begin(s, "COMMENT ON SCHEMA public IS ") ||
           ((bytes_begin(s, "GRANT ") || bytes_begin(s, "REVOKE ")) && contains(s, " ON SCHEMA public "));
}

status schemasql_leave_public(struct job *job, struct pgconn *c, struct bytes statement, bool *left, err *e)
{
    OWNED(text) char *foreign = NULL;
    char shown[96];
    *left = false;
    if (!schemasql_is_of_public(statement))
        return DONE;
    TRY(pgconn_value(c,
                     "SELECT count(*) FROM pg_catalog.pg_namespace"
                     " WHERE nspname = 'public' AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE')",
                     &foreign, e));
    *left = strcmp(foreign, "0") != 0;
    if (!*left)
        return DONE;
    excerpt(statement, shown);
    return job_warn(
        job, e, "the schema public belongs to another role there and stays as it is: %s is left out", shown);
}

status schemasql_run(struct job *job, struct pgconn *c, const char *text, const char *what, err *e)
{
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    const size_t all = rest.left;
    struct bytes statement;
    OWNED(text) char *owner = NULL;
    TRY(pgconn_value(c, "SELECT pg_catalog.quote_ident(current_user)", &owner, e));
    while (sqlsplit_next(&rest, &statement)) {
        job->progress->step(job->progress->context, what, all - rest.left, all);
        bool left = schemasql_owns_already(statement, owner);
        if (!left)
            TRY(schemasql_leave_public(job, c, statement, &left, e));
        if (!left)
            TRY(schemasql_statement(c, statement, e));
    }
    return pgconn_exec(c, "SET default_tablespace = ''", e); /* the text's last one is not for what follows */
}

status schemasql_run_phase(struct job *job, struct pgconn *c, enum schemasql_phase phase, const char *what,
                           err *e)
{
    const char *text = job->plan->schema->post_data;
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    const size_t all = rest.left;
    struct bytes statement, space = {0};
    while (sqlsplit_next(&rest, &statement)) {
        bool left = false;
        if (tablespaces_is_set(statement, &space) || schemasql_phase_of(statement) != phase)
            continue;
        job->progress->step(job->progress->context, what, all - rest.left, all);
        /* What is said of public follows all else where no statement of pre-data is about it. */
        TRY(schemasql_leave_public(job, c, statement, &left, e));
        if (left)
            continue;
        TRY(schemasql_statement_in(c, phase == SCHEMASQL_INDEX ? space : (struct bytes){0}, statement, e));
    }
    return DONE;
}

status schemasql_refresh(struct job *job, struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c"
                     " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                     " WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY c.oid",
                     0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++) {
        err why = ERR_INIT;
        const char *view = pgrows_text(rows, i, 0);
        TRY(pgconn_exec(c, "SAVEPOINT pgstrand_refresh", e));
        if (pgconn_execf(c, &why, "REFRESH MATERIALIZED VIEW %s", view).ok) {
            TRY(pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_refresh", e));
            continue;
        }
        TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_refresh", e));
        TRY(job_warn(job, e, "materialized view %s stays empty: %s", view, why.message));
    }
    return DONE;
}
