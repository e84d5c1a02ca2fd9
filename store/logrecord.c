#include "store/logrecord.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/base/crc32c.h"
#include "store/lmdbresult.h"

/* ---- checksums ---- */

static uint32_t sum_of(struct bytes key, struct bytes value)
{
    return crc32c(crc32c(0, key), value);
}

void logrecord_seal(struct bytes key, struct buf *value)
{
    buf_le32(value, sum_of(key, buf_view(value)));
}

void logrecord_sum(struct bytes key, const struct bytes *piece, size_t pieces,
                   uint8_t out[static LOGRECORD_SUM])
{
    uint32_t sum = crc32c(0, key);
    for (size_t i = 0; i < pieces; i++)
        sum = crc32c(sum, piece[i]);
    for (size_t i = 0; i < LOGRECORD_SUM; i++)
        out[i] = (uint8_t)(sum >> (8 * i));
}

bool logrecord_open(struct bytes key, struct bytes *value)
{
    if (value->len < LOGRECORD_SUM)
        return false;
    const struct bytes content = bytes_of(value->data, value->len - LOGRECORD_SUM);
    struct reader sum = reader_over(bytes_of(value->data + content.len, LOGRECORD_SUM));
    if (reader_le32(&sum) != sum_of(key, content))
        return false;
    *value = content;
    return true;
}

status logrecord_advise(err *e)
{
    static const char what_to_do[] =
        "; stop the agent, move the log's folder away and start it again: it goes on with the difference "
        "between the database and what is sealed";
    const size_t len = strlen(e->message);
    if (lmdbresult_is_damage(e))
        (void)snprintf(e->message + len, sizeof e->message - len, "%s", what_to_do);
    return FAILED;
}

status logrecord_damaged(const struct lmdbenv *env, err *e, const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)!err_set(e, ERR_STORAGE, "%s is damaged: %s", lmdbenv_path(env), what).ok;
    return logrecord_advise(e);
}

status logrecord_value(const struct lmdbcursor *c, bool checked, const char *what, uint64_t seq,
                       struct bytes *out, err *e)
{
    *out = c->value;
    if (!checked || logrecord_open(c->key, out))
        return DONE;
    return logrecord_damaged(c->env, e, "%s %" PRIu64 " is not what was written", what, seq);
}

static status put(struct lmdbtxn *t, bool checked, enum logsegment_database db, struct bytes key,
                  struct buf *value, err *e)
{
    if (checked)
        logrecord_seal(key, value);
    TRY(buf_done(value, e));
    return lmdbenv_put(t, db, key, buf_view(value), e);
}

/* ---- what a segment says of itself ---- */

static status put_meta(struct lmdbtxn *t, bool checked, const char *key, struct buf *value, err *e)
{
    return put(t, checked, LOG_META, bytes_text(key), value, e);
}

status logrecord_write_format(struct lmdbtxn *t, uint32_t format, err *e)
{
    OWNED(buf) struct buf raw = {0};
    buf_u32(&raw, format);
    return put_meta(t, false, "format", &raw, e);
}

status logrecord_write_position(struct lmdbtxn *t, bool checked, const struct logmeta *meta, err *e)
{
    OWNED(buf) struct buf raw = {0};
    buf_u64(&raw, meta->position.commit_lsn);
    buf_u64(&raw, meta->position.end_lsn);
    buf_u64(&raw, meta->position.last_seq);
    buf_u64(&raw, (uint64_t)meta->position.commit_time);
    buf_u64(&raw, (uint64_t)meta->latest_time);
    return put_meta(t, checked, "position", &raw, e);
}

static status write_uuid(struct lmdbtxn *t, bool checked, const char *key, const uuid *id, err *e)
{
    OWNED(buf) struct buf raw = {0};
    buf_bytes(&raw, id->b, sizeof id->b);
    return put_meta(t, checked, key, &raw, e);
}

status logrecord_write_incarnation(struct lmdbtxn *t, bool checked, const struct logmeta *meta, err *e)
{
    OWNED(buf) struct buf raw = {0};
    buf_u64(&raw, meta->since_seq);
    TRY(write_uuid(t, checked, "incarnation", &meta->incarnation, e));
    return put_meta(t, checked, "since", &raw, e);
}

status logrecord_write_next_relation(struct lmdbtxn *t, bool checked, uint32_t next, err *e)
{
    OWNED(buf) struct buf raw = {0};
    buf_u32(&raw, next);
    return put_meta(t, checked, "next relation", &raw, e);
}

status logrecord_write_meta(struct lmdbtxn *t, bool checked, const struct logmeta *meta, err *e)
{
    TRY(write_uuid(t, checked, "node", &meta->node, e));
    TRY(logrecord_write_incarnation(t, checked, meta, e));
    TRY(logrecord_write_position(t, checked, meta, e));
    return logrecord_write_next_relation(t, checked, meta->next_relation, e);
}

static status find_record(struct lmdbtxn *t, bool checked, const char *key, struct bytes *raw, bool *found,
                          err *e)
{
    TRY(lmdbenv_get(t, LOG_META, bytes_text(key), raw, found, e));
    if (*found && checked && !logrecord_open(bytes_text(key), raw))
        return logrecord_damaged(t->env, e, "its %s is not what was written", key);
    return DONE;
}

static status read_record(struct lmdbtxn *t, bool checked, const char *key, struct reader *out, err *e)
{
    struct bytes raw;
    bool found = false;
    TRY(find_record(t, checked, key, &raw, &found, e));
    if (!found)
        return logrecord_damaged(t->env, e, "it does not say its %s", key);
    *out = reader_over(raw);
    return DONE;
}

