#include "agent/base/baseschema.h"

#include <string.h>

#include "agent/pg/gate.h"
#include "agent/pg/schema.h"
#include "proto/pbmem.h"
#include "store/io.h"

#define SCHEMA_LIMIT ((size_t)256 << 20) /* bytes of schema text that are believed */

/* Not known (42704 since 17), or its process has just ended. */
static bool is_snapshot_gone(const err *e)
{
    return strcmp(e->sqlstate, "22023") == 0 || strcmp(e->sqlstate, "42704") == 0 ||
           strcmp(e->sqlstate, "55000") == 0;
}

status baseschema_begin(const struct base_request *request, struct pgconn *conn, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ");
    pgconn_quote_literal(&sql, request->snapshot);
    if (pgconn_exec(conn, buf_cstring(&sql), e).ok)
        return DONE;
    if (!is_snapshot_gone(e))
        return FAILED;
    return err_set(e, ERR_TIMEOUT, "the connection that held the base's snapshot has ended: try once more");
}

status baseschema_connect(const struct base_request *request, struct pgconn **out, err *e)
{
    OWNED(pgconn) struct pgconn *conn = NULL;
    TRY(pgconn_open(request->conninfo, PGCONN_QUERY, &conn, e));
    TRY(baseschema_begin(request, conn, e));
    *out = conn;
    conn = NULL;
    return DONE;
}

static char *path_of(const struct datadir *d)
{
    return io_join(d->base, BASESCHEMA_FILE);
}

status baseschema_load(struct datadir *d, Pgstrand__Schema **out, err *e)
{
    OWNED(text) char *path = path_of(d);
    OWNED(memory) uint8_t *raw = NULL;
    size_t len = 0;
    if (path == NULL)
        return err_no_memory(e);
    TRY(io_load(path, SCHEMA_LIMIT, &raw, &len, e));
    return PB_UNPACK(*out, pgstrand__schema__descriptor, bytes_of(raw, len), path, SCHEMA_LIMIT * 2, e);
}

void baseschema_message(struct schema_text *text, Pgstrand__Schema *out)
{
    struct schema_fingerprint *f = &text->fingerprint;
    pgstrand__schema__init(out);
    out->has_fingerprint = true;
    out->fingerprint = pbmem_borrow(f->hash, sizeof f->hash);
    out->has_ddl_rows = out->has_ddl_sum = f->counted;
    out->ddl_rows = f->rows;
    out->ddl_sum = f->sum;
    out->has_server_version_num = true;
    out->server_version_num = (uint32_t)text->server_version;
    out->pre_data = pbmem_text(buf_cstring(&text->pre_data));
    out->post_data = pbmem_text(buf_cstring(&text->post_data));
    out->role = text->roles;
    out->n_role = text->role_count;
    out->encoding = text->encoding;
}

static status store(struct datadir *d, struct schema_text *text, err *e)
{
    Pgstrand__Schema schema;
    OWNED(buf) struct buf packed = {0};
    baseschema_message(text, &schema);
    TRY(pbmem_pack(&schema.base, &packed, e));
    OWNED(text) char *path = path_of(d);
    if (path == NULL)
        return err_no_memory(e);
    return io_store(path, buf_view(&packed), e);
}

static bool same_fingerprint(const Pgstrand__Schema *staged, const struct schema_text *text)
{
    return bytes_equal(pbmem_view(staged->fingerprint),
                       bytes_of(text->fingerprint.hash, sizeof text->fingerprint.hash));
}

status baseschema_is_staged(struct datadir *d, bool *staged, err *e)
{
    OWNED(text) char *path = path_of(d);
    if (path == NULL)
        return err_no_memory(e);
    *staged = io_exists(path);
    return DONE;
}

status baseschema_stage(struct datadir *d, const struct base_request *request, err *e)
{
    OWNED(pgconn) struct pgconn *conn = NULL;
    OWNED(schema_text) struct schema_text text = {0};
    OWNED(text) char *path = path_of(d);
    if (path == NULL)
        return err_no_memory(e);
    TRY(baseschema_connect(request, &conn, e));
    TRY(schema_dump(conn, request->conninfo, request->snapshot, NULL, &text, e));
    if (request->gate != NULL)
        gate_open(request->gate);
    if (io_exists(path)) {
        PB_OWNED(Pgstrand__Schema) *staged = NULL;
        TRY(baseschema_load(d, &staged, e));
        if (same_fingerprint(staged, &text))
            return DONE;
        TRY(base_clear(d, e));
    }
    return store(d, &text, e);
}
