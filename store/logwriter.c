#include "store/actionlog.h"
#include "store/io.h"
#include "store/logsegment.h"

/*
 * LMDB keeps the pages a transaction has changed in malloc'ed memory (there is no WRITEMAP here), so more
 * than this many bytes of records are written in several LMDB transactions. Each is durable; none moves the
 * position, so what they hold is invisible until a flush does.
 */
#define DIRTY_MAX ((size_t)8 << 20)
#define SEGMENT_BYTES ((uint64_t)256 << 20) /* unless the options say otherwise */
#define ENTRY_OVERHEAD 32                   /* bytes a record costs beside its value: key, header, pointer */
#define LARGE 1024                          /* bytes from which on a record may leave most of a page unused */
#define PAGE 4096
#define TAIL_BATCH 20000    /* removals in one LMDB transaction */
#define RELATIONS_MAX 10000 /* carried into a new segment: an application may make tables for ever */

struct logwriter {
    char *dir;
    struct io_lock *lock;
    uint64_t segment_bytes;
    struct logsegment segment; /* the newest */
    struct lmdbtxn txn;        /* the LMDB transaction in progress, if any */
    struct lmdbcursor actions; /* open with it */
    struct lmdbcursor commits;
    uint64_t txn_number; /* marks relations that were stored in it */
    size_t dirty;        /* bytes put into it */

    struct logmeta flushed; /* what is durable and visible */
    struct logmeta pending; /* with the commits since */
    uint64_t next_seq;      /* of the next action */
    lsn commit_lsn;         /* of the transaction in progress, from its first action on */
    uint64_t stored_seq;    /* the last action on disk, visible or not */
    uint32_t stored_next;   /* relation versions below are on disk */
    bool garbage;           /* what lies behind the position was given up, and is to be removed first */

    struct relcache *relations;
    uint64_t clock; /* of the uses of relations */
    struct hasher *hasher;
    struct buf scratch;
};

static uint64_t first_in_progress(const struct logwriter *w)
{
    return w->pending.position.last_seq + 1;
}

static bool in_progress(const struct logwriter *w)
{
    return w->next_seq != first_in_progress(w);
}

/* ---- LMDB transactions ---- */

/* Gives up everything since the last flush. */
static void drop(struct logwriter *w)
{
    err ignored = ERR_INIT;
    lmdbenv_cursor_close(&w->actions);
    lmdbenv_cursor_close(&w->commits);
    lmdbenv_abort(&w->txn);
    w->pending = w->flushed;
    w->pending.next_relation = w->stored_next;
    w->next_seq = first_in_progress(w);
    w->garbage = w->garbage || w->stored_seq > w->flushed.position.last_seq;
    w->dirty = 0;
    /* It only fails when it needs a larger index, and rolling back needs none. */
    (void)!relcache_rollback(w->relations, w->stored_next, w->txn_number, &ignored).ok;
}

/* What every function of the contract ends with: a failure of the store loses what was not flushed. */
static status settle(struct logwriter *w, status s, const err *e)
{
    if (!s.ok && e->class != ERR_VALIDATION)
        drop(w);
    return s;
}

/* One batch of what lies behind the position, from the end. Sets *more when there is more. */
static status remove_some(struct logwriter *w, enum logsegment_database db,
                          status (*seq_of)(const struct lmdbcursor *, uint64_t *, err *), bool *more, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    TRY(lmdbenv_begin(w->segment.env, LMDBENV_WRITING, DIRTY_MAX, &t, e));
    {
        OWNED(lmdbcursor) struct lmdbcursor c = {0};
        TRY(lmdbenv_cursor(&t, db, &c, e));
        for (unsigned i = 0; i < TAIL_BATCH && *more; i++) {
            uint64_t seq = 0;
            TRY(lmdbenv_move(&c, LMDBENV_LAST, more, e));
            if (*more)
                TRY(seq_of(&c, &seq, e));
            *more = *more && seq > w->flushed.position.last_seq;
            if (*more)
                TRY(lmdbenv_remove(&c, e));
        }
    }
    return lmdbenv_commit(&t, e);
}

static status remove_tail(struct logwriter *w, err *e)
{
    for (bool more = true; more;)
        TRY(remove_some(w, LOG_COMMITS, logsegment_commit_seq, &more, e));
    for (bool more = true; more;)
        TRY(remove_some(w, LOG_ACTIONS, logsegment_action_seq, &more, e));
    w->stored_seq = w->flushed.position.last_seq;
    w->garbage = false;
    return DONE;
}