static status read_uuid(struct lmdbtxn *t, bool checked, const char *key, uuid *out, err *e)
{
    struct reader r = {0};
    TRY(read_record(t, checked, key, &r, e));
    return uuid_from_bytes(bytes_of(r.at, r.left), key, out, e);
}

/* Logs that were made before there could be several incarnations do not have it. */
static status read_since(struct lmdbtxn *t, bool checked, uint64_t *out, err *e)
{
    struct bytes raw;
    bool found = false;
    *out = 1;
    TRY(find_record(t, checked, "since", &raw, &found, e));
    if (!found)
        return checked ? logrecord_damaged(t->env, e, "it does not say where its incarnation begins") : DONE;
    struct reader r = reader_over(raw);
    *out = reader_u64(&r);
    return reader_done(&r, "where the log's incarnation begins", e);
}

status logrecord_read_format(struct lmdbtxn *t, uint32_t *format, err *e)
{
    struct reader r = {0};
    TRY(read_record(t, false, "format", &r, e));
    *format = reader_u32(&r);
    TRY(reader_done(&r, "the log's format version", e));
    if (*format < LOG_FORMAT_PLAIN || *format > LOG_FORMAT)
        return err_set(
            e, ERR_REFUSED,
            "%s has format %u and this pgstrand reads %d; use the version that wrote it or a newer one",
            lmdbenv_path(t->env), *format, LOG_FORMAT);
    return DONE;
}

static status read_position(struct lmdbtxn *t, bool checked, struct logmeta *out, err *e)
{
    struct reader r = {0};
    TRY(read_record(t, checked, "position", &r, e));
    out->position.commit_lsn = reader_u64(&r);
    out->position.end_lsn = reader_u64(&r);
    out->position.last_seq = reader_u64(&r);
    out->position.commit_time = (pgtime)reader_u64(&r);
    out->latest_time = (pgtime)reader_u64(&r);
    return reader_done(&r, "the log's position", e);
}

status logrecord_read_meta(struct lmdbtxn *t, struct logmeta *out, err *e)
{
    struct reader r = {0};
    uint32_t format = 0;
    TRY(logrecord_read_format(t, &format, e));
    const bool checked = format >= LOG_FORMAT_CHECKED;
    TRY(read_uuid(t, checked, "node", &out->node, e));
    TRY(read_uuid(t, checked, "incarnation", &out->incarnation, e));
    TRY(read_position(t, checked, out, e));
    TRY(read_record(t, checked, "next relation", &r, e));
    out->next_relation = reader_u32(&r);
    TRY(reader_done(&r, "the log's next relation version", e));
    return read_since(t, checked, &out->since_seq, e);
}

/* ---- relations ---- */

struct version_key {
    uint8_t b[4];
};

static void put_be(uint8_t *out, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static struct version_key version_key(uint32_t version)
{
    struct version_key key;
    put_be(key.b, version, sizeof key.b);
    return key;
}

status logrecord_write_relation(struct lmdbtxn *t, bool checked, const struct relation *r, err *e)
{
    OWNED(buf) struct buf raw = {0};
    const struct version_key key = version_key(r->version);
    relation_encode(r, &raw);
    return put(t, checked, LOG_RELATIONS, bytes_of(key.b, sizeof key.b), &raw, e);
}

status logrecord_read_relation(struct lmdbtxn *t, bool checked, uint32_t version, struct relation **out,
                               err *e)
{
    const struct version_key key = version_key(version);
    struct bytes raw;
    bool found = false;
    *out = NULL;
    TRY(lmdbenv_get(t, LOG_RELATIONS, bytes_of(key.b, sizeof key.b), &raw, &found, e));
    if (!found)
        return DONE;
    if (checked && !logrecord_open(bytes_of(key.b, sizeof key.b), &raw))
        return logrecord_damaged(t->env, e, "version %u of a relation is not what was written", version);
    return relation_decode(raw, out, e);
}

status logrecord_decode_relation(const struct lmdbcursor *c, bool checked, struct relation **out, err *e)
{
    struct reader key = reader_over(c->key);
    const uint32_t version = reader_u32(&key);
    struct bytes raw;
    TRY(logrecord_value(c, checked, "version of a relation", version, &raw, e));
    return relation_decode(raw, out, e);
}

/* ---- keys ---- */

struct commit_key logrecord_commit_key(uint64_t last_seq, lsn at)
{
    struct commit_key key;
    put_be(key.b, last_seq, 8);
    put_be(key.b + 8, at, 8);
    return key;
}

static status check_key(const struct lmdbcursor *c, size_t len, err *e)
{
    return c->key.len == len ? DONE
                             : logrecord_damaged(c->env, e, "a key has %zu bytes, not %zu", c->key.len, len);
}

status logrecord_action_seq(const struct lmdbcursor *c, uint64_t *seq, err *e)
{
    uuid id;
    TRY(check_key(c, sizeof id.b, e));
    TRY(uuid_from_bytes(c->key, "the key of an action in the log", &id, e));
    *seq = uuid_v8_seq(&id);
    return DONE;
}

status logrecord_commit_seq(const struct lmdbcursor *c, uint64_t *last_seq, err *e)
{
    TRY(check_key(c, sizeof(struct commit_key), e));
    struct reader r = reader_over(c->key);
    *last_seq = reader_u64(&r);
    return DONE;
}
