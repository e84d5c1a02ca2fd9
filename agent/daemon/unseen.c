#include "agent/daemon/unseen.h"

#include <string.h>

#include "agent/pg/schema.h"
#include "store/io.h"

#define SEEN "schema.seen"

static status hash_text(const struct schema_text *s, uint8_t out[static SHA256_LEN], err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    OWNED(buf) struct buf both = {0};
    buf_bytes(&both, s->pre_data.data, s->pre_data.len);
    buf_bytes(&both, s->post_data.data, s->post_data.len);
    TRY(buf_done(&both, e));
    TRY(hasher_new(&h, e));
    return hasher_once(h, buf_view(&both), out, e);
}

/* *known false: nothing was seen yet, or what is there is no such record. */
static status load(const char *path, struct unseen *out, bool *known, err *e)
{
    OWNED(memory) uint8_t *raw = NULL;
    size_t len = 0;
    *known = false;
    if (!io_exists(path))
        return DONE;
    TRY(io_load(path, sizeof *out, &raw, &len, e));
    *known = len == sizeof *out;
    if (*known)
        memcpy(out, raw, sizeof *out);
    return DONE;
}

status unseen_look(struct datadir *d, struct pgconn *c, struct unseen *now, bool *changed, err *e)
{
    OWNED(schema_text) struct schema_text text = {0};
    OWNED(text) char *path = io_join(d->root, SEEN);
    struct unseen before;
    bool known = false;
    *changed = false;
    if (path == NULL)
        return err_no_memory(e);
    TRY(schema_dump(c, d->config->conninfo, NULL, NULL, &text, e));
    memcpy(now->fingerprint, text.fingerprint.hash, sizeof now->fingerprint);
    TRY(hash_text(&text, now->text, e));
    TRY(load(path, &before, &known, e));
    *changed = known && memcmp(before.text, now->text, sizeof now->text) != 0 &&
               memcmp(before.fingerprint, now->fingerprint, sizeof now->fingerprint) == 0;
    return DONE;
}

status unseen_keep(struct datadir *d, const struct unseen *now, err *e)
{
    OWNED(text) char *path = io_join(d->root, SEEN);
    return path != NULL ? io_store(path, bytes_of(now, sizeof *now), e) : err_no_memory(e);
}

status unseen_record(struct pgconn *c, err *e)
{
    return pgconn_exec(c, "SELECT pgstrand.note('compare'::text, 'UNRECORDED CHANGE'::text, '[]'::jsonb)", e);
}
