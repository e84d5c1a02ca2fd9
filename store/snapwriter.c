#include "store/snapdraft.h"

#include <errno.h>
#include <sys/random.h>

#include "proto/pbmem.h"
#include "store/framecoder.h"
#include "store/snapcommit.h"
#include "store/snapreadback.h"

static status copy_header(struct snapwriter *w, const Pgstrand__SnapshotHeader *header, err *e)
{
    OWNED(buf) struct buf packed = {0};
    TRY(pbmem_pack(&header->base, &packed, e));
    TRY(PB_UNPACK(w->header, pgstrand__snapshot_header__descriptor, buf_view(&packed), "snapshot header", 0,
                  e));
    w->header->role = PGSTRAND__FILE_ROLE__SNAP;
    if (!snaplayout_header_check(w->header, e).ok) {
        e->class = ERR_VALIDATION;
        return FAILED;
    }
    return DONE;
}

static status name_files(struct snapwriter *w, const char *dir, err *e)
{
    w->dir = strdup(dir);
    w->name = snapname_format(w->header);
    w->base = w->name == NULL ? NULL : io_join(dir, w->name);
    OWNED(text) char *commit = NULL;
    if (w->dir == NULL || w->base == NULL || asprintf(&commit, "%s.commit", w->base) < 0)
        return err_no_memory(e);
    return io_exists(commit) ? err_set(e, ERR_REFUSED, "%s: this snapshot exists already", commit) : DONE;
}

status snapwriter_open(const char *dir, const Pgstrand__SnapshotHeader *header, int level, uint64_t rollover,
                       struct snapwriter **out, err *e)
{
    OWNED(snapwriter) struct snapwriter *w = calloc(1, sizeof *w);
    struct snapparts *file = NULL;
    if (w == NULL)
        return err_no_memory(e);
    w->level = level;
    w->rollover = rollover == 0 || rollover > SNAP_ROLLOVER_MAX ? SNAP_ROLLOVER_MAX : rollover;
    int code = pthread_mutex_init(&w->lock, NULL);
    if (code != 0) {
        free(w);
        w = NULL;
        return err_errno(e, code, "cannot make a lock");
    }
    TRY(copy_header(w, header, e));
    TRY(name_files(w, dir, e));
    TRY(snapdraft_file(w, PGSTRAND__FILE_ROLE__SNAP, &file, e));
    *out = w;
    w = NULL;
    return DONE;
}

/* Removes what was written, as far as it goes: what stays is removed by chain_tidy. */
static void abandon(struct snapwriter *w)
{
    OWNED(text) char *commit = NULL;
    err ignored = ERR_INIT;
    snapparts_discard(&w->file[1]);
    snapparts_discard(&w->file[0]);
    if (w->state == DRAFT_PUBLISHING && asprintf(&commit, "%s.commit.part", w->base) >= 0)
        (void)io_unlink(commit, &ignored).ok;
}

void snapwriter_close(struct snapwriter *w)
{
    if (w == NULL)
        return;
    if (w->state != DRAFT_PUBLISHED)
        abandon(w);
    snapparts_fini(&w->file[0]);
    snapparts_fini(&w->file[1]);
    for (uint32_t i = 0; i < w->sections; i++)
        snapsection_free(w->section[i]);
    pbmem_free((ProtobufCMessage *)w->header);
    free((uint8_t *)(uintptr_t)w->owner.handover.data);
    free(w->dir);
    free(w->name);
    free(w->base);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

status snapdraft_writable(const struct snapwriter *w, err *e)
{
    if (w->state != DRAFT_OPEN)
        return err_set(e, ERR_VALIDATION, "snapshot %s is closed: nothing can be added", w->name);
    if (w->failed)
        return err_set(e, ERR_VALIDATION, "snapshot %s failed before: it can only be abandoned", w->name);
    return DONE;
}

static struct snapparts *file_of(struct snapwriter *w, Pgstrand__FileRole role)
{
    return &w->file[role == PGSTRAND__FILE_ROLE__DEVICE_FILE];
}

status snapdraft_file(struct snapwriter *w, Pgstrand__FileRole role, struct snapparts **out, err *e)
{
    struct snapparts *file = file_of(w, role);
    *out = file;
    if (file->base != NULL)
        return DONE;
    OWNED(text) char *base = NULL;
    if (asprintf(&base, "%s%s", w->base, snaplayout_suffix(role)) < 0)
        return err_no_memory(e);
    w->header->role = role;
    status result = snapparts_begin(file, base, w->header, w->rollover, e);
    w->header->role = PGSTRAND__FILE_ROLE__SNAP;
    return result;
}

static status random_salt(uint8_t out[static MERKLE_SALT_LEN], err *e)
{
    return getrandom(out, MERKLE_SALT_LEN, 0) == MERKLE_SALT_LEN
               ? DONE
               : err_errno(e, errno, "the kernel gives no random bytes");
}

status snapwriter_section(struct snapwriter *w, enum tier tier, enum _Pgstrand__SectionKind kind,
                          struct snapsection **out, err *e)
{
    char name[SNAP_SECTION_TEXT];
    Pgstrand__Tier place = (Pgstrand__Tier)tier;
    TRY(snapdraft_writable(w, e));
    if (tier == TIER_TRANSIENT)
        return err_set(e, ERR_REFUSED, "transient rows are never written to a snapshot");
    if (!snaplayout_section_valid(place, kind) || w->sections == SNAP_SECTIONS_MAX)
        return err_set(e, ERR_VALIDATION, "there is no section of tier %d and kind %d", (int)tier, (int)kind);
    for (uint32_t i = 0; i < w->sections; i++)
        if (w->section[i]->tier == place && w->section[i]->kind == kind)
            return err_set(e, ERR_VALIDATION, "the snapshot has a section of %s already",
                           snaplayout_section_name(place, kind, name));
    struct snapsection *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    *s = (struct snapsection){.writer = w, .number = w->sections + 1, .tier = place, .kind = kind};
    w->section[w->sections++] = s;
    *out = s;
    return random_salt(s->salt, e);
}

/* Every table that has rows must have its digest: a restore could not prove it. */
static status digests_complete(const struct snapsection *s, err *e)
{
    uint32_t known = 0;
    if (s->kind != PGSTRAND__SECTION_KIND__ROWS)
        return DONE;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->entry[i].table == known)
            continue;
        known = s->entry[i].table;
        bool found = false;
        for (size_t k = 0; k < s->digests; k++)
            found = found || s->digest[k].table == known;
        if (!found)
            return err_set(e, ERR_VALIDATION, "table %u has rows in the snapshot but no digest", known);
    }
    return DONE;
}

