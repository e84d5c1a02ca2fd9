#include "agent/base/base.h"

#include <errno.h>
#include <pthread.h>

#include "agent/base/basebatch.h"
#include "agent/base/baselock.h"
#include "agent/base/basesame.h"
#include "agent/base/baseschema.h"
#include "agent/condwait.h"
#include "agent/tablebook.h"
#include "store/io.h"

/* Of a COPY, between looks whether it is to stop. */
#define STOP_ROWS 4096
#define STOP_BYTES ((size_t)1 << 18)
#define REPORT_EVERY_MS 250 /* progress, while the workers work */

/* What the workers of one base share. `lock` guards everything below it, the catalogue and the book
 * included. */
struct copying {
    struct datadir *d;
    const struct base_request *request;
    struct basetasks tasks;
    struct tablebook *book;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool schema;      /* nobody has begun to dump it */
    size_t next;      /* task that nobody has taken yet */
    int workers;      /* wanted */
    int running;      /* of them */
    int64_t finished; /* weight of complete tasks */
    bool failed;
    err why;
    struct worker *worker;
    int started; /* of them */
};

struct worker {
    struct copying *shared;
    struct pgconn *conn;
    pthread_t thread;
    /* Under the lock: */
    bool inside;         /* a COPY, which may be cancelled */
    uint64_t rows, seen; /* that it has given: now, and when last looked at */
};

static struct basetask *take(struct copying *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool more = !c->failed && c->next < c->tasks.count;
    struct basetask *task = more ? &c->tasks.task[c->next++] : NULL;
    (void)pthread_mutex_unlock(&c->lock);
    return task;
}

static bool take_schema(struct copying *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool mine = c->schema;
    c->schema = false;
    (void)pthread_mutex_unlock(&c->lock);
    return mine;
}

static bool is_stopped(struct copying *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool stopped = c->failed;
    (void)pthread_mutex_unlock(&c->lock);
    return stopped;
}

static status stopped(err *e)
{
    return err_set(e, ERR_INTERRUPTED, "another connection of this base failed");
}

/* The worker is inside a COPY, or no more; it has read so many rows of it. */
static bool is_stopped_at(struct worker *w, bool inside, uint64_t rows)
{
    (void)pthread_mutex_lock(&w->shared->lock);
    w->inside = inside;
    w->rows = rows;
    bool stopped = w->shared->failed;
    (void)pthread_mutex_unlock(&w->shared->lock);
    return stopped;
}

static status read_rows(struct worker *w, const struct basetask *task, struct rowfile *out, err *e)
{
    TRY(baselock_copy(w->conn, task, e));
    uint64_t rows = 0;
    for (size_t bytes = 0;; bytes = bytes < STOP_BYTES ? bytes : 0) {
        struct bytes row;
        bool end = false;
        TRY(pgconn_copy_next(w->conn, &row, &end, e));
        if (end)
            return DONE;
        TRY(rowfile_lines(out, row, e));
        bytes += row.len;
        if ((++rows % STOP_ROWS == 0 || bytes >= STOP_BYTES) && is_stopped_at(w, true, rows))
            return stopped(e);
    }
}

static status copy_rows(struct worker *w, const struct basetask *task, struct rowfile *out, err *e)
{
    (void)is_stopped_at(w, true, 0);
    const status read = read_rows(w, task, out, e);
    (void)is_stopped_at(w, false, 0);
    return read;
}

/* A snapshot keeps rows, not tables. Who takes a new one meets the table as it is now, or no more. */
static status was_changed(const struct table_info *table, const char *how, err *e)
{
    return err_set(e, ERR_TIMEOUT,
                   "table %s.%s was %s while its base was taken, again and again: try once more",
                   table->schema, table->name, how);
}

static status copying_failed(const struct table_info *table, err *e)
{
    if (basesame_is_gone(e))
        return was_changed(table, "dropped, or it or a column of it renamed", e);
    return err_wrap(e, "copying table %s.%s", table->schema, table->name);
}

/* The lock lasts as long as the transaction: before the rows are kept is soon enough to ask. */
static status check_tables(struct pgconn *conn, const struct basebatch *batch, err *e)
{
    const struct table_info *table[BASEBATCH_PIECES];
    size_t changed = 0;
    for (size_t i = 0; i < batch->count; i++)
        table[i] = batch->piece[i].task->table;
    TRY(basesame_check(conn, table, batch->count, &changed, e));
    return changed == batch->count ? DONE : was_changed(table[changed], "altered, truncated or rewritten", e);
}

