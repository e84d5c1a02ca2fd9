#include "agent/restore/merge/retelling.h"

#include <inttypes.h>

bool retelling_compares(const struct history *h, const struct source_action *a, const struct relation *r)
{
    return h->truncates || ((a->action.flags & ACTION_TRUNCATE_REWRITTEN) != 0 && !relation_is_keyed(r));
}

void retelling_begin(struct retelling *r, const struct stage *s, const struct source_action *a,
                     const struct relation *told)
{
    *r = (struct retelling){s, relation_is_keyed(told), a->seq, a->seq + 1, a->commit.last_seq};
}

bool retelling_takes(struct retelling *r, const struct stage *s, const struct source_action *a)
{
    const enum action_kind kind = r->keyed ? ACTION_UPDATE : ACTION_CREATE;
    if (r->stage == NULL || r->stage != s || a->seq != r->next || a->seq > r->last ||
        a->action.kind != kind || a->action.old_kind != 0)
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

/* Where a TRUNCATE leaves no touches, those it has left for the comparison go. */
static void put_forgotten(struct buf *sql, const struct retelling *r, const struct history *h)
{
    buf_text(sql, "; DELETE FROM ");
    touches_name(sql, h->name, r->stage);
    buf_printf(sql, " WHERE kind = 'D' AND seq = %" PRIu64, r->seq);
}

/* What was there before is not known, and nothing is changed by it. */
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
    if (h->truncates || !r->keyed)
        put_stayed(&sql, r, h);
    else
        put_told(&sql, r, h);
    if (!h->truncates)
        put_forgotten(&sql, r, h);
    buf_text(&sql, "; UPDATE ");
    touches_name(&sql, h->name, r->stage);
    buf_printf(&sql, " SET kind = '%c' WHERE kind = 'R'", r->keyed ? 'U' : 'C');
    *r = (struct retelling){0};
    TRY(buf_done(&sql, e));
    return pgconn_exec(c, buf_cstring(&sql), e);
}
