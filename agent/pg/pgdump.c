#include "agent/pg/pgdump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/pg/dbsettings.h"
#include "agent/pg/lockturns.h"
#include "agent/pg/program.h"
#include "agent/pg/scratch.h"
#include "agent/pg/subscriptions.h"
#include "store/io.h"

#define LOCK_PATIENCE_MS 30000 /* for tables that somebody holds exclusively */

#define DEBIAN_FOLDERS "/usr/lib/postgresql/"

#define MAJORS_AHEAD 10 /* how many majors newer than the server's are looked for */

/* The catalogue identities of our own objects outside the schema pgstrand, as they stand in an archive's
 * list. */
static const char own_objects[] =
    "SELECT coalesce(pg_catalog.string_agg(o.c::oid || ' ' || o.o, E'\\n') || E'\\n', '') FROM ("
    " SELECT 'pg_catalog.pg_event_trigger'::regclass AS c, oid AS o FROM pg_catalog.pg_event_trigger"
    "  WHERE evtname LIKE 'pgstrand\\_%'"
    " UNION ALL SELECT 'pg_catalog.pg_publication'::regclass, oid FROM pg_catalog.pg_publication"
    "  WHERE pubname LIKE 'pgstrand\\_%'"
    " UNION ALL SELECT 'pg_catalog.pg_publication_rel'::regclass, r.oid FROM pg_catalog.pg_publication_rel r"
    "  JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE p.pubname LIKE 'pgstrand\\_%') o";

static bool is_program(const char *folder, const char *name)
{
    OWNED(text) char *path = io_join(folder, name);
    return path != NULL && access(path, X_OK) == 0;
}

/* The major that one of Debian's folders is named after; 0: it is none of them. */
static int named_major(const char *folder)
{
    static const size_t before = sizeof DEBIAN_FOLDERS - 1;
    char same[64];
    const int major = strncmp(folder, DEBIAN_FOLDERS, before) == 0 ? atoi(folder + before) : 0;
    (void)snprintf(same, sizeof same, DEBIAN_FOLDERS "%d/bin", major);
    return strcmp(folder, same) == 0 ? major : 0;
}

/* The major of the pg_dump in a folder; 0 when it does not say. Asking it takes as long as a connection: it
 * loads two dozen libraries. */
static int major_of(const char *folder)
{
    const int named = named_major(folder);
    if (named > 0)
        return named;
    OWNED(text) char *path = io_join(folder, "pg_dump");
    OWNED(buf) struct buf said = {0};
    err ignored = ERR_INIT; /* a program that cannot tell its version is not one we can use */
    if (path == NULL)
        return 0;
    const char *argv[] = {path, "--version", NULL};
    if (!program_run(argv, NULL, &said, &ignored).ok)
        return 0;
    const char *number = strstr(buf_cstring(&said), ") ");
    return number != NULL ? atoi(number + 2) : 0;
}

/* Debian's /usr/bin/pg_dump is a script that picks a version by its own rules; the real ones lie elsewhere.
 */
static bool is_wrapper(const char *folder)
{
    OWNED(text) char *path = io_join(folder, "pg_dump");
    OWNED(text) char *real = path != NULL ? realpath(path, NULL) : NULL;
    return real != NULL && strstr(real, "pg_wrapper") != NULL;
}

static bool usable(const char *folder, int major)
{
    return is_program(folder, "pg_dump") && is_program(folder, "pg_restore") && !is_wrapper(folder) &&
           major_of(folder) >= major;
}

static char *find_in_path(int major)
{
    const char *path = getenv("PATH");
    OWNED(text) char *copy = strdup(path != NULL ? path : "");
    char *rest = copy;
    for (char *folder; copy != NULL && (folder = strsep(&rest, ":")) != NULL;)
        if (folder[0] == '/' && usable(folder, major))
            return strdup(folder);
    return NULL;
}

status pgdump_find(int server_version, char **folder, err *e)
{
    int major = server_version / 10000;
    *folder = find_in_path(major);
    for (int m = major; *folder == NULL && m <= major + MAJORS_AHEAD; m++) {
        char candidate[64];
        (void)snprintf(candidate, sizeof candidate, DEBIAN_FOLDERS "%d/bin", m);
        if (usable(candidate, major))
            *folder = strdup(candidate);
    }
    if (*folder == NULL)
        return err_set(e, ERR_SCHEMA,
                       "no pg_dump for PostgreSQL %d or newer is in PATH or /usr/lib/postgresql: install "
                       "postgresql-client-%d",
                       major, major);
    return DONE;
}

