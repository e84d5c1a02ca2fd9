#include "agent/restore/load/skip.h"

#include <inttypes.h>

#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/replayed.h"
#include "proto/base/array.h"
#include "proto/pbmem.h"

/* ---- one row that is left out ---- */

static status read_line(struct pgconn *c, const struct skip_rows *s, const Pgstrand__Table *t, uint64_t row,
                        struct buf *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    struct bytes line;
    bool end = false;
    buf_text(&sql, "COPY (SELECT ");
    for (size_t i = 0; i < t->n_column; i++) {
        buf_text(&sql, i > 0 ? ", " : "");
        pgconn_quote_name(&sql, t->column[i]->name);
    }
    buf_printf(&sql, " FROM %s WHERE pgstrand_row = %" PRIu64 ") TO STDOUT", s->stage, row);
    TRY(buf_done(&sql, e));
    TRY(pgconn_copy_out(c, buf_cstring(&sql), e));
    for (;;) {
        TRY(pgconn_copy_next(c, &line, &end, e));
        if (end)
            return buf_done(out, e);
        buf_bytes(out, line.data, line.len > 0 && line.data[line.len - 1] == '\n' ? line.len - 1 : line.len);
    }
}

static status leave_out(struct job *job, const Pgstrand__Table *t, struct buf *line, const err *why, err *e)
{
    TRY(array_one_more(&job->left_out, job->left_out_count, sizeof *job->left_out, e));
    struct skipped_row *to = &job->left_out[job->left_out_count];
    *to = (struct skipped_row){.table = t, .line = buf_take_cstring(line), .why = *why};
    if (to->line == NULL)
        return err_no_memory(e);
    job->left_out_count++;
    return uuid_random(&to->id, e);
}

static status quarantine(struct job *job, struct pgconn *c, const struct skip_rows *s, uint64_t row,
                         const err *why, err *e)
{
    const Pgstrand__Table *t = job->plan->table[s->table].message;
    struct table_proof *proof = &job->proof[s->table];
    OWNED(buf) struct buf line = {0};
    OWNED(hasher) struct hasher *h = NULL;
    TRY(read_line(c, s, t, row, &line, e));
    TRY(hasher_new(&h, e));
    TRY(table_digest_remove(&proof->expected, h, buf_view(&line), e));
    if (proof->failed++ == 0)
        TRY(job_warn(job, e, "%s.%s: a row is left out (pgstrand log --failed shows all): %s", t->schema,
                     t->name, why->message));
    return leave_out(job, t, &line, why, e);
}

/* ---- finding it ---- */

/* Data exceptions and integrity constraints (PostgreSQL documentation, appendix A). */
static bool may_skip(const err *e)
{
    return strncmp(e->sqlstate, "22", 2) == 0 || strncmp(e->sqlstate, "23", 2) == 0;
}

static status bring_range(struct job *job, struct pgconn *c, const struct skip_rows *s, uint64_t from,
                          uint64_t to, err *e)
{
    err why = ERR_INIT;
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_skip", e));
    if (s->bring(s->context, c, from, to, &why).ok)
        return pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_skip", e);
    if (!may_skip(&why)) {
        *e = why;
        return FAILED;
    }
    TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_skip; RELEASE SAVEPOINT pgstrand_skip", e));
    if (from == to)
        return quarantine(job, c, s, from, &why, e);
    uint64_t middle = from + (to - from) / 2;
    TRY(bring_range(job, c, s, from, middle, e));
    return bring_range(job, c, s, middle + 1, to, e);
}

status skip_bring(struct job *job, struct pgconn *c, const struct skip_rows *rows, err *e)
{
    return rows->rows == 0 ? DONE : bring_range(job, c, rows, 1, rows->rows, e);
}

/* ---- whole tables ---- */

struct loading {
    struct buf *insert; /* up to the condition */
};

