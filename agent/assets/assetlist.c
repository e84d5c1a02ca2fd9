#include "agent/assets/assetlist.h"

#include "proto/base/array.h"

static void fini_asset(struct asset *a)
{
    free(a->path);
    free(a->target);
}

void assetlist_fini(struct assetlist *l)
{
    for (size_t i = 0; i < l->count; i++) {
        for (size_t k = 0; k < l->folder[i].count; k++)
            fini_asset(&l->folder[i].item[k]);
        free(l->folder[i].item);
        free(l->folder[i].path);
    }
    free(l->folder);
    *l = (struct assetlist){0};
}

status assetlist_folder(struct assetlist *l, const char *path, struct assetfolder **out, err *e)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->folder[i].path, path) == 0) {
            *out = &l->folder[i];
            return DONE;
        }
    TRY(array_one_more(&l->folder, l->count, sizeof *l->folder, e));
    *out = &l->folder[l->count];
    **out = (struct assetfolder){.path = strdup(path)};
    if ((*out)->path == NULL)
        return err_no_memory(e);
    l->count++;
    return DONE;
}

status assetfolder_add(struct assetfolder *f, const char *path, size_t path_len, struct asset **out, err *e)
{
    TRY(array_room(&f->item, f->count, &f->room, sizeof *f->item, e));
    *out = &f->item[f->count];
    **out = (struct asset){.path = strndup(path, path_len)};
    if ((*out)->path == NULL)
        return err_no_memory(e);
    f->count++;
    return DONE;
}

const struct assetfolder *assetlist_find(const struct assetlist *l, const char *path)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->folder[i].path, path) == 0)
            return &l->folder[i];
    return NULL;
}

const struct asset *assetfolder_find(const struct assetfolder *f, const char *path)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(path, f->item[middle].path);
        if (order == 0)
            return &f->item[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool asset_same(const struct asset *a, const struct asset *b)
{
    return a->kind == b->kind && strcmp(a->path, b->path) == 0 && a->mode == b->mode &&
           a->mtime == b->mtime && a->size == b->size &&
           strcmp(a->target == NULL ? "" : a->target, b->target == NULL ? "" : b->target) == 0;
}

static bool same_folder(const struct assetfolder *a, const struct assetfolder *b)
{
    bool same = strcmp(a->path, b->path) == 0 && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = asset_same(&a->item[i], &b->item[i]);
    return same;
}

bool assetlist_same(const struct assetlist *a, const struct assetlist *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_folder(&a->folder[i], &b->folder[i]);
    return same;
}

bool asset_path_is_safe(const char *path, size_t len)
{
    if (len == 0)
        return true;
    if (memchr(path, '\0', len) != NULL)
        return false;
    for (size_t at = 0; at <= len;) {
        const char *slash = memchr(path + at, '/', len - at);
        const size_t part = slash == NULL ? len - at : (size_t)(slash - path) - at;
        if (part == 0 || (part == 1 && path[at] == '.') || (part == 2 && memcmp(path + at, "..", 2) == 0))
            return false;
        at += part + 1;
    }
    return true;
}

bool asset_folder_is_safe(const char *folder)
{
    return folder[0] == '/' && folder[1] != '\0' && asset_path_is_safe(folder + 1, strlen(folder + 1));
}

bool asset_link_is_safe(const char *path, const char *target)
{
    int depth = 0;
    bool below = false;
    if (target[0] == '/' || target[0] == '\0')
        return false;
    for (const char *at = path; (at = strchr(at, '/')) != NULL; at++)
        depth++;
    for (const char *at = target; *at != '\0' && depth >= 0;) {
        const size_t part = strcspn(at, "/");
        if (part == 2 && memcmp(at, "..", 2) == 0) {
            if (below)
                return false;
            depth--;
        } else if (part > 0 && !(part == 1 && *at == '.')) {
            below = true;
        }
        at += part + (at[part] == '/' ? 1 : 0);
    }
    return depth >= 0;
}

/* ---- sets of contents: open addressing, at most half full ---- */

void assetset_fini(struct assetset *s)
{
    free(s->hash);
    *s = (struct assetset){0};
}

/* A SHA-256 is as good a hash as any; all zeros marks a free place, and no content has that. */
static size_t place_of(const struct assetset *s, const uint8_t hash[static SHA256_LEN])
{
    static const uint8_t free_place[SHA256_LEN];
    size_t at = 0;
    memcpy(&at, hash, sizeof at);
    for (at &= s->room - 1;; at = (at + 1) & (s->room - 1))
        if (memcmp(s->hash[at], hash, SHA256_LEN) == 0 || memcmp(s->hash[at], free_place, SHA256_LEN) == 0)
            return at;
}

static status make_room(struct assetset *s, err *e)
{
    if (s->room > 0 && s->count < s->room / 2)
        return DONE;
    struct assetset larger = {.room = s->room == 0 ? 64 : s->room * 2, .count = s->count};
    larger.hash = calloc(larger.room, sizeof *larger.hash);
    if (larger.hash == NULL)
        return err_no_memory(e);
    static const uint8_t free_place[SHA256_LEN];
    for (size_t i = 0; i < s->room; i++)
        if (memcmp(s->hash[i], free_place, SHA256_LEN) != 0)
            memcpy(larger.hash[place_of(&larger, s->hash[i])], s->hash[i], SHA256_LEN);
    free(s->hash);
    *s = larger;
    return DONE;
}

status assetset_add(struct assetset *s, const uint8_t hash[static SHA256_LEN], bool *added, err *e)
{
    *added = !assetset_has(s, hash);
    if (!*added)
        return DONE;
    TRY(make_room(s, e));
    memcpy(s->hash[place_of(s, hash)], hash, SHA256_LEN);
    s->count++;
    return DONE;
}

bool assetset_has(const struct assetset *s, const uint8_t hash[static SHA256_LEN])
{
    return s->room > 0 && memcmp(s->hash[place_of(s, hash)], hash, SHA256_LEN) == 0;
}

status assetset_fill(struct assetset *s, const struct assetlist *l, err *e)
{
    for (size_t i = 0; i < l->count; i++)
        for (size_t k = 0; k < l->folder[i].count; k++) {
            bool added = false;
            if (l->folder[i].item[k].hashed)
                TRY(assetset_add(s, l->folder[i].item[k].hash, &added, e));
        }
    return DONE;
}
