#include "agent/assets/assetplace.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/assets/assetscan.h"

#define PIECE ((size_t)1 << 20)

static char *content_path(const struct assetplace *p, const uint8_t *hash)
{
    char name[SHA256_TEXT];
    return io_join(p->staging, sha256_format(hash, name));
}

/* Every folder on the way to a path below the root must be one, and no link to elsewhere. */
static status check_way(const struct assetplace *p, const char *path, err *e)
{
    OWNED(buf) struct buf way = {0};
    struct stat facts;
    buf_text(&way, p->root);
    for (const char *at = path; *at != '\0';) {
        const char *slash = strchr(at, '/');
        if (slash == NULL)
            break;
        buf_u8(&way, '/');
        buf_bytes(&way, at, (size_t)(slash - at));
        if (lstat(buf_cstring(&way), &facts) == 0 && !S_ISDIR(facts.st_mode))
            return err_set(
                e, ERR_REFUSED,
                "%s is in the way: it is no folder, or a link to one that lies elsewhere; remove it first",
                buf_cstring(&way));
        at = slash + 1;
    }
    return buf_done(&way, e);
}

status assetplace_open(struct assetplace *p, const char *dir, const struct assetfolder *folder, err *e)
{
    struct stat facts;
    p->folder = folder;
    p->root = dir == NULL ? strdup(folder->path) : io_join(dir, folder->path + 1);
    if (p->root == NULL)
        return err_no_memory(e);
    p->staging = io_join(p->root, ASSETSCAN_STAGING);
    if (p->staging == NULL)
        return err_no_memory(e);
    TRY(hasher_new(&p->hasher, e));
    TRY(io_make_dir(p->root, e));
    if (lstat(p->root, &facts) != 0 || !S_ISDIR(facts.st_mode))
        return err_set(e, ERR_REFUSED, "%s is no folder: remove it, or choose another place with --files DIR",
                       p->root);
    TRY(io_remove_tree(p->staging, e)); /* of one that was killed */
    return io_make_dir(p->staging, e);
}

void assetplace_fini(struct assetplace *p)
{
    err ignored = ERR_INIT;
    io_close(p->file);
    if (p->staging != NULL)
        (void)io_remove_tree(p->staging, &ignored).ok;
    hasher_free(p->hasher);
    assetset_fini(&p->wanted);
    assetset_fini(&p->staged);
    free(p->file_path);
    free(p->root);
    free(p->staging);
    *p = (struct assetplace){0};
}

/* ---- what is there ---- */

static status hash_of(struct assetplace *p, const char *path, uint64_t size, uint8_t out[static SHA256_LEN],
                      err *e)
{
    OWNED(io_file) struct io_file *file = NULL;
    OWNED(memory) uint8_t *piece = malloc(PIECE);
    if (piece == NULL)
        return err_no_memory(e);
    TRY(io_open(path, IO_READ, &file, e));
    TRY(hasher_start(p->hasher, e));
    for (uint64_t at = 0; at < size;) {
        const size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        TRY(io_read_at(file, at, piece, n, e));
        TRY(hasher_add(p->hasher, bytes_of(piece, n), e));
        at += n;
    }
    return hasher_end(p->hasher, out, e);
}

status assetplace_check(struct assetplace *p, const struct asset *a, bool *equal, err *e)
{
    uint8_t hash[SHA256_LEN];
    struct stat facts;
    OWNED(text) char *path = io_join(p->root, a->path);
    *equal = false;
    if (path == NULL)
        return err_no_memory(e);
    TRY(check_way(p, a->path, e));
    if (lstat(path, &facts) != 0 || !S_ISREG(facts.st_mode) || (uint64_t)facts.st_size != a->size)
        return DONE;
    TRY(hash_of(p, path, a->size, hash, e));
    *equal = memcmp(hash, a->hash, SHA256_LEN) == 0;
    return DONE;
}

/* ---- contents ---- */

status assetplace_want(struct assetplace *p, const struct asset *a, err *e)
{
    bool added = false;
    return assetset_add(&p->wanted, a->hash, &added, e);
}

static status begin_content(struct assetplace *p, const struct asset_piece *piece, err *e)
{
    io_close(p->file);
    p->file = NULL;
    free(p->file_path);
    p->file_path = content_path(p, piece->hash);
    if (p->file_path == NULL)
        return err_no_memory(e);
    memcpy(p->hash, piece->hash, SHA256_LEN);
    p->at = 0;
    TRY(hasher_start(p->hasher, e));
    return io_open(p->file_path, IO_TRUNCATE, &p->file, e);
}

/* One that is not what its name says was written while its file changed: the right one comes later. */
static status end_content(struct assetplace *p, err *e)
{
    uint8_t hash[SHA256_LEN];
    bool added = false;
    TRY(hasher_end(p->hasher, hash, e));
    if (memcmp(hash, p->hash, SHA256_LEN) == 0) {
        TRY(io_sync(p->file, e));
        TRY(assetset_add(&p->staged, hash, &added, e));
    }
    io_close(p->file);
    p->file = NULL;
    return DONE;
}

