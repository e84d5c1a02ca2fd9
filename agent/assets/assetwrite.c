#include "agent/assets/assetwrite.h"

#include <errno.h>
#include <sys/stat.h>

#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "store/io.h"

#define PIECE ((size_t)1 << 20) /* of a content, and what a frame gathers of small ones */
#define TRIES 3                 /* of a file that changes while it is read */
#define LIST_PIECE 2000         /* entries of a frame */

struct writing {
    struct snapsection *section;
    struct framecoder *coder;
    const struct progress *progress;
    const struct assetlist *before;
    struct assetset stored; /* contents that the chain has, or will have with this section */
    struct hasher *hasher;
    uint8_t *piece;
    /* contents that wait for their frame */
    Pgstrand__AssetsFrame frame;
    size_t waiting; /* bytes */
    bool broken;    /* the snapshot could not be written: not the file's fault */
};

static void drop_frame(struct writing *w)
{
    for (size_t i = 0; i < w->frame.n_content; i++) {
        free(w->frame.content[i]->data.data);
        free(w->frame.content[i]->sha256.data);
        free(w->frame.content[i]);
    }
    free(w->frame.content);
    pgstrand__assets_frame__init(&w->frame);
    w->waiting = 0;
}

static void writing_fini(struct writing *w)
{
    drop_frame(w);
    assetset_fini(&w->stored);
    hasher_free(w->hasher);
    free(w->piece);
}
OWN_VALUE(writing, writing_fini);