static status insert_range(void *context, struct pgconn *c, uint64_t from, uint64_t to, err *e)
{
    struct loading *l = context;
    OWNED(buf) struct buf sql = {0};
    buf_bytes(&sql, l->insert->data, l->insert->len);
    buf_printf(&sql, " WHERE pgstrand_row BETWEEN %" PRIu64 " AND %" PRIu64 " ORDER BY pgstrand_row", from,
               to);
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

static const char *type_of(const struct pgrows *types, const char *column)
{
    for (int i = 0; i < pgrows_count(types); i++)
        if (strcmp(pgrows_text(types, i, 0), column) == 0)
            return pgrows_text(types, i, 1);
    return "text";
}

/* The types without their modifiers: a cast to varchar(3) would cut what an assignment refuses. */
static status put_insert(struct pgconn *c, const Pgstrand__Table *t, const char *stage, const char *into,
                         struct buf *sql, err *e)
{
    OWNED(pgrows) struct pgrows *types = NULL;
    const char *const params[] = {into};
    TRY(pgconn_query(c,
                     "SELECT attname, pg_catalog.format_type(atttypid, -1) FROM pg_catalog.pg_attribute"
                     " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
                     1, params, &types, e));
    buf_printf(sql, "INSERT INTO %s", into);
    loadtable_columns(sql, t);
    buf_text(sql, " OVERRIDING SYSTEM VALUE SELECT ");
    for (size_t i = 0; i < t->n_column; i++) {
        buf_text(sql, i > 0 ? ", CAST(" : "CAST(");
        pgconn_quote_name(sql, t->column[i]->name);
        buf_printf(sql, " AS %s)", type_of(types, t->column[i]->name));
    }
    buf_printf(sql, " FROM %s", stage);
    return buf_done(sql, e);
}

static status make_stage(struct pgconn *c, const Pgstrand__Table *t, const char *stage, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_printf(&sql, "CREATE TEMPORARY TABLE %s (", stage);
    for (size_t i = 0; i < t->n_column; i++) {
        pgconn_quote_name(&sql, t->column[i]->name);
        buf_text(&sql, " pg_catalog.text, ");
    }
    buf_text(&sql, "pgstrand_row bigint GENERATED ALWAYS AS IDENTITY) ON COMMIT DROP");
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

status skip_load(struct job *job, struct pgconn *c, size_t table, err *e)
{
    OWNED(buf) struct buf name = {0};
    loadtable_name(&name, job->plan->table[table].message);
    TRY(buf_done(&name, e));
    return skip_load_as(job, c, table, buf_cstring(&name), e);
}

status skip_load_as(struct job *job, struct pgconn *c, size_t table, const char *into, err *e)
{
    const Pgstrand__Table *t = job->plan->table[table].message;
    OWNED(buf) struct buf insert = {0};
    char stage[64];
    struct loading loading = {&insert};
    (void)snprintf(stage, sizeof stage, "pg_temp.pgstrand_skip_%zu", table);
    TRY(make_stage(c, t, stage, e));
    TRY(loadtable_load_as(job, c, table, stage, e));
    TRY(put_insert(c, t, stage, into, &insert, e));
    const struct skip_rows rows = {table, stage, job->proof[table].expected.rows, &loading, insert_range};
    if (!skip_bring(job, c, &rows, e).ok)
        return err_wrap(e, "loading %s.%s", t->schema, t->name);
    return pgconn_execf(c, e, "DROP TABLE %s", stage);
}

/* ---- the quarantine ---- */

/* protobuf-c's strings are not const; they are only read. */
static status put_record(struct job *job, const struct skipped_row *row, const char *target, err *e)
{
    Pgstrand__QuarantineRecord r = PGSTRAND__QUARANTINE_RECORD__INIT;
    struct catalog_key key = catalog_key_uuid(&row->id);
    uuid node, incarnation;
    TRY(replayed_source(job, &node, &incarnation, e));
    r.node = pbmem_uuid(&node);
    r.seq = job->plan->seq;
    r.target = pbmem_text(target);
    r.schema = pbmem_text(row->table->schema);
    r.table = pbmem_text(row->table->name);
    r.line = pbmem_borrow(row->line, strlen(row->line));
    r.sqlstate = pbmem_text(row->why.sqlstate);
    r.error = pbmem_text(row->why.message);
    r.retries = 0;
    r.time = pgtime_now();
    r.has_workflow = job->workflow != NULL;
    if (job->workflow != NULL)
        r.workflow = pbmem_uuid(job->workflow);
    OWNED(memory) char **column = calloc(row->table->n_column + 1, sizeof(*column));
    if (column == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < row->table->n_column; i++)
        column[i] = row->table->column[i]->name;
    r.column = column;
    r.n_column = row->table->n_column;
    return catalog_put(job->d->catalog, CATALOG_QUARANTINE, catalog_key_bytes(&key), &r.base, e);
}

static status put_all(struct job *job, struct pgconn *c, err *e)
{
    OWNED(text) char *target = pgconn_describe(c);
    if (target == NULL)
        return err_no_memory(e);
    TRY(catalog_begin(job->d->catalog, e));
    status done = DONE;
    for (size_t i = 0; i < job->left_out_count && done.ok; i++)
        done = put_record(job, &job->left_out[i], target, e);
    err ended = ERR_INIT;
    status end = catalog_end(job->d->catalog, done.ok, done.ok ? e : &ended);
    return done.ok ? end : done;
}

/* Before the commit: a row must not be lost between the two. What did not happen is taken back. */
status skip_commit(struct job *job, struct pgconn *c, err *e)
{
    if (job->left_out_count > 0)
        TRY(put_all(job, c, e));
    if (replayed_stamp(job, c, e).ok && pgconn_exec(c, "COMMIT", e).ok)
        return DONE;
    err ignored = ERR_INIT; /* the first failure is the one to tell */
    for (size_t i = 0; i < job->left_out_count; i++) {
        struct catalog_key key = catalog_key_uuid(&job->left_out[i].id);
        (void)catalog_delete(job->d->catalog, CATALOG_QUARANTINE, catalog_key_bytes(&key), &ignored).ok;
    }
    return FAILED;
}
