#include "agent/restore/load/pieces.h"

#include "agent/restore/fold/baserows.h"
#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/rowproof.h"

/* A table of this size takes a tenth of a second to load; below, starting more statements costs more than it
 * saves. */
#define LARGE ((uint64_t)16 << 20)
#define PIECE_LEAST ((uint64_t)4 << 20)
#define PIECES_PER_JOB 4  /* so that the last ones end at about the same time */
#define ACTION_BYTES 128u /* guessed: how many an action adds */

/* An index of a smaller table is made by one process where the processors have other jobs to do (PostgreSQL
 * 15, a million rows in their order: 340 ms against 440), else by two. */
#define PARALLEL_INDEX_FROM ((uint64_t)1 << 30)
/* TRUNCATE makes the table a new file, which takes about as long as a first scan of this much saves by
 * finding its rows frozen. */
#define FREEZE_FROM ((uint64_t)1 << 20)

#define TID_RANGES_SINCE 140000 /* server version: before, each range is a scan of the whole table */

void pieces_fini(struct pieces *p)
{
    if (p->job != NULL)
        (void)pthread_mutex_destroy(&p->lock);
    free(p->bytes);
    free(p->table);
    free(p->prove);
    free(p->proof);
    *p = (struct pieces){0};
}

static status bytes_by_table(const struct plan *plan, uint64_t *bytes, err *e)
{
    TRY(baserows_bytes(plan, bytes, e));
    for (size_t i = 0; i < plan->count; i++)
        bytes[i] += plan->table[i].actions * ACTION_BYTES;
    return DONE;
}

status pieces_bytes(const struct plan *plan, uint64_t *all, uint64_t *largest, err *e)
{
    OWNED(memory) uint64_t *bytes = calloc(plan->count + 1, sizeof *bytes);
    if (bytes == NULL)
        return err_no_memory(e);
    TRY(bytes_by_table(plan, bytes, e));
    *all = *largest = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->table[i].comes)
            continue;
        *all += bytes[i];
        *largest = bytes[i] > *largest ? bytes[i] : *largest;
    }
    return DONE;
}

status pieces_index_settings(struct pgconn *c, uint64_t largest, enum pieces_others others, err *e)
{
    if (largest >= PARALLEL_INDEX_FROM)
        return DONE;
    if (others == PIECES_BESIDE)
        return pgconn_exec(c, "SET max_parallel_maintenance_workers = 0", e);
    return pgconn_exec(c,
                       "SELECT pg_catalog.set_config(name, '1', false) FROM pg_catalog.pg_settings"
                       " WHERE name = 'max_parallel_maintenance_workers' AND setting::bigint > 1",
                       e);
}

static status measure(struct pieces *p, err *e)
{
    const struct plan *plan = p->job->plan;
    TRY(bytes_by_table(plan, p->bytes, e));
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->table[i].comes)
            continue;
        size_t at = p->tables++;
        for (; at > 0 && p->bytes[p->table[at - 1]] < p->bytes[i]; at--)
            p->table[at] = p->table[at - 1];
        p->table[at] = i;
    }
    while (p->large < p->tables && p->bytes[p->table[p->large]] >= LARGE)
        p->large++;
    return DONE;
}

static unsigned parts_of(const struct pieces *p, size_t i)
{
    uint64_t most = (uint64_t)p->job->request->jobs * PIECES_PER_JOB;
    uint64_t parts = p->bytes[i] / PIECE_LEAST;
    return (unsigned)(parts < most ? parts : most);
}

static status divide(struct pieces *p, err *e)
{
    for (size_t rank = 0; rank < p->large; rank++) {
        size_t i = p->table[rank];
        unsigned parts = parts_of(p, i);
        struct piece *grown = realloc(p->prove, (p->proofs + parts) * sizeof *grown);
        if (grown == NULL)
            return err_no_memory(e);
        p->prove = grown;
        for (unsigned part = 0; part < parts; part++)
            grown[p->proofs++] = (struct piece){rank, part, parts};
        p->proof[i] = (struct pieces_proof){.later = true, .left = parts};
    }
    return DONE;
}

