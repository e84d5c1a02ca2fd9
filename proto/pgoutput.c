#include "proto/pgoutput.h"

#include "proto/relation.h"
#include "proto/tuple.h"

#define GID_MAX 200 /* GIDSIZE of xact.h, NUL included */

/* What one message is decoded with; the readers below fill `out`. */
struct decoding {
    struct pgoutput_message *out;
    struct arena *arena;
    unsigned version;
    bool no_memory;
};

typedef void read_message(struct reader *r, struct decoding *d);

static uint32_t read_xid(struct reader *r)
{
    uint32_t xid = reader_u32(r);
    if (xid == 0)
        reader_fail(r);
    return xid;
}

static uint32_t read_oid(struct reader *r)
{
    uint32_t oid = reader_u32(r);
    if (oid == 0)
        reader_fail(r);
    return oid;
}

/* A name that cannot be empty. */
static const char *read_name(struct reader *r)
{
    const char *name = reader_cstring(r);
    if (*name == '\0')
        reader_fail(r);
    return name;
}

/* Only the bits in `known` may be set: others would change the meaning. */
static uint8_t read_flags(struct reader *r, uint8_t known)
{
    uint8_t flags = reader_u8(r);
    if ((flags & ~known) != 0)
        reader_fail(r);
    return flags;
}

static pgtime read_time(struct reader *r)
{
    return (pgtime)reader_u64(r);
}

/* u64 final LSN, i64 time, u32 xid */
static void read_begin(struct reader *r, struct decoding *d)
{
    d->out->begin.final_lsn = reader_u64(r);
    d->out->begin.time = read_time(r);
    d->out->xid = read_xid(r);
}

/* u8 flags (none), u64 commit LSN, u64 end LSN, i64 time */
static void read_commit(struct reader *r, struct decoding *d)
{
    d->out->commit.flags = read_flags(r, 0);
    d->out->commit.commit_lsn = reader_u64(r);
    d->out->commit.end_lsn = reader_u64(r);
    d->out->commit.time = read_time(r);
}

/* u32 xid, then as a commit */
static void read_stream_commit(struct reader *r, struct decoding *d)
{
    d->out->xid = read_xid(r);
    read_commit(r, d);
}

/* u64 LSN at the origin, name */
static void read_origin(struct reader *r, struct decoding *d)
{
    d->out->origin.lsn = reader_u64(r);
    d->out->origin.name = reader_cstring(r);
}

/* u8 flags, u64 LSN, prefix, u32 length, content */
static void read_logical_message(struct reader *r, struct decoding *d)
{
    d->out->message.flags = read_flags(r, 1);
    d->out->message.lsn = reader_u64(r);
    d->out->message.prefix = reader_cstring(r);
    d->out->message.content = reader_bytes(r, reader_u32(r));
}

static bool identity_is_known(char identity)
{
    return identity == 'd' || identity == 'n' || identity == 'f' || identity == 'i';
}

/* Memory for `count` items of which each takes at least `least` bytes of what is left to read. */
static void *read_room(struct reader *r, struct decoding *d, size_t count, size_t least, size_t item)
{
    if (!reader_ok(r) || count > r->left / least) {
        reader_fail(r);
        return NULL;
    }
    void *memory = arena_alloc(d->arena, count * item);
    d->no_memory = memory == NULL;
    return memory;
}

/* u32 OID, schema, name, u8 replica identity, u16 columns; each: u8 flags (1: key), name, u32 type, i32
 * typmod */
static void read_relation(struct reader *r, struct decoding *d)
{
    const size_t column_least = 1 + 1 + 4 + 4;
    d->out->relation.oid = read_oid(r);
    d->out->relation.schema = reader_cstring(r);
    d->out->relation.name = read_name(r);
    d->out->relation.replica_identity = (char)reader_u8(r);
    d->out->relation.count = reader_u16(r);
    if (!identity_is_known(d->out->relation.replica_identity) ||
        d->out->relation.count > RELATION_COLUMNS_MAX)
        reader_fail(r);
    struct pgoutput_column *columns = read_room(r, d, d->out->relation.count, column_least, sizeof *columns);
    for (uint16_t i = 0; columns != NULL && i < d->out->relation.count; i++) {
        columns[i].key = read_flags(r, 1) != 0;
        columns[i].name = read_name(r);
        columns[i].type = read_oid(r);
        columns[i].typmod = (int32_t)reader_u32(r);
    }
    d->out->relation.columns = columns;
}

