#include "agent/history/history.h"

#include "agent/history/allactions.h"
#include "store/actionlog.h"
#include "store/hashrun.h"

void history_fini(struct history *h)
{
    entityindex_close(h->index);
    logreader_close(h->log);
    place_fini(&h->place);
    *h = (struct history){0};
}

static struct entityindex_place place_of(const struct history *h)
{
    return (struct entityindex_place){h->d, h->place.chain, h->place.log};
}

status history_open(struct datadir *d, const struct progress *progress, struct history *out, err *e)
{
    const struct restore_request own = {0};
    *out = (struct history){.d = d, .progress = progress};
    TRY(place_find(d, &own, &out->place, e));
    if (out->place.log != NULL)
        TRY(logreader_open(out->place.log, &out->log, e));
    const struct entityindex_place place = place_of(out);
    return entityindex_open(&place, progress, &out->index, e);
}

status history_find(struct history *h, const uuid *name, struct seqlist *out, err *e)
{
    const struct entityindex_place place = place_of(h);
    const size_t before = out->count;
    err damage = ERR_INIT;
    if (entityindex_find(h->index, name, out, &damage).ok)
        return DONE;
    if (!hashrun_is_damage(&damage)) {
        *e = damage;
        return FAILED;
    }
    h->progress->say(h->progress->context, "the index of rows is damaged: it is made again");
    entityindex_close(h->index);
    h->index = NULL;
    TRY(entityindex_drop(h->d, e));
    TRY(entityindex_open(&place, h->progress, &h->index, e));
    out->count = before;
    return entityindex_find(h->index, name, out, e);
}

status history_plan(const struct history *h, uint64_t seq, const char *tables, struct plan **out, err *e)
{
    const struct restore_target target = {.kind = TARGET_SEQ, .seq = seq};
    const struct plan_options options = {.chain = h->place.chain,
                                         .log = h->place.log,
                                         .target = &target,
                                         .tiers = TIER_BIT(TIER_BUSINESS) | TIER_BIT(TIER_AUDIT) |
                                                  TIER_BIT(TIER_DEVICE),
                                         .tables = tables,
                                         .unsealed = &h->place.unsealed};
    TRY(plan_make(&options, out, e));
    (*out)->shortcut = 0;
    return DONE;
}

status history_round(const struct history *h, uint64_t *seq, err *e)
{
    const struct entityindex_place place = place_of(h);
    OWNED(allactions) struct allactions *next = NULL;
    struct source_action a;
    bool end = false;
    TRY(allactions_open(&place, *seq + 1, NULL, &next, e));
    TRY(allactions_next(next, &a, &end, e));
    if (!end && a.commit.first_seq <= *seq)
        *seq = a.commit.first_seq - 1;
    return DONE;
}

bool history_between(const struct seqlist *sorted, uint64_t from, uint64_t to)
{
    const size_t at = seqlist_from(sorted, from + 1);
    return at < sorted->count && sorted->seq[at] <= to;
}
