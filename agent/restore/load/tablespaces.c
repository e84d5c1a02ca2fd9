#include "agent/restore/load/tablespaces.h"

#include "proto/base/array.h"
#include "proto/sqlsplit.h"

static const char set_words[] = "SET default_tablespace = ";
static const char set_own[] = "SET default_tablespace = '';";

bool tablespaces_is_set(struct bytes s, struct bytes *space)
{
    const size_t len = sizeof set_words - 1;
    if (s.len <= len || memcmp(s.data, set_words, len) != 0)
        return false;
    *space = bytes_of(s.data + len, s.len - len);
    while (space->len > 0 && (space->data[space->len - 1] == ';' || space->data[space->len - 1] == ' '))
        space->len--;
    if (bytes_equal(*space, bytes_text("''")))
        space->len = 0;
    return true;
}

/* Without its quotes, as it is in the catalogue. */
static status plain_name(struct bytes quoted, struct buf *out, err *e)
{
    const bool quotes = quoted.len >= 2 && quoted.data[0] == '"';
    for (size_t i = quotes; i + quotes < quoted.len; i++) {
        buf_u8(out, quoted.data[i]);
        if (quotes && quoted.data[i] == '"')
            i++; /* doubled */
    }
    return buf_done(out, e);
}

/* ---- the tablespaces that the text names ---- */

struct space {
    struct bytes name;
    bool usable;
    unsigned uses; /* statements that make something in it */
};

struct spaces {
    struct space *space;
    size_t count;
};

static void spaces_fini(struct spaces *s)
{
    free(s->space);
    *s = (struct spaces){0};
}
OWN_VALUE(spaces, spaces_fini);

static struct space *find(const struct spaces *s, struct bytes name)
{
    for (size_t i = 0; i < s->count; i++)
        if (bytes_equal(s->space[i].name, name))
            return &s->space[i];
    return NULL;
}

static status note(struct spaces *s, struct bytes name, err *e)
{
    if (name.len == 0 || find(s, name) != NULL)
        return DONE;
    TRY(array_one_more(&s->space, s->count, sizeof *s->space, e));
    s->space[s->count++] = (struct space){.name = name};
    return DONE;
}

static bool makes_something(struct bytes s)
{
    return bytes_begin(s, "CREATE TABLE ") || bytes_begin(s, "CREATE UNLOGGED TABLE ") ||
           bytes_begin(s, "CREATE INDEX ") || bytes_begin(s, "CREATE UNIQUE INDEX ") ||
           bytes_begin(s, "CREATE MATERIALIZED VIEW ") ||
           (bytes_begin(s, "ALTER TABLE ") && memmem(s.data, s.len, " ADD CONSTRAINT ", 16) != NULL &&
            memmem(s.data, s.len, " FOREIGN KEY (", 14) == NULL);
}

static status collect(const char *text, struct spaces *s, err *e)
{
    struct reader rest = reader_over(bytes_text(text != NULL ? text : ""));
    struct bytes statement, name, now = {0};
    while (sqlsplit_next(&rest, &statement)) {
        if (tablespaces_is_set(statement, &name)) {
            TRY(note(s, name, e));
            now = name;
        } else if (now.len > 0 && makes_something(statement)) {
            find(s, now)->uses++;
        }
    }
    return DONE;
}

/* The database's own may be used by whoever makes tables in it. */
static status look(struct pgconn *c, struct space *space, bool *exists, err *e)
{
    OWNED(buf) struct buf name = {0};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(plain_name(space->name, &name, e));
    const char *const params[] = {buf_cstring(&name)};
    TRY(pgconn_query(c,
                     "SELECT pg_catalog.has_tablespace_privilege(t.oid, 'CREATE') OR t.oid = d.dattablespace"
                     " FROM pg_catalog.pg_tablespace t, pg_catalog.pg_database d"
                     " WHERE t.spcname = $1 AND d.datname = pg_catalog.current_database()",
                     1, params, &rows, e));
    *exists = pgrows_count(rows) == 1;
    space->usable = *exists && pgrows_bool(rows, 0, 0);
    return DONE;
}

static status judge(struct job *job, struct pgconn *c, struct spaces *s, err *e)
{
    for (size_t i = 0; i < s->count && !job->request->no_tablespaces; i++) {
        struct space *at = &s->space[i];
        bool exists = false;
        TRY(look(c, at, &exists, e));
        if (at->usable)
            continue;
        TRY(job_warn(
            job, e,
            "tablespace %.*s %s: %u tables and indexes go to the database's own (--no-tablespaces puts all "
            "there)",
            (int)at->name.len, (const char *)at->name.data,
            exists ? "may not be used on the target's server" : "is not on the target's server", at->uses));
    }
    return DONE;
}

/* ---- the text ---- */

static bool stays(const struct spaces *s, struct bytes name)
{
    return name.len == 0 || find(s, name)->usable;
}

static status rewrite(const char *text, const struct spaces *s, char **out, err *e)
{
    OWNED(buf) struct buf made = {0};
    struct bytes statement, name;
    if (text == NULL)
        return DONE;
    struct reader rest = reader_over(bytes_text(text));
    while (sqlsplit_next(&rest, &statement)) {
        if (tablespaces_is_set(statement, &name) && !stays(s, name))
            buf_text(&made, set_own);
        else
            buf_bytes(&made, statement.data, statement.len);
        buf_text(&made, "\n\n");
    }
    TRY(buf_done(&made, e));
    *out = buf_take_cstring(&made);
    return *out != NULL ? DONE : err_no_memory(e);
}

status tablespaces_settle(struct job *job, struct pgconn *c, err *e)
{
    OWNED(spaces) struct spaces s = {0}; /* its names borrow from both texts */
    OWNED(text) char *pre = NULL;
    OWNED(text) char *post = NULL;
    Pgstrand__Schema *schema = job->plan->schema;
    TRY(collect(schema->pre_data, &s, e));
    TRY(collect(schema->post_data, &s, e));
    if (s.count == 0)
        return DONE;
    TRY(judge(job, c, &s, e));
    TRY(rewrite(schema->pre_data, &s, &pre, e));
    TRY(rewrite(schema->post_data, &s, &post, e));
    char *const before[] = {schema->pre_data, schema->post_data};
    schema->pre_data = pre;
    schema->post_data = post;
    pre = before[0]; /* what goes */
    post = before[1];
    return DONE;
}