status assetplace_stage(struct assetplace *p, const struct asset_piece *piece, err *e)
{
    if (!assetset_has(&p->wanted, piece->hash) || assetset_has(&p->staged, piece->hash))
        return DONE;
    if (piece->offset == 0)
        TRY(begin_content(p, piece, e));
    if (p->file == NULL || memcmp(p->hash, piece->hash, SHA256_LEN) != 0 || p->at != piece->offset)
        return DONE; /* a piece without its beginning */
    TRY(hasher_add(p->hasher, piece->data, e));
    TRY(io_write(p->file, piece->data, e));
    p->at += piece->data.len;
    return piece->last ? end_content(p, e) : DONE;
}

status assetplace_complete(const struct assetplace *p, err *e)
{
    for (size_t i = 0; i < p->folder->count; i++) {
        const struct asset *a = &p->folder->item[i];
        if (a->kind == ASSET_FILE && assetset_has(&p->wanted, a->hash) && !assetset_has(&p->staged, a->hash))
            return err_set(
                e, ERR_STORAGE,
                "the content of %s/%s is missing or damaged in the chain; no file was changed; run pgstrand "
                "verify",
                p->folder->path, a->path);
    }
    return DONE;
}

/* ---- the exchange ---- */

static status copy_file(const char *from, const char *to, uint64_t size, err *e)
{
    OWNED(io_file) struct io_file *in = NULL;
    OWNED(io_file) struct io_file *out = NULL;
    OWNED(memory) uint8_t *piece = malloc(PIECE);
    if (piece == NULL)
        return err_no_memory(e);
    TRY(io_open(from, IO_READ, &in, e));
    TRY(io_open(to, IO_TRUNCATE, &out, e));
    for (uint64_t at = 0; at < size;) {
        const size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        TRY(io_read_at(in, at, piece, n, e));
        TRY(io_write(out, bytes_of(piece, n), e));
        at += n;
    }
    return io_sync(out, e);
}

/* Contents may be several files': each gets a copy, whose name is right at once. */
static status put_file(struct assetplace *p, const struct asset *a, const char *path, err *e)
{
    OWNED(text) char *content = content_path(p, a->hash);
    OWNED(text) char *ready = io_join(p->staging, "ready");
    if (content == NULL || ready == NULL)
        return err_no_memory(e);
    TRY(check_way(p, a->path, e));
    TRY(copy_file(content, ready, a->size, e));
    TRY(io_attributes(ready, a->mode, a->mtime, e));
    return io_publish(ready, path, e);
}

static status put_link(struct assetplace *p, const struct asset *a, const char *path, bool *changed, err *e)
{
    char target[4096];
    OWNED(text) char *ready = io_join(p->staging, "ready");
    if (ready == NULL)
        return err_no_memory(e);
    TRY(check_way(p, a->path, e));
    const ssize_t len = readlink(path, target, sizeof target);
    *changed = len < 0 || (size_t)len != strlen(a->target) || memcmp(target, a->target, (size_t)len) != 0;
    if (!*changed)
        return DONE;
    TRY(io_unlink(ready, e));
    TRY(io_symlink(a->target, ready, e));
    return io_publish(ready, path, e);
}

static status put_folder(struct assetplace *p, const struct asset *a, const char *path, err *e)
{
    struct stat facts;
    TRY(check_way(p, a->path, e));
    if (lstat(path, &facts) == 0 && !S_ISDIR(facts.st_mode))
        return err_set(e, ERR_REFUSED, "%s is in the way of a folder: remove it first", path);
    return io_make_dir(path, e);
}

static status put_one(struct assetplace *p, const struct asset *a, struct assetplace_report *report, err *e)
{
    OWNED(text) char *path = io_join(p->root, a->path);
    bool changed = false;
    if (path == NULL)
        return err_no_memory(e);
    if (a->kind == ASSET_FOLDER)
        return a->path[0] == '\0' ? DONE : put_folder(p, a, path, e);
    if (a->kind == ASSET_LINK && !asset_link_is_safe(a->path, a->target)) {
        report->left++;
        return DONE;
    }
    if (a->kind == ASSET_LINK) {
        TRY(put_link(p, a, path, &changed, e));
        report->changed += changed;
        return DONE;
    }
    if (!assetset_has(&p->staged, a->hash))
        return io_attributes(path, a->mode, a->mtime, e);
    TRY(put_file(p, a, path, e));
    report->changed++;
    report->bytes += a->size;
    return DONE;
}

/* Folders get their times and rights when nothing is written into them any more: the innermost first. */
static status finish_folders(struct assetplace *p, err *e)
{
    for (size_t i = p->folder->count; i > 0; i--) {
        const struct asset *a = &p->folder->item[i - 1];
        OWNED(text) char *path = a->path[0] == '\0' ? strdup(p->root) : io_join(p->root, a->path);
        if (path == NULL)
            return err_no_memory(e);
        if (a->kind ==
            ASSET_FOLDER) /* what is equal may be of a restore that was killed: its name, too, is to last */
            TRY(io_sync_dir(path, e));
        if (a->kind == ASSET_FOLDER)
            TRY(io_attributes(path, a->mode, a->mtime, e));
    }
    return DONE;
}

status assetplace_exchange(struct assetplace *p, struct assetplace_report *report, err *e)
{
    for (size_t i = 0; i < p->folder->count; i++)
        TRY(put_one(p, &p->folder->item[i], report, e));
    TRY(io_remove_tree(p->staging, e));
    free(p->staging);
    p->staging = NULL;
    return finish_folders(p, e);
}