/* An LMDB transaction is open afterwards, with room for `size` more. */
static status ready(struct logwriter *w, size_t size, err *e)
{
    if (w->txn.env != NULL)
        return DONE;
    if (w->garbage)
        TRY(remove_tail(w, e));
    TRY(lmdbenv_begin(w->segment.env, LMDBENV_WRITING, DIRTY_MAX + size, &w->txn, e));
    w->txn_number++;
    TRY(lmdbenv_cursor(&w->txn, LOG_ACTIONS, &w->actions, e));
    return lmdbenv_cursor(&w->txn, LOG_COMMITS, &w->commits, e);
}

/* Ends the LMDB transaction in progress. */
static status store(struct logwriter *w, err *e)
{
    lmdbenv_cursor_close(&w->actions);
    lmdbenv_cursor_close(&w->commits);
    TRY(lmdbenv_commit(&w->txn, e));
    w->dirty = 0;
    w->stored_seq = w->next_seq - 1;
    w->stored_next = w->pending.next_relation;
    return DONE;
}

/* As ready, for a record of this size: what is too much for one LMDB transaction is stored first. */
static status ready_for(struct logwriter *w, size_t size, err *e)
{
    if (w->txn.env != NULL && w->dirty > 0 && w->dirty + size > DIRTY_MAX)
        TRY(store(w, e));
    TRY(ready(w, size, e));
    w->dirty += size + (size < LARGE ? ENTRY_OVERHEAD : PAGE);
    return DONE;
}

static bool moved(const struct logwriter *w)
{
    const struct log_position *a = &w->flushed.position;
    const struct log_position *b = &w->pending.position;
    return w->txn.env != NULL || a->commit_lsn != b->commit_lsn || a->end_lsn != b->end_lsn ||
           a->last_seq != b->last_seq || a->commit_time != b->commit_time;
}

static status flush(struct logwriter *w, err *e)
{
    if (!moved(w))
        return DONE;
    TRY(ready(w, 0, e));
    TRY(logsegment_write_position(&w->txn, &w->pending, e));
    TRY(store(w, e));
    w->flushed = w->pending;
    return DONE;
}

status logwriter_flush(struct logwriter *w, err *e)
{
    return settle(w, flush(w, e), e);
}

/* ---- opening ---- */

static status load_relations(struct logwriter *w, struct lmdbtxn *t, err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor c = {0};
    bool found = false;
    TRY(lmdbenv_cursor(t, LOG_RELATIONS, &c, e));
    TRY(lmdbenv_move(&c, LMDBENV_FIRST, &found, e));
    while (found) {
        struct relation *r = NULL;
        struct relcache_entry *entry = NULL;
        TRY(relation_decode(c.value, &r, e));
        TRY(relcache_add(w->relations, r, &entry, e));
        entry->stored = 1;
        TRY(lmdbenv_move(&c, LMDBENV_NEXT, &found, e));
    }
    return DONE;
}

static status load_stored_seq(struct logwriter *w, struct lmdbtxn *t, err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor c = {0};
    bool found = false;
    uint64_t seq = 0;
    w->stored_seq = w->flushed.position.last_seq;
    TRY(lmdbenv_cursor(t, LOG_ACTIONS, &c, e));
    TRY(lmdbenv_move(&c, LMDBENV_LAST, &found, e));
    if (found)
        TRY(logsegment_action_seq(&c, &seq, e));
    if (found && seq > w->stored_seq)
        w->stored_seq = seq;
    return DONE;
}

static status load(struct logwriter *w, const struct log_options *options, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    TRY(lmdbenv_begin(w->segment.env, LMDBENV_READING, 0, &t, e));
    TRY(logsegment_read_meta(&t, &w->flushed, e));
    if (!uuid_equal(&w->flushed.node, &options->node) ||
        !uuid_equal(&w->flushed.incarnation, &options->incarnation)) {
        char node[UUID_TEXT];
        char incarnation[UUID_TEXT];
        return err_set(
            e, ERR_REFUSED,
            "the log in %s belongs to node %s, incarnation %s; it must not be mixed with another's: give "
            "this one a folder of its own",
            w->dir, uuid_format(&w->flushed.node, node), uuid_format(&w->flushed.incarnation, incarnation));
    }
    TRY(load_relations(w, &t, e));
    TRY(load_stored_seq(w, &t, e));
    w->pending = w->flushed;
    w->next_seq = first_in_progress(w);
    w->stored_next = w->flushed.next_relation;
    w->garbage = w->stored_seq > w->flushed.position.last_seq;
    return DONE;
}

static status create_first(struct logwriter *w, const struct log_options *options, err *e)
{
    struct logmeta meta = {
        .node = options->node,
        .incarnation = options->incarnation,
        /* No commit LSN: the first commit may begin exactly at the slot's consistent point. */
        .position = {.end_lsn = options->start_lsn, .last_seq = options->start_seq},
        .latest_time = INT64_MIN,
        .next_relation = 1,
    };
    return logsegment_create(w->dir, options->start_seq + 1, &meta, w->relations, e);
}