void pgdump_strip_meta(struct buf *text)
{
    static const char restrict_word[] = "\\restrict ";
    static const char unrestrict_word[] = "\n\\unrestrict ";
    (void)buf_cstring(text);
    if (text->bad || text->len == 0)
        return;
    /* The head is comments and empty lines; a line further down belongs to some function's body. */
    char *line = (char *)text->data;
    char *end = line + text->len;
    while (line < end && (line[0] == '\n' || strncmp(line, "--", 2) == 0)) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        if (next == NULL)
            return;
        line = next + 1;
    }
    if (strncmp(line, restrict_word, sizeof restrict_word - 1) != 0)
        return;
    char *next = memchr(line, '\n', (size_t)(end - line));
    size_t cut = (size_t)((next != NULL ? next + 1 : end) - line);
    memmove(line, line + cut, (size_t)(end - line) - cut);
    text->len -= cut;
    char *last = NULL;
    for (char *at = (char *)text->data; (at = memmem(at, text->len - (size_t)(at - (char *)text->data),
                                                     unrestrict_word, sizeof unrestrict_word - 1)) != NULL;
         at++)
        last = at;
    if (last == NULL)
        return;
    end = (char *)text->data + text->len;
    next = memchr(last + 1, '\n', (size_t)(end - last - 1));
    cut = (size_t)((next != NULL ? next : end) - last);
    memmove(last, last + cut, (size_t)(end - last) - cut);
    text->len -= cut;
}

/* Is "tableoid oid" a line of `excluded`? */
static bool is_excluded(const char *excluded, const char *pair, size_t len)
{
    for (const char *line = excluded; *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t line_len = end != NULL ? (size_t)(end - line) : strlen(line);
        if (line_len == len && memcmp(line, pair, len) == 0)
            return true;
        line += line_len + (end != NULL);
    }
    return false;
}

/* An entry is "123; 1259 16385 TABLE public t owner" (pg_backup_archiver.c, PrintTOCSummary). */
static bool keeps_entry(const char *line, size_t len, const char *excluded)
{
    const char *semicolon = memchr(line, ';', len);
    if (len == 0 || line[0] == ';' || semicolon == NULL || len - (size_t)(semicolon - line) < 3)
        return false;
    const char *pair = semicolon + 2;
    const char *end = line + len;
    const char *space = memchr(pair, ' ', (size_t)(end - pair));
    const char *after = space != NULL ? memchr(space + 1, ' ', (size_t)(end - space - 1)) : NULL;
    if (after == NULL)
        return false;
    size_t left = (size_t)(end - after - 1);
    static const char *const secret[] = {"USER MAPPING ", "SUBSCRIPTION "};
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        if (left >= strlen(secret[i]) && memcmp(after + 1, secret[i], strlen(secret[i])) == 0)
            return false;
    return !is_excluded(excluded, pair, (size_t)(after - pair));
}

void pgdump_filter_list(struct bytes list, const char *excluded, struct buf *out)
{
    const char *at = (const char *)list.data;
    const char *end = at + list.len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline != NULL ? newline : end) - at);
        if (keeps_entry(at, len, excluded)) {
            buf_bytes(out, at, len);
            buf_u8(out, '\n');
        }
        at += len + (newline != NULL);
    }
}

struct job {
    char *folder; /* of the programs */
    struct scratch archive;
    struct scratch list;
    char *conninfo; /* without password */
    char *password; /* "PGPASSWORD=...", or NULL */
};

static void job_fini(struct job *j)
{
    scratch_close(&j->archive);
    scratch_close(&j->list);
    free(j->folder);
    free(j->conninfo);
    free(j->password);
}
OWN_VALUE(job, job_fini);

static status job_start(struct job *j, const struct pgconn *c, const char *conninfo, err *e)
{
    TRY(pgdump_find(pgconn_server_version(c), &j->folder, e));

    OWNED(text) char *plain = NULL;
    OWNED(text) char *password = NULL;
    TRY(pgconn_split_password(conninfo, &plain, &password, e));
    OWNED(buf) struct buf text = {0};
    buf_printf(&text, "%s dbname='", plain);
    for (const char *p = pgconn_database(c); *p != '\0'; p++) {
        if (*p == '\'' || *p == '\\')
            buf_u8(&text, '\\');
        buf_u8(&text, (uint8_t)*p);
    }
    buf_u8(&text, '\'');
    j->conninfo = buf_take_cstring(&text);
    if (password != NULL && asprintf(&j->password, "PGPASSWORD=%s", password) < 0)
        j->password = NULL;

    if (j->conninfo == NULL || (password != NULL && j->password == NULL))
        return err_no_memory(e);
    TRY(scratch_open("schema.dump", &j->archive, e));
    return scratch_open("schema.list", &j->list, e);
}

