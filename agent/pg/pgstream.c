#include <stdlib.h>

#include "agent/pg/pgconn.h"
#include "agent/pg/pglib.h"
#include "proto/base/reader.h"

/*
 * What travels inside CopyData while replicating (PostgreSQL's documentation, "Streaming Replication
 * Protocol"), numbers big-endian: 'w'  start u64, end of WAL u64, clock u64, then the payload XLogData 'k'
 * end of WAL u64, clock u64, reply requested u8                            keepalive 'r'  written u64,
 * flushed u64, applied u64, clock u64, reply requested u8     status update, from us
 */
#define STATUS_LEN (1 + 4 * 8 + 1)

status pgconn_stream_start(struct pgconn *c, const char *command, err *e)
{
    pglib_row_release(c);
    OWNED(pg_result) PGresult *result = PQexec(c->pg, command);
    if (PQresultStatus(result) == PGRES_COPY_BOTH)
        return DONE;
    if (result == NULL || PQresultStatus(result) == PGRES_FATAL_ERROR)
        return pglib_fail(c, result, e);
    return err_from(e, ERR_NETWORK, FROM_LIBPQ, 0, "database %s: replication did not start", PQdb(c->pg));
}

static status parse(struct bytes message, struct stream_event *out, err *e)
{
    struct reader r = reader_over(message);
    switch (reader_u8(&r)) {
    case 'w':
        out->kind = STREAM_DATA;
        out->start = reader_u64(&r);
        out->end = reader_u64(&r);
        out->sent = (pgtime)reader_u64(&r);
        out->payload = reader_bytes(&r, r.left);
        break;
    case 'k':
        out->kind = STREAM_KEEPALIVE;
        out->end = reader_u64(&r);
        out->sent = (pgtime)reader_u64(&r);
        out->reply_requested = reader_u8(&r) != 0;
        break;
    default:
        reader_fail(&r);
        break;
    }
    if (reader_done(&r, "replication message", e).ok)
        return DONE;
    e->class = ERR_NETWORK; /* it came over the wire, not from disk */
    return FAILED;
}

status pgconn_stream_next(struct pgconn *c, struct stream_event *out, err *e)
{
    *out = (struct stream_event){.kind = STREAM_NOTHING};
    pglib_row_release(c);
    int len = PQgetCopyData(c->pg, &c->row, 1);
    if (len == 0) {
        if (PQconsumeInput(c->pg) == 0)
            return pglib_fail(c, NULL, e);
        len = PQgetCopyData(c->pg, &c->row, 1);
    }
    if (len > 0)
        return parse(bytes_of(c->row, (size_t)len), out, e);
    if (len == 0)
        return DONE;
    if (len == -2)
        return pglib_fail(c, NULL, e);
    TRY(pglib_finish(c, NULL, e));
    out->kind = STREAM_END;
    return DONE;
}

void *pgconn_stream_keep(struct pgconn *c)
{
    char *kept = c->row;
    c->row = NULL;
    return kept;
}

void pgconn_stream_release(void *kept)
{
    PQfreemem(kept);
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(value >> shift);
    return at;
}

status pgconn_stream_status(struct pgconn *c, lsn written, lsn flushed, lsn applied, bool reply, err *e)
{
    uint8_t message[STATUS_LEN];
    uint8_t *at = message;
    *at++ = 'r';
    at = put_u64(at, written);
    at = put_u64(at, flushed);
    at = put_u64(at, applied);
    at = put_u64(at, (uint64_t)pgtime_now());
    *at = reply ? 1 : 0;
    if (PQputCopyData(c->pg, (const char *)message, STATUS_LEN) != 1 || PQflush(c->pg) < 0)
        return pglib_fail(c, NULL, e);
    return DONE;
}
