#include "store/actionlog.h"
#include "store/logbatch.h"
#include "store/logfind.h"

status logreader_open(const char *dir, struct logreader **out, err *e)
{
    OWNED(logreader) struct logreader *r = calloc(1, sizeof *r);
    struct log_state state;
    if (r == NULL || (r->dir = strdup(dir)) == NULL || (r->batch = calloc(1, sizeof *r->batch)) == NULL)
        return err_no_memory(e);
    TRY(relcache_new(&r->relations, e));
    TRY(hasher_new(&r->hasher, e));
    TRY(logreader_state(r, &state, e));
    r->next_seq = state.first_seq;
    r->commit_index = SIZE_MAX;
    *out = r;
    r = NULL;
    return DONE;
}

void logreader_without_ids(struct logreader *r)
{
    r->without_ids = true;
}

void logreader_sparse(struct logreader *r)
{
    r->sparse = true;
}

void logreader_close(struct logreader *r)
{
    if (r == NULL)
        return;
    logsegment_close(&r->newest);
    logsegment_close(&r->segment);
    logsegment_close(&r->looked_at);
    logsegment_list_fini(&r->list);
    relcache_free(r->relations);
    logbatch_leave_bulk(r);
    hasher_free(r->hasher);
    if (r->batch != NULL)
        buf_fini(&r->batch->data);
    buf_fini(&r->found);
    free(r->batch);
    free(r->dir);
    free(r);
}

status logreader_state(struct logreader *r, struct log_state *out, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    struct logmeta meta;
    size_t at = 0;
    TRY(logsegment_find(r->dir, UINT64_MAX, &r->list, &at, &r->newest, e));
    TRY(lmdbenv_begin(r->newest.env, LMDBENV_READING, 0, &t, e));
    TRY(logrecord_read_meta(&t, &meta, e));
    *out = (struct log_state){.position = meta.position,
                              .first_seq = r->list.first[0],
                              .incarnation = meta.incarnation,
                              .since_seq = meta.since_seq,
                              .segments = (uint32_t)r->list.count};
    TRY(logbulk_bytes(r->dir, out->first_seq, &out->bytes, e));
    for (size_t i = 0; i < r->list.count; i++)
        out->bytes += logsegment_bytes(r->dir, r->list.first[i]);
    return DONE;
}

status logreader_seek(struct logreader *r, uint64_t from, err *e)
{
    from += from == 0;            /* 1 is the first seq there ever is */
    if (!logbatch_has(r, from)) { /* else the folder need not be looked at */
        TRY(logsegment_list(r->dir, &r->list, e));
        if (r->list.count == 0)
            return err_set(e, ERR_STORAGE, "there is no log in %s", r->dir);
        if (from < r->list.first[0])
            return err_set(e, ERR_VALIDATION, "the log holds nothing before seq %llu; %llu is gone",
                           (unsigned long long)r->list.first[0], (unsigned long long)from);
        r->limit = 0;
    }
    r->next_seq = from;
    r->batch->actions = r->batch->next = 0;
    r->commit_index = SIZE_MAX;
    return DONE;
}

/* ---- handing out ---- */

static status relation_of(struct logreader *r, uint32_t version, const struct relation **out, err *e)
{
    struct relcache_entry *entry = relcache_find(r->relations, version);
    struct relation *loaded = NULL;
    if (entry == NULL && r->segment.env != NULL)
        TRY(logsegment_read_relation(&r->segment, version, &loaded, e));
    if (entry == NULL && loaded == NULL)
        TRY(logsegment_search_relation(r->dir, version, &loaded, e));
    if (entry == NULL && loaded == NULL && r->segment.env != NULL)
        return logrecord_damaged(r->segment.env, e, "version %u of a relation is missing", version);
    if (entry == NULL && loaded == NULL)
        return err_set(e, ERR_STORAGE, "the log in %s has no version %u of a relation", r->dir, version);
    if (entry == NULL)
        TRY(relcache_add(r->relations, loaded, &entry, e));
    *out = entry->relation;
    return DONE;
}

status logreader_relation(struct logreader *r, uint32_t version, const struct relation **out, err *e)
{
    return relation_of(r, version, out, e);
}

static struct bytes view(const struct logbatch *b, struct logbatch_piece p)
{
    return bytes_of(b->data.data + p.at, p.len);
}

status logreader_next(struct logreader *r, struct log_entry *out, bool *end, err *e)
{
    struct logbatch *b = r->batch;
    if (b->next == b->actions)
        TRY(logbatch_fill(r, e));
    *end = b->actions == 0;
    if (*end)
        return DONE;
    struct log_entry entry = {.id = b->action[b->next].id,
                              .raw = b->huge.len > 0 ? b->huge : view(b, b->action[b->next].raw)};
    entry.seq = uuid_v8_seq(&entry.id);
    TRY(action_decode(entry.raw, &entry.action, e));
    if (r->commit_index != b->action[b->next].commit) {
        TRY(commit_decode(view(b, b->commit[b->action[b->next].commit]), &r->commit, e));
        r->commit_index = b->action[b->next].commit;
    }
    /* Found as the next one behind the action; its own was not there when it does not begin before it. */
    if (entry.seq < r->commit.first_seq || entry.seq > r->commit.last_seq)
        return logrecord_damaged(r->segment.env, e, "the commit of seq %llu is missing",
                                 (unsigned long long)entry.seq);
    entry.commit = &r->commit;
    if (entry.action.relation != 0)
        TRY(relation_of(r, entry.action.relation, &entry.relation, e));
    *out = entry;
    b->next++;
    return DONE;
}

/* ---- searching ---- */

status logreader_seq_before_lsn(struct logreader *r, lsn before, uint64_t *seq, err *e)
{
    return logfind_before(r->dir, &(struct logfind_limit){before, INT64_MAX}, seq, e);
}

status logreader_seq_before_time(struct logreader *r, pgtime before_time, uint64_t *seq, err *e)
{
    return logfind_before(r->dir, &(struct logfind_limit){UINT64_MAX, before_time}, seq, e);
}

status logreader_commit_at(struct logreader *r, uint64_t seq, struct commit *out, bool *found, err *e)
{
    return logfind_commit_at(&(struct logfind_place){r->dir, &r->list, &r->newest, &r->looked_at}, seq,
                             &r->found, out, found, e);
}
