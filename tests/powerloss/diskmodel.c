#include "tests/powerloss/diskmodel.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/buf.h"

#define SECTOR 512 /* bytes: the smallest that disks write at once */

struct extent { /* written since the last sync */
    uint64_t offset;
    size_t len;
    bool length; /* a new length instead: `offset` */
    uint8_t *data;
};

struct file {
    uint64_t ino;
    bool gone; /* its number may be used again */
    struct buf durable;
    struct extent *pending;
    size_t count;
    struct file *next;
};

struct name {
    char *path;
    struct file *file; /* NULL: a folder */
};

struct change { /* of names, since the folder's last sync */
    enum iorecord_op op;
    char *folder;
    char *path;
    char *to;
    struct file *file;
};

struct names {
    struct name *at;
    size_t count;
};

struct diskmodel {
    struct file *files; /* newest first */
    struct names now;
    struct names durable;
    struct change *pending;
    size_t count;
    uint64_t confirmed;
};

static void *must(void *p)
{
    if (p == NULL) {
        (void)fprintf(stderr, "powerloss: out of memory, or a path that cannot be made\n");
        exit(2);
    }
    return p;
}

static void wrong(const char *what, const char *path)
{
    (void)fprintf(stderr, "powerloss: the record makes no sense: %s %s\n", what, path);
    exit(2);
}

struct diskmodel *diskmodel_new(void)
{
    return must(calloc(1, sizeof(struct diskmodel)));
}

/* ---- names ---- */

static size_t find_name(const struct names *n, const char *path)
{
    size_t i = 0;
    while (i < n->count && strcmp(n->at[i].path, path) != 0)
        i++;
    return i;
}

static void add_name(struct names *n, const char *path, struct file *file)
{
    const size_t i = find_name(n, path);
    if (i == n->count) {
        n->at = must(reallocarray(n->at, n->count + 1, sizeof *n->at));
        n->at[n->count++] = (struct name){.path = must(strdup(path))};
    }
    n->at[i].file = file;
}

static void remove_name(struct names *n, const char *path)
{
    const size_t i = find_name(n, path);
    if (i == n->count)
        return; /* it never reached the disk */
    free(n->at[i].path);
    n->at[i] = n->at[--n->count];
}

static void change_names(struct names *n, const struct change *c)
{
    switch (c->op) {
    case IORECORD_CREATE:
    case IORECORD_MKDIR:
        add_name(n, c->path, c->file);
        break;
    case IORECORD_RENAME:
        remove_name(n, c->path);
        add_name(n, c->to, c->file);
        break;
    default:
        remove_name(n, c->path);
        break;
    }
}

static void free_names(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->at[i].path);
    free(n->at);
}

static char *folder_of(const char *path)
{
    return must(strndup(path, (size_t)(strrchr(path, '/') - path)));
}

static void note_change(struct diskmodel *m, enum iorecord_op op, const char *path, const char *to,
                        struct file *file)
{
    m->pending = must(reallocarray(m->pending, m->count + 1, sizeof *m->pending));
    struct change *c = &m->pending[m->count++];
    *c = (struct change){.op = op, .folder = folder_of(path), .path = must(strdup(path)), .file = file};
    c->to = to == NULL ? NULL : must(strdup(to));
    change_names(&m->now, c);
}

static void free_change(struct change *c)
{
    free(c->folder);
    free(c->path);
    free(c->to);
}

static void sync_folder(struct diskmodel *m, const char *folder)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->pending[i].folder, folder) == 0) {
            change_names(&m->durable, &m->pending[i]);
            free_change(&m->pending[i]);
        } else {
            m->pending[kept++] = m->pending[i];
        }
    }
    m->count = kept;
}

/* ---- contents ---- */

static struct file *file_of(struct diskmodel *m, uint64_t ino)
{
    struct file *f = m->files;
    while (f != NULL && (f->ino != ino || f->gone))
        f = f->next;
    if (f == NULL)
        wrong("a write to an unknown file", "");
    return f;
}

static void set_length(struct buf *content, uint64_t length)
{
    while (content->len < length)
        buf_u8(content, 0);
    content->len = length;
}

static void write_at(struct buf *content, uint64_t offset, const uint8_t *data, size_t len)
{
    if (content->len < offset + len)
        set_length(content, offset + len);
    memcpy(content->data + offset, data, len);
}

static void apply_extent(struct buf *content, const struct extent *x)
{
    if (x->length)
        set_length(content, x->offset);
    else
        write_at(content, x->offset, x->data, x->len);
}

static void note_extent(struct file *f, struct extent x)
{
    f->pending = must(reallocarray(f->pending, f->count + 1, sizeof *f->pending));
    f->pending[f->count++] = x;
}

static void note_write(struct file *f, const struct iorecord *r, struct bytes data)
{
    if ((r->flags & IORECORD_DSYNC) != 0) {
        write_at(&f->durable, r->offset, data.data, data.len);
        return;
    }
    uint8_t *copy = must(malloc(data.len));
    memcpy(copy, data.data, data.len);
    note_extent(f, (struct extent){.offset = r->offset, .len = data.len, .data = copy});
}

static void sync_file(struct file *f)
{
    for (size_t i = 0; i < f->count; i++) {
        apply_extent(&f->durable, &f->pending[i]);
        free(f->pending[i].data);
    }
    f->count = 0;
}

/* ---- what happened ---- */

static struct file *create(struct diskmodel *m, uint64_t ino)
{
    for (struct file *f = m->files; f != NULL; f = f->next)
        if (f->ino == ino)
            f->gone = true;
    struct file *f = must(calloc(1, sizeof *f));
    f->ino = ino;
    f->next = m->files;
    m->files = f;
    return f;
}

