#include "agent/setup/replident.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"

#define TURNS 60 /* of LOCK_TURN each */
#define LOCK_TURN "1s"

static void say(const struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct progress *progress, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    progress->say(progress->context, line);
}

/* One ALTER with what belongs to it, as one transaction; a lock that does not come is asked for again. */
static status run_turns(struct pgconn *c, const char *table, const char *statements,
                        const struct progress *progress, err *e)
{
    for (int turn = 0; turn < TURNS; turn++) {
        if (pgconn_execf(c, e, "BEGIN; SET LOCAL lock_timeout = '" LOCK_TURN "'; %s; COMMIT", statements).ok)
            return DONE;
        err rolled = ERR_INIT; /* the first failure is the one to tell */
        if (!pgconn_exec(c, "ROLLBACK", &rolled).ok || e->class != ERR_TIMEOUT)
            return err_wrap(e, "cannot change the replica identity of %s", table);
        if (turn == 0)
            say(progress, "waiting for a lock on %s", table);
    }
    return err_wrap(e, "cannot change the replica identity of %s: it stays locked", table);
}

static void append_record(struct buf *sql, const struct table_info *t, const char *quoted)
{
    buf_printf(sql, "; INSERT INTO pgstrand.identity (relid, relation, previous, now, why) VALUES (%u, ",
               t->oid);
    pgconn_quote_literal(sql, quoted);
    buf_printf(sql, ", '%c', 'f', '%s')", t->replica_identity, t->has_identity ? "rule" : "no key");
}

static status raise_one(struct pgconn *c, const struct table_info *t, Pgstrand__SetupRecord *record,
                        const struct progress *progress, err *e)
{
    OWNED(buf) struct buf name = {0};
    OWNED(buf) struct buf sql = {0};
    table_quote(&name, t->schema, t->name);
    const char *quoted = buf_cstring(&name);
    buf_printf(&sql, "ALTER TABLE ONLY %s REPLICA IDENTITY FULL", quoted);
    append_record(&sql, t, quoted);
    TRY(buf_done(&sql, e));
    /* Recorded first: a name too many is harmless, the table in the database is exact. */
    TRY(setuprecord_add_full(record, quoted, e));
    if (run_turns(c, quoted, buf_cstring(&sql), progress, e).ok) {
        say(progress, "%s gets REPLICA IDENTITY FULL", quoted);
        return DONE;
    }
    if (strcmp(e->sqlstate, "42P01") == 0)
        return DONE; /* dropped meanwhile */
    if (strcmp(e->sqlstate, "42501") != 0)
        return FAILED;
    say(progress, "%s belongs to another role and keeps its replica identity: it is not captured", quoted);
    return DONE;
}

status replident_raise(struct pgconn *c, const struct tier_rules *rules, Pgstrand__SetupRecord *record,
                       const struct progress *progress, err *e)
{
    OWNED(table_list) struct table_list *tables = NULL;
    TRY(table_list_read(c, rules, &tables, e));
    for (size_t i = 0; i < tables->count; i++)
        if (table_wants_full(&tables->table[i]))
            TRY(raise_one(c, &tables->table[i], record, progress, e));
    return DONE;
}

status replident_check(struct pgconn *c, const struct tier_rules *rules, err *e)
{
    OWNED(table_list) struct table_list *tables = NULL;
    TRY(table_list_read(c, rules, &tables, e));
    for (size_t i = 0; i < tables->count; i++) {
        const struct table_info *t = &tables->table[i];
        if (table_blocks(t))
            return err_set(
                e, ERR_SCHEMA,
                "table %s.%s has no key, and with the virtual generated column %s PostgreSQL would "
                "refuse its UPDATE and DELETE while it is captured: nothing is captured until it has "
                "a primary key, or the column is STORED",
                t->schema, t->name, table_computed_column(t));
    }
    return DONE;
}

/* A lost index cannot be named again: such a table gets the default. */
static status lower_one(struct pgconn *c, const char *quoted, const char *previous,
                        const struct progress *progress, err *e)
{
    OWNED(buf) struct buf sql = {0};
    bool nothing = previous != NULL && previous[0] == 'n';
    buf_printf(&sql, "ALTER TABLE ONLY %s REPLICA IDENTITY %s", quoted, nothing ? "NOTHING" : "DEFAULT");
    TRY(buf_done(&sql, e));
    if (run_turns(c, quoted, buf_cstring(&sql), progress, e).ok || strcmp(e->sqlstate, "42P01") == 0)
        return DONE;
    return FAILED;
}

static status has_record_table(struct pgconn *c, bool *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c, "SELECT pg_catalog.to_regclass('pgstrand.identity') IS NOT NULL", 0, NULL, &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

status replident_restore(struct pgconn *c, const Pgstrand__SetupRecord *record, bool ours,
                         const struct progress *progress, err *e)
{
    bool recorded = false;
    if (ours)
        TRY(has_record_table(c, &recorded, e));
    if (!recorded) {
        for (size_t i = 0; i < record->n_identity_full; i++)
            TRY(lower_one(c, record->identity_full[i], NULL, progress, e));
        return DONE;
    }
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(
        c,
        "SELECT DISTINCT ON (i.relid) pg_catalog.format('%I.%I', n.nspname, k.relname), i.previous"
        " FROM pgstrand.identity i JOIN pg_catalog.pg_class k ON k.oid = i.relid AND k.relreplident = 'f'"
        " JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace"
        " WHERE i.now <> '?' ORDER BY i.relid, i.at",
        0, NULL, &rows, e));
    for (int i = 0; i < pgrows_count(rows); i++)
        TRY(lower_one(c, pgrows_text(rows, i, 0), pgrows_text(rows, i, 1), progress, e));
    return DONE;
}
