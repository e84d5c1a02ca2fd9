#include <errno.h>

#include "store/logbulk.h"
#include "store/logname.h"
#include "store/logstate.h"

#define SEGMENT_BYTES ((uint64_t)256 << 20) /* unless the options say otherwise */
#define ENTRY_OVERHEAD 32                   /* bytes a record costs beside its value: key, header, pointer */
#define LARGE 1024                          /* bytes from which on a record may leave most of a page unused */
#define PAGE 4096
#define HUGE_ACTION ((size_t)1 << 20) /* bytes from which on an action is not copied */
#define RELATIONS_MAX 10000 /* carried into a new segment: an application may make tables for ever */

static bool in_progress(const struct logwriter *w)
{
    return w->next_seq != logstate_first(w);
}

/* ---- LMDB transactions ---- */

/* Gives up everything since the last flush. */
static void drop(struct logwriter *w)
{
    err ignored = ERR_INIT;
    lmdbcursor_close(&w->actions);
    lmdbcursor_close(&w->commits);
    lmdbenv_abort(&w->txn);
    w->pending = w->flushed;
    w->pending.next_relation = w->stored_next;
    w->next_seq = logstate_first(w);
    w->garbage = w->garbage || w->bulk_pending || w->stored_seq > w->flushed.position.last_seq;
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

/* An LMDB transaction is open afterwards, with room for `size` more. */
static status ready(struct logwriter *w, size_t size, err *e)
{
    if (w->txn.env != NULL)
        return DONE;
    if (w->garbage)
        TRY(logtail_remove(w, e));
    TRY(lmdbenv_begin(w->segment.env, LMDBENV_WRITING, LOGSTATE_DIRTY_MAX + size, &w->txn, e));
    w->txn_number++;
    TRY(lmdbcursor_open(&w->txn, LOG_ACTIONS, &w->actions, e));
    return lmdbcursor_open(&w->txn, LOG_COMMITS, &w->commits, e);
}

/* Ends the LMDB transaction in progress. */
static status store(struct logwriter *w, err *e)
{
    lmdbcursor_close(&w->actions);
    lmdbcursor_close(&w->commits);
    TRY(lmdbenv_commit(&w->txn, e));
    w->dirty = 0;
    w->stored_seq = w->next_seq - 1;
    w->stored_next = w->pending.next_relation;
    return DONE;
}

/* As ready, for a record of this size: what is too much for one LMDB transaction is stored first. */
static status ready_for(struct logwriter *w, size_t size, err *e)
{
    if (w->txn.env != NULL && w->dirty > 0 && w->dirty + size > LOGSTATE_DIRTY_MAX)
        TRY(store(w, e));
    TRY(ready(w, size, e));
    w->dirty += size + (size < LARGE ? ENTRY_OVERHEAD : PAGE);
    return DONE;
}

static bool moved(const struct logwriter *w)
{
    const struct log_position *a = &w->flushed.position;
    const struct log_position *b = &w->pending.position;
    return w->txn.env != NULL || !uuid_equal(&w->flushed.incarnation, &w->pending.incarnation) ||
           a->commit_lsn != b->commit_lsn || a->end_lsn != b->end_lsn || a->last_seq != b->last_seq ||
           a->commit_time != b->commit_time;
}

static status flush(struct logwriter *w, err *e)
{
    if (!moved(w))
        return DONE;
    TRY(ready(w, 0, e));
    if (!uuid_equal(&w->flushed.incarnation, &w->pending.incarnation))
        TRY(logrecord_write_incarnation(&w->txn, w->segment.checked, &w->pending, e));
    TRY(logrecord_write_position(&w->txn, w->segment.checked, &w->pending, e));
    TRY(store(w, e));
    w->flushed = w->pending;
    w->bulk_pending = false;
    return DONE;
}

status logwriter_flush(struct logwriter *w, err *e)
{
    return settle(w, flush(w, e), e);
}

/* ---- opening ---- */

status logwriter_open(const char *dir, const struct log_options *options, struct logwriter **out, err *e)
{
    OWNED(logwriter) struct logwriter *w = calloc(1, sizeof *w);
    if (w == NULL || (w->dir = strdup(dir)) == NULL)
        return err_no_memory(e);
    w->segment_bytes = options->segment_bytes != 0 ? options->segment_bytes : SEGMENT_BYTES;
    w->txn_number = 1; /* what is loaded counts as stored in the first */
    if (!logopen_all(w, options, e).ok)
        return err_wrap(e, "cannot open the log in %s for writing", dir);
    *out = w;
    w = NULL;
    return DONE;
}

void logwriter_close(struct logwriter *w)
{
    if (w == NULL)
        return;
    lmdbcursor_close(&w->actions);
    lmdbcursor_close(&w->commits);
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
    TRY(logrecord_write_relation(&w->txn, w->segment.checked, entry->relation, e));
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
        TRY(logrecord_write_next_relation(&w->txn, w->segment.checked, w->pending.next_relation, e));
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

/* What is in scratch becomes the value of this key. */
static status finish_value(struct logwriter *w, struct bytes key, err *e)
{
    if (w->segment.checked)
        logrecord_seal(key, &w->scratch);
    return buf_done(&w->scratch, e);
}

static status put_small(struct logwriter *w, struct bytes key, const struct action *a, err *e)
{
    buf_reset(&w->scratch);
    action_encode(a, false, &w->scratch);
    TRY(finish_value(w, key, e));
    TRY(ready_for(w, w->scratch.len, e));
    TRY(ensure_relations(w, a, e));
    return lmdbcursor_append(&w->actions, key, buf_view(&w->scratch), e);
}

/* A row of hundreds of megabytes is not put together before it is in its place. */
static status put_huge(struct logwriter *w, struct bytes key, const struct action *a, err *e)
{
    struct bytes piece[ACTION_PIECES + 1];
    uint8_t sum[LOGRECORD_SUM];
    size_t len = LOGRECORD_SUM;
    size_t pieces = action_pieces(a, false, &w->scratch, piece);
    TRY(buf_done(&w->scratch, e));
    for (size_t i = 0; i < pieces; i++)
        len += piece[i].len;
    if (w->segment.checked) {
        logrecord_sum(key, piece, pieces, sum);
        piece[pieces++] = bytes_of(sum, sizeof sum);
    }
    TRY(ready_for(w, len, e));
    TRY(ensure_relations(w, a, e));
    return lmdbcursor_append_pieces(&w->actions, key, piece, pieces, e);
}

static status put(struct logwriter *w, const struct action *a, lsn commit_lsn, err *e)
{
    uuid id;
    TRY(check_order(w, commit_lsn, e));
    TRY(uuid_v8_action(w->hasher, &w->flushed.node, &w->pending.incarnation, commit_lsn,
                       w->next_seq - logstate_first(w), w->next_seq, &id, e));
    const struct bytes key = bytes_of(id.b, sizeof id.b);
    const size_t len = a->old.len + a->new.len + a->content.len;
    TRY(len >= HUGE_ACTION ? put_huge(w, key, a, e) : put_small(w, key, a, e));
    w->commit_lsn = commit_lsn;
    w->next_seq++;
    return DONE;
}

status logwriter_put(struct logwriter *w, const struct action *a, lsn commit_lsn, err *e)
{
    return settle(w, put(w, a, commit_lsn, e), e);
}

/* *taken false: they are on different file systems. */
static status move_in(struct logwriter *w, struct bulkfile *file, bool *taken, err *e)
{
    OWNED(text) char *path = logname_path(w->dir, LOGNAME_BULK, w->next_seq);
    if (path == NULL)
        return err_no_memory(e);
    TRY(bulkfile_sync(file, e));
    *taken = io_publish(bulkfile_path(file), path, e).ok;
    if (!*taken)
        return e->origin == FROM_ERRNO && e->code == EXDEV ? DONE : FAILED;
    bulkfile_given(file);
    return DONE;
}

/* What can be refused is done first: nothing is dropped for that. */
static status prepare_entry(struct logwriter *w, const struct bulk_place *extent,
                            const struct bulk_versions *versions, lsn commit_lsn, uuid *id, err *e)
{
    buf_reset(&w->scratch);
    logbulk_encode(extent, versions, &w->scratch);
    TRY(uuid_v8_action(w->hasher, &w->flushed.node, &w->flushed.incarnation, commit_lsn, 0, w->next_seq, id,
                       e));
    TRY(finish_value(w, bytes_of(id->b, sizeof id->b), e));
    TRY(ready_for(w, w->scratch.len, e));
    for (size_t i = 0; i < versions->count; i++) {
        if (versions->version[i] != 0)
            TRY(ensure_version(w, versions->version[i], e));
    }
    return DONE;
}

static status adopt(struct logwriter *w, struct bulkfile *file, const struct bulk_versions *versions,
                    lsn commit_lsn, bool *taken, err *e)
{
    const struct bulk_place extent = bulkfile_place(file);
    uuid id;
    TRY(check_order(w, commit_lsn, e));
    if (in_progress(w) || extent.actions == 0)
        return err_set(e, ERR_VALIDATION, "a file of actions must be a whole transaction of the log");
    TRY(prepare_entry(w, &extent, versions, commit_lsn, &id, e));
    w->bulk_pending = true; /* also when it fails half-way */
    TRY(move_in(w, file, taken, e));
    if (!*taken)
        return DONE;
    if (!w->segment.checked)
        TRY(logrecord_write_format(&w->txn, LOG_FORMAT_BULK, e));
    TRY(lmdbcursor_append(&w->actions, bytes_of(id.b, sizeof id.b), buf_view(&w->scratch), e));
    w->commit_lsn = commit_lsn;
    w->next_seq += extent.actions;
    w->bulk_bytes += extent.bytes;
    return DONE;
}

status logwriter_adopt(struct logwriter *w, struct bulkfile *file, const uint32_t *versions,
                       size_t version_count, lsn commit_lsn, bool *taken, err *e)
{
    const struct bulk_versions all = {versions, version_count};
    *taken = false;
    return settle(w, adopt(w, file, &all, commit_lsn, taken, e), e);
}

/* A new segment when the present one has outgrown its size; everything is flushed. */
static status rotate(struct logwriter *w, err *e)
{
    OWNED(logsegment) struct logsegment next = {0};
    size_t carried = 0;
    TRY(relcache_trim(w->relations, RELATIONS_MAX, e));
    (void)relcache_entries(w->relations, &carried);
    if (carried == RELATIONS_MAX)
        w->forgotten++;
    TRY(logsegment_create(w->dir, w->next_seq, &w->flushed, w->relations, e));
    TRY(logsegment_open(w->dir, w->next_seq, LMDBENV_EXISTING, &next, e));
    logsegment_close(&w->segment);
    w->segment = next;
    w->bulk_bytes = 0;
    next = (struct logsegment){0};
    return DONE;
}

uint64_t logwriter_forgotten(const struct logwriter *w)
{
    return w->forgotten;
}

static status put_commit(struct logwriter *w, const struct commit *c, err *e)
{
    struct commit_key key = logrecord_commit_key(c->last_seq, c->lsn);
    buf_reset(&w->scratch);
    commit_encode(c, &w->scratch);
    TRY(finish_value(w, bytes_of(key.b, sizeof key.b), e));
    TRY(ready_for(w, w->scratch.len, e));
    return lmdbcursor_append(&w->commits, bytes_of(key.b, sizeof key.b), buf_view(&w->scratch), e);
}

static status commit(struct logwriter *w, struct commit *c, err *e)
{
    struct logmeta *p = &w->pending;
    bool empty = !in_progress(w);
    TRY(check_order(w, c->lsn, e));
    c->first_seq = logstate_first(w);
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
    if (empty || lmdbenv_used(w->segment.env) + w->dirty + w->bulk_bytes < w->segment_bytes)
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

status logwriter_succeed(struct logwriter *w, const uuid *incarnation, err *e)
{
    if (in_progress(w))
        return err_set(e, ERR_VALIDATION, "an incarnation of the log cannot end inside a transaction");
    TRY(logwriter_flush(w, e));
    if (w->segment.first_seq != w->next_seq)
        TRY(settle(w, rotate(w, e), e)); /* a segment is of one incarnation: ids are made from it when read */
    w->pending.incarnation = *incarnation;
    w->pending.since_seq = logstate_first(w);
    w->pending.position.commit_lsn = LSN_NONE;
    w->pending.position.end_lsn = LSN_NONE;
    return DONE;
}

status logwriter_trim(struct logwriter *w, uint64_t through, err *e)
{
    return logsegment_trim(w->dir, through, e);
}
