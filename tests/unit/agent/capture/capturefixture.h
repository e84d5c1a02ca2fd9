/*
 * capturefixture: an assembler over a real log in a scratch folder, fed with hand-made pgoutput messages
 * (proto_version 3), and the log read back as text.
 *
 * Tuples are written "1,abc,~,!": values separated by commas, ~ is NULL, ! is unchanged TOAST.
 * A stream id of 0 means: not inside a stream.
 */
#ifndef PGSTRAND_CAPTUREFIXTURE_H
#define PGSTRAND_CAPTUREFIXTURE_H

#include "tests/lib/check.h"

#include "agent/capture/assembler.h"
#include "proto/tuple.h"
#include "tests/lib/scratch.h"

#define SLOT_LSN 0x1000

struct fixture {
    struct scratch place;
    struct catalog *catalog;
    struct tablebook *book;
    struct tier_rules *rules;
    struct logwriter *log;
    struct assembler *assembler;
    struct capture_events events;
    struct buf text; /* the log as text */
    char notice[400];
    unsigned tables_seen;
    bool ddl_rows;
};

static const uuid fixture_dataset = {{1, 2, 3}};

static inline void fixture_seen(void *context, const struct relation *shape, const struct table_tier *tier,
                                uint64_t seq)
{
    struct fixture *f = context;
    (void)shape;
    (void)tier;
    (void)seq;
    f->tables_seen++;
}

static inline void fixture_notice(void *context, const char *line)
{
    struct fixture *f = context;
    (void)snprintf(f->notice, sizeof f->notice, "%s", line);
}

/* As after a (re)connection: the log as it is on disk, nothing in memory. */
static inline void fixture_connect(struct fixture *f)
{
    err e = ERR_INIT;
    char log[300], spool[300];
    const struct log_options options = {.node = {{7}}, .incarnation = {{8}}, .start_lsn = SLOT_LSN};
    (void)snprintf(log, sizeof log, "%s/log", f->place.dir);
    (void)snprintf(spool, sizeof spool, "%s/spool", f->place.dir);
    assert_done(tablebook_load(f->catalog, &fixture_dataset, &f->book, &e), &e);
    assert_done(logwriter_open(log, &options, &f->log, &e), &e);
    const struct assembler_options how = {.log = f->log,
                                          .book = f->book,
                                          .rules = f->rules,
                                          .events = &f->events,
                                          .spool_dir = spool,
                                          .version = 3,
                                          .ddl_rows = f->ddl_rows};
    assert_done(assembler_new(&how, &f->assembler, &e), &e);
}

static inline void fixture_disconnect(struct fixture *f)
{
    assembler_free(f->assembler);
    logwriter_close(f->log);
    tablebook_free(f->book);
    f->assembler = NULL;
    f->log = NULL;
    f->book = NULL;
}

static inline struct fixture *fixture_new(const char *device, const char *transient, const char *column_rule)
{
    struct fixture *f = calloc(1, sizeof *f);
    err e = ERR_INIT;
    assert_non_null(f);
    f->place = scratch_make();
    f->events = (struct capture_events){.context = f, .table_seen = fixture_seen, .notice = fixture_notice};
    f->ddl_rows = true;
    assert_done(tier_rules_new(TIER_BUSINESS, &f->rules, &e), &e);
    assert_done(tier_rules_add(f->rules, TIER_BUSINESS, column_rule, &e), &e);
    assert_done(tier_rules_add(f->rules, TIER_DEVICE, device, &e), &e);
    assert_done(tier_rules_add(f->rules, TIER_TRANSIENT, transient, &e), &e);
    assert_done(catalog_open(scratch_path(&f->place, "catalog.mdb"), &f->catalog, &e), &e);
    fixture_connect(f);
    return f;
}

static inline void fixture_free(struct fixture *f)
{
    fixture_disconnect(f);
    catalog_close(f->catalog);
    tier_rules_free(f->rules);
    buf_fini(&f->text);
    scratch_remove(&f->place);
    free(f);
}

/* ---- messages ---- */

static inline status give(struct fixture *f, struct buf *m, err *e)
{
    assert_false(m->bad);
    /* A copy of its own size, so that the sanitizers see a read past its end. */
    uint8_t *exact = malloc(m->len);
    assert_non_null(exact);
    memcpy(exact, m->data, m->len);
    const status given = assembler_message(f->assembler, bytes_of(exact, m->len), e);
    free(exact);
    buf_fini(m);
    return given;
}