static status take_lock(struct logwriter *w, err *e)
{
    OWNED(text) char *path = io_join(w->dir, "writer.lock");
    if (path == NULL)
        return err_no_memory(e);
    return io_lock(path, false, &w->lock, e);
}

static status open_all(struct logwriter *w, const struct log_options *options, err *e)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    TRY(io_make_dir(w->dir, e));
    TRY(take_lock(w, e));
    TRY(hasher_new(&w->hasher, e));
    TRY(relcache_new(&w->relations, e));
    TRY(logsegment_tidy(w->dir, e));
    TRY(logsegment_list(w->dir, &list, e));
    if (list.count == 0) {
        TRY(create_first(w, options, e));
        TRY(logsegment_list(w->dir, &list, e));
    }
    TRY(logsegment_open(w->dir, list.first[list.count - 1], LMDBENV_EXISTING, &w->segment, e));
    TRY(load(w, options, e));
    return w->garbage ? remove_tail(w, e) : DONE;
}

status logwriter_open(const char *dir, const struct log_options *options, struct logwriter **out, err *e)
{
    OWNED(logwriter) struct logwriter *w = calloc(1, sizeof *w);
    if (w == NULL || (w->dir = strdup(dir)) == NULL)
        return err_no_memory(e);
    w->segment_bytes = options->segment_bytes != 0 ? options->segment_bytes : SEGMENT_BYTES;
    w->txn_number = 1; /* what is loaded counts as stored in the first */
    if (!open_all(w, options, e).ok)
        return err_wrap(e, "cannot open the log in %s for writing", dir);
    *out = w;
    w = NULL;
    return DONE;
}

void logwriter_close(struct logwriter *w)
{
    if (w == NULL)
        return;
    lmdbenv_cursor_close(&w->actions);
    lmdbenv_cursor_close(&w->commits);
    lmdbenv_abort(&w->txn);
    logsegment_close(&w->segment);
    relcache_free(w->relations);
    hasher_free(w->hasher);
    buf_fini(&w->scratch);
    io_unlock(w->lock);
    free(w->dir);
    free(w);
}

const struct log_position *logwriter_position(const struct logwriter *w)
{
    return &w->flushed.position;
}

/* ---- relations ---- */

const struct relation *logwriter_relation_latest(const struct logwriter *w, uint32_t oid)
{
    const struct relcache_entry *entry = relcache_latest_of_all(w->relations, oid);
    return entry == NULL ? NULL : entry->relation;
}

static bool unchanged(const struct relation *a, const struct relation *b)
{
    return uuid_equal(&a->table, &b->table) && relation_same_shape(a, b);
}

/* The present segment holds this version afterwards. */
static status ensure_stored(struct logwriter *w, struct relcache_entry *entry, err *e)
{
    entry->used = ++w->clock;
    if (entry->stored != 0)
        return DONE;
    TRY(logsegment_write_relation(&w->txn, entry->relation, e));
    entry->stored = w->txn_number;
    return DONE;
}

static status use_relation(struct logwriter *w, const struct relation *r, uint32_t *version, err *e)
{
    struct relcache_entry *entry = relcache_latest(w->relations, r->oid, r->tier);
    if (entry == NULL || !unchanged(entry->relation, r)) {
        struct relation *copy = NULL;
        TRY(ready_for(w, 0, e));
        TRY(relation_copy(r, &copy, e));
        copy->version = w->pending.next_relation;
        TRY(relcache_add(w->relations, copy, &entry, e));
        w->pending.next_relation++;
        TRY(logsegment_write_next_relation(&w->txn, w->pending.next_relation, e));
        TRY(ensure_stored(w, entry, e));
    }
    *version = entry->relation->version;
    return DONE;
}

status logwriter_relation(struct logwriter *w, const struct relation *r, uint32_t *version, err *e)
{
    return settle(w, use_relation(w, r, version, e), e);
}

static status ensure_version(struct logwriter *w, uint32_t version, err *e)
{
    struct relcache_entry *entry = relcache_find(w->relations, version);
    struct relation *older = NULL;
    if (entry == NULL) { /* not carried into this segment: the caller has kept it longer than we have */
        TRY(logsegment_search_relation(w->dir, version, &older, e));
        if (older != NULL)
            TRY(relcache_add(w->relations, older, &entry, e));
    }
    if (entry == NULL)
        return err_set(e, ERR_VALIDATION,
                       "an action names version %u of a relation, which the log does not know", version);
    return ensure_stored(w, entry, e);
}