/* The rows of a task, in a file that is whole and not yet durable. */
static status copy_task(struct worker *w, const struct basetask *task, struct basebatch *batch, err *e)
{
    const struct copying *c = w->shared;
    char name[BASETASK_FILE];
    OWNED(rowfile) struct rowfile *file = NULL;
    basetask_file(task, name);
    OWNED(text) char *path = io_join(c->d->base, name);
    if (path == NULL)
        return err_no_memory(e);
    TRY(io_unlink(path, e));
    TRY(rowfile_create(path, c->d->config->base_level, &file, e));
    if (!copy_rows(w, task, file, e).ok)
        return copying_failed(task->table, e);
    struct basepiece piece = {.task = task, .file = file};
    TRY(rowfile_end(file, &piece.digest, &piece.stored, e));
    basebatch_add(batch, &piece);
    file = NULL;
    return DONE;
}

/* What is whole becomes durable, then known. */
static status keep(struct copying *c, struct pgconn *conn, struct basebatch *batch, err *e)
{
    const int64_t weight = batch->weight;
    if (batch->count == 0)
        return DONE;
    TRY(check_tables(conn, batch, e));
    TRY(basebatch_publish(batch, e));
    (void)pthread_mutex_lock(&c->lock);
    status recorded = basebatch_record(batch, c->d, c->book, c->request->lsn, e);
    c->finished += weight;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    basebatch_fini(batch);
    return recorded;
}

/* From here on nobody has to wait for what was copied. */
static status keep_and_release(struct copying *c, struct pgconn *conn, struct basebatch *batch, err *e)
{
    TRY(keep(c, conn, batch, e));
    return baselock_release(c->request, conn, e);
}

/* With nothing else in hand. */
static status wait_for_table(struct copying *c, struct pgconn *conn, const struct basetask *task, err *e)
{
    for (bool had = false;;) {
        if (!baselock_wait(conn, task, &had, e).ok)
            return copying_failed(task->table, e);
        if (had)
            return DONE;
        if (is_stopped(c))
            return stopped(e);
        TRY(baselock_release(c->request, conn, e));
    }
}

/* A task whose table is held is waited for with nothing else in hand, and so is one that has nothing else in
 * hand anyway: every large one. */
static status copy_when_free(struct worker *w, const struct basetask *task, struct basebatch *batch, err *e)
{
    struct copying *c = w->shared;
    struct pgconn *conn = w->conn;
    bool alone = batch->count == 0;
    if (alone)
        TRY(wait_for_table(c, conn, task, e));
    while (!copy_task(w, task, batch, e).ok) {
        if (!baselock_is_held(e))
            return FAILED;
        *e = ERR_INIT;
        TRY(baselock_undo(conn, e));
        TRY(keep(c, conn, batch, e));
        if (is_stopped(c))
            return stopped(e);
        TRY(baselock_release(c->request, conn, e));
        TRY(wait_for_table(c, conn, task, e));
        alone = true;
    }
    return alone ? baselock_limit(conn, e) : DONE;
}

static status copy_tasks(struct worker *w, struct basebatch *batch, err *e)
{
    struct copying *c = w->shared;
    for (const struct basetask *task = take(c); task != NULL; task = take(c)) {
        TRY(copy_when_free(w, task, batch, e));
        if (basebatch_is_full(batch, c->workers))
            TRY(keep_and_release(c, w->conn, batch, e));
    }
    return DONE;
}

static status copy_and_keep(struct worker *w, err *e)
{
    OWNED(basebatch) struct basebatch batch = {0};
    status copied = copy_tasks(w, &batch, e);
    /* What is whole is kept when it was we who stopped. After an error of the server its transaction cannot
     * be asked whether the files are still the same: at most a batch of small tables is copied again. */
    err later = ERR_INIT;
    status kept = keep(w->shared, w->conn, &batch, copied.ok ? e : &later);
    return copied.ok ? kept : copied;
}

static status work(struct worker *w, err *e)
{
    struct copying *c = w->shared;
    if (take_schema(c))
        TRY(baseschema_stage(c->d, c->request, e));
    TRY(baselock_connect(c->request, &w->conn, e));
    const status copied = copy_and_keep(w, e);
    pgconn_close(w->conn);
    return copied;
}

