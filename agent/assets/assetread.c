#include "agent/assets/assetread.h"

#include "proto/pbmem.h"
#include "store/snapreader.h"

#define FRAME_MEMORY ((size_t)64 << 20)

size_t assetread_base(const struct chain *c, size_t last)
{
    while (last > 0 && c->link[last].commit->header->type != PGSTRAND__SNAPSHOT_TYPE__FULL)
        last--;
    return last;
}

static status damaged(const struct chain_link *link, const char *what, err *e)
{
    return err_set(e, ERR_STORAGE, "%s: its list of files %s; run pgstrand verify", link->name, what);
}

static status take_entry(const struct chain_link *link, const Pgstrand__AssetEntry *from,
                         struct assetfolder *to, err *e)
{
    const char *path = (const char *)from->path.data;
    if (from->kind < ASSET_FILE || from->kind > ASSET_LINK ||
        (from->has_sha256 && from->sha256.len != SHA256_LEN))
        return damaged(link, "has an entry of an unknown kind", e);
    if (!asset_path_is_safe(path, from->path.len))
        return damaged(link, "has a path that leads out of its folder", e);
    struct asset *a = NULL;
    TRY(assetfolder_add(to, from->path.len == 0 ? "" : path, from->path.len, &a, e));
    if (to->count > 1 && strcmp(to->item[to->count - 2].path, a->path) >= 0)
        return damaged(link, "is out of order", e);
    a->kind = (enum asset_kind)from->kind;
    a->mode = from->mode & 07777;
    a->mtime = from->mtime;
    a->size = from->size;
    a->hashed = from->has_sha256;
    if (a->hashed)
        memcpy(a->hash, from->sha256.data, SHA256_LEN);
    if (from->has_target &&
        (a->target = bytes_strndup(bytes_of(from->target.data, from->target.len))) == NULL)
        return err_no_memory(e);
    if ((a->kind == ASSET_LINK) != (a->target != NULL) || (a->kind == ASSET_FILE && !a->hashed))
        return damaged(link, "has an incomplete entry", e);
    return DONE;
}

static status take_folder(const struct chain_link *link, const Pgstrand__AssetFolder *from,
                          struct assetlist *out, err *e)
{
    const struct assetfolder *known = assetlist_find(out, from->folder);
    if (!asset_folder_is_safe(from->folder))
        return damaged(link, "has a folder whose path is not absolute or leads elsewhere", e);
    if (known != NULL && known != &out->folder[out->count - 1])
        return damaged(link, "is out of order", e);
    struct assetfolder *to = NULL;
    TRY(assetlist_folder(out, from->folder, &to, e));
    for (size_t i = 0; i < from->n_entry; i++)
        TRY(take_entry(link, from->entry[i], to, e));
    return DONE;
}

/* Each payload of the section of a link; *found false: it has none. */
static status each_frame(const struct chain_link *link, enum tier tier, bool *found,
                         status (*take)(void *context, const struct chain_link *link,
                                        const Pgstrand__AssetsFrame *f, err *e),
                         void *context, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    TRY(snapreader_open(link->dir, link->name, &r, e));
    TRY(snapreader_section(r, tier, PGSTRAND__SECTION_KIND__ASSETS, found, e));
    while (*found) {
        PB_OWNED(Pgstrand__AssetsFrame) *frame = NULL;
        struct snap_payload payload;
        bool end = false;
        TRY(snapreader_next(r, 0, &payload, &end, e));
        if (end)
            return DONE;
        TRY(PB_UNPACK(frame, pgstrand__assets_frame__descriptor, payload.payload, "ASSETS section",
                      FRAME_MEMORY, e));
        TRY(take(context, link, frame, e));
    }
    return DONE;
}

static status take_list(void *context, const struct chain_link *link, const Pgstrand__AssetsFrame *f, err *e)
{
    struct assetlist *out = context;
    for (size_t i = 0; i < f->n_folder; i++)
        TRY(take_folder(link, f->folder[i], out, e));
    return DONE;
}

static bool has_section(const struct chain_link *link, enum tier tier)
{
    for (size_t i = 0; i < link->commit->n_section; i++)
        if (link->commit->section[i]->kind == PGSTRAND__SECTION_KIND__ASSETS &&
            (enum tier)link->commit->section[i]->tier == tier)
            return true;
    return false;
}

status assetread_list(const struct chain *c, size_t base, size_t last, enum tier tier, struct assetlist *out,
                      err *e)
{
    *out = (struct assetlist){.tier = tier};
    for (size_t i = last + 1; i > base; i--) {
        const struct chain_link *link = &c->link[i - 1];
        if (!has_section(link, tier))
            continue;
        if (!each_frame(link, tier, &out->there, take_list, out, e).ok) {
            assetlist_fini(out);
            return FAILED;
        }
        return DONE;
    }
    return DONE;
}

static status take_contents(void *context, const struct chain_link *link, const Pgstrand__AssetsFrame *f,
                            err *e)
{
    const struct asset_taker *to = context;
    for (size_t i = 0; i < f->n_content; i++) {
        const Pgstrand__AssetContent *c = f->content[i];
        if (c->sha256.len != SHA256_LEN)
            return damaged(link, "has a content without its checksum", e);
        const struct asset_piece piece = {c->sha256.data, c->offset, pbmem_view(c->data), c->last};
        TRY(to->take(to->context, &piece, e));
    }
    return DONE;
}

status assetread_contents(const struct chain *c, size_t base, size_t last, enum tier tier,
                          const struct asset_taker *to, err *e)
{
    for (size_t i = base; i <= last; i++) {
        bool found = false;
        struct asset_taker lent = *to;
        if (has_section(&c->link[i], tier))
            TRY(each_frame(&c->link[i], tier, &found, take_contents, &lent, e));
    }
    return DONE;
}
