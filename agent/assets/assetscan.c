#include "agent/assets/assetscan.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/io.h"

#define LINK_MAX_BYTES 4096

__attribute__((format(printf, 2, 3))) static void say(const struct progress *p, const char *format, ...)
{
    char line[ERR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    p->say(p->context, line);
}

static const char *configured(const struct config *c, enum tier tier)
{
    return tier == TIER_BUSINESS ? c->assets_business
           : tier == TIER_AUDIT  ? c->assets_audit
                                 : c->assets_device;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct assetfolder *)a)->path, ((const struct assetfolder *)b)->path);
}

status assetscan_folders(const struct config *c, enum tier tier, struct assetlist *out, err *e)
{
    OWNED(text) char *list = strdup(configured(c, tier));
    char *rest = NULL;
    if (list == NULL)
        return err_no_memory(e);
    out->tier = tier;
    for (char *word = strtok_r(list, ",\n", &rest); word != NULL; word = strtok_r(NULL, ",\n", &rest)) {
        word += strspn(word, " \t");
        size_t len = strlen(word);
        while (len > 1 && (word[len - 1] == ' ' || word[len - 1] == '\t' || word[len - 1] == '/'))
            word[--len] = '\0';
        if (len == 0)
            continue;
        if (!asset_folder_is_safe(word))
            return err_set(
                e, ERR_VALIDATION,
                "%s in [assets] has the folder %s: it must be an absolute path without . and .., and not /",
                tier_name(tier), word);
        struct assetfolder *folder = NULL;
        TRY(assetlist_folder(out, word, &folder, e));
    }
    if (out->count > 1)
        qsort(out->folder, out->count, sizeof *out->folder, by_path);
    return DONE;
}

struct scanning {
    const struct progress *progress;
    struct assetfolder *folder;
    struct buf path; /* of what is looked at, absolute */
};

static status scan_link(struct scanning *s, struct asset *a, err *e)
{
    char target[LINK_MAX_BYTES];
    const ssize_t len = readlink(buf_cstring(&s->path), target, sizeof target - 1);
    if (len < 0)
        return err_errno(e, errno, "cannot read the link %s", buf_cstring(&s->path));
    target[len] = '\0';
    a->target = strdup(target);
    return a->target != NULL ? DONE : err_no_memory(e);
}

static status scan_names(struct scanning *s, err *e);

static status add(struct scanning *s, const struct stat *facts, err *e)
{
    const size_t root = strlen(s->folder->path);
    const char *path = buf_cstring(&s->path);
    const size_t below = s->path.len > root ? root + 1 : root;
    struct asset *a = NULL;
    TRY(assetfolder_add(s->folder, path + below, s->path.len - below, &a, e));
    a->kind = S_ISDIR(facts->st_mode) ? ASSET_FOLDER : S_ISLNK(facts->st_mode) ? ASSET_LINK : ASSET_FILE;
    a->mode = facts->st_mode & 07777;
    a->mtime = (int64_t)facts->st_mtim.tv_sec * 1000000000 + facts->st_mtim.tv_nsec;
    if (a->kind == ASSET_LINK) {
        a->mtime = 0; /* nothing that can be put back everywhere */
        return scan_link(s, a, e);
    }
    if (a->kind == ASSET_FILE)
        a->size = (uint64_t)facts->st_size;
    return a->kind == ASSET_FOLDER ? scan_names(s, e) : DONE;
}

static status scan_one(struct scanning *s, err *e)
{
    struct stat facts;
    const char *path = buf_cstring(&s->path);
    TRY(buf_done(&s->path, e));
    if (lstat(path, &facts) != 0) {
        if (errno != ENOENT)
            return err_errno(e, errno, "cannot look at %s", path);
        say(s->progress, "%s vanished while the folder was looked at", path);
        return DONE;
    }
    if (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode) && !S_ISLNK(facts.st_mode)) {
        say(s->progress, "%s is neither file, folder nor link: left out", path);
        return DONE;
    }
    return add(s, &facts, e);
}

static status scan_names(struct scanning *s, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    const size_t len = s->path.len;
    TRY(io_list(buf_cstring(&s->path), &names, e));
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.name[i], ASSETSCAN_STAGING) == 0)
            continue;
        buf_printf(&s->path, "/%s", names.name[i]);
        TRY(scan_one(s, e));
        s->path.len = len;
    }
    (void)buf_cstring(&s->path);
    return DONE;
}

static int by_item(const void *a, const void *b)
{
    return strcmp(((const struct asset *)a)->path, ((const struct asset *)b)->path);
}

static status copy_item(struct assetfolder *to, const struct asset *from, err *e)
{
    struct asset *a = NULL;
    TRY(assetfolder_add(to, from->path, strlen(from->path), &a, e));
    char *path = a->path;
    *a = *from;
    a->path = path;
    a->target = from->target == NULL ? NULL : strdup(from->target);
    return from->target != NULL && a->target == NULL ? err_no_memory(e) : DONE;
}

/* A disk that is not mounted must not look like files that were deleted. */
static status keep_before(struct scanning *s, const struct assetlist *before, err *e)
{
    const struct assetfolder *was = assetlist_find(before, s->folder->path);
    say(s->progress, "the folder %s of [assets] is not there: what the chain has of it stays as it is",
        s->folder->path);
    for (size_t i = 0; was != NULL && i < was->count; i++)
        TRY(copy_item(s->folder, &was->item[i], e));
    return DONE;
}

static status scan_folder(struct scanning *s, const struct assetlist *before, err *e)
{
    struct stat facts;
    buf_reset(&s->path);
    buf_text(&s->path, s->folder->path);
    if (stat(buf_cstring(&s->path), &facts) != 0 || !S_ISDIR(facts.st_mode))
        return keep_before(s, before, e);
    TRY(add(s, &facts, e));
    qsort(s->folder->item, s->folder->count, sizeof *s->folder->item, by_item);
    return DONE;
}

status assetscan_run(const struct config *c, enum tier tier, const struct assetlist *before,
                     const struct progress *progress, struct assetlist *out, err *e)
{
    *out = (struct assetlist){0};
    status done = assetscan_folders(c, tier, out, e);
    for (size_t i = 0; done.ok && i < out->count; i++) {
        struct scanning s = {.progress = progress, .folder = &out->folder[i]};
        done = scan_folder(&s, before, e);
        buf_fini(&s.path);
    }
    if (!done.ok)
        assetlist_fini(out);
    return done;
}