__attribute__((format(printf, 2, 3))) static void say(const struct writing *w, const char *format, ...)
{
    char line[ERR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    w->progress->say(w->progress->context, line);
}

/* ---- contents ---- */

static status flush(struct writing *w, err *e)
{
    OWNED(buf) struct buf packed = {0};
    if (w->frame.n_content == 0)
        return DONE;
    TRY(pbmem_pack(&w->frame.base, &packed, e));
    w->broken = !snapsection_frame(w->section, w->coder, 0, 0, 0, buf_view(&packed), e).ok;
    drop_frame(w);
    return w->broken ? FAILED : DONE;
}

static status put_piece(struct writing *w, const uint8_t *hash, uint64_t offset, struct bytes data, bool last,
                        err *e)
{
    TRY(array_one_more(&w->frame.content, w->frame.n_content, sizeof(Pgstrand__AssetContent *), e));
    Pgstrand__AssetContent *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_no_memory(e);
    pgstrand__asset_content__init(c);
    w->frame.content[w->frame.n_content++] = c;
    c->sha256.data = malloc(SHA256_LEN);
    c->data.data = malloc(data.len + 1);
    if (c->sha256.data == NULL || c->data.data == NULL)
        return err_no_memory(e);
    memcpy(c->sha256.data, hash, SHA256_LEN);
    c->sha256.len = SHA256_LEN;
    if (data.len > 0)
        memcpy(c->data.data, data.data, data.len);
    c->data.len = data.len;
    c->offset = offset;
    c->last = last;
    w->waiting += data.len + SHA256_LEN;
    return w->waiting >= PIECE ? flush(w, e) : DONE;
}

/* Reads the file once: its hash; with `store` also its content, under the hash that was found before. */
static status read_file(struct writing *w, const char *path, const struct asset *a, bool store,
                        uint8_t hash[static SHA256_LEN], err *e)
{
    OWNED(io_file) struct io_file *file = NULL;
    uint64_t size = 0;
    TRY(io_open(path, IO_READ, &file, e));
    TRY(io_size(file, &size, e));
    TRY(hasher_start(w->hasher, e));
    uint64_t at = 0;
    do {
        const size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        TRY(io_read_at(file, at, w->piece, n, e));
        TRY(hasher_add(w->hasher, bytes_of(w->piece, n), e));
        if (store)
            TRY(put_piece(w, a->hash, at, bytes_of(w->piece, n), at + n == size, e));
        at += n;
    } while (at < size);
    return hasher_end(w->hasher, hash, e);
}

/* Did it stay as it was listed? Else the list follows it. */
static bool is_settled(const char *path, struct asset *a)
{
    struct stat facts;
    if (lstat(path, &facts) != 0 || !S_ISREG(facts.st_mode))
        return false;
    const struct asset was = *a;
    a->mode = facts.st_mode & 07777;
    a->mtime = (int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec;
    a->size = (uint64_t)facts.st_size;
    return a->mtime == was.mtime && a->size == was.size;
}

static status store_content(struct writing *w, const char *path, struct asset *a, bool *settled, err *e)
{
    uint8_t again[SHA256_LEN];
    bool added = false;
    *settled = true;
    if (assetset_has(&w->stored, a->hash))
        return DONE;
    TRY(read_file(w, path, a, true, again, e));
    *settled = memcmp(again, a->hash, SHA256_LEN) == 0;
    return *settled ? assetset_add(&w->stored, a->hash, &added, e) : DONE;
}

static status take_file(struct writing *w, const char *path, struct asset *a, bool *taken, err *e)
{
    *taken = false;
    for (int i = 0; i < TRIES && !*taken; i++) {
        bool settled = false;
        TRY(read_file(w, path, a, false, a->hash, e));
        if (!is_settled(path, a))
            continue;
        TRY(store_content(w, path, a, &settled, e));
        *taken = settled && is_settled(path, a);
    }
    a->hashed = *taken;
    return DONE;
}

/* As the chain had it; without content: not at all. */
static void keep_before(struct asset *a, const struct asset *was)
{
    a->hashed = was != NULL && was->hashed;
    if (!a->hashed)
        return;
    a->mode = was->mode;
    a->mtime = was->mtime;
    a->size = was->size;
    memcpy(a->hash, was->hash, SHA256_LEN);
}

static status complete_file(struct writing *w, const char *path, struct asset *a, const struct asset *was,
                            bool all, err *e)
{
    err why = ERR_INIT;
    bool taken = false;
    const bool unchanged = was != NULL && was->hashed && asset_same(a, was);
    if (unchanged && !all) {
        memcpy(a->hash, was->hash, SHA256_LEN);
        a->hashed = true;
        return DONE;
    }
    const bool read = take_file(w, path, a, &taken, &why).ok;
    if (w->broken) {
        *e = why;
        return FAILED;
    }
    if (taken)
        return DONE;
    if (read)
        say(w, "%s changed all the time while it was read: it will come with a later snapshot", path);
    else if (!io_exists(path))
        say(w, "%s vanished before it was read", path);
    else
        say(w, "%s could not be read and will come with a later snapshot: %s", path, why.message);
    keep_before(a, all ? NULL : was);
    return DONE;
}

static status complete_folder(struct writing *w, struct assetfolder *f, bool all, err *e)
{
    const struct assetfolder *before = assetlist_find(w->before, f->path);
    for (size_t i = 0; i < f->count; i++) {
        struct asset *a = &f->item[i];
        if (a->kind != ASSET_FILE)
            continue;
        OWNED(text) char *path = io_join(f->path, a->path);
        if (path == NULL)
            return err_no_memory(e);
        TRY(complete_file(w, path, a, before == NULL ? NULL : assetfolder_find(before, a->path), all, e));
        w->progress->step(w->progress->context, "files", i + 1, f->count);
    }
    return DONE;
}

/* ---- the list ---- */

static void lend_entry(const struct asset *a, Pgstrand__AssetEntry *to)
{
    pgstrand__asset_entry__init(to);
    to->path = pbmem_borrow(a->path, strlen(a->path));
    to->kind = (uint32_t)a->kind;
    to->mode = a->mode;
    to->mtime = a->mtime;
    to->has_size = a->kind == ASSET_FILE;
    to->size = a->size;
    to->has_sha256 = a->hashed;
    to->sha256 = pbmem_borrow(a->hash, SHA256_LEN);
    to->has_target = a->target != NULL;
    if (a->target != NULL)
        to->target = pbmem_borrow(a->target, strlen(a->target));
}

static status write_entries(struct writing *w, const struct assetfolder *f, size_t from, size_t to, err *e)
{
    OWNED(memory) Pgstrand__AssetEntry *entry = calloc(to - from + 1, sizeof *entry);
    OWNED(memory) Pgstrand__AssetEntry **entries = calloc(to - from + 1, sizeof *entries);
    OWNED(buf) struct buf packed = {0};
    Pgstrand__AssetsFrame frame = PGSTRAND__ASSETS_FRAME__INIT;
    Pgstrand__AssetFolder folder = PGSTRAND__ASSET_FOLDER__INIT, *folders[] = {&folder};
    if (entry == NULL || entries == NULL)
        return err_no_memory(e);
    for (size_t i = from; i < to; i++) {
        if (f->item[i].kind == ASSET_FILE && !f->item[i].hashed)
            continue;
        lend_entry(&f->item[i], &entry[folder.n_entry]);
        entries[folder.n_entry] = &entry[folder.n_entry];
        folder.n_entry++;
    }
    folder.folder = f->path;
    folder.entry = entries;
    frame.folder = folders;
    frame.n_folder = 1;
    TRY(pbmem_pack(&frame.base, &packed, e));
    return snapsection_frame(w->section, w->coder, 0, 0, 0, buf_view(&packed), e);
}

static status write_list(struct writing *w, const struct assetlist *now, err *e)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct assetfolder *f = &now->folder[i];
        size_t at = 0;
        do {
            const size_t to = f->count - at < LIST_PIECE ? f->count : at + LIST_PIECE;
            TRY(write_entries(w, f, at, to, e));
            at = to;
        } while (at < f->count);
    }
    return DONE;
}

/* A list of no folder is a list, too. */
static status write_nothing(struct writing *w, err *e)
{
    return snapsection_frame(w->section, w->coder, 0, 0, 0, (struct bytes){(const uint8_t *)"", 0}, e);
}

status assetwrite_section(struct snapwriter *writer, struct framecoder *coder, struct assetlist *now,
                          const struct assetlist *before, bool all, const struct progress *progress, err *e)
{
    OWNED(writing) struct writing w = {.coder = coder, .progress = progress, .before = before};
    pgstrand__assets_frame__init(&w.frame);
    w.piece = malloc(PIECE);
    if (w.piece == NULL)
        return err_no_memory(e);
    TRY(hasher_new(&w.hasher, e));
    if (!all)
        TRY(assetset_fill(&w.stored, before, e));
    TRY(snapwriter_section(writer, now->tier, PGSTRAND__SECTION_KIND__ASSETS, &w.section, e));
    for (size_t i = 0; i < now->count; i++)
        TRY(complete_folder(&w, &now->folder[i], all, e));
    TRY(flush(&w, e));
    return now->count == 0 ? write_nothing(&w, e) : write_list(&w, now, e);
}
