#include "store/logbulk.h"
#include "store/logstate.h"

static status load_relations(struct logwriter *w, struct lmdbtxn *t, err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor c = {0};
    bool found = false;
    TRY(lmdbcursor_open(t, LOG_RELATIONS, &c, e));
    TRY(lmdbcursor_move(&c, LMDBCURSOR_FIRST, &found, e));
    while (found) {
        struct relation *r = NULL;
        struct relcache_entry *entry = NULL;
        TRY(logrecord_decode_relation(&c, w->segment.checked, &r, e));
        TRY(relcache_add(w->relations, r, &entry, e));
        entry->stored = 1;
        TRY(lmdbcursor_move(&c, LMDBCURSOR_NEXT, &found, e));
    }
    return DONE;
}

/* The last entry of a database, if any; what is appended must come behind it, so its key must be right. */
static status find_last(struct logwriter *w, struct lmdbtxn *t, enum logsegment_database db, const char *what,
                        status (*seq_of)(const struct lmdbcursor *, uint64_t *, err *), uint64_t *seq, err *e)
{
    OWNED(lmdbcursor) struct lmdbcursor c = {0};
    struct bytes ignored;
    bool found = false;
    *seq = 0;
    TRY(lmdbcursor_open(t, db, &c, e));
    TRY(lmdbcursor_move(&c, LMDBCURSOR_LAST, &found, e));
    if (!found)
        return DONE;
    TRY(seq_of(&c, seq, e));
    return logrecord_value(&c, w->segment.checked, what, *seq, &ignored, e);
}

static status load_stored_seq(struct logwriter *w, struct lmdbtxn *t, err *e)
{
    uint64_t action = 0, commit = 0;
    TRY(find_last(w, t, LOG_ACTIONS, "the action with seq", logrecord_action_seq, &action, e));
    TRY(find_last(w, t, LOG_COMMITS, "the commit of seq", logrecord_commit_seq, &commit, e));
    w->stored_seq = w->flushed.position.last_seq;
    if (action > w->stored_seq)
        w->stored_seq = action;
    return DONE;
}

static status load(struct logwriter *w, const struct log_options *options, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    TRY(lmdbenv_begin(w->segment.env, LMDBENV_READING, 0, &t, e));
    TRY(logrecord_read_meta(&t, &w->flushed, e));
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
    w->next_seq = logstate_first(w);
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
        .next_relation = options->start_relation + 1,
        .since_seq = options->start_seq + 1,
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

status logopen_all(struct logwriter *w, const struct log_options *options, err *e)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    TRY(io_make_dir(w->dir, e));
    TRY(take_lock(w, e));
    TRY(hasher_new(&w->hasher, e));
    TRY(relcache_new(&w->relations, e));
    TRY(logsegment_tidy(w->dir, e));
    /* A writer that was killed may have made the newest segment, and not its name durable. */
    TRY(io_sync_dir(w->dir, e));
    TRY(logsegment_list(w->dir, &list, e));
    if (list.count == 0) {
        TRY(create_first(w, options, e));
        TRY(logsegment_list(w->dir, &list, e));
    }
    TRY(logsegment_open(w->dir, list.first[list.count - 1], LMDBENV_EXISTING, &w->segment, e));
    TRY(logsegment_check(&w->segment, LMDBENV_ALL, e));
    TRY(load(w, options, e));
    /* What was left of a trimming, and what was not committed to. */
    TRY(logbulk_remove(w->dir, 0, list.first[0], e));
    TRY(logbulk_remove(w->dir, w->flushed.position.last_seq + 1, UINT64_MAX, e));
    TRY(logbulk_bytes(w->dir, w->segment.first_seq, &w->bulk_bytes, e));
    return w->garbage ? logtail_remove(w, e) : DONE;
}
