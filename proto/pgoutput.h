/*
 * pgoutput: decoder of every message of PostgreSQL's logical replication protocol, versions 1 to 4.
 *
 * Source: PostgreSQL documentation, "Logical Replication Message Formats", and
 * src/backend/replication/logical/proto.c of 14 to 18. Pure functions: bytes in, a struct of views out.
 * Ownership: views borrow from the input, arrays live in the caller's arena.
 */
#ifndef PGSTRAND_PGOUTPUT_H
#define PGSTRAND_PGOUTPUT_H

#include "proto/base/arena.h"
#include "proto/base/lsn.h"
#include "proto/base/pgtime.h"
#include "proto/base/reader.h"

#define PGOUTPUT_VERSION_MAX \
    4 /* 1: 10 and later; 2: streaming, 14; 3: two-phase, 15; 4: parallel streaming, 16 */

enum pgoutput_kind {
    PGOUTPUT_BEGIN = 'B',
    PGOUTPUT_MESSAGE = 'M',
    PGOUTPUT_COMMIT = 'C',
    PGOUTPUT_ORIGIN = 'O',
    PGOUTPUT_RELATION = 'R',
    PGOUTPUT_TYPE = 'Y',
    PGOUTPUT_INSERT = 'I',
    PGOUTPUT_UPDATE = 'U',
    PGOUTPUT_DELETE = 'D',
    PGOUTPUT_TRUNCATE = 'T',
    PGOUTPUT_STREAM_START = 'S',
    PGOUTPUT_STREAM_STOP = 'E',
    PGOUTPUT_STREAM_COMMIT = 'c',
    PGOUTPUT_STREAM_ABORT = 'A',
    PGOUTPUT_BEGIN_PREPARE = 'b',
    PGOUTPUT_PREPARE = 'P',
    PGOUTPUT_COMMIT_PREPARED = 'K',
    PGOUTPUT_ROLLBACK_PREPARED = 'r',
    PGOUTPUT_STREAM_PREPARE = 'p'
};

struct pgoutput_column {
    bool key;
    const char *name;
    uint32_t type;
    int32_t typmod;
};

struct pgoutput_message {
    enum pgoutput_kind kind;
    uint32_t xid; /* the (sub)transaction inside a stream; top transaction for S, c, A, B, b, P, K, r, p */
    union {
        struct {
            lsn final_lsn; /* commit LSN */
            pgtime time;
        } begin;
        struct {
            uint8_t flags;
            lsn commit_lsn;
            lsn end_lsn;
            pgtime time;
        } commit; /* C and c */
        struct {
            lsn lsn;
            const char *name;
        } origin;
        struct {
            uint8_t flags; /* 1: transactional */
            lsn lsn;
            const char *prefix;
            struct bytes content;
        } message;
        struct {
            uint32_t oid;
            const char *schema; /* "" means pg_catalog */
            const char *name;
            char replica_identity;
            uint16_t count;
            struct pgoutput_column *columns; /* in the arena */
        } relation;
        struct {
            uint32_t oid;
            const char *schema;
            const char *name;
        } type;
        struct {
            uint32_t relation;
            char old_kind; /* 'K', 'O' or 0 */
            struct bytes old;
            struct bytes new;
        } change; /* I, U, D */
        struct {
            uint32_t count;
            uint8_t flags;       /* 1 cascade, 2 restart identity */
            uint32_t *relations; /* in the arena */
        } truncate;
        struct {
            bool first; /* first chunk of this transaction */
        } stream_start;
        struct {
            uint32_t subxid;
            lsn abort_lsn; /* version 4 with parallel streaming, else LSN_NONE */
            pgtime abort_time;
        } stream_abort;
        struct {
            uint8_t flags;
            lsn prepare_lsn; /* K: commit LSN; r: prepare end LSN */
            lsn end_lsn;     /* r: rollback end LSN */
            pgtime time;
            pgtime rollback_time; /* r */
            const char *gid;
        } prepared; /* b, P, K, r, p */
    };
};

/*
 * Decodes one message (the payload of one XLogData).
 *   version    the proto_version that was asked for
 *   in_stream  between Stream Start and Stream Stop, where messages carry an xid
 * Fails with ERR_STORAGE on anything short, long, unknown or out of range; *out is undefined then.
 */
MUST_CHECK status pgoutput_decode(struct bytes raw, unsigned version, bool in_stream, struct arena *arena,
                                  struct pgoutput_message *out, err *e);

#endif