static void *worker_main(void *argument)
{
    struct worker *w = argument;
    struct copying *c = w->shared;
    err e = ERR_INIT;
    status done = work(w, &e);
    (void)pthread_mutex_lock(&c->lock);
    if (!done.ok && !c->failed) {
        c->failed = true;
        c->why = e;
    }
    c->running--;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* One has failed: who copies sees it after some rows and keeps what is whole; who gets none waits for
 * somebody's lock, inside the COPY, and would for long. Under the lock, so that the COPY does not end
 * meanwhile. */
static void cancel_waits(struct copying *c)
{
    for (int i = 0; c->failed && i < c->started; i++) {
        struct worker *w = &c->worker[i];
        if (w->inside && w->seen == w->rows + 1)
            pgconn_cancel(w->conn);
        w->seen = w->inside ? w->rows + 1 : 0; /* 0: not looked at */
    }
}

static void report_until_done(struct copying *c, const struct progress *progress)
{
    bool locks = c->request->locks != NULL;
    (void)pthread_mutex_lock(&c->lock);
    while (c->running > 0) {
        const struct timespec until = condwait_deadline(REPORT_EVERY_MS);
        if (condwait_until(&c->changed, &c->lock, &until) == ETIMEDOUT)
            cancel_waits(c);
        uint64_t finished = (uint64_t)c->finished;
        (void)pthread_mutex_unlock(&c->lock);
        progress->step(progress->context, "base", finished, (uint64_t)c->tasks.weight);
        const bool stop = progress_stopped(progress);
        if (locks && baselock_give_way(c->request->locks))
            locks = false;
        (void)pthread_mutex_lock(&c->lock);
        if (stop && !c->failed) {
            c->failed = true;
            (void)err_set(&c->why, ERR_INTERRUPTED, "stopped; what is copied is kept for the next time");
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static status run_workers(struct copying *c, const struct progress *progress, err *e)
{
    int wanted = c->request->jobs < 1 ? 1 : c->request->jobs;
    size_t useful = c->tasks.count + c->schema;
    if ((size_t)wanted > useful)
        wanted = (int)useful;
    c->workers = wanted;
    OWNED(memory) struct worker *workers = calloc((size_t)wanted + 1, sizeof *workers);
    if (workers == NULL)
        return err_no_memory(e);
    c->worker = workers;
    for (; c->started < wanted; c->started++) {
        workers[c->started].shared = c;
        (void)pthread_mutex_lock(&c->lock);
        c->running++;
        (void)pthread_mutex_unlock(&c->lock);
        int code = pthread_create(&workers[c->started].thread, NULL, worker_main, &workers[c->started]);
        if (code != 0) {
            (void)pthread_mutex_lock(&c->lock);
            c->running--;
            c->failed = true;
            (void)err_errno(&c->why, code, "starting a thread for the base");
            (void)pthread_mutex_unlock(&c->lock);
            break;
        }
    }
    report_until_done(c, progress);
    for (int i = 0; i < c->started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    if (!c->failed)
        return DONE;
    *e = c->why;
    return FAILED;
}

/* Which tables have a value of that label is not known: all are copied again. */
static status check_labels(struct datadir *d, const struct base_request *request, err *e)
{
    OWNED(pgconn) struct pgconn *conn = NULL;
    bool same = false;
    TRY(baselock_connect(request, &conn, e));
    TRY(basesame_labels(conn, &same, e));
    if (same)
        return DONE;
    TRY(base_clear(d, e));
    return err_set(e, ERR_TIMEOUT,
                   "labels of an enum type were renamed while a base was taken, again and again: try once "
                   "more");
}

status base_copy(struct datadir *d, const struct base_request *request, const struct table_list *tables,
                 const struct progress *progress, err *e)
{
    struct copying c = {.d = d, .request = request};
    OWNED(tablebook) struct tablebook *book = NULL;
    TRY(io_make_dir(d->base, e));
    bool staged = true;
    if (!request->rows_only)
        TRY(baseschema_is_staged(d, &staged, e));
    /* One that is there may be of another schema, and then the rows beside it go, before any are copied. */
    c.schema = !staged;
    if (staged && !request->rows_only)
        TRY(baseschema_stage(d, request, e));
    /* Rows without a schema are left over from a dump that failed: nobody knows what they are rows of. */
    if (!staged)
        TRY(base_clear(d, e));
    TRY(tablebook_load(d->catalog, &d->identity.dataset, &book, e));
    OWNED(basetasks) struct basetasks tasks = {0};
    TRY(basetasks_plan(d, request, tables, &tasks, e));
    c.book = book;
    c.tasks = tasks;
    (void)pthread_mutex_init(&c.lock, NULL);
    condwait_init(&c.changed);
    status done = run_workers(&c, progress, e);
    (void)pthread_cond_destroy(&c.changed);
    (void)pthread_mutex_destroy(&c.lock);
    return done.ok ? check_labels(d, request, e) : FAILED;
}
