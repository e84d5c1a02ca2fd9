#include "agent/assets/assetrestore.h"

#include <errno.h>
#include <sys/stat.h>

#include "agent/assets/assetplace.h"
#include "agent/assets/assetread.h"
#include "agent/assets/assetscan.h"

/* One tier's files on their way back. */
struct restoring_files {
    const struct assetrestore_request *request;
    const struct progress *progress;
    struct assetrestore_result *out;
    struct assetlist list;
    struct assetset wanted;
    struct assetplace *place; /* by the list's folders */
    size_t base;
};

static void restoring_files_fini(struct restoring_files *r)
{
    for (size_t i = 0; r->place != NULL && i < r->list.count; i++)
        assetplace_fini(&r->place[i]);
    free(r->place);
    assetset_fini(&r->wanted);
    assetlist_fini(&r->list);
}
OWN_VALUE(restoring_files, restoring_files_fini);

/* Without a folder of the caller's choice a chain may write only where the configuration here says. */
static status check_configured(const struct restoring_files *r, const char *path, err *e)
{
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        OWNED(assetlist) struct assetlist own = {0};
        TRY(assetscan_folders(r->request->config, tier, &own, e));
        if (assetlist_find(&own, path) != NULL)
            return DONE;
    }
    return err_set(e, ERR_REFUSED,
                   "the chain has files of %s, which is no folder of [assets] here: configure it, or choose "
                   "another place "
                   "with --files DIR",
                   path);
}

static status open_places(struct restoring_files *r, err *e)
{
    r->place = calloc(r->list.count + 1, sizeof *r->place);
    if (r->place == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < r->list.count; i++) {
        if (r->request->dir == NULL)
            TRY(check_configured(r, r->list.folder[i].path, e));
        TRY(assetplace_open(&r->place[i], r->request->dir, &r->list.folder[i], e));
    }
    return DONE;
}

/* What is not there already. */
static status find_wanted(struct restoring_files *r, err *e)
{
    for (size_t i = 0; i < r->list.count; i++)
        for (size_t k = 0; k < r->list.folder[i].count; k++) {
            const struct asset *a = &r->list.folder[i].item[k];
            bool equal = false, added = false;
            r->out->files += a->kind == ASSET_FILE;
            if (a->kind != ASSET_FILE)
                continue;
            TRY(assetplace_check(&r->place[i], a, &equal, e));
            if (equal)
                continue;
            TRY(assetset_add(&r->wanted, a->hash, &added, e));
            TRY(assetplace_want(&r->place[i], a, e));
        }
    return DONE;
}

static status take_piece(void *context, const struct asset_piece *piece, err *e)
{
    struct restoring_files *r = context;
    if (!assetset_has(&r->wanted, piece->hash))
        return DONE;
    for (size_t i = 0; i < r->list.count; i++)
        TRY(assetplace_stage(&r->place[i], piece, e));
    return DONE;
}

static status exchange(struct restoring_files *r, err *e)
{
    for (size_t i = 0; i < r->list.count; i++) {
        struct assetplace_report report = {0};
        r->progress->step(r->progress->context, "files", i, r->list.count);
        TRY(assetplace_exchange(&r->place[i], &report, e));
        r->out->changed += report.changed;
        r->out->bytes += report.bytes;
        r->out->left += report.left;
    }
    return DONE;
}

static status restore_tier(struct restoring_files *r, enum tier tier, err *e)
{
    const struct assetrestore_request *q = r->request;
    const struct asset_taker to = {r, take_piece};
    TRY(assetread_list(q->chain, r->base, q->last, tier, &r->list, e));
    if (r->list.count == 0)
        return DONE;
    TRY(open_places(r, e));
    TRY(find_wanted(r, e));
    if (r->wanted.count > 0)
        TRY(assetread_contents(q->chain, r->base, q->last, tier, &to, e));
    for (size_t i = 0; i < r->list.count; i++)
        TRY(assetplace_complete(&r->place[i], e));
    return exchange(r, e);
}

status assetrestore_run(const struct assetrestore_request *request, const struct progress *progress,
                        struct assetrestore_result *out, err *e)
{
    *out = (struct assetrestore_result){0};
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        OWNED(restoring_files)
        struct restoring_files r = {.request = request, .progress = progress, .out = out};
        if ((request->tiers & (1u << tier)) == 0)
            continue;
        r.base = assetread_base(request->chain, request->last);
        if (!restore_tier(&r, tier, e).ok)
            return err_wrap(e, "files");
    }
    return DONE;
}

status assetrestore_count(const struct assetrestore_request *request, uint64_t *files, err *e)
{
    *files = 0;
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        OWNED(assetlist) struct assetlist list = {0};
        if ((request->tiers & (1u << tier)) == 0)
            continue;
        TRY(assetread_list(request->chain, assetread_base(request->chain, request->last), request->last, tier,
                           &list, e));
        for (size_t i = 0; i < list.count; i++)
            for (size_t k = 0; k < list.folder[i].count; k++)
                *files += list.folder[i].item[k].kind == ASSET_FILE;
    }
    return DONE;
}
