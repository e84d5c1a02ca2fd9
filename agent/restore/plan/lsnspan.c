#include "agent/restore/plan/lsnspan.h"

#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "store/actionlog.h"

void lsnspans_fini(struct lsnspans *s)
{
    free(s->span);
    *s = (struct lsnspans){0};
}

static status add(struct lsnspans *s, uint64_t first_seq, uint64_t first_lsn, err *e)
{
    TRY(array_one_more(&s->span, s->count, sizeof *s->span, e));
    if (s->count > 0)
        s->span[s->count - 1].last_seq = first_seq - 1;
    s->span[s->count++] = (struct lsnspan){first_seq, UINT64_MAX, first_lsn};
    return DONE;
}

/* What the log has that no snapshot shows yet: an incarnation that has sealed nothing. */
static status add_logged(struct lsnspans *s, const struct chain *chain, const char *dir, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    struct log_state state;
    struct commit first = {0};
    bool found = false;
    const ProtobufCBinaryData *sealed = &chain->link[chain->count - 1].commit->header->incarnation;
    TRY(logreader_open(dir, &log, e));
    TRY(logreader_state(log, &state, e));
    if (bytes_equal(pbmem_view(*sealed), bytes_of(state.incarnation.b, sizeof(uuid))) ||
        state.since_seq > state.position.last_seq || state.since_seq <= lsnspans_last(s)->first_seq)
        return DONE;
    TRY(logreader_commit_at(log, state.since_seq, &first, &found, e));
    return add(s, state.since_seq, found ? first.lsn : LSN_NONE, e);
}

status lsnspans_fill(struct lsnspans *out, const struct chain *chain, const char *log, err *e)
{
    for (size_t i = 0; i < chain->count; i++) {
        const Pgstrand__SnapshotHeader *h = chain->link[i].commit->header;
        if (i == 0)
            TRY(add(out, 0, h->first_lsn, e));
        else if (!chain_same_incarnation(&chain->link[i - 1], &chain->link[i]))
            TRY(add(out, h->first_seq, h->first_lsn, e));
    }
    return log == NULL ? DONE : add_logged(out, chain, log, e);
}

const struct lsnspan *lsnspans_last(const struct lsnspans *s)
{
    return &s->span[s->count - 1];
}

const struct lsnspan *lsnspans_of_link(const struct lsnspans *s, const struct chain *chain, size_t link)
{
    size_t span = 0;
    for (size_t i = 1; i <= link; i++)
        span += !chain_same_incarnation(&chain->link[i - 1], &chain->link[i]);
    return &s->span[span];
}

const struct lsnspan *lsnspans_of_lsn(const struct lsnspans *s, uint64_t at)
{
    size_t i = s->count - 1;
    while (i > 0 && s->span[i].first_lsn > at)
        i--;
    return &s->span[i];
}
