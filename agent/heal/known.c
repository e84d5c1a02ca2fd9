#include "agent/heal/known.h"

#include <errno.h>

#include "agent/breaks.h"
#include "agent/restore/fold/gather.h"
#include "agent/restore/fold/spillfile.h"
#include "store/io.h"

#define ALL_TIERS (TIER_BIT(TIER_BUSINESS) | TIER_BIT(TIER_AUDIT) | TIER_BIT(TIER_DEVICE))

void known_fini(struct known *k)
{
    fold_free(k->fold);
    plan_free(k->plan);
    place_fini(&k->place);
    *k = (struct known){0};
}

static status no_break(struct datadir *d, err *e)
{
    size_t open = 0;
    uint64_t last = 0;
    TRY(breaks_open(d->catalog, &open, &last, e));
    if (open == 0)
        return DONE;
    return err_set(e, ERR_SCHEMA, "the schema changed at seq %llu, and no FULL came after it",
                   (unsigned long long)last);
}

static status load(struct datadir *d, const struct progress *progress, struct known *out, err *e)
{
    const struct restore_request request = {.target = {.kind = TARGET_LATEST}};
    TRY(no_break(d, e));
    TRY(place_find(d, &request, &out->place, e));
    const struct plan_options options = {out->place.chain, out->place.log, &request.target,
                                         ALL_TIERS,        NULL,           &out->place.unsealed};
    TRY(plan_make(&options, &out->plan, e));
    const struct fold_options memory = {
        .memory = (size_t)(d->config->restore_memory / 3 * 2), .dir = d->spool, .emitters = 1};
    TRY(fold_new(&memory, &out->fold, e));
    return gather_run(out->plan, out->fold, progress, e);
}

/* A file of our own that cannot be written says nothing of what is known. */
static bool may_pass(const struct known *k, const err *e)
{
    return (k->fold != NULL && fold_spill_failed(k->fold)) || io_is_full(e) || e->code == ENOMEM ||
           e->class == ERR_INTERRUPTED || err_is_transient(e);
}

status known_load(struct datadir *d, const struct progress *progress, struct known *out, err *e)
{
    err why = ERR_INIT;
    *out = (struct known){0};
    TRY(spillfile_dir(d->spool, e));
    if (load(d, progress, out, &why).ok)
        return DONE;
    const bool passes = may_pass(out, &why);
    known_fini(out);
    out->why = why;
    if (!passes)
        return DONE;
    *e = why;
    return FAILED;
}
