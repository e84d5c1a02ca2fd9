#include "agent/restore/load/quarantine.h"

#include "agent/pg/tables.h"
#include "agent/restore/load/targetdb.h"
#include "proto/base/array.h"
#include "proto/base/pgtime.h"
#include "proto/copytext.h"
#include "proto/pbmem.h"

struct row {
    struct catalog_key key;
    Pgstrand__QuarantineRecord *record;
    bool in;
    bool settled; /* by an earlier try */
};

struct rows {
    const uuid *workflow;
    struct row *row;
    size_t count;
    size_t room;
};

static void rows_fini(struct rows *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->row[i].record != NULL)
            pbmem_free(&r->row[i].record->base);
    free(r->row);
}
OWN_VALUE(rows, rows_fini);

static status collect(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct rows *r = context;
    const Pgstrand__QuarantineRecord *record = (const Pgstrand__QuarantineRecord *)(const void *)message;
    OWNED(buf) struct buf raw = {0};
    if (!bytes_equal(pbmem_view(record->workflow), bytes_of(r->workflow->b, sizeof r->workflow->b)) ||
        key.len > sizeof r->row->key.data)
        return DONE;
    TRY(array_room(&r->row, r->count, &r->room, sizeof *r->row, e));
    struct row *to = &r->row[r->count];
    *to = (struct row){.key.len = key.len};
    memcpy(to->key.data, key.data, key.len);
    TRY(pbmem_pack(message, &raw, e));
    TRY(PB_UNPACK(to->record, pgstrand__quarantine_record__descriptor, buf_view(&raw),
                  "a row in the quarantine", 0, e));
    r->count++;
    return DONE;
}

static status copy_row(struct pgconn *c, const Pgstrand__QuarantineRecord *r, err *e)
{
    OWNED(buf) struct buf sql = {0};
    OWNED(buf) struct buf line = {0};
    uint64_t rows = 0;
    buf_text(&sql, "COPY ");
    table_quote(&sql, r->schema, r->table);
    for (size_t i = 0; i < r->n_column; i++) {
        buf_text(&sql, i == 0 ? " (" : ", ");
        pgconn_quote_name(&sql, r->column[i]);
    }
    buf_text(&sql, r->n_column > 0 ? ") FROM STDIN" : " FROM STDIN");
    buf_bytes(&line, r->line.data, r->line.len);
    buf_u8(&line, '\n');
    TRY(buf_done(&line, e));
    TRY(buf_done(&sql, e));
    TRY(pgconn_copy_in(c, buf_cstring(&sql), e));
    TRY(pgconn_copy_data(c, buf_view(&line), e));
    return pgconn_copy_finish(c, &rows, e);
}

/* ---- over the row of its key ---- */

static bool is_key(const struct pgrows *key, const char *column)
{
    for (int i = 0; i < pgrows_count(key); i++)
        if (strcmp(pgrows_text(key, i, 0), column) == 0)
            return true;
    return false;
}

static status put_values(const Pgstrand__QuarantineRecord *r, struct buf *sql, err *e)
{
    OWNED(memory) struct bytes *value = calloc(r->n_column + 1, sizeof *value);
    if (value == NULL)
        return err_no_memory(e);
    if (copytext_split(pbmem_view(r->line), value, r->n_column) != r->n_column)
        return err_set(e, ERR_STORAGE, "a row of %s.%s in the quarantine has another number of columns",
                       r->schema, r->table);
    for (size_t i = 0; i < r->n_column; i++) {
        OWNED(buf) struct buf text = {0};
        buf_text(sql, i == 0 ? " VALUES (" : ", ");
        if (copytext_unescape(value[i], &text))
            pgconn_quote_literal(sql, buf_cstring(&text));
        else
            buf_text(sql, "NULL");
        TRY(buf_done(&text, e));
    }
    return DONE;
}

