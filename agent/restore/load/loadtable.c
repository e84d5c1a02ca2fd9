#include "agent/restore/load/loadtable.h"

#include <inttypes.h>

#include "agent/pg/tables.h"
#include "agent/restore/fold/stages.h"
#include "agent/restore/load/loadform.h"
#include "agent/restore/load/rowproof.h"
#include "agent/restore/load/skip.h"

#define SEND_PIECE ((size_t)65536) /* bytes given to libpq at once: it would copy larger ones whole */

void loadtable_name(struct buf *out, const Pgstrand__Table *t)
{
    table_quote(out, t->schema, t->name);
}

void loadtable_columns(struct buf *out, const Pgstrand__Table *t)
{
    for (size_t i = 0; i < t->n_column; i++) {
        buf_text(out, i == 0 ? " (" : ", ");
        pgconn_quote_name(out, t->column[i]->name);
    }
    if (t->n_column > 0)
        buf_text(out, ")");
}

/* Rows on their way into one COPY. */
struct sending {
    struct pgconn *c;
    struct loadform form;
    struct rowsum *sum;      /* NULL: the rows are read back */
    struct buf out, scratch; /* binary rows that were not sent yet; for one value */
};

static void sending_fini(struct sending *s)
{
    loadform_fini(&s->form);
    buf_fini(&s->out);
    buf_fini(&s->scratch);
}
OWN_VALUE(sending, sending_fini);

static status send_pieces(struct pgconn *c, struct bytes data, err *e)
{
    while (data.len > 0) {
        size_t piece = data.len < SEND_PIECE ? data.len : SEND_PIECE;
        TRY(pgconn_copy_data(c, bytes_of(data.data, piece), e));
        data.data += piece;
        data.len -= piece;
    }
    return DONE;
}

static status flush(struct sending *s, err *e)
{
    TRY(buf_done(&s->out, e));
    TRY(send_pieces(s->c, buf_view(&s->out), e));
    buf_reset(&s->out);
    return DONE;
}

static status take_line(struct sending *s, struct bytes line, err *e)
{
    if (!s->form.binary)
        return copybinary_sum(s->form.column, s->form.columns, line, &s->scratch, s->sum, e);
    TRY(copybinary_line(&s->out, s->form.column, s->form.columns, line, &s->scratch, s->sum, e));
    return s->out.len >= SEND_PIECE ? flush(s, e) : DONE;
}

static status send(void *context, struct bytes lines, err *e)
{
    struct sending *s = context;
    if (!s->form.binary)
        TRY(send_pieces(s->c, lines, e));
    if (!s->form.binary && s->sum == NULL)
        return DONE;
    const uint8_t *at = lines.data, *end = lines.data + lines.len;
    while (at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return err_set(e, ERR_STORAGE, "rows end in the middle of a line; run pgstrand verify");
        TRY(take_line(s, bytes_of(at, (size_t)(stop - at)), e));
        at = stop + 1;
    }
    return DONE;
}

static status emit(struct job *job, struct sending *s, size_t i, err *e)
{
    const struct fold_sink sink = {s, send};
    return stages_emit(job->plan, job->fold, &job->plan->table[i], job->d->spool, &sink,
                       &job->proof[i].expected, e);
}

static status send_rows(struct job *job, struct sending *s, size_t i, err *e)
{
    if (s->form.binary)
        copybinary_begin(&s->out);
    TRY(emit(job, s, i, e));
    if (s->form.binary)
        copybinary_end(&s->out);
    return flush(s, e);
}

/* How the rows that are about to be sent will be proven. */
static status choose_proof(struct job *job, struct sending *s, size_t i, err *e)
{
    struct table_proof *proof = &job->proof[i];
    bool agrees = false;
    if (!s->form.sums || job->request->read_back || job->request->skip)
        return DONE;
    TRY(rowproof_agrees(s->c, &agrees, e));
    if (!agrees)
        return DONE;
    proof->sent = (struct rowsum){0};
    s->sum = &proof->sent;
    return rowproof_expression(&s->form, job->plan->table[i].message, &proof->expression, e);
}

static status begin_copy(struct sending *s, const Pgstrand__Table *t, const char *into, bool frozen, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "COPY ");
    if (into != NULL)
        buf_text(&sql, into);
    else
        loadtable_name(&sql, t);
    loadtable_columns(&sql, t);
    buf_printf(&sql, " FROM STDIN (FORMAT %s%s)", s->form.binary ? "binary" : "text",
               frozen ? ", FREEZE" : "");
    TRY(buf_done(&sql, e));
    return pgconn_copy_in(s->c, buf_cstring(&sql), e);
}

/* Into the table itself, or another one of its columns (always as text). */
static status copy_in(struct job *job, struct pgconn *c, size_t i, const char *into, bool frozen, err *e)
{
    const struct plan_table *from = &job->plan->table[i];
    const uint64_t rows = from->base_digest.rows + from->actions;
    OWNED(sending) struct sending s = {.c = c};
    bool freezes = false;
    uint64_t loaded = 0;
    /* Behind a change of the schema a value may still be in the text of its former type, which the server may
     * read and we may not. */
    if (into == NULL && job->plan->schema == job->plan->base_schema)
        TRY(loadform_choose(c, from->message, rows, &s.form, e));
    if (frozen && rows >= LOADFORM_ROWS_LEAST)
        TRY(loadform_freezes(c, from->message, &freezes, e));
    TRY(choose_proof(job, &s, i, e));
    TRY(begin_copy(&s, from->message, into, freezes, e));
    if (!send_rows(job, &s, i, e).ok) {
        pgconn_copy_fail(c, "pgstrand: the restore failed");
        return FAILED;
    }
    return pgconn_copy_finish(c, &loaded, e);
}