static inline void send(struct fixture *f, struct buf *m)
{
    err e = ERR_INIT;
    assert_done(give(f, m, &e), &e);
}

static inline void put_name(struct buf *m, const char *name)
{
    buf_bytes(m, name, strlen(name) + 1);
}

static inline struct buf head(char kind, uint32_t stream)
{
    struct buf m = {0};
    buf_u8(&m, (uint8_t)kind);
    if (stream != 0)
        buf_u32(&m, stream);
    return m;
}

static inline void put_tuple(struct buf *m, const char *values)
{
    uint16_t count = 1;
    for (const char *c = values; *c != '\0'; c++)
        count = (uint16_t)(count + (*c == ',' ? 1 : 0));
    tuple_begin(m, count);
    for (const char *at = values; count > 0; count--) {
        const size_t len = strcspn(at, ",");
        struct value v = {.kind = VALUE_TEXT, .text = bytes_of(at, len)};
        if (len == 1 && (*at == '~' || *at == '!'))
            v = (struct value){.kind = *at == '~' ? VALUE_NULL : VALUE_UNCHANGED};
        tuple_put(m, v);
        at += len + 1;
    }
}

static inline void m_begin(struct fixture *f, uint32_t xid, lsn commit)
{
    struct buf m = head('B', 0);
    buf_u64(&m, commit);
    buf_u64(&m, 1000000 + commit); /* time */
    buf_u32(&m, xid);
    send(f, &m);
}

static inline void m_commit(struct fixture *f, lsn commit, lsn end)
{
    struct buf m = head('C', 0);
    buf_u8(&m, 0);
    buf_u64(&m, commit);
    buf_u64(&m, end);
    buf_u64(&m, 1000000 + commit);
    send(f, &m);
}

/* Columns "id*,v": the starred ones are the key. */
static inline void m_relation(struct fixture *f, uint32_t stream, uint32_t oid, const char *schema,
                              const char *name, char identity, const char *columns)
{
    struct buf m = head('R', stream);
    uint16_t count = 1;
    buf_u32(&m, oid);
    put_name(&m, schema);
    put_name(&m, name);
    buf_u8(&m, (uint8_t)identity);
    for (const char *c = columns; *c != '\0'; c++)
        count = (uint16_t)(count + (*c == ',' ? 1 : 0));
    buf_u16(&m, count);
    for (const char *at = columns; count > 0; count--) {
        const size_t len = strcspn(at, ",");
        const bool key = at[len - 1] == '*';
        buf_u8(&m, key ? 1 : 0);
        buf_bytes(&m, at, key ? len - 1 : len);
        buf_u8(&m, 0);
        buf_u32(&m, 25); /* text */
        buf_u32(&m, UINT32_MAX);
        at += len + 1;
    }
    send(f, &m);
}

static inline void m_insert(struct fixture *f, uint32_t stream, uint32_t oid, const char *new)
{
    struct buf m = head('I', stream);
    buf_u32(&m, oid);
    buf_u8(&m, 'N');
    put_tuple(&m, new);
    send(f, &m);
}

static inline void m_update(struct fixture *f, uint32_t stream, uint32_t oid, char kind, const char *old,
                            const char *new)
{
    struct buf m = head('U', stream);
    buf_u32(&m, oid);
    if (old != NULL) {
        buf_u8(&m, (uint8_t)kind);
        put_tuple(&m, old);
    }
    buf_u8(&m, 'N');
    put_tuple(&m, new);
    send(f, &m);
}

static inline void m_delete(struct fixture *f, uint32_t stream, uint32_t oid, char kind, const char *old)
{
    struct buf m = head('D', stream);
    buf_u32(&m, oid);
    buf_u8(&m, (uint8_t)kind);
    put_tuple(&m, old);
    send(f, &m);
}

static inline void m_truncate(struct fixture *f, uint32_t stream, uint8_t flags, uint32_t a, uint32_t b)
{
    struct buf m = head('T', stream);
    buf_u32(&m, 2);
    buf_u8(&m, flags);
    buf_u32(&m, a);
    buf_u32(&m, b);
    send(f, &m);
}