static void put_conflict(const Pgstrand__QuarantineRecord *r, const struct pgrows *key, struct buf *sql)
{
    const char *between = ") DO UPDATE SET ";
    for (int i = 0; i < pgrows_count(key); i++) {
        buf_text(sql, i == 0 ? ") ON CONFLICT (" : ", ");
        pgconn_quote_name(sql, pgrows_text(key, i, 0));
    }
    for (size_t i = 0; i < r->n_column; i++) {
        if (is_key(key, r->column[i]))
            continue;
        buf_text(sql, between);
        between = ", ";
        pgconn_quote_name(sql, r->column[i]);
        buf_text(sql, " = excluded.");
        pgconn_quote_name(sql, r->column[i]);
    }
    if (between[0] == ')')
        buf_text(sql, ") DO NOTHING");
}

/* Deleted and inserted again it would take with it what refers to it. */
static status change_row(struct pgconn *c, const Pgstrand__QuarantineRecord *r, const struct pgrows *key,
                         err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "INSERT INTO ");
    table_quote(&sql, r->schema, r->table);
    for (size_t i = 0; i < r->n_column; i++) {
        buf_text(&sql, i == 0 ? " (" : ", ");
        pgconn_quote_name(&sql, r->column[i]);
    }
    buf_text(&sql, ") OVERRIDING SYSTEM VALUE");
    TRY(put_values(r, &sql, e));
    put_conflict(r, key, &sql);
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}

/* Whatever the merge knew a row by: the target's identity, else its primary key. */
static status merge_row(struct pgconn *c, const Pgstrand__QuarantineRecord *r, err *e)
{
    OWNED(pgrows) struct pgrows *key = NULL;
    const char *const params[] = {r->schema, r->table};
    TRY(pgconn_query(
        c,
        "SELECT a.attname FROM pg_catalog.pg_attribute a JOIN (SELECT i.indrelid,"
        "  i.indkey::int2[] AS keys, i.indnkeyatts AS count FROM pg_catalog.pg_index i"
        "  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
        "  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace"
        "  WHERE n.nspname = $1::text AND t.relname = $2::text AND (i.indisreplident OR i.indisprimary)"
        "  ORDER BY i.indisreplident DESC LIMIT 1) k ON a.attrelid = k.indrelid"
        " AND a.attnum = ANY (k.keys[0:k.count - 1])",
        2, params, &key, e));
    bool whole = pgrows_count(key) > 0 && r->n_column > 0;
    for (int i = 0; whole && i < pgrows_count(key); i++) {
        whole = false;
        for (size_t k = 0; k < r->n_column; k++)
            whole = whole || strcmp(pgrows_text(key, i, 0), r->column[k]) == 0;
    }
    return whole ? change_row(c, r, key, e) : copy_row(c, r, e);
}

/* ---- trying ---- */

static status set_text(char **field, const char *value, err *e)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return err_no_memory(e);
    free(*field);
    *field = copy;
    return DONE;
}

