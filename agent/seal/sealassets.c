#include "agent/seal/sealassets.h"

#include "agent/assets/assetread.h"
#include "agent/assets/assetscan.h"
#include "agent/assets/assetwrite.h"
#include "agent/lineage.h"

void sealassets_fini(struct sealassets *s)
{
    for (int i = 0; i < TIER_TRANSIENT; i++) {
        assetlist_fini(&s->before[i]);
        assetlist_fini(&s->now[i]);
    }
}

static status look(const struct sealrun *run, enum tier tier, struct sealassets *s, err *e)
{
    const struct chain *c = run->chain;
    struct assetlist *before = &s->before[tier], *now = &s->now[tier];
    before->tier = tier;
    if (c->count > 0)
        TRY(assetread_list(c, assetread_base(c, c->count - 1), c->count - 1, tier, before, e));
    TRY(assetscan_run(run->d->config, tier, before, run->progress, now, e));
    s->changed[tier] = s->all || !before->there ? now->count > 0 : !assetlist_same(before, now);
    s->any |= s->changed[tier];
    return DONE;
}

status sealassets_look(const struct sealrun *run, bool full, struct sealassets *out, err *e)
{
    *out = (struct sealassets){.all = full};
    for (enum tier tier = TIER_BUSINESS; tier < TIER_TRANSIENT; tier++)
        if (!look(run, tier, out, e).ok)
            return err_wrap(e, "files");
    return DONE;
}

static bool is_asked_for(const struct config *c)
{
    return *c->assets_business != '\0' || *c->assets_audit != '\0' || *c->assets_device != '\0';
}

status sealassets_changed(struct datadir *d, bool *out, err *e)
{
    OWNED(sealassets) struct sealassets files = {0};
    OWNED(chain) struct chain *chain = NULL;
    *out = false;
    if (!is_asked_for(d->config))
        return DONE;
    TRY(lineage_load(d, &chain, e));
    const struct sealrun run = {.d = d, .chain = chain, .progress = &progress_silent};
    TRY(sealassets_look(&run, false, &files, e));
    *out = files.any;
    return DONE;
}

status sealassets_write(const struct sealrun *run, struct sealassets *s, struct snapwriter *writer,
                        struct framecoder *coder, err *e)
{
    for (enum tier tier = TIER_BUSINESS; tier < TIER_TRANSIENT; tier++)
        if (s->changed[tier] &&
            !assetwrite_section(writer, coder, &s->now[tier], &s->before[tier], s->all, run->progress, e).ok)
            return err_wrap(e, "files");
    return DONE;
}
