#include "agent/restore/merge/truncated.h"

#include <inttypes.h>

#include "proto/copytext.h"
#include "proto/pbmem.h"
#include "proto/wire.h"
#include "store/snapreader.h"

#define WIRE_BYTES 2
#define FIELD_LINES 1 /* RowsFrame.lines */
#define FLUSH_BYTES ((size_t)256 << 10)

struct emptying {
    const struct stage *stage;
    struct pgconn *c;
    const Pgstrand__Table *table; /* as the FULL has it */
    size_t *from;                 /* by the stage's key: the column there */
    struct bytes *column;         /* of a line */
    struct buf lines;             /* keys */
};

static void emptying_fini(struct emptying *m)
{
    free(m->from);
    free(m->column);
    buf_fini(&m->lines);
}
OWN_VALUE(emptying, emptying_fini);

static void put_keys(struct buf *sql, const struct stage *s, const char *before)
{
    for (uint16_t i = 0; i < s->key_count; i++)
        buf_printf(sql, "%s%sk%u", i > 0 ? ", " : "", before, (unsigned)i + 1);
}

/* ---- rows of the base ---- */

static const struct chain_link *base_before(const struct chain *c, uint64_t seq)
{
    const struct chain_link *base = NULL;
    for (size_t i = 0; i < c->count && c->link[i].commit->header->last_seq < seq; i++)
        if (c->link[i].commit->header->type == PGSTRAND__SNAPSHOT_TYPE__FULL && !c->link[i].pruned)
            base = &c->link[i];
    return base;
}

/* False: the FULL does not have the table, or its key lay in other columns. */
static status find_table(struct emptying *m, const Pgstrand__Schema *schema, bool *found, err *e)
{
    const ProtobufCBinaryData *id = &m->stage->message->table;
    *found = false;
    for (size_t i = 0; i < schema->n_table && m->table == NULL; i++)
        if (bytes_equal(pbmem_view(schema->table[i]->table), pbmem_view(*id)))
            m->table = schema->table[i];
    if (m->table == NULL)
        return DONE;
    m->from = calloc((size_t)m->stage->key_count + 1, sizeof *m->from);
    m->column = calloc(m->table->n_column + 1, sizeof *m->column);
    if (m->from == NULL || m->column == NULL)
        return err_no_memory(e);
    for (uint16_t i = 0; i < m->stage->key_count; i++) {
        const char *name = m->stage->message->column[m->stage->key[i]]->name;
        while (m->from[i] < m->table->n_column && strcmp(m->table->column[m->from[i]]->name, name) != 0)
            m->from[i]++;
        if (m->from[i] == m->table->n_column)
            return DONE;
    }
    *found = true;
    return DONE;
}

static status flush(struct emptying *m, err *e)
{
    uint64_t rows = 0;
    if (m->lines.len == 0)
        return DONE;
    TRY(buf_done(&m->lines, e));
    TRY(pgconn_copy_in(m->c, "COPY pg_temp.pgstrand_truncated FROM STDIN", e));
    TRY(pgconn_copy_data(m->c, buf_view(&m->lines), e));
    TRY(pgconn_copy_finish(m->c, &rows, e));
    buf_reset(&m->lines);
    return DONE;
}

static status take_lines(struct emptying *m, struct bytes lines, err *e)
{
    const uint8_t *at = lines.data, *end = lines.data + lines.len;
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return err_set(e, ERR_STORAGE, "rows of %s.%s in a FULL are cut short", m->table->schema,
                           m->table->name);
        if (copytext_split(bytes_of(at, (size_t)(stop - at)), m->column, m->table->n_column) !=
            m->table->n_column)
            return err_set(e, ERR_STORAGE, "a row of %s.%s in a FULL has another number of columns",
                           m->table->schema, m->table->name);
        for (uint16_t i = 0; i < m->stage->key_count; i++) {
            if (i > 0)
                buf_u8(&m->lines, '\t');
            buf_bytes(&m->lines, m->column[m->from[i]].data, m->column[m->from[i]].len);
        }
        buf_u8(&m->lines, '\n');
        at = stop + 1;
    }
    return m->lines.len > FLUSH_BYTES ? flush(m, e) : DONE;
}

