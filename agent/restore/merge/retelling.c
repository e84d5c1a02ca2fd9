#include "agent/restore/merge/retelling.h"

#include <inttypes.h>

void retelling_begin(struct retelling *r, const struct stage *s, uint64_t seq)
{
    *r = (struct retelling){s, seq, seq + 1};
}

bool retelling_takes(struct retelling *r, const struct stage *s, const struct source_action *a)
{
    if (r->stage == NULL || r->stage != s || a->seq != r->next || a->action.kind != ACTION_UPDATE ||
        a->action.old_kind != 0)
        return false;
    r->next++;
    return true;
}

static void same_key(struct buf *sql, const struct stage *s, const char *left, const char *right)
{
    for (uint16_t i = 0; i < s->key_count; i++)
        buf_printf(sql, " AND %s.k%u %s %s.k%u", left, (unsigned)i + 1, s->equals[i], right, (unsigned)i + 1);
}

/* The first of each key is the row as it was told; another is the application's. */
static void put_first(struct buf *sql, const struct history *h, const struct stage *s)
{
    buf_text(sql, "r.kind = 'R' AND NOT EXISTS (SELECT FROM ");
    touches_name(sql, h->name, s);
    buf_text(sql, " o WHERE o.kind = 'R' AND o.seq < r.seq");
    same_key(sql, s, "o", "r");
    buf_text(sql, ")");
}

/* What was there before: neither gone nor changed. */
static void put_stayed(struct buf *sql, const struct retelling *r, const struct history *h)
{
    const struct stage *s = r->stage;
    buf_text(sql, "WITH d AS (DELETE FROM ");
    touches_name(sql, h->name, s);
    buf_printf(sql, " d WHERE d.kind = 'D' AND d.seq = %" PRIu64 " AND EXISTS (SELECT FROM ", r->seq);
    touches_name(sql, h->name, s);
    buf_text(sql, " r WHERE r.kind = 'R'");
    same_key(sql, s, "r", "d");
    buf_text(sql, ") RETURNING d.*) DELETE FROM ");
    touches_name(sql, h->name, s);
    buf_text(sql, " r USING d WHERE ");
    put_first(sql, h, s);
    same_key(sql, s, "r", "d");
}

/* Where a TRUNCATE leaves no touches, what was there before is not known: nothing is changed by it. */
static void put_told(struct buf *sql, const struct retelling *r, const struct history *h)
{
    buf_text(sql, "DELETE FROM ");
    touches_name(sql, h->name, r->stage);
    buf_text(sql, " r WHERE ");
    put_first(sql, h, r->stage);
}

status retelling_settle(struct retelling *r, const struct history *h, struct pgconn *c, err *e)
{
    OWNED(buf) struct buf sql = {0};
    if (h->truncates)
        put_stayed(&sql, r, h);
    else
        put_told(&sql, r, h);
    buf_text(&sql, "; UPDATE ");
    touches_name(&sql, h->name, r->stage);
    buf_text(&sql, " SET kind = 'U' WHERE kind = 'R'");
    *r = (struct retelling){0};
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}