static void fill_entry(Pgstrand__SectionEntry *entry, struct snapsection *s)
{
    pgstrand__section_entry__init(entry);
    entry->section = s->number;
    entry->tier = s->tier;
    entry->kind = s->kind;
    entry->salt = pbmem_borrow(s->salt, sizeof s->salt);
    entry->frames = s->count;
    entry->index_part = s->index_part;
    entry->index_offset = s->index_offset;
    entry->index_length = s->index_length;
}

static status encode_list(struct snapwriter *w, Pgstrand__FileRole role, struct buf *out, err *e)
{
    Pgstrand__SectionList list = PGSTRAND__SECTION_LIST__INIT;
    Pgstrand__SectionEntry entry[SNAP_SECTIONS_MAX], *at[SNAP_SECTIONS_MAX];
    list.section = at;
    for (uint32_t i = 0; i < w->sections; i++) {
        if (snaplayout_role(w->section[i]->tier) != role)
            continue;
        at[list.n_section] = &entry[list.n_section];
        fill_entry(at[list.n_section++], w->section[i]);
    }
    return pbmem_pack(&list.base, out, e);
}

static status write_end(struct snapwriter *w, struct snapparts *file, struct framecoder *coder, err *e)
{
    OWNED(buf) struct buf list = {0};
    OWNED(buf) struct buf trailer = {0};
    uint8_t header[FRAME_HEADER_LEN];
    struct bytes stored = {0};
    TRY(encode_list(w, file->role, &list, e));
    TRY(framecoder_compress(coder, buf_view(&list), &stored, e));
    const struct frame f = {.type = FRAME_LIST, .flags = FRAME_FIRST | FRAME_LAST, .raw = (uint32_t)list.len};
    snapframe_encode(&f, stored, header);
    TRY(snapparts_reserve(file, sizeof header + stored.len + SNAP_TRAILER_LEN, e));
    const struct snaptrailer end = {file->offset, (uint32_t)(sizeof header + stored.len), file->count};
    snaplayout_trailer_encode(&end, &trailer);
    TRY(buf_done(&trailer, e));
    TRY(snapparts_append(file, bytes_of(header, sizeof header), e));
    TRY(snapparts_append(file, stored, e));
    TRY(snapparts_append(file, buf_view(&trailer), e));
    return snapparts_end(file, e);
}

static status publish_file(struct snapwriter *w, struct snapparts *file, struct framecoder *coder, err *e)
{
    for (uint32_t i = 0; i < w->sections; i++) {
        struct snapsection *s = w->section[i];
        if (snaplayout_role(s->tier) != file->role)
            continue;
        TRY(digests_complete(s, e));
        TRY(snapsection_seal(s, file, coder, e));
    }
    TRY(write_end(w, file, coder, e));
    if (!snapreadback_file(w, file, e).ok)
        return err_wrap(e, "read back after writing");
    return snapparts_publish(file, e);
}

static void fill_root(Pgstrand__SectionRoot *root, struct snapsection *s)
{
    pgstrand__section_root__init(root);
    root->tier = s->tier;
    root->kind = s->kind;
    root->root = pbmem_borrow(s->root, sizeof s->root);
    root->file = snaplayout_role(s->tier);
    for (size_t i = 0; i < s->digests; i++)
        root->rows += s->digest[i].digest.rows;
    root->actions = s->actions;
    root->stored = s->stored;
    root->raw = s->raw;
}