/* u32 OID, schema, name */
static void read_type(struct reader *r, struct decoding *d)
{
    d->out->type.oid = read_oid(r);
    d->out->type.schema = reader_cstring(r);
    d->out->type.name = read_name(r);
}

/* u32 relation, 'N', new row */
static void read_insert(struct reader *r, struct decoding *d)
{
    d->out->change.relation = read_oid(r);
    if (reader_u8(r) != 'N')
        reader_fail(r);
    d->out->change.new = tuple_skip(r);
}

/* u32 relation, perhaps 'K' or 'O' and the old row, 'N', new row */
static void read_update(struct reader *r, struct decoding *d)
{
    d->out->change.relation = read_oid(r);
    uint8_t what = reader_u8(r);
    if (what == 'K' || what == 'O') {
        d->out->change.old_kind = (char)what;
        d->out->change.old = tuple_skip(r);
        what = reader_u8(r);
    }
    if (what != 'N')
        reader_fail(r);
    d->out->change.new = tuple_skip(r);
}

/* u32 relation, 'K' or 'O', old row */
static void read_delete(struct reader *r, struct decoding *d)
{
    d->out->change.relation = read_oid(r);
    d->out->change.old_kind = (char)reader_u8(r);
    if (d->out->change.old_kind != 'K' && d->out->change.old_kind != 'O')
        reader_fail(r);
    d->out->change.old = tuple_skip(r);
}

/* u32 count, u8 flags, count times u32 relation */
static void read_truncate(struct reader *r, struct decoding *d)
{
    d->out->truncate.count = reader_u32(r);
    d->out->truncate.flags = read_flags(r, 1 | 2);
    if (d->out->truncate.count == 0)
        reader_fail(r);
    uint32_t *relations = read_room(r, d, d->out->truncate.count, sizeof *relations, sizeof *relations);
    for (uint32_t i = 0; relations != NULL && i < d->out->truncate.count; i++)
        relations[i] = read_oid(r);
    d->out->truncate.relations = relations;
}

/* u32 xid, u8 is it the first chunk */
static void read_stream_start(struct reader *r, struct decoding *d)
{
    d->out->xid = read_xid(r);
    d->out->stream_start.first = read_flags(r, 1) != 0;
}

static void read_nothing(struct reader *r, struct decoding *d)
{
    (void)r;
    (void)d;
}

/* u32 xid, u32 subxid; with streaming = parallel (version 4): u64 abort LSN, i64 time */
static void read_stream_abort(struct reader *r, struct decoding *d)
{
    d->out->xid = read_xid(r);
    d->out->stream_abort.subxid = read_xid(r);
    if (d->version < 4 || r->left == 0)
        return;
    d->out->stream_abort.abort_lsn = reader_u64(r);
    d->out->stream_abort.abort_time = read_time(r);
}

/* u32 xid, gid: how all messages about prepared transactions end */
static void read_xid_and_gid(struct reader *r, struct decoding *d)
{
    d->out->xid = read_xid(r);
    d->out->prepared.gid = read_name(r);
    if (strnlen(d->out->prepared.gid, GID_MAX) == GID_MAX)
        reader_fail(r);
}

/* u64 prepare LSN, u64 end LSN, i64 time, u32 xid, gid */
static void read_begin_prepare(struct reader *r, struct decoding *d)
{
    d->out->prepared.prepare_lsn = reader_u64(r);
    d->out->prepared.end_lsn = reader_u64(r);
    d->out->prepared.time = read_time(r);
    read_xid_and_gid(r, d);
}

/* u8 flags (none), then as begin prepare */
static void read_prepare(struct reader *r, struct decoding *d)
{
    d->out->prepared.flags = read_flags(r, 0);
    read_begin_prepare(r, d);
}

/* u8 flags (none), u64 prepare end LSN, u64 rollback end LSN, i64 prepare time, i64 rollback time, u32 xid,
 * gid */