static status ensure_relations(struct logwriter *w, const struct action *a, err *e)
{
    if (a->relation != 0)
        TRY(ensure_version(w, a->relation, e));
    struct reader r = reader_over(a->truncated);
    for (uint32_t version; (version = action_next_truncated(&r)) != 0;)
        TRY(ensure_version(w, version, e));
    return DONE;
}

/* ---- actions and commits ---- */

static status check_order(const struct logwriter *w, lsn commit_lsn, err *e)
{
    char a[LSN_TEXT];
    char b[LSN_TEXT];
    if (in_progress(w) && commit_lsn != w->commit_lsn)
        return err_set(e, ERR_VALIDATION, "an action of the transaction at %s came inside the one at %s",
                       lsn_format(commit_lsn, a), lsn_format(w->commit_lsn, b));
    if (commit_lsn <= w->pending.position.commit_lsn)
        return err_set(e, ERR_VALIDATION,
                       "the transaction at %s came after the one at %s, which the log has already",
                       lsn_format(commit_lsn, a), lsn_format(w->pending.position.commit_lsn, b));
    return DONE;
}

static status put(struct logwriter *w, const struct action *a, lsn commit_lsn, err *e)
{
    uuid id;
    TRY(check_order(w, commit_lsn, e));
    buf_reset(&w->scratch);
    action_encode(a, false, &w->scratch);
    TRY(buf_done(&w->scratch, e));
    TRY(uuid_v8_action(w->hasher, &w->flushed.node, &w->flushed.incarnation, commit_lsn,
                       w->next_seq - first_in_progress(w), w->next_seq, &id, e));
    TRY(ready_for(w, w->scratch.len, e));
    TRY(ensure_relations(w, a, e));
    TRY(lmdbenv_append(&w->actions, bytes_of(id.b, sizeof id.b), buf_view(&w->scratch), e));
    w->commit_lsn = commit_lsn;
    w->next_seq++;
    return DONE;
}

status logwriter_put(struct logwriter *w, const struct action *a, lsn commit_lsn, err *e)
{
    return settle(w, put(w, a, commit_lsn, e), e);
}

/* A new segment when the present one has outgrown its size; everything is flushed. */
static status rotate(struct logwriter *w, err *e)
{
    OWNED(logsegment) struct logsegment next = {0};
    TRY(relcache_trim(w->relations, RELATIONS_MAX, e));
    TRY(logsegment_create(w->dir, w->next_seq, &w->flushed, w->relations, e));
    TRY(logsegment_open(w->dir, w->next_seq, LMDBENV_EXISTING, &next, e));
    logsegment_close(&w->segment);
    w->segment = next;
    next = (struct logsegment){0};
    return DONE;
}

static status put_commit(struct logwriter *w, const struct commit *c, err *e)
{
    struct commit_key key = logsegment_commit_key(c->last_seq, c->lsn);
    buf_reset(&w->scratch);
    commit_encode(c, &w->scratch);
    TRY(buf_done(&w->scratch, e));
    TRY(ready_for(w, w->scratch.len, e));
    return lmdbenv_append(&w->commits, bytes_of(key.b, sizeof key.b), buf_view(&w->scratch), e);
}

static status commit(struct logwriter *w, struct commit *c, err *e)
{
    struct logmeta *p = &w->pending;
    bool empty = !in_progress(w);
    TRY(check_order(w, c->lsn, e));
    c->first_seq = first_in_progress(w);
    c->last_seq = w->next_seq - 1;
    if (!empty)
        TRY(put_commit(w, c, e));
    p->position.commit_lsn = c->lsn;
    p->position.commit_time = c->time;
    p->position.last_seq = c->last_seq;
    if (c->end_lsn > p->position.end_lsn)
        p->position.end_lsn = c->end_lsn;
    if (!empty && c->time > p->latest_time)
        p->latest_time = c->time;
    if (empty || lmdbenv_used(w->segment.env) + w->dirty < w->segment_bytes)
        return DONE;
    TRY(flush(w, e));
    return rotate(w, e);
}

status logwriter_commit(struct logwriter *w, struct commit *c, err *e)
{
    return settle(w, commit(w, c, e), e);
}

status logwriter_advance(struct logwriter *w, lsn end, err *e)
{
    if (in_progress(w))
        return err_set(e, ERR_VALIDATION, "the log's position cannot be moved inside a transaction");
    if (end > w->pending.position.end_lsn)
        w->pending.position.end_lsn = end;
    return DONE;
}

status logwriter_trim(struct logwriter *w, uint64_t through, err *e)
{
    return logsegment_trim(w->dir, through, e);
}