static status load(struct job *job, struct pgconn *c, size_t i, const char *into, bool frozen, err *e)
{
    const Pgstrand__Table *t = job->plan->table[i].message;
    return copy_in(job, c, i, into, frozen, e).ok ? DONE : err_wrap(e, "loading %s.%s", t->schema, t->name);
}

status loadtable_load(struct job *job, struct pgconn *c, size_t i, bool frozen, err *e)
{
    return load(job, c, i, NULL, frozen, e);
}

status loadtable_load_as(struct job *job, struct pgconn *c, size_t i, const char *into, err *e)
{
    return load(job, c, i, into, false, e);
}

static status read_rows(struct pgconn *c, const char *sql, struct table_digest *found, err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    TRY(hasher_new(&h, e));
    TRY(pgconn_copy_out(c, sql, e));
    for (;;) {
        struct bytes row;
        bool end = false;
        TRY(pgconn_copy_next(c, &row, &end, e));
        if (end)
            return DONE;
        if (row.len > 0 && row.data[row.len - 1] == '\n')
            row.len--;
        TRY(table_digest_add(found, h, row, e));
    }
}

status loadtable_read(struct pgconn *c, const Pgstrand__Table *t, struct table_digest *found, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "COPY ");
    loadtable_name(&sql, t);
    loadtable_columns(&sql, t);
    buf_text(&sql, " TO STDOUT");
    TRY(buf_done(&sql, e));
    if (read_rows(c, buf_cstring(&sql), found, e).ok)
        return DONE;
    return err_wrap(e, "proving %s.%s", t->schema, t->name);
}

void loadtable_pages(struct buf *sql, uint64_t from, uint64_t to)
{
    buf_printf(sql, " WHERE ctid >= '(%" PRIu64 ",0)'", from);
    if (to != LOADTABLE_NO_END)
        buf_printf(sql, " AND ctid < '(%" PRIu64 ",0)'", to);
}

/* The same columns in the same form as COPY of the table gives them; the last range is open: no row can lie
 * behind all ranges. */
static void range_query(struct buf *sql, const Pgstrand__Table *t, uint64_t from, uint64_t to)
{
    buf_text(sql, "COPY (SELECT");
    for (size_t i = 0; i < t->n_column; i++) {
        buf_text(sql, i == 0 ? " " : ", ");
        pgconn_quote_name(sql, t->column[i]->name);
    }
    buf_text(sql, " FROM ONLY ");
    loadtable_name(sql, t);
    loadtable_pages(sql, from, to);
    buf_text(sql, ") TO STDOUT");
}

status loadtable_read_range(struct pgconn *c, const Pgstrand__Table *t, uint64_t from, uint64_t to,
                            struct table_digest *found, err *e)
{
    OWNED(buf) struct buf sql = {0};
    range_query(&sql, t, from, to);
    TRY(buf_done(&sql, e));
    if (read_rows(c, buf_cstring(&sql), found, e).ok)
        return DONE;
    return err_wrap(e, "proving %s.%s", t->schema, t->name);
}

status loadtable_compare(struct job *job, size_t i, const struct table_digest *found, err *e)
{
    const Pgstrand__Table *t = job->plan->table[i].message;
    const struct table_digest *expected = &job->proof[i].expected;
    if (found->rows != expected->rows)
        return err_set(e, ERR_STORAGE,
                       "proving %s.%s: the target holds %" PRIu64 " rows where %" PRIu64
                       " were expected; nothing was changed; run pgstrand verify",
                       t->schema, t->name, found->rows, expected->rows);
    if (!table_digest_equal(found, expected))
        return err_set(e, ERR_STORAGE,
                       "proving %s.%s: the target's rows are not those that were expected; nothing was "
                       "changed; run pgstrand verify",
                       t->schema, t->name);
    job->proof[i].proven = true;
    return DONE;
}

bool loadtable_agrees(struct job *job, size_t i, const struct rowsum *found)
{
    struct table_proof *proof = &job->proof[i];
    proof->proven = rowsum_equal(found, &proof->sent) && found->rows == proof->expected.rows;
    return proof->proven;
}

/* Sums that differ are no verdict: the rows themselves tell what they are. */
status loadtable_prove(struct job *job, struct pgconn *c, size_t i, err *e)
{
    const struct table_proof *proof = &job->proof[i];
    struct table_digest found = {0};
    struct rowsum sum = {0};
    if (proof->expression != NULL)
        TRY(rowproof_sum(c, job->plan->table[i].message, proof->expression, "", &sum, e));
    if (proof->expression != NULL && loadtable_agrees(job, i, &sum))
        return DONE;
    TRY(loadtable_read(c, job->plan->table[i].message, &found, e));
    return loadtable_compare(job, i, &found, e);
}

/* At once, while the pages are still in memory. */
static status load_and_prove(struct job *job, struct pgconn *c, size_t i, bool frozen, err *e)
{
    TRY(job->request->skip ? skip_load(job, c, i, e) : loadtable_load(job, c, i, frozen, e));
    return loadtable_prove(job, c, i, e);
}

status loadtable_all(struct job *job, struct pgconn *c, bool frozen, err *e)
{
    size_t done = 0, total = 0;
    for (size_t i = 0; i < job->plan->count; i++)
        total += job->plan->table[i].comes;
    for (size_t i = 0; i < job->plan->count; i++) {
        if (!job->plan->table[i].comes)
            continue;
        job->progress->step(job->progress->context, "load", done++, total);
        TRY(load_and_prove(job, c, i, frozen, e));
    }
    job->progress->step(job->progress->context, "load", total, total);
    return DONE;
}
