#include "agent/restore/restorereport.h"

#include <inttypes.h>

#include "agent/restore/plan/plantable.h"
#include "proto/pbmem.h"

void restore_result_fini(struct restore_result *r)
{
    for (size_t i = 0; i < r->table_count; i++) {
        free(r->table[i].schema);
        free(r->table[i].name);
    }
    for (size_t i = 0; i < r->orphan_count; i++) {
        free(r->orphan[i].constraint);
        free(r->orphan[i].table);
        free(r->orphan[i].parent);
    }
    for (size_t i = 0; i < r->skipped_count; i++)
        free(r->skipped[i]);
    for (size_t i = 0; i < r->warning_count; i++)
        free(r->warning[i]);
    free(r->link);
    free(r->orphan);
    free(r->table);
    free(r->skipped);
    free(r->warning);
    *r = (struct restore_result){0};
}

status restorereport_tables(struct job *job, err *e)
{
    const struct plan *p = job->plan;
    struct restore_result *out = job->out;
    out->table = calloc(p->count + 1, sizeof *out->table);
    if (out->table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < p->count; i++) {
        const struct plan_table *from = &p->table[i];
        struct restored_table *to = &out->table[out->table_count];
        if (!from->comes)
            continue;
        out->table_count++;
        to->schema = strdup(from->message->schema);
        to->name = strdup(from->message->name);
        if (to->schema == NULL || to->name == NULL)
            return err_no_memory(e);
        to->tier = (enum tier)from->message->tier;
        to->rows = job->proof[i].expected.rows;
        table_digest_bytes(&job->proof[i].expected, to->digest);
        to->proven = job->proof[i].proven;
        to->keyed = plantable_is_keyed(from->message);
        to->base_rows = from->base_digest.rows;
        to->actions = from->actions;
        to->failed = job->proof[i].failed;
        to->compared = job->proof[i].compared;
        to->changes = job->proof[i].changes;
        out->rows += to->rows;
        out->entities += to->proven && to->keyed ? to->rows : 0;
    }
    return DONE;
}

status restorereport_skipped(struct job *job, err *e)
{
    for (size_t i = 0; i < job->plan->count; i++) {
        const Pgstrand__Table *t = job->plan->table[i].message;
        const char *why = (job->plan->tiers & TIER_BIT(t->tier)) != 0 ? "not named"
                          : job->same_device                          ? "its tier was not asked for"
                                                                      : "it belongs to another device";
        if (!job->plan->table[i].comes)
            TRY(job_skip(job, e, "%s.%s (%s): %s", t->schema, t->name, tier_name((enum tier)t->tier), why));
    }
    return DONE;
}

status restorereport_links(struct job *job, err *e)
{
    const struct plan *p = job->plan;
    struct restore_result *out = job->out;
    out->link = calloc(p->chain->count, sizeof *out->link);
    if (out->link == NULL)
        return err_no_memory(e);
    for (size_t i = p->base; i < p->chain->count; i++) {
        const Pgstrand__SnapshotHeader *h = p->chain->link[i].commit->header;
        struct restored_link *to = &out->link[out->link_count];
        if (!plan_reads(p, i))
            continue;
        out->link_count++;
        to->number = h->number;
        to->type = h->type;
        TRY(uuid_from_bytes(pbmem_view(h->snapshot), "snapshot", &to->snapshot, e));
    }
    return DONE;
}

status restorereport_target(struct job *job, err *e)
{
    const struct restore_target *target = &job->request->target;
    const struct plan *p = job->plan;
    const Pgstrand__SnapshotHeader *h = p->chain->link[plan_last_link(p, p->seq)].commit->header;
    job->out->seq = p->seq;
    job->out->actions = p->actions;
    job->out->rounded = p->between != 0 || (target->kind == TARGET_SEQ && target->seq != p->seq);
    if (p->between != 0)
        TRY(job_warn(
            job, e,
            "the target lies between changes of the schema that were made too quickly one after the other "
            "to know what it was between them: rounded down to the commit before the first, seq %" PRIu64,
            p->seq));
    else if (job->out->rounded)
        TRY(job_warn(job, e,
                     "seq %" PRIu64 " lies inside a transaction: rounded down to the commit before it, seq "
                     "%" PRIu64,
                     target->seq, p->seq));
    const Pgstrand__SnapshotHeader *last = p->chain->link[p->chain->count - 1].commit->header;
    if (target->kind == TARGET_TIME && p->log == NULL && target->time > last->last_time)
        TRY(job_warn(job, e, "the chain ends at seq %" PRIu64 ", before the time that was asked for",
                     p->seq));
    return uuid_from_bytes(pbmem_view(h->snapshot), "snapshot", &job->out->snapshot, e);
}