static status dump(const struct job *j, const char *snapshot, int lock_wait_ms, err *e)
{
    OWNED(text) char *program = io_join(j->folder, "pg_dump");
    OWNED(text) char *with = NULL;
    OWNED(buf) struct buf said = {0};
    char lock_wait[64];
    (void)snprintf(lock_wait, sizeof lock_wait, "--lock-wait-timeout=%d", lock_wait_ms);
    if (program == NULL || asprintf(&with, "--snapshot=%s", snapshot) < 0)
        return err_no_memory(e);
    const char *argv[] = {program,    "-Fc",
                          "-s",       "-Z0",
                          "-w",       "-E",
                          "UTF8",     "-N",
                          "pgstrand", with,
                          lock_wait,  "--no-subscriptions",
                          "-f",       j->archive.path,
                          "-d",       j->conninfo,
                          NULL};
    return program_run(argv, j->password, &said, e);
}

/* Does anybody hold a lock that a reader has to wait for, or wait for one himself, ahead of the reader? */
static status is_held(struct pgconn *c, bool *held, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(
        c,
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE mode = 'AccessExclusiveLock' AND "
        "locktype = 'relation' AND pid <> pg_catalog.pg_backend_pid() AND database = "
        "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))",
        0, NULL, &rows, e));
    *held = pgrows_bool(rows, 0, 0);
    return DONE;
}

/*
 * pg_dump locks one table after the other and keeps what it has. What it says is of any language, and it does
 * not pass on SQLSTATE: it quotes the command. But a lock that was waited for took a turn's time, and a table
 * that is gone or may not be read is told at once. When who held it has gone meanwhile, one more turn does.
 */
static status dump_in_turns(const struct job *j, struct pgconn *c, const char *snapshot, err *e)
{
    struct lockturns turns;
    bool held = true;
    TRY(lockturns_begin(c, LOCK_PATIENCE_MS, &turns, e));
    for (;;) {
        const int64_t begun = lockturns_now();
        if (dump(j, snapshot, turns.turn_ms, e).ok)
            return DONE;
        err asked = ERR_INIT; /* the dump's failure is the one to tell */
        const bool was_held = held;
        if (strstr(e->message, "LOCK TABLE") == NULL || lockturns_now() - begun < turns.turn_ms ||
            !is_held(c, &held, &asked).ok || !(held || was_held) || !lockturns_again(&turns))
            return FAILED;
        *e = ERR_INIT;
    }
}

static status make_list(const struct job *j, const char *excluded, err *e)
{
    OWNED(text) char *program = io_join(j->folder, "pg_restore");
    OWNED(buf) struct buf all = {0};
    OWNED(buf) struct buf kept = {0};
    if (program == NULL)
        return err_no_memory(e);
    const char *argv[] = {program, "-l", j->archive.path, NULL};
    TRY(program_run(argv, NULL, &all, e));
    pgdump_filter_list(buf_view(&all), excluded, &kept);
    TRY(buf_done(&kept, e));
    return scratch_fill(&j->list, buf_view(&kept), e);
}

static status extract(const struct job *j, const char *section, struct buf *out, err *e)
{
    OWNED(text) char *program = io_join(j->folder, "pg_restore");
    OWNED(buf) struct buf text = {0};
    if (program == NULL)
        return err_no_memory(e);
    const char *argv[] = {program, "-L", j->list.path, section, "-f", "-", j->archive.path, NULL};
    TRY(program_run(argv, NULL, &text, e));
    pgdump_strip_meta(&text);
    buf_bytes(out, text.data, text.len);
    TRY(buf_done(&text, e));
    return buf_done(out, e);
}

status pgdump_sections(struct pgconn *c, const char *conninfo, const char *snapshot, struct buf *pre_data,
                       struct buf *post_data, err *e)
{
    OWNED(job) struct job j = {0};
    OWNED(text) char *excluded = NULL;
    TRY(pgconn_value(c, own_objects, &excluded, e));
    TRY(job_start(&j, c, conninfo, e));
    TRY(dump_in_turns(&j, c, snapshot, e));
    TRY(make_list(&j, excluded != NULL ? excluded : "", e));
    TRY(extract(&j, "--section=pre-data", pre_data, e));
    TRY(extract(&j, "--section=post-data", post_data, e));
    TRY(subscriptions_put(c, post_data, e));
    return dbsettings_put(c, post_data, e);
}