/* A row that is refused must not take the others with it. */
static status try_row(struct pgconn *c, struct row *row, bool merged, err *e)
{
    err why = ERR_INIT;
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_again", e));
    row->in = merged ? merge_row(c, row->record, &why).ok : copy_row(c, row->record, &why).ok;
    if (row->in)
        return pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_again", e);
    if (why.class == ERR_NETWORK || why.class == ERR_TIMEOUT) {
        *e = why;
        return FAILED;
    }
    TRY(pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_again; RELEASE SAVEPOINT pgstrand_again", e));
    row->record->retries++;
    row->record->time = pgtime_now();
    TRY(set_text(&row->record->sqlstate, why.sqlstate, e));
    return set_text(&row->record->error, why.message, e);
}

static status try_all(struct pgconn *c, struct rows *rows, bool merged, const struct progress *progress,
                      err *e)
{
    for (size_t i = 0; i < rows->count; i++) {
        progress->step(progress->context, "rows that were left out", i, rows->count);
        if (!rows->row[i].in)
            TRY(try_row(c, &rows->row[i], merged, e));
    }
    return DONE;
}

/* ---- what became of an earlier try ---- */

/* Killed between the server's commit and ours. */
static status settle_row(struct pgconn *c, struct row *row, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *const params[] = {row->record->xact};
    err why = ERR_INIT;
    if (row->record->xact == NULL)
        return DONE;
    if (!pgconn_query(c, "SELECT pg_catalog.pg_xact_status($1::pg_catalog.xid8)", 1, params, &rows, &why)
             .ok) {
        if (why.class != ERR_NETWORK && why.class != ERR_TIMEOUT)
            return DONE; /* of the future: another server's */
        *e = why;
        return FAILED;
    }
    const char *became = pgrows_text(rows, 0, 0);
    if (became != NULL && strcmp(became, "in progress") == 0)
        return err_set(e, ERR_TIMEOUT, "an earlier try of the rows is still being committed: try again");
    row->in = row->settled = became != NULL && strcmp(became, "committed") == 0;
    return DONE;
}

static status settle(struct pgconn *c, struct rows *rows, err *e)
{
    for (size_t i = 0; i < rows->count; i++)
        TRY(settle_row(c, &rows->row[i], e));
    return DONE;
}

/* ---- in the catalogue ---- */

static status write_down(struct datadir *d, const struct row *row, err *e)
{
    if (row->in)
        return catalog_delete(d->catalog, CATALOG_QUARANTINE, catalog_key_bytes(&row->key), e);
    free(row->record->xact);
    row->record->xact = NULL;
    return catalog_put(d->catalog, CATALOG_QUARANTINE, catalog_key_bytes(&row->key), &row->record->base, e);
}

static status put_all(struct datadir *d, struct rows *rows, const char *xact, err *e)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->row[i];
        if (xact == NULL)
            TRY(write_down(d, row, e));
        if (xact == NULL || !row->in || row->settled)
            continue;
        TRY(set_text(&row->record->xact, xact, e));
        TRY(catalog_put(d->catalog, CATALOG_QUARANTINE, catalog_key_bytes(&row->key), &row->record->base, e));
    }
    return DONE;
}

/* In one write. `xact`: what brings the rows that are in; NULL: it is committed. */
static status put_rows(struct datadir *d, struct rows *rows, const char *xact, err *e)
{
    err dropped = ERR_INIT; /* the first failure is the one to tell */
    TRY(catalog_begin(d->catalog, e));
    const status put = put_all(d, rows, xact, e);
    const status ended = catalog_end(d->catalog, put.ok, put.ok ? e : &dropped);
    return put.ok ? ended : put;
}

static status announce(struct datadir *d, struct pgconn *c, struct rows *rows, err *e)
{
    OWNED(text) char *xact = NULL;
    TRY(pgconn_value(c, "SELECT pg_catalog.pg_current_xact_id()", &xact, e));
    return put_rows(d, rows, xact, e);
}

/* Foreign keys and triggers count: a row that came without its parent would be an orphan. */
static status bring(struct datadir *d, const char *conninfo, struct rows *rows, bool merged,
                    const struct progress *progress, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &c, e));
    TRY(settle(c, rows, e));
    TRY(pgconn_exec(c, "BEGIN", e));
    if (try_all(c, rows, merged, progress, e).ok && announce(d, c, rows, e).ok &&
        pgconn_exec(c, "COMMIT", e).ok)
        return DONE;
    targetdb_rollback(c);
    return FAILED;
}

status quarantine_retry(struct datadir *d, const uuid *workflow, const char *conninfo, bool merged,
                        const struct progress *progress, uint64_t *left, err *e)
{
    OWNED(rows) struct rows rows = {.workflow = workflow};
    *left = 0;
    TRY(catalog_each(d->catalog, CATALOG_QUARANTINE, collect, &rows, e));
    if (rows.count == 0)
        return DONE;
    TRY(bring(d, conninfo, &rows, merged, progress, e));
    for (size_t i = 0; i < rows.count; i++)
        *left += !rows.row[i].in;
    return put_rows(d, &rows, NULL, e);
}
