#include "agent/restore/hooks.h"

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>
#include <unistd.h>

#include "agent/pg/program.h"
#include "agent/restore/load/targetdb.h"
#include "proto/sqlsplit.h"
#include "store/io.h"

#define SQL_MAX ((size_t)16 << 20) /* bytes of a hook's file */
#define WORDS_MAX 64               /* of a command */

/* ---- the facts ---- */

enum {
    FACT_HOOK,
    FACT_RESULT,
    FACT_WORKFLOW,
    FACT_MODE,
    FACT_SAME_DEVICE,
    FACT_NODE,
    FACT_DEVICE_NAME,
    FACT_SOURCE_NODE,
    FACT_SOURCE_DEVICE_NAME,
    FACT_DATASET,
    FACT_SNAPSHOT,
    FACT_SEQ,
    FACT_TARGET,
    FACT_DATABASE
};
_Static_assert(FACT_DATABASE + 1 == HOOKS_FACTS, "every fact has a place");

static const char *const names[HOOKS_FACTS] = {
    "HOOK",        "RESULT",      "WORKFLOW",           "MODE",    "SAME_DEVICE", "NODE",
    "DEVICE_NAME", "SOURCE_NODE", "SOURCE_DEVICE_NAME", "DATASET", "SNAPSHOT",    "SEQ",
    "TARGET",      "DATABASE"};

void hook_facts_fini(struct hook_facts *f)
{
    for (size_t i = 0; i < HOOKS_FACTS; i++)
        free(f->fact[i]);
    *f = (struct hook_facts){0};
}

static status set(struct hook_facts *f, size_t which, const char *value, err *e)
{
    char *fact = NULL;
    if (asprintf(&fact, "PGSTRAND_%s=%s", names[which], value != NULL ? value : "") < 0)
        return err_no_memory(e);
    free(f->fact[which]);
    f->fact[which] = fact;
    return DONE;
}

static status set_uuid(struct hook_facts *f, size_t which, const uuid *id, err *e)
{
    char text[UUID_TEXT];
    return set(f, which, uuid_is_nil(id) ? "" : uuid_format(id, text), e);
}

static status set_source(struct hook_facts *f, const struct place *place, err *e)
{
    const Pgstrand__SnapshotHeader *h = place->chain->link[place->chain->count - 1].commit->header;
    TRY(set_uuid(f, FACT_SOURCE_NODE, &place->node, e));
    TRY(set_uuid(f, FACT_DATASET, &place->dataset, e));
    TRY(set(f, FACT_SAME_DEVICE, place->same_device ? "yes" : "no", e));
    return set(f, FACT_SOURCE_DEVICE_NAME, h->device_name, e);
}

static status set_job(struct hook_facts *f, const struct job *job, err *e)
{
    char seq[24];
    (void)snprintf(seq, sizeof seq, "%" PRIu64, job->out->seq);
    TRY(set_uuid(f, FACT_SNAPSHOT, &job->out->snapshot, e));
    TRY(set_uuid(f, FACT_NODE, &job->node, e));
    return set(f, FACT_SEQ, seq, e);
}

status hooks_facts(const struct datadir *d, const struct restore_request *request, const struct place *place,
                   const struct job *job, const uuid *workflow, struct hook_facts *out, err *e)
{
    static const char *const modes[] = {"fresh", "replace", "merge"};
    OWNED(text) char *target = NULL;
    char host[128] = "";
    TRY(pgconn_without_password(request->conninfo, &target, e));
    if (!d->has_identity && gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    TRY(set_uuid(out, FACT_WORKFLOW, workflow, e));
    TRY(set(out, FACT_MODE, modes[request->mode], e));
    TRY(set(out, FACT_TARGET, target, e));
    TRY(set_uuid(out, FACT_NODE, d->has_identity ? &d->identity.node : &UUID_NIL, e));
    TRY(set(out, FACT_DEVICE_NAME, d->has_identity ? d->identity.device_name : host, e));
    if (place != NULL)
        TRY(set_source(out, place, e));
    return job != NULL ? set_job(out, job, e) : DONE;
}

/* ---- SQL ---- */

/* PGSTRAND_SAME_DEVICE becomes pgstrand.same_device. */
static status tell_session(struct pgconn *c, const struct hook_facts *f, bool local, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "SELECT");
    for (size_t i = 0; i < HOOKS_FACTS; i++) {
        char name[48] = "pgstrand.";
        size_t at = strlen(name);
        for (const char *from = names[i]; *from != '\0'; from++)
            name[at++] = (char)tolower((unsigned char)*from);
        name[at] = '\0';
        buf_text(&sql, i == 0 ? " pg_catalog.set_config(" : ", pg_catalog.set_config(");
        pgconn_quote_literal(&sql, name);
        buf_text(&sql, ", ");
        pgconn_quote_literal(&sql, f->fact[i] != NULL ? strchr(f->fact[i], '=') + 1 : "");
        buf_text(&sql, local ? ", true)" : ", false)");
    }
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

/* Each is one transaction, or a part of the restore's: neither is its to end. */
static status check_statement(struct bytes s, const char *file, err *e)
{
    static const char *const refused[] = {"COMMIT", "ROLLBACK",           "END", "ABORT", "BEGIN",
                                          "START",  "PREPARE TRANSACTION"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const size_t len = strlen(refused[i]);
        if (s.len > len && strncasecmp((const char *)s.data, refused[i], len) == 0 && !isalnum(s.data[len]) &&
            s.data[len] != '_')
            return err_set(e, ERR_VALIDATION,
                           "hook %s: a hook is part of one transaction, so %s cannot stand in it", file,
                           refused[i]);
    }
    return DONE;
}

static status run_statements(struct pgconn *c, const char *file, struct bytes text, err *e)
{
    struct reader rest = reader_over(text);
    struct bytes s;
    for (int number = 1; sqlsplit_next(&rest, &s); number++) {
        OWNED(buf) struct buf statement = {0};
        TRY(check_statement(s, file, e));
        buf_bytes(&statement, s.data, s.len);
        const char *sql = buf_cstring(&statement);
        TRY(buf_done(&statement, e));
        if (!pgconn_exec(c, sql, e).ok)
            return err_wrap(e, "hook %s, statement %d", file, number);
    }
    return DONE;
}

static status load(const char *file, char **text, size_t *len, err *e)
{
    if (!io_exists(file))
        return err_set(e, ERR_VALIDATION, "there is no hook %s (see [hooks] in the configuration)", file);
    return io_load(file, SQL_MAX, (uint8_t **)(void *)text, len, e);
}

static status run_sql(const struct config *c, const char *conninfo, const char *file,
                      const struct hook_facts *facts, err *e)
{
    OWNED(pgconn) struct pgconn *conn = NULL;
    OWNED(text) char *text = NULL;
    size_t len = 0;
    if (*file == '\0')
        return DONE;
    TRY(load(file, &text, &len, e));
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &conn, e));
    TRY(tell_session(conn, facts, false, e));
    TRY(pgconn_execf(conn, e, "SET statement_timeout = '%" PRIu64 "s'; BEGIN", c->hooks_timeout));
    TRY(run_statements(conn, file, bytes_of(text, len), e));
    return pgconn_exec(conn, "COMMIT", e);
}

