#include "agent/restore/load/schemasql.h"

#include "proto/sqlsplit.h"

static bool begins(struct bytes s, const char *with)
{
    size_t len = strlen(with);
    return s.len >= len && memcmp(s.data, with, len) == 0;
}

static bool contains(struct bytes s, const char *piece)
{
    return s.len > 0 && memmem(s.data, s.len, piece, strlen(piece)) != NULL;
}

/* pg_dump's words (src/bin/pg_dump/pg_dump.c): it writes one form of each statement, names in quotes where
 * needed; a quoted name that holds such words only makes a statement run in its order or alone. */
enum schemasql_phase schemasql_phase_of(struct bytes s)
{
    if (begins(s, "CREATE INDEX ") || begins(s, "CREATE UNIQUE INDEX "))
        return SCHEMASQL_INDEX;
    if (begins(s, "ALTER INDEX ") && contains(s, " ATTACH PARTITION "))
        return SCHEMASQL_ATTACH;
    if (begins(s, "CREATE EVENT TRIGGER ") || begins(s, "ALTER EVENT TRIGGER ") ||
        begins(s, "COMMENT ON EVENT TRIGGER "))
        return SCHEMASQL_LAST;
    if (!begins(s, "ALTER TABLE ") || !contains(s, " ADD CONSTRAINT "))
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
        bool space = letter == '\n' || letter == '\t' || letter == ' ';
        if (space && (at == 0 || out[at - 1] == ' '))
            continue;
        out[at++] = space ? ' ' : letter;
    }
    out[at] = '\0';
    if (at == 92)
        (void)strcpy(out + at, "...");
}

/* A newer pg_dump opens its text with settings that an older target does not know. Our sessions have switched
 * all such limits off themselves (pgconn.c), so nothing is missing without them. */
static bool unknown_setting(struct pgconn *c, struct bytes s)
{
    return pgconn_server_version(c) < 170000 && begins(s, "SET transaction_timeout = ");
}

status schemasql_statement(struct pgconn *c, struct bytes statement, err *e)
{
    OWNED(buf) struct buf sql = {0};
    char shown[96];
    if (unknown_setting(c, statement))
        return DONE;
    buf_bytes(&sql, statement.data, statement.len);
    TRY(buf_done(&sql, e));
    if (pgconn_exec(c, buf_cstring(&sql), e).ok)
        return DONE;
    excerpt(statement, shown);
    return err_wrap(e, "schema: %s", shown);
}

status schemasql_run(struct job *job, struct pgconn *c, const char *text, const char *what, err *e)
{
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    const size_t all = rest.left;
    struct bytes statement;
    while (sqlsplit_next(&rest, &statement)) {
        job->progress->step(job->progress->context, what, all - rest.left, all);
        TRY(schemasql_statement(c, statement, e));
    }
    return DONE;
}

status schemasql_run_phase(struct job *job, struct pgconn *c, enum schemasql_phase phase, const char *what,
                           err *e)
{
    const char *text = job->plan->schema->post_data;
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    const size_t all = rest.left;
    struct bytes statement;
    while (sqlsplit_next(&rest, &statement)) {
        if (schemasql_phase_of(statement) != phase)
            continue;
        job->progress->step(job->progress->context, what, all - rest.left, all);
        TRY(schemasql_statement(c, statement, e));
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
