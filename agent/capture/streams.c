#include "agent/capture/streams.h"

#include <stdlib.h>

#include "proto/base/array.h"
#include "store/io.h"

struct streams {
    char *dir;
    const struct transaction *like;
    uint64_t limit;
    struct streamed **stream;
    size_t count;
    size_t cap;
    struct streamed *current;
    struct buf buffer; /* lent to it */
};

status streams_open(const char *dir, const struct transaction *like, uint64_t limit, struct streams **out,
                    err *e)
{
    OWNED(streams) struct streams *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    s->like = like;
    s->limit = limit;
    s->dir = strdup(dir);
    if (s->dir == NULL)
        return err_no_memory(e);
    TRY(io_remove_tree(dir, e));
    TRY(io_make_dir(dir, e));
    *out = s;
    s = NULL;
    return DONE;
}

void streams_close(struct streams *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        streamed_free(s->stream[i]);
    free(s->stream);
    free(s->dir);
    buf_fini(&s->buffer);
    free(s);
}

struct streamed *streams_current(const struct streams *s)
{
    return s->current;
}

static size_t place_of(const struct streams *s, uint32_t xid)
{
    size_t at = 0;
    while (at < s->count && s->stream[at]->xid != xid)
        at++;
    return at;
}

struct streamed *streams_find(const struct streams *s, uint32_t xid)
{
    const size_t at = place_of(s, xid);
    return at == s->count ? NULL : s->stream[at];
}

void streams_drop(struct streams *s, uint32_t xid)
{
    const size_t at = place_of(s, xid);
    if (at == s->count)
        return;
    streamed_free(s->stream[at]);
    s->stream[at] = s->stream[--s->count];
}

static status add(struct streams *s, uint32_t xid, err *e)
{
    TRY(array_room(&s->stream, s->count, &s->cap, sizeof *s->stream, e));
    TRY(streamed_new(s->dir, xid, s->like, &s->stream[s->count], e));
    s->count++;
    return DONE;
}

status streams_start(struct streams *s, uint32_t xid, bool first, err *e)
{
    if (first) {
        streams_drop(s, xid);
        TRY(add(s, xid, e));
    }
    struct streamed *stream = streams_find(s, xid);
    if (stream == NULL)
        return err_set(e, ERR_STORAGE, "the server goes on with a stream of transaction %u that never began",
                       xid);
    TRY(streamed_open(stream, &s->buffer, e));
    s->current = stream;
    return DONE;
}

static status check_limit(const struct streams *s, err *e)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += streamed_bytes(s->stream[i]);
    if (s->limit == 0 || sum <= s->limit)
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "transactions in progress take %llu bytes in %s, more than spool_bytes allows: raise it in "
        "the [capture] section, or end the transactions",
        (unsigned long long)sum, s->dir);
}

status streams_stop(struct streams *s, err *e)
{
    struct streamed *stream = s->current;
    s->current = NULL;
    TRY(streamed_close(stream, e));
    return check_limit(s, e);
}

void streams_abort(struct streams *s, uint32_t xid, uint32_t subxid)
{
    struct streamed *stream = streams_find(s, xid);
    if (stream == NULL)
        return;
    if (xid == subxid)
        streams_drop(s, xid);
    else
        streamed_cut(stream, subxid);
}