static void read_rollback_prepared(struct reader *r, struct decoding *d)
{
    d->out->prepared.flags = read_flags(r, 0);
    d->out->prepared.prepare_lsn = reader_u64(r);
    d->out->prepared.end_lsn = reader_u64(r);
    d->out->prepared.time = read_time(r);
    d->out->prepared.rollback_time = read_time(r);
    read_xid_and_gid(r, d);
}

/* Where a message may occur, relative to Stream Start and Stream Stop. */
enum place { OUTSIDE = 1, INSIDE = 2, ANYWHERE = 3, ANYWHERE_WITH_XID = 7 };

#define CARRIES_XID 4 /* the bit of ANYWHERE_WITH_XID: u32 xid first when inside */

static const struct {
    const char *name;
    read_message *read;
    unsigned since; /* protocol version */
    enum place place;
} kinds[128] = {
    [PGOUTPUT_BEGIN] = {"a Begin message", read_begin, 1, OUTSIDE},
    [PGOUTPUT_MESSAGE] = {"a Message message", read_logical_message, 1, ANYWHERE_WITH_XID},
    [PGOUTPUT_COMMIT] = {"a Commit message", read_commit, 1, OUTSIDE},
    [PGOUTPUT_ORIGIN] = {"an Origin message", read_origin, 1, ANYWHERE},
    [PGOUTPUT_RELATION] = {"a Relation message", read_relation, 1, ANYWHERE_WITH_XID},
    [PGOUTPUT_TYPE] = {"a Type message", read_type, 1, ANYWHERE_WITH_XID},
    [PGOUTPUT_INSERT] = {"an Insert message", read_insert, 1, ANYWHERE_WITH_XID},
    [PGOUTPUT_UPDATE] = {"an Update message", read_update, 1, ANYWHERE_WITH_XID},
    [PGOUTPUT_DELETE] = {"a Delete message", read_delete, 1, ANYWHERE_WITH_XID},
    [PGOUTPUT_TRUNCATE] = {"a Truncate message", read_truncate, 1, ANYWHERE_WITH_XID},
    [PGOUTPUT_STREAM_START] = {"a Stream Start message", read_stream_start, 2, OUTSIDE},
    [PGOUTPUT_STREAM_STOP] = {"a Stream Stop message", read_nothing, 2, INSIDE},
    [PGOUTPUT_STREAM_COMMIT] = {"a Stream Commit message", read_stream_commit, 2, OUTSIDE},
    [PGOUTPUT_STREAM_ABORT] = {"a Stream Abort message", read_stream_abort, 2, OUTSIDE},
    [PGOUTPUT_BEGIN_PREPARE] = {"a Begin Prepare message", read_begin_prepare, 3, OUTSIDE},
    [PGOUTPUT_PREPARE] = {"a Prepare message", read_prepare, 3, OUTSIDE},
    [PGOUTPUT_COMMIT_PREPARED] = {"a Commit Prepared message", read_prepare, 3, OUTSIDE},
    [PGOUTPUT_ROLLBACK_PREPARED] = {"a Rollback Prepared message", read_rollback_prepared, 3, OUTSIDE},
    [PGOUTPUT_STREAM_PREPARE] = {"a Stream Prepare message", read_prepare, 3, OUTSIDE},
};

status pgoutput_decode(struct bytes raw, unsigned version, bool in_stream, struct arena *arena,
                       struct pgoutput_message *out, err *e)
{
    struct reader r = reader_over(raw);
    struct decoding d = {.out = out, .arena = arena, .version = version};
    uint8_t kind = reader_u8(&r);
    if (kind >= 128 || kinds[kind].read == NULL || kinds[kind].since > version)
        return err_set(e, ERR_STORAGE,
                       "the server sent a message of kind 0x%02x, unknown in protocol version %u", kind,
                       version);
    if ((kinds[kind].place & (in_stream ? INSIDE : OUTSIDE)) == 0)
        return err_set(e, ERR_STORAGE, "the server sent %s %s a streamed chunk", kinds[kind].name,
                       in_stream ? "inside" : "outside");
    *out = (struct pgoutput_message){.kind = (enum pgoutput_kind)kind};
    if (in_stream && (kinds[kind].place & CARRIES_XID) != 0)
        out->xid = read_xid(&r);
    kinds[kind].read(&r, &d);
    return d.no_memory ? err_no_memory(e) : reader_done(&r, kinds[kind].name, e);
}