static void apply_to_names(struct diskmodel *m, enum iorecord_op op, const char *path, const char *to)
{
    const size_t i = find_name(&m->now, path);
    if (op != IORECORD_MKDIR && i == m->now.count)
        wrong("a name that is not there", path);
    note_change(m, op, path, op == IORECORD_RENAME ? to : NULL,
                op == IORECORD_MKDIR ? NULL : m->now.at[i].file);
}

void diskmodel_apply(struct diskmodel *m, const struct iorecord *r, struct bytes path, struct bytes data)
{
    char *name = must(strndup((const char *)path.data, path.len));
    char *to = must(strndup((const char *)data.data, data.len));
    switch ((enum iorecord_op)r->op) {
    case IORECORD_CREATE:
        note_change(m, IORECORD_CREATE, name, NULL, create(m, r->ino));
        break;
    case IORECORD_WRITE:
        note_write(file_of(m, r->ino), r, data);
        break;
    case IORECORD_LENGTH:
        note_extent(file_of(m, r->ino), (struct extent){.offset = r->offset, .length = true});
        break;
    case IORECORD_SYNC:
        sync_file(file_of(m, r->ino));
        break;
    case IORECORD_SYNC_DIR:
        sync_folder(m, name);
        break;
    case IORECORD_RENAME:
    case IORECORD_UNLINK:
    case IORECORD_MKDIR:
    case IORECORD_RMDIR:
        apply_to_names(m, (enum iorecord_op)r->op, name, to);
        break;
    case IORECORD_CONFIRM:
        m->confirmed = r->offset > m->confirmed ? r->offset : m->confirmed;
        break;
    }
    free(name);
    free(to);
}

uint64_t diskmodel_confirmed(const struct diskmodel *m)
{
    return m->confirmed;
}

/* ---- what is found ---- */

/* splitmix64 (Steele, Lea, Flood): small, and the same everywhere. */
static uint64_t chance_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void apply_sectors(struct buf *content, const struct extent *x, uint64_t *chance)
{
    for (size_t at = 0; at < x->len;) {
        size_t n = SECTOR - (size_t)((x->offset + at) % SECTOR);
        if (n > x->len - at)
            n = x->len - at;
        uint8_t garbage[SECTOR];
        switch (chance_next(chance) % 3) {
        case 0:
            write_at(content, x->offset + at, x->data + at, n);
            break;
        case 1:
            for (size_t i = 0; i < n; i++)
                garbage[i] = (uint8_t)chance_next(chance);
            write_at(content, x->offset + at, garbage, n);
            break;
        default: /* lost; the file may have grown all the same */
            if (chance_next(chance) % 2 == 0 && content->len < x->offset + at + n)
                set_length(content, x->offset + at + n);
            break;
        }
        at += n;
    }
}

static void find_content(const struct file *f, enum diskmodel_loss loss, uint64_t *chance, struct buf *out)
{
    buf_bytes(out, f->durable.data, f->durable.len);
    for (size_t i = 0; i < f->count && loss != DISKMODEL_WORST; i++) {
        if (loss == DISKMODEL_NONE)
            apply_extent(out, &f->pending[i]);
        else if (!f->pending[i].length)
            apply_sectors(out, &f->pending[i], chance);
        else if (chance_next(chance) % 2 == 0)
            apply_extent(out, &f->pending[i]);
    }
}

/* Of each folder's changes the first few. */
static void find_names(const struct diskmodel *m, enum diskmodel_loss loss, uint64_t *chance,
                       struct names *out)
{
    for (size_t i = 0; i < m->durable.count; i++)
        add_name(out, m->durable.at[i].path, m->durable.at[i].file);
    struct names stopped = {0}; /* folders of which nothing more is there */
    for (size_t i = 0; i < m->count && loss != DISKMODEL_WORST; i++) {
        const struct change *c = &m->pending[i];
        if (loss == DISKMODEL_SOME && chance_next(chance) % 3 == 0)
            add_name(&stopped, c->folder, NULL);
        if (find_name(&stopped, c->folder) == stopped.count)
            change_names(out, c);
    }
    free_names(&stopped);
}

static int shorter_first(const void *a, const void *b)
{
    const struct name *x = a;
    const struct name *y = b;
    return strcmp(x->path, y->path);
}

static void make(const char *into, const struct name *name, struct bytes content)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s%s", into, name->path);
    if (name->file == NULL) {
        (void)mkdir(path, 0700); /* in a folder that was lost it is lost too */
        return;
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (write(fd, content.data, content.len) != (ssize_t)content.len)
        must(NULL);
    (void)close(fd);
}

void diskmodel_find(const struct diskmodel *m, enum diskmodel_loss loss, uint64_t chance, const char *into)
{
    struct names names = {0};
    find_names(m, loss, &chance, &names);
    if (names.count > 0)
        qsort(names.at, names.count, sizeof *names.at, shorter_first); /* a folder before what is in it */
    for (size_t i = 0; i < names.count; i++) {
        struct buf content = {0};
        if (names.at[i].file != NULL)
            find_content(names.at[i].file, loss, &chance, &content);
        make(into, &names.at[i], buf_view(&content));
        buf_fini(&content);
    }
    free_names(&names);
}

void diskmodel_free(struct diskmodel *m)
{
    for (struct file *f = m->files; f != NULL;) {
        struct file *next = f->next;
        sync_file(f);
        buf_fini(&f->durable);
        free(f->pending);
        free(f);
        f = next;
    }
    for (size_t i = 0; i < m->count; i++)
        free_change(&m->pending[i]);
    free(m->pending);
    free_names(&m->now);
    free_names(&m->durable);
    free(m);
}