static inline void m_stream_message(struct fixture *f, uint32_t stream, bool transactional, lsn at,
                                    const char *prefix, const char *content)
{
    struct buf m = head('M', stream);
    buf_u8(&m, transactional ? 1 : 0);
    buf_u64(&m, at);
    put_name(&m, prefix);
    buf_u32(&m, (uint32_t)strlen(content));
    buf_text(&m, content);
    send(f, &m);
}

static inline void m_message(struct fixture *f, bool transactional, lsn at, const char *prefix,
                             const char *content)
{
    m_stream_message(f, 0, transactional, at, prefix, content);
}

static inline void m_origin(struct fixture *f, lsn at, const char *name)
{
    struct buf m = head('O', 0);
    buf_u64(&m, at);
    put_name(&m, name);
    send(f, &m);
}

static inline void m_stream_start(struct fixture *f, uint32_t xid, bool first)
{
    struct buf m = head('S', xid);
    buf_u8(&m, first ? 1 : 0);
    send(f, &m);
}

static inline void m_stream_stop(struct fixture *f)
{
    struct buf m = head('E', 0);
    send(f, &m);
}

static inline void m_stream_commit(struct fixture *f, uint32_t xid, lsn commit, lsn end)
{
    struct buf m = head('c', xid);
    buf_u8(&m, 0);
    buf_u64(&m, commit);
    buf_u64(&m, end);
    buf_u64(&m, 1000000 + commit);
    send(f, &m);
}

static inline void m_stream_abort(struct fixture *f, uint32_t xid, uint32_t subxid)
{
    struct buf m = head('A', xid);
    buf_u32(&m, subxid);
    send(f, &m);
}

/* ---- the log ---- */

static inline void flush(struct fixture *f)
{
    err e = ERR_INIT;
    assert_done(logwriter_flush(f->log, &e), &e);
}

static inline void text_tuple(struct buf *out, struct bytes raw)
{
    struct tuple t = tuple_open(raw);
    struct value v;
    for (bool first = true; tuple_next(&t, &v); first = false) {
        if (!first)
            buf_text(out, ",");
        if (v.kind == VALUE_TEXT)
            buf_bytes(out, v.text.data, v.text.len);
        else
            buf_text(out, v.kind == VALUE_NULL ? "~" : "!");
    }
}

static inline void text_action(struct buf *out, const struct log_entry *entry)
{
    const struct action *a = &entry->action;
    buf_printf(out, "%s", action_kind_name(a->kind));
    if (entry->relation != NULL)
        buf_printf(out, " %s/%s", entry->relation->name, tier_name(entry->relation->tier));
    if (a->old.len > 0) {
        buf_printf(out, " %c:", a->old_kind);
        text_tuple(out, a->old);
    }
    if (a->new.len > 0) {
        buf_text(out, " ");
        text_tuple(out, a->new);
    }
    if (a->prefix.len > 0) {
        buf_text(out, " ");
        buf_bytes(out, a->prefix.data, a->prefix.len);
        buf_text(out, "=");
        buf_bytes(out, a->content.data, a->content.len);
    }
}

/* Everything visible, "xid: action; action\n" a commit; borrowed until the next call. */
static inline const char *log_text(struct fixture *f)
{
    OWNED(logreader) struct logreader *r = NULL;
    err e = ERR_INIT;
    char log[300];
    uint64_t commit = 0;
    (void)snprintf(log, sizeof log, "%s/log", f->place.dir);
    flush(f);
    buf_reset(&f->text);
    assert_done(logreader_open(log, &r, &e), &e);
    assert_done(logreader_seek(r, 1, &e), &e);
    for (;;) {
        struct log_entry entry;
        bool end = false;
        assert_done(logreader_next(r, &entry, &end, &e), &e);
        if (end)
            break;
        if (entry.commit->lsn == commit)
            buf_text(&f->text, "; ");
        else
            buf_printf(&f->text, "%s%u: ", commit == 0 ? "" : "\n", entry.commit->xid);
        commit = entry.commit->lsn;
        text_action(&f->text, &entry);
        for (struct reader t = reader_over(entry.action.truncated); t.left > 0;) {
            const struct relation *rel = NULL;
            const uint32_t version = action_next_truncated(&t);
            assert_done(logreader_relation(r, version, &rel, &e), &e);
            buf_printf(&f->text, " %s/%s", rel->name, tier_name(rel->tier));
        }
    }
    return buf_cstring(&f->text);
}

#define assert_log(f, wanted) assert_string_equal(log_text(f), (wanted))

#endif