status pieces_init(struct pieces *p, struct job *job, struct pgconn *c, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    *p = (struct pieces){.job = job};
    (void)pthread_mutex_init(&p->lock, NULL);
    p->bytes = calloc(job->plan->count + 1, sizeof *p->bytes);
    p->table = calloc(job->plan->count + 1, sizeof *p->table);
    p->proof = calloc(job->plan->count + 1, sizeof *p->proof);
    if (p->bytes == NULL || p->table == NULL || p->proof == NULL)
        return err_no_memory(e);
    TRY(pgconn_query(c, "SELECT pg_catalog.current_setting('wal_level') = 'minimal'", 0, NULL, &rows, e));
    p->truncates = pgrows_bool(rows, 0, 0);
    TRY(measure(p, e));
    return pgconn_server_version(c) >= TID_RANGES_SINCE ? divide(p, e) : DONE;
}

/* ---- in the workers ---- */

static status load_whole(struct pieces *p, struct pgconn *c, size_t i, bool frozen, err *e)
{
    TRY(loadtable_load(p->job, c, i, frozen, e));
    return p->proof[i].later ? DONE : loadtable_prove(p->job, c, i, e);
}

static status load_after_truncate(struct pieces *p, struct pgconn *c, size_t i, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "BEGIN; TRUNCATE ONLY ");
    loadtable_name(&sql, p->job->plan->table[i].message);
    TRY(buf_done(&sql, e));
    TRY(pgconn_exec(c, buf_cstring(&sql), e));
    TRY(load_whole(p, c, i, true, e));
    return pgconn_exec(c, "COMMIT", e);
}

status pieces_load(struct pieces *p, struct pgconn *c, size_t rank, err *e)
{
    size_t i = p->table[rank];
    bool freezes = false;
    if (p->truncates || p->bytes[i] >= FREEZE_FROM)
        TRY(loadform_freezes(c, p->job->plan->table[i].message, &freezes, e));
    return freezes ? load_after_truncate(p, c, i, e) : load_whole(p, c, i, false, e);
}

static status pages_of(struct pgconn *c, const Pgstrand__Table *t, uint64_t *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    OWNED(buf) struct buf name = {0};
    loadtable_name(&name, t);
    TRY(buf_done(&name, e));
    const char *params[] = {buf_cstring(&name)};
    TRY(pgconn_query(c,
                     "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass)"
                     " / pg_catalog.current_setting('block_size')::bigint",
                     1, params, &rows, e));
    *out = (uint64_t)pgrows_int(rows, 0, 0);
    return DONE;
}

/* `expression`: the server adds up into found->sum (rowproof.h); NULL: rows are read into found->found. */
static status read_piece(struct pgconn *c, const struct piece *piece, const Pgstrand__Table *t,
                         const char *expression, struct pieces_proof *found, err *e)
{
    OWNED(buf) struct buf where = {0};
    uint64_t pages = 0;
    TRY(pages_of(c, t, &pages, e));
    uint64_t from = pages * piece->part / piece->parts;
    uint64_t to =
        piece->part + 1 == piece->parts ? LOADTABLE_NO_END : pages * (piece->part + 1) / piece->parts;
    /* There are no statistics yet, without which the planner may prefer to read the whole table. */
    TRY(pgconn_exec(c, "BEGIN; SET LOCAL enable_seqscan = off", e));
    if (expression == NULL) {
        TRY(loadtable_read_range(c, t, from, to, &found->found, e));
    } else {
        loadtable_pages(&where, from, to);
        TRY(buf_done(&where, e));
        TRY(rowproof_sum(c, t, expression, buf_cstring(&where), &found->sum, e));
    }
    return pgconn_exec(c, "COMMIT", e);
}

static status judge(struct pieces *p, struct pgconn *c, size_t i, err *e)
{
    const struct pieces_proof *proof = &p->proof[i];
    if (p->job->proof[i].expression == NULL)
        return loadtable_compare(p->job, i, &proof->found, e);
    return loadtable_agrees(p->job, i, &proof->sum) ? DONE : loadtable_prove(p->job, c, i, e);
}

status pieces_prove(struct pieces *p, struct pgconn *c, size_t number, err *e)
{
    const struct piece *piece = &p->prove[number];
    size_t i = p->table[piece->rank];
    struct pieces_proof *proof = &p->proof[i];
    struct pieces_proof found = {0};
    TRY(read_piece(c, piece, p->job->plan->table[i].message, p->job->proof[i].expression, &found, e));
    (void)pthread_mutex_lock(&p->lock);
    table_digest_merge(&proof->found, &found.found);
    rowsum_merge(&proof->sum, &found.sum);
    bool last = --proof->left == 0;
    (void)pthread_mutex_unlock(&p->lock);
    return last ? judge(p, c, i, e) : DONE;
}
