#include "agent/document/docimport.h"

#include <inttypes.h>

#include "agent/document/docfile.h"
#include "agent/document/docmeta.h"
#include "agent/document/docname.h"
#include "agent/document/docsnapshot.h"
#include "agent/document/doctable.h"
#include "agent/restore/plan/place.h"
#include "agent/restore/plan/plan.h"
#include "store/io.h"

/* One import in progress. */
struct import {
    struct docsnapshot to;
    struct docfile *file;
    struct jsonstream *stream;
    struct pgconn *conn;
    const char *dir; /* where rows are staged */
    uint64_t given;  /* rows in the document */
};

static void import_fini(struct import *m)
{
    for (size_t i = 0; i < m->to.count; i++)
        free(m->to.staged[i].rowfile);
    free(m->to.staged);
    jsonstream_free(m->stream);
    docfile_close(m->file);
    pgconn_close(m->conn);
}
OWN_VALUE(import, import_fini);

__attribute__((format(printf, 2, 3))) static void say(const struct import *m, const char *format, ...)
{
    char line[ERR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    m->to.progress->say(m->to.progress->context, line);
}

/* ---- the tables ---- */

static bool has_rows(const Pgstrand__Table *t)
{
    return !t->partition_root && t->tier != PGSTRAND__TIER__TRANSIENT;
}

/* A place for each table; numbers from 1. Rows of the file are exact as they are: there are no actions
 * behind. */
static status make_places(struct import *m, const Pgstrand__Schema *schema, err *e)
{
    m->to.schema = schema;
    m->to.staged = calloc(schema->n_table + 1, sizeof *m->to.staged);
    if (m->to.staged == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < schema->n_table; i++) {
        if (!has_rows(schema->table[i]))
            continue;
        struct docstaged *staged = &m->to.staged[m->to.count++];
        staged->table = *schema->table[i];
        staged->table.number = (uint32_t)m->to.count;
        staged->table.has_base_lsn = 0;
        staged->table.base_lsn = 0;
    }
    return DONE;
}

static struct docstaged *place_of(struct import *m, const Pgstrand__Table *t)
{
    for (size_t i = 0; i < m->to.count; i++)
        if (m->to.staged[i].table.oid == t->oid)
            return &m->to.staged[i];
    return NULL;
}

static status take_rows(struct import *m, struct docstaged *to, err *e)
{
    char name[32];
    (void)snprintf(name, sizeof name, "%" PRIu32 ".rows", to->table.number);
    to->rowfile = io_join(m->dir, name);
    if (to->rowfile == NULL)
        return err_no_memory(e);
    const struct doctable_request request = {&to->table, to->rowfile, m->to.d->config->base_level,
                                             m->to.request->lenient};
    struct doctable_result result;
    TRY(doctable_take(m->conn, m->stream, &request, &result, e));
    to->rows = result.digest.rows;
    m->given += result.given;
    if (result.unknown > 0)
        say(m, "%s.%s: %" PRIu64 " values of columns that it does not have were left out", to->table.schema,
            to->table.name, result.unknown);
    if (to->rows < result.given)
        say(m, "%s.%s: %" PRIu64 " rows were left out, as the tiers' rule %s = '%s' says", to->table.schema,
            to->table.name, result.given - to->rows, to->table.tier_column, to->table.tier_value);
    return DONE;
}

static status leave_out(struct import *m, const char *name, const char *why, err *e)
{
    say(m, "%s was left out: %s", name, why);
    return jsonstream_skip(m->stream, e);
}

/* Such tables are in no chain. */
static status is_transient(const struct import *m, const char *name, bool *out, err *e)
{
    const char *dot = strchr(name, '.');
    OWNED(text) char *schema = dot == NULL ? strdup("public") : strndup(name, (size_t)(dot - name));
    struct table_tier tier;
    if (schema == NULL)
        return err_no_memory(e);
    TRY(tier_rules_match(m->to.d->config->tiers, schema, dot == NULL ? name : dot + 1, &tier, e));
    *out = tier.tier == TIER_TRANSIENT;
    return DONE;
}

static status take_table(struct import *m, const char *name, bool device, err *e)
{
    const Pgstrand__Table *t = docname_find(m->to.schema, name);
    bool transient = false;
    if (t == NULL)
        TRY(is_transient(m, name, &transient, e));
    if (transient || (t != NULL && t->tier == PGSTRAND__TIER__TRANSIENT))
        return leave_out(m, name, "its tier is transient", e);
    if (t == NULL && !m->to.request->lenient)
        return err_set(
            e, ERR_SCHEMA,
            "there is no table %.100s in this database's chain; bring the schema up to it, or leave such "
            "tables out with --skip-unknown",
            name);
    if (t == NULL)
        return leave_out(m, name, "there is no such table", e);
    if (t->partition_root)
        return err_set(e, ERR_SCHEMA,
                       "%s is partitioned: its rows must come under the names of its partitions", name);
    struct docstaged *to = place_of(m, t);
    if (to->rowfile != NULL)
        return err_set(e, ERR_VALIDATION, "%s is there twice", name);
    if (device) /* whatever the rules say here: it stays on its device */
        to->table.tier = PGSTRAND__TIER__DEVICE;
    return take_rows(m, to, e);
}

/* The tables of businessData or deviceData. */
static status take_part(struct import *m, bool device, err *e)
{
    OWNED(buf) struct buf name = {0};
    bool first = true;
    TRY(jsonstream_expect(m->stream, '{', e));
    for (;;) {
        bool any = false;
        TRY(jsonstream_member(m->stream, &first, &name, &any, e));
        if (!any)
            return DONE;
        m->to.progress->step(m->to.progress->context, "import", docfile_position(m->file),
                             docfile_size(m->file));
        if (progress_stopped(m->to.progress))
            return err_set(e, ERR_INTERRUPTED, "stopped while importing");
        TRY(take_table(m, buf_cstring(&name), device, e));
    }
}

static status take_member(struct import *m, const char *name, err *e)
{
    bool list = false;
    if (m->to.facts->version == DOCFACTS_V2 && strcmp(name, "businessData") == 0)
        return take_part(m, false, e);
    if (m->to.facts->version == DOCFACTS_V2 && strcmp(name, "deviceData") == 0)
        return take_part(m, true, e);
    TRY(jsonstream_at(m->stream, '[', &list, e));
    if (m->to.facts->version == DOCFACTS_V1 && list)
        return take_table(m, name, false, e);
    return jsonstream_skip(m->stream, e);
}

static status take_document(struct import *m, err *e)
{
    const struct jsonstream_source source = docfile_source(m->file);
    OWNED(buf) struct buf name = {0};
    bool first = true, any = true;
    TRY(docfile_rewind(m->file, e));
    TRY(jsonstream_new(&source, DOCFACTS_VALUE_MAX, &m->stream, e));
    TRY(jsonstream_expect(m->stream, '{', e));
    while (any) {
        TRY(jsonstream_member(m->stream, &first, &name, &any, e));
        if (any)
            TRY(take_member(m, buf_cstring(&name), e));
    }
    TRY(jsonstream_end(m->stream, e));
    return docfile_check(m->file, e);
}

/* ---- before and after ---- */

static status check_facts(const struct import *m, err *e)
{
    const struct docfacts *f = m->to.facts;
    char schema[DOCMETA_SCHEMA_TEXT], ours[UUID_TEXT];
    if (f->dataset != NULL && strcasecmp(f->dataset, uuid_format(&m->to.d->identity.dataset, ours)) != 0)
        return err_set(
            e, ERR_VALIDATION,
            "it is of dataset %s, and this data directory belongs to dataset %s: import it where that "
            "dataset is",
            f->dataset, ours);
    TRY(docmeta_schema_version(m->to.schema, schema, e));
    if (f->schema_version != NULL && strcmp(f->schema_version, schema) != 0)
        say(m, "it was made under version %s of the schema, and the tables here are of version %s",
            f->schema_version, schema);
    return DONE;
}

static status check_counts(const struct import *m, struct docimport_result *out, err *e)
{
    size_t missing = 0;
    for (size_t i = 0; i < m->to.count; i++) {
        missing += m->to.staged[i].rowfile == NULL;
        out->tables += m->to.staged[i].rowfile != NULL;
        out->rows += m->to.staged[i].rows;
    }
    if (missing > 0)
        say(m, "%zu tables of the schema are not in the file: the snapshot has no rows of them", missing);
    if (m->to.facts->records != UINT64_MAX && m->to.facts->records != m->given && !m->to.request->lenient)
        return err_set(e, ERR_VALIDATION, "its metadata counts %" PRIu64 " records, and it has %" PRIu64,
                       m->to.facts->records, m->given);
    return DONE;
}

static status import_into(struct import *m, const struct plan *plan, struct docimport_result *out, err *e)
{
    TRY(make_places(m, plan->schema, e));
    TRY(check_facts(m, e));
    TRY(pgconn_open(m->to.d->config->conninfo, PGCONN_QUERY, &m->conn, e));
    m->to.server_version = pgconn_server_version(m->conn);
    m->to.conn = m->conn;
    TRY(take_document(m, e));
    TRY(check_counts(m, out, e));
    return docsnapshot_write(&m->to, out, e);
}

/* The tables are those of the own chain and log at their end. */
static status with_schema(struct import *m, struct docimport_result *out, err *e)
{
    const struct restore_request latest = {.target = {.kind = TARGET_LATEST}};
    OWNED(place) struct place place = {0};
    OWNED(plan) struct plan *plan = NULL;
    TRY(place_find(m->to.d, &latest, &place, e));
    const struct plan_options options = {place.chain, place.log, &latest.target, ~0u, NULL, &place.unsealed};
    TRY(plan_make(&options, &plan, e));
    return import_into(m, plan, out, e);
}

static status read_and_import(struct import *m, struct docfacts *facts, struct docimport_result *out, err *e)
{
    TRY(docfile_open(m->to.request->path, &m->file, e));
    const struct jsonstream_source source = docfile_source(m->file);
    if (!docfacts_read(&source, facts, e).ok)
        return err_wrap(e, "%s", m->to.request->path);
    out->version = facts->version;
    out->full_device = facts->full_device;
    if (with_schema(m, out, e).ok)
        return DONE;
    return err_wrap(e, "%s", m->to.request->path);
}

status docimport_run(struct datadir *d, const struct docimport_request *request,
                     const struct progress *progress, struct docimport_result *out, err *e)
{
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(text) char *lock_path = io_join(d->root, "import.lock");
    OWNED(text) char *dir = io_join(d->root, "import");
    OWNED(text) char *note = dir == NULL ? NULL : io_join(dir, "chain");
    OWNED(docfacts) struct docfacts facts = {0};
    *out = (struct docimport_result){0};
    if (lock_path == NULL || note == NULL)
        return err_no_memory(e);
    TRY(io_lock(lock_path, true, &lock, e));
    TRY(docsnapshot_tidy(note, e)); /* of one that was killed */
    TRY(io_remove_tree(dir, e));
    TRY(io_make_dir(dir, e));
    status done;
    {
        OWNED(import)
        struct import m = {
            .to = {.d = d, .request = request, .progress = progress, .facts = &facts, .note = note},
            .dir = dir};
        done = read_and_import(&m, &facts, out, e);
    }
    err left = ERR_INIT;
    if (!io_remove_tree(dir, &left).ok && done.ok)
        progress->say(progress->context, left.message);
    return done;
}