static void fill_owner(struct snapwriter *w, Pgstrand__SnapshotCommit *out)
{
    struct snap_owner *o = &w->owner;
    out->has_recovery_key = out->has_device_certificate = w->owned;
    out->recovery_key = pbmem_borrow(o->recovery_key, sizeof o->recovery_key);
    out->device_certificate = pbmem_borrow(o->certificate, sizeof o->certificate);
    out->has_handover = out->has_handover_signature = o->handover.len > 0;
    out->handover = pbmem_borrow(o->handover.data, o->handover.len);
    out->handover_signature = pbmem_borrow(o->handover_signature, sizeof o->handover_signature);
}

status snapwriter_owner(struct snapwriter *w, const struct snap_owner *owner, err *e)
{
    uint8_t *copy = NULL;
    TRY(snapdraft_writable(w, e));
    if (owner->handover.len > 0) {
        copy = malloc(owner->handover.len);
        if (copy == NULL)
            return err_no_memory(e);
        memcpy(copy, owner->handover.data, owner->handover.len);
    }
    free((uint8_t *)(uintptr_t)w->owner.handover.data);
    w->owner = *owner;
    w->owner.handover.data = copy;
    w->owned = true;
    return DONE;
}

static status encode_commit(struct snapwriter *w, const struct signing_key *key, struct buf *out, err *e)
{
    Pgstrand__SnapshotCommit commit = PGSTRAND__SNAPSHOT_COMMIT__INIT;
    Pgstrand__SectionRoot root[SNAP_SECTIONS_MAX], *at[SNAP_SECTIONS_MAX];
    struct snapparts *snap = &w->file[0], *device = &w->file[1];
    uint8_t public[SIGNING_KEY_LEN];
    memcpy(public, key->public, sizeof public);
    commit.header = w->header;
    commit.snap_header_hash = pbmem_borrow(snap->header_hash, SHA256_LEN);
    commit.has_device_header_hash = device->base != NULL;
    commit.device_header_hash = pbmem_borrow(device->header_hash, SHA256_LEN);
    commit.device_key = pbmem_borrow(public, sizeof public);
    commit.size = snap->total + device->total;
    commit.snap_parts = snap->count;
    commit.device_parts = device->count;
    commit.section = at;
    fill_owner(w, &commit);
    for (uint32_t i = 0; i < w->sections; i++) {
        struct snapsection *s = w->section[i];
        if (file_of(w, snaplayout_role(s->tier))->base == NULL)
            continue; /* device sections that got no frame */
        at[commit.n_section] = &root[commit.n_section];
        fill_root(at[commit.n_section++], s);
    }
    return snapcommit_encode(&commit, key, out, e);
}

/* After a failure nobody may find a commit whose files are about to be removed. */
static status publish_commit(struct snapwriter *w, struct bytes content, err *e)
{
    OWNED(text) char *path = NULL;
    OWNED(text) char *part = NULL;
    OWNED(memory) uint8_t *again = NULL;
    OWNED(io_file) struct io_file *file = NULL;
    size_t len = 0;
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    if (asprintf(&path, "%s.commit", w->base) < 0 || asprintf(&part, "%s.commit.part", w->base) < 0)
        return err_no_memory(e);
    TRY(io_open(part, IO_TRUNCATE, &file, e));
    TRY(io_write(file, content, e));
    TRY(io_sync(file, e));
    TRY(io_load(part, SNAP_COMMIT_MAX, &again, &len, e));
    if (!bytes_equal(content, bytes_of(again, len)) || !snapcommit_decode(content, &commit, e).ok)
        return err_set(e, ERR_STORAGE, "%s: what was written does not come back", part);
    if (io_publish(part, path, e).ok)
        return DONE;
    err ignored = ERR_INIT;
    if (!io_unlink(path, &ignored).ok && io_exists(path))
        w->state = DRAFT_PUBLISHED; /* it is there and cannot be taken back: keep its files */
    return FAILED;
}

static status publish(struct snapwriter *w, const struct signing_key *key,
                      uint8_t commit_hash[static SHA256_LEN], err *e)
{
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(buf) struct buf commit = {0};
    TRY(framecoder_new(w->level, &coder, e));
    TRY(publish_file(w, &w->file[0], coder, e));
    if (w->file[1].base != NULL)
        TRY(publish_file(w, &w->file[1], coder, e));
    TRY(encode_commit(w, key, &commit, e));
    TRY(snapcommit_hash(buf_view(&commit), commit_hash, e));
    return publish_commit(w, buf_view(&commit), e);
}

status snapwriter_publish(struct snapwriter *w, const struct signing_key *key,
                          uint8_t commit_hash[static SHA256_LEN], char **name, err *e)
{
    TRY(snapdraft_writable(w, e));
    char *copy = strdup(w->name);
    if (copy == NULL)
        return err_no_memory(e);
    w->state = DRAFT_PUBLISHING;
    if (!publish(w, key, commit_hash, e).ok) {
        free(copy);
        return err_wrap(e, "cannot publish snapshot %s", w->name);
    }
    w->state = DRAFT_PUBLISHED;
    *name = copy;
    return DONE;
}
