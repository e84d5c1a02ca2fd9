#include "agent/seal/versionlabel.h"

#include <time.h>

#define POLL_MS 20

void versionlabel_fini(struct versionlabel *l)
{
    arena_fini(&l->arena);
    *l = (struct versionlabel){0};
}

static status add_change(struct versionlabel *l, const struct log_entry *entry, err *e)
{
    const struct commit *c = entry->commit;
    if (l->count > 0 && l->change[l->count - 1].last_seq == c->last_seq)
        return DONE;
    if (!arena_room(&l->arena, &l->change, l->count, sizeof *l->change))
        return err_no_memory(e);
    Pgstrand__SchemaChange *change = &l->change[l->count];
    pgstrand__schema_change__init(change);
    change->first_seq = c->first_seq;
    change->last_seq = c->last_seq;
    change->lsn = c->lsn;
    change->time = c->time;
    change->what = arena_copy(&l->arena, entry->action.prefix);
    if (change->what == NULL)
        return err_no_memory(e);
    l->count++;
    return DONE;
}

static status add_touch(struct versionlabel *l, const struct log_entry *entry, err *e)
{
    bool sound = false;
    TRY(add_change(l, entry, e));
    if (!arena_room(&l->arena, &l->touch, l->touches, sizeof *l->touch))
        return err_no_memory(e);
    struct ddl_touch *t = &l->touch[l->touches];
    *t = (struct ddl_touch){
        .change = l->count - 1, .seq = entry->seq, .tag = arena_copy(&l->arena, entry->action.prefix)};
    if (t->tag == NULL)
        return err_no_memory(e);
    TRY(ddlobjects_parse(entry->action.content, &l->arena, &t->object, &t->count, &sound, e));
    l->touches++;
    return DONE;
}

static bool reached(const struct schema_fingerprint *now, const struct schema_fingerprint *to)
{
    return now->rows == to->rows && now->sum == to->sum;
}

/* The next action; *end: the log still has none after so much waiting. */
static status next(struct logreader *log, int *patience_ms, struct log_entry *out, bool *end, err *e)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    for (;;) {
        *end = false;
        TRY(logreader_next(log, out, end, e));
        if (!*end || *patience_ms <= 0)
            return DONE;
        (void)nanosleep(&pause, NULL);
        *patience_ms -= POLL_MS;
    }
}

status versionlabel_find(struct logreader *log, const struct versionlabel_start *start,
                         const struct schema_fingerprint *to, int patience_ms, struct versionlabel *out,
                         bool *found, err *e)
{
    struct schema_fingerprint now = start->from;
    *out = (struct versionlabel){0};
    *found = false;
    TRY(logreader_seek(log, start->after + 1, e));
    while (!*found && now.rows <= to->rows) {
        struct log_entry entry;
        bool end = false;
        TRY(next(log, &patience_ms, &entry, &end, e));
        if (end)
            return DONE;
        if (entry.action.kind == ACTION_DDL && entry.commit->lsn >= start->since) {
            TRY(add_touch(out, &entry, e));
            now.rows++;
            now.sum += entry.action.mark;
        }
        *found = out->count > 0 && entry.seq == entry.commit->last_seq && reached(&now, to);
    }
    return DONE;
}