/* Its writes are the device's own: triggers and foreign keys count. */
static status inside(struct job *job, struct pgconn *c, const char *file, err *e)
{
    OWNED(text) char *text = NULL;
    size_t len = 0;
    struct targetdb t;
    TRY(load(file, &text, &len, e));
    TRY(targetdb_read(c, &t, e));
    TRY(tell_session(c, job->facts, true, e));
    TRY(pgconn_execf(c, e, "SET LOCAL statement_timeout = '%" PRIu64 "s'%s", job->d->config->hooks_timeout,
                     t.replica ? "; SET LOCAL session_replication_role = origin" : ""));
    TRY(run_statements(c, file, bytes_of(text, len), e));
    return pgconn_exec(c,
                       t.replica ? "SET LOCAL statement_timeout = 0;"
                                   " SET LOCAL session_replication_role = replica"
                                 : "SET LOCAL statement_timeout = 0",
                       e);
}

status hooks_inside(struct job *job, struct pgconn *c, err *e)
{
    if (job->facts == NULL)
        return DONE;
    const char *file = job->same_device ? job->d->config->hooks_same_sql : job->d->config->hooks_other_sql;
    if (*file == '\0')
        return DONE;
    TRY(set_job(job->facts, job, e));
    TRY(set(job->facts, FACT_HOOK, job->same_device ? "same" : "other", e));
    TRY(set(job->facts, FACT_DATABASE, pgconn_database(c), e));
    return inside(job, c, file, e);
}

/* ---- programs ---- */

static status run_command(const struct config *c, const char *command, const struct hook_facts *facts, err *e)
{
    OWNED(text) char *copy = strdup(command);
    OWNED(buf) struct buf out = {0};
    const char *argv[WORDS_MAX + 1];
    const char *extra[HOOKS_FACTS + 1];
    size_t words = 0, count = 0;
    char *rest = NULL;
    if (copy == NULL)
        return err_no_memory(e);
    for (char *word = strtok_r(copy, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        if (words == WORDS_MAX)
            return err_set(e, ERR_VALIDATION, "hook %s: a command has at most %d words", command, WORDS_MAX);
        argv[words++] = word;
    }
    if (words == 0)
        return DONE;
    argv[words] = NULL;
    for (size_t i = 0; i < HOOKS_FACTS; i++)
        if (facts->fact[i] != NULL)
            extra[count++] = facts->fact[i];
    extra[count] = NULL;
    const struct program program = {argv, extra, c->hooks_timeout * 1000};
    return program_run_for(&program, &out, e).ok ? DONE : err_wrap(e, "hook");
}

/* ---- before and after ---- */

status hooks_before(const struct config *c, const char *conninfo, struct hook_facts *facts, bool *begun,
                    err *e)
{
    TRY(set(facts, FACT_HOOK, "before", e));
    TRY(set(facts, FACT_RESULT, "pending", e));
    TRY(run_sql(c, conninfo, c->hooks_before_sql, facts, e));
    *begun = *c->hooks_before_sql != '\0';
    return run_command(c, c->hooks_before_command, facts, e);
}

status hooks_after(const struct config *c, const char *conninfo, enum hooks_result result,
                   struct hook_facts *facts, err *e)
{
    static const char *const results[] = {"pending", "restored", "failed", "cancelled"};
    TRY(set(facts, FACT_HOOK, "after", e));
    TRY(set(facts, FACT_RESULT, results[result], e));
    TRY(run_sql(c, conninfo, c->hooks_after_sql, facts, e));
    return run_command(c, c->hooks_after_command, facts, e);
}

bool hooks_any(const struct config *c)
{
    return *c->hooks_before_sql != '\0' || *c->hooks_before_command != '\0' || *c->hooks_after_sql != '\0' ||
           *c->hooks_after_command != '\0';
}
