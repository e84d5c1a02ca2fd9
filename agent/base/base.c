#include "agent/base/base.h"

#include <pthread.h>

#include "agent/base/baseschema.h"
#include "agent/base/basetask.h"
#include "agent/base/tablemsg.h"
#include "agent/condwait.h"
#include "agent/tablebook.h"
#include "proto/base/arena.h"
#include "store/io.h"
#include "store/rowfile.h"

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
    int running;      /* workers */
    int64_t finished; /* weight of complete tasks */
    bool failed;
    err why;
};

struct worker {
    struct copying *shared;
    pthread_t thread;
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

/* As the stream will announce it: without columns that it does not carry, or that capture leaves out. */
static status note_shape(struct copying *c, const struct table_info *table, struct relation *shape, err *e)
{
    OWNED(memory) struct column *column = calloc(table->column_count + 1u, sizeof *column);
    if (column == NULL)
        return err_no_memory(e);
    shape->columns = column;
    shape->tier = table->tier.tier;
    for (uint16_t i = 0; i < table->column_count; i++) {
        const struct table_column *from = &table->columns[i];
        if (!from->generated && !from->virtual_column)
            column[shape->column_count++] = (struct column){
                .name = from->name, .type = from->type, .typmod = from->typmod, .key = from->key};
    }
    return tablebook_note_base(c->d->catalog, shape, e);
}

/* The table's UUID; a table that the catalogue does not know under this name becomes known. */
static status identify(struct copying *c, const struct table_info *table, uuid *out, err *e)
{
    struct relation shape = {.oid = table->oid,
                             .schema = table->schema,
                             .name = table->name,
                             .replica_identity = table->replica_identity};
    bool known = false;
    bool news = false;
    TRY(tablebook_identify(c->book, &shape, NULL, &known, &news, e));
    *out = shape.table;
    if (news)
        TRY(tablebook_record(c->d->catalog, &shape, table->tier.tier, table->tier.rule, 0, e));
    return note_shape(c, table, &shape, e);
}

static status put_record(struct copying *c, const struct basetask *task, const char *file,
                         const struct table_digest *digest, uint64_t stored, err *e)
{
    OWNED(arena) struct arena arena = {0};
    Pgstrand__Table table;
    uuid id;
    TRY(identify(c, task->table, &id, e));
    TRY(tablemsg_fill(task->table, 0, &id, c->request->lsn, &arena, &table, e));
    uint8_t sum[SHA256_LEN];
    table_digest_bytes(digest, sum);
    Pgstrand__BaseTableRecord entry = PGSTRAND__BASE_TABLE_RECORD__INIT;
    entry.oid = task->table->oid;
    entry.lsn = c->request->lsn;
    entry.rows = digest->rows;
    entry.digest = (ProtobufCBinaryData){sizeof sum, sum};
    entry.file = (char *)(uintptr_t)file;
    entry.stored = stored;
    entry.table = &table;
    entry.part = task->part;
    entry.parts = task->parts;
    struct catalog_key key = basetask_key(task->table->oid, task->part);
    return catalog_put(c->d->catalog, CATALOG_BASE_TABLE, catalog_key_bytes(&key), &entry.base, e);
}

/* Makes the piece known: from here on it survives an interruption. Holds the lock. The table and its piece
 * are one commit: a database of many small tables waits for the disk more than for anything else. */
static status record(struct copying *c, const struct basetask *task, const char *file,
                     const struct table_digest *digest, uint64_t stored, err *e)
{
    TRY(catalog_begin(c->d->catalog, e));
    status put = put_record(c, task, file, digest, stored, e);
    err dropped = ERR_INIT;
    status ended = catalog_end(c->d->catalog, put.ok, put.ok ? e : &dropped);
    return put.ok ? ended : put;
}

static status copy_rows(struct copying *c, struct pgconn *conn, const struct basetask *task,
                        struct rowfile *out, err *e)
{
    OWNED(buf) struct buf sql = {0};
    basetask_command(task, &sql);
    TRY(pgconn_copy_out(conn, buf_cstring(&sql), e));
    uint64_t rows = 0;
    for (;;) {
        struct bytes row;
        bool end = false;
        TRY(pgconn_copy_next(conn, &row, &end, e));
        if (end)
            return DONE;
        TRY(rowfile_lines(out, row, e));
        if (++rows % 4096 == 0 && is_stopped(c))
            return err_set(e, ERR_INTERRUPTED, "another connection of this base failed");
    }
}

/* TRUNCATE and rewrites are not MVCC-safe (PostgreSQL documentation, 13.6): when one was committed between
 * the snapshot and the COPY's lock, the table looked empty. Then its file is another one than the snapshot's
 * catalogue says. The lock lasts as long as the transaction: afterwards is soon enough to ask. */
static status check_file(struct pgconn *conn, const struct table_info *table, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    char oid[16];
    (void)snprintf(oid, sizeof oid, "%u", table->oid);
    const char *const params[] = {oid};
    TRY(pgconn_query(
        conn,
        "SELECT relfilenode = pg_catalog.pg_relation_filenode(oid) FROM pg_catalog.pg_class WHERE"
        " oid = $1::pg_catalog.oid",
        1, params, &rows, e));
    if (pgrows_count(rows) == 1 && pgrows_bool(rows, 0, 0))
        return DONE;
    return err_set(
        e, ERR_TIMEOUT,
        "table %s.%s was truncated or rewritten while its base was taken, again and again: try once "
        "more",
        table->schema, table->name);
}

static status copy_task(struct copying *c, struct pgconn *conn, const struct basetask *task, err *e)
{
    char file[32];
    struct table_digest digest = {0};
    uint64_t stored = 0;
    basetask_file(task, file);
    OWNED(text) char *path = io_join(c->d->base, file);
    if (path == NULL)
        return err_no_memory(e);
    OWNED(rowfile) struct rowfile *out = NULL;
    TRY(io_unlink(path, e));
    TRY(rowfile_create(path, c->d->config->base_level, &out, e));
    if (!copy_rows(c, conn, task, out, e).ok)
        return err_wrap(e, "copying table %s.%s", task->table->schema, task->table->name);
    TRY(check_file(conn, task->table, e));
    TRY(rowfile_finish(out, &digest, &stored, e));
    (void)pthread_mutex_lock(&c->lock);
    status recorded = record(c, task, file, &digest, stored, e);
    c->finished += task->weight;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    return recorded;
}

static status work(struct copying *c, err *e)
{
    OWNED(pgconn) struct pgconn *conn = NULL;
    if (take_schema(c))
        TRY(baseschema_stage(c->d, c->request, e));
    TRY(baseschema_connect(c->request, &conn, e));
    for (const struct basetask *task = take(c); task != NULL; task = take(c))
        TRY(copy_task(c, conn, task, e));
    return DONE;
}

static void *worker_main(void *argument)
{
    struct copying *c = ((struct worker *)argument)->shared;
    err e = ERR_INIT;
    status done = work(c, &e);
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

static void report_until_done(struct copying *c, const struct progress *progress)
{
    (void)pthread_mutex_lock(&c->lock);
    while (c->running > 0) {
        const struct timespec until = condwait_deadline(REPORT_EVERY_MS);
        (void)condwait_until(&c->changed, &c->lock, &until);
        uint64_t finished = (uint64_t)c->finished;
        (void)pthread_mutex_unlock(&c->lock);
        progress->step(progress->context, "base", finished, (uint64_t)c->tasks.weight);
        const bool stopped = progress_stopped(progress);
        (void)pthread_mutex_lock(&c->lock);
        if (stopped && !c->failed) {
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
    OWNED(memory) struct worker *workers = calloc((size_t)wanted + 1, sizeof *workers);
    if (workers == NULL)
        return err_no_memory(e);
    int started = 0;
    for (; started < wanted; started++) {
        workers[started].shared = c;
        (void)pthread_mutex_lock(&c->lock);
        c->running++;
        (void)pthread_mutex_unlock(&c->lock);
        int code = pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]);
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
    for (int i = 0; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    if (!c->failed)
        return DONE;
    *e = c->why;
    return FAILED;
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
    TRY(basetasks_plan(d, tables, request->jobs, &tasks, e));
    c.book = book;
    c.tasks = tasks;
    (void)pthread_mutex_init(&c.lock, NULL);
    condwait_init(&c.changed);
    status done = run_workers(&c, progress, e);
    (void)pthread_cond_destroy(&c.changed);
    (void)pthread_mutex_destroy(&c.lock);
    return done;
}
