#include "store/logbulk.h"
#include "store/logstate.h"

#define TAIL_BATCH 20000 /* removals in one LMDB transaction */

/* Only what was written so: a key that was damaged may be one of an action that is to stay. */
static status remove_one(struct logwriter *w, struct lmdbcursor *c, uint64_t seq, err *e)
{
    struct bytes ignored;
    TRY(logrecord_value(c, w->segment.checked, "a record with seq", seq, &ignored, e));
    return lmdbcursor_remove(c, e);
}

/* One batch of what lies behind the position, from the end. Sets *more when there is more. */
static status remove_some(struct logwriter *w, enum logsegment_database db,
                          status (*seq_of)(const struct lmdbcursor *, uint64_t *, err *), bool *more, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    TRY(lmdbenv_begin(w->segment.env, LMDBENV_WRITING, LOGSTATE_DIRTY_MAX, &t, e));
    {
        OWNED(lmdbcursor) struct lmdbcursor c = {0};
        TRY(lmdbcursor_open(&t, db, &c, e));
        for (unsigned i = 0; i < TAIL_BATCH && *more; i++) {
            uint64_t seq = 0;
            TRY(lmdbcursor_move(&c, LMDBCURSOR_LAST, more, e));
            if (*more)
                TRY(seq_of(&c, &seq, e));
            *more = *more && seq > w->flushed.position.last_seq;
            if (*more)
                TRY(remove_one(w, &c, seq, e));
        }
    }
    return lmdbenv_commit(&t, e);
}

status logtail_remove(struct logwriter *w, err *e)
{
    for (bool more = true; more;)
        TRY(remove_some(w, LOG_COMMITS, logrecord_commit_seq, &more, e));
    for (bool more = true; more;)
        TRY(remove_some(w, LOG_ACTIONS, logrecord_action_seq, &more, e));
    TRY(logbulk_remove(w->dir, w->flushed.position.last_seq + 1, UINT64_MAX, e));
    w->stored_seq = w->flushed.position.last_seq;
    w->garbage = false;
    w->bulk_pending = false;
    return DONE;
}