static status take_payload(struct emptying *m, struct bytes payload, err *e)
{
    struct reader r = reader_over(payload);
    struct wire_field field = {0};
    while (wire_next(&r, &field))
        if (field.number == FIELD_LINES && field.type == WIRE_BYTES)
            TRY(take_lines(m, field.bytes, e));
    return DONE;
}

static status load_base(struct emptying *m, const struct chain_link *base, err *e)
{
    OWNED(snapreader) struct snapreader *reader = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    struct snap_payload payload;
    bool found = false, end = false;
    TRY(snapreader_open(base->dir, base->name, &reader, e));
    TRY(snapreader_schema(reader, &schema, e));
    TRY(find_table(m, schema, &found, e));
    if (found)
        TRY(snapreader_section(reader, (enum tier)m->table->tier, PGSTRAND__SECTION_KIND__ROWS, &found, e));
    while (found) {
        TRY(snapreader_next(reader, m->table->number, &payload, &end, e));
        if (end)
            break;
        TRY(take_payload(m, payload.payload, e));
    }
    return flush(m, e);
}

/* ---- what was there ---- */

/* Of each key the newest touch; a row of the base that has none was there, too. */
static status delete_all(const struct history *h, const struct emptying *m, const struct source_action *a,
                         err *e)
{
    const struct stage *s = m->stage;
    OWNED(buf) struct buf sql = {0};
    char seq[32], time[PGTIME_TEXT];
    OWNED(text) char *origin = bytes_strndup(a->commit.origin);
    if (origin == NULL)
        return err_no_memory(e);
    (void)snprintf(seq, sizeof seq, "%" PRIu64, a->seq);
    buf_text(&sql, "INSERT INTO ");
    touches_name(&sql, h->name, s);
    buf_text(&sql, " (");
    put_keys(&sql, s, "");
    buf_printf(&sql, ", seq, kind, at, origin) SELECT ");
    put_keys(&sql, s, "w.");
    buf_printf(&sql, ", %s, 'D', '%s'::timestamptz, ", seq, pgtime_format(a->commit.time, time));
    pgconn_quote_literal(&sql, origin);
    buf_text(&sql, " FROM (SELECT DISTINCT ON (");
    put_keys(&sql, s, "b.");
    buf_text(&sql, ") b.* FROM (SELECT ");
    put_keys(&sql, s, "h.");
    buf_text(&sql, ", h.seq, h.kind FROM ");
    touches_name(&sql, h->name, s);
    buf_text(&sql, " h UNION ALL SELECT ");
    put_keys(&sql, s, "r.");
    buf_text(&sql, ", -1, 'C' FROM pg_temp.pgstrand_truncated r) b ORDER BY ");
    put_keys(&sql, s, "b.");
    buf_text(&sql, ", b.seq DESC) w WHERE w.kind IN ('C', 'U')");
    TRY(buf_done(&sql, e));
    return pgconn_exec(m->c, buf_cstring(&sql), e);
}

status truncated_touch(const struct history *h, const struct stage *s, struct pgconn *c,
                       const struct source_action *a, err *e)
{
    OWNED(emptying) struct emptying m = {.stage = s, .c = c};
    OWNED(buf) struct buf sql = {0};
    const struct chain_link *base = base_before(h->chain, a->seq);
    buf_text(&sql, "CREATE TEMPORARY TABLE pgstrand_truncated ON COMMIT DROP AS SELECT ");
    put_keys(&sql, s, "");
    buf_text(&sql, " FROM ");
    touches_name(&sql, h->name, s);
    buf_text(&sql, " WITH NO DATA");
    TRY(buf_done(&sql, e));
    TRY(pgconn_exec(c, buf_cstring(&sql), e));
    if (base != NULL)
        TRY(load_base(&m, base, e));
    TRY(delete_all(h, &m, a, e));
    return pgconn_exec(c, "DROP TABLE pg_temp.pgstrand_truncated", e);
}
