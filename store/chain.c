#include "store/chain.h"

#include <inttypes.h>

#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "store/chainorigin.h"
#include "store/io.h"
#include "store/snapnames.h"
#include "store/snapreader.h"
#include "store/snapwriter.h"

void chain_free(struct chain *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        free(c->link[i].name);
    arena_fini(&c->commits);
    for (size_t i = 0; i < c->older_count; i++)
        free(c->older[i]);
    free(c->older);
    free(c->link);
    free(c->dir);
    free(c);
}

/* ---- the checks ---- */

static bool same(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool chain_same_incarnation(const struct chain_link *a, const struct chain_link *b)
{
    return same(&a->commit->header->incarnation, &b->commit->header->incarnation);
}

static status is_first(const struct chain_link *link, err *e)
{
    const Pgstrand__SnapshotHeader *h = link->commit->header;
    if (h->number != 0)
        return err_set(e, ERR_STORAGE, "the chain begins with number %" PRIu64 ": 0 is missing", h->number);
    if (h->type != PGSTRAND__SNAPSHOT_TYPE__FULL || h->has_parent)
        return err_set(e, ERR_STORAGE, "%s: a chain must begin with a FULL without a parent", link->name);
    return DONE;
}

static status adjoins(const struct chain_link *before, const struct chain_link *link, err *e)
{
    const Pgstrand__SnapshotHeader *p = before->commit->header, *h = link->commit->header;
    if (h->first_seq != p->last_seq + 1 || h->last_seq < p->last_seq)
        return err_set(e, ERR_STORAGE,
                       "%s: actions %" PRIu64 " to %" PRIu64 " do not adjoin the parent's last, %" PRIu64,
                       link->name, h->first_seq, h->last_seq, p->last_seq);
    return DONE;
}

/* A DIFFERENTIAL says again what the links since the newest FULL say, all of it and no more: a reader may
 * take either. */
static status spans(const struct chain *c, size_t at, err *e)
{
    const Pgstrand__SnapshotHeader *h = c->link[at].commit->header;
    const Pgstrand__SnapshotHeader *p = c->link[at - 1].commit->header;
    size_t base = at - 1;
    while (base > 0 && c->link[base].commit->header->type != PGSTRAND__SNAPSHOT_TYPE__FULL)
        base--;
    const Pgstrand__SnapshotHeader *full = c->link[base].commit->header;
    if (!h->has_base_snapshot || !same(&h->base_snapshot, &full->snapshot))
        return err_set(e, ERR_STORAGE, "%s: it stands on another FULL than the newest, %s", c->link[at].name,
                       c->link[base].name);
    if (h->first_seq != full->last_seq + 1 || h->last_seq != p->last_seq)
        return err_set(e, ERR_STORAGE,
                       "%s: actions %" PRIu64 " to %" PRIu64 " are not those since its FULL, %" PRIu64
                       " to %" PRIu64,
                       c->link[at].name, h->first_seq, h->last_seq, full->last_seq + 1, p->last_seq);
    return DONE;
}

/* The commit itself, read again: it must still be the one that was looked at. */
static status is_signed(const struct chain_link *link, err *e)
{
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    uint8_t hash[SHA256_LEN];
    TRY(snapcommit_load(link->dir, link->name, &commit, hash, e));
    return memcmp(hash, link->hash, sizeof hash) == 0
               ? DONE
               : err_set(e, ERR_STORAGE, "%s: it changed while the chain was read", link->name);
}

/* Does the link with this UUID come at `at` or behind it? */
static bool is_behind(const struct chain *c, size_t at, const ProtobufCBinaryData *id)
{
    while (at < c->count && !same(&c->link[at].commit->header->snapshot, id))
        at++;
    return at < c->count;
}

/* Numbers alone would make a row of links whose parents go round. */
static status is_parent(const struct chain *c, size_t at, err *e)
{
    const struct chain_link *before = &c->link[at - 1], *link = &c->link[at];
    const Pgstrand__SnapshotHeader *h = link->commit->header;
    if (h->has_parent && same(&h->parent, &before->commit->header->snapshot))
        return DONE;
    if (h->has_parent && is_behind(c, at, &h->parent))
        return err_set(e, ERR_STORAGE,
                       "%s: its parent does not come before it: the chain goes round in a circle",
                       link->name);
    return err_set(e, ERR_STORAGE, "%s: its parent is not %s", link->name, before->name);
}

static status follows(const struct chain *c, size_t at, err *e)
{
    const struct chain_link *before = &c->link[at - 1], *link = &c->link[at];
    const Pgstrand__SnapshotHeader *p = before->commit->header, *h = link->commit->header;
    if (!chain_same_incarnation(before, link)) {
        if (h->number != 0)
            return err_set(e, ERR_STORAGE, "%s: another incarnation than the rest of the folder", link->name);
    } else if (h->number == p->number)
        return err_set(e, ERR_STORAGE, "the chain forks: %s and %s have one number", before->name,
                       link->name);
    else if (h->number != p->number + 1)
        return err_set(e, ERR_STORAGE, "the chain has a gap: number %" PRIu64 " is missing before %s",
                       p->number + 1, link->name);
    TRY(is_parent(c, at, e));
    if (h->parent_hash.len != SHA256_LEN || memcmp(h->parent_hash.data, before->hash, SHA256_LEN) != 0) {
        TRY(is_signed(before, e)); /* if that is wrong, it is what is to be said */
        return err_set(e, ERR_STORAGE, "%s: it was made on another version of its parent %s", link->name,
                       before->name);
    }
    return h->type == PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL ? DONE : adjoins(before, link, e);
}

/* A signature covers the hash of the parent's commit, and so all links before: the last one of a key is
 * enough, and a chain of thousands of links is read in milliseconds. */
static status check_signatures(const struct chain *c, err *e)
{
    for (size_t i = 0; i < c->count; i++)
        if (i + 1 == c->count || !same(&c->link[i].commit->device_key, &c->link[i + 1].commit->device_key))
            TRY(is_signed(&c->link[i], e));
    return DONE;
}

/* A FULL stands on nothing; the others on a FULL before them. */
static status has_base(const struct chain *c, size_t at, err *e)
{
    const Pgstrand__SnapshotHeader *h = c->link[at].commit->header;
    bool full = h->type == PGSTRAND__SNAPSHOT_TYPE__FULL;
    if (full)
        return !h->has_base_snapshot
                   ? DONE
                   : err_set(e, ERR_STORAGE, "%s: a FULL that names a base", c->link[at].name);
    for (size_t i = 0; h->has_base_snapshot && i < at; i++) {
        const Pgstrand__SnapshotHeader *base = c->link[i].commit->header;
        if (base->type == PGSTRAND__SNAPSHOT_TYPE__FULL && same(&base->snapshot, &h->base_snapshot))
            return DONE;
    }
    return err_set(e, ERR_STORAGE, "%s: the FULL it stands on is not before it in the chain",
                   c->link[at].name);
}

static status check_link(const struct chain *c, size_t i, err *e)
{
    TRY(chainorigin_check(c, i, e));
    TRY(i == 0 ? is_first(&c->link[0], e) : follows(c, i, e));
    TRY(has_base(c, i, e));
    return c->link[i].commit->header->type == PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL ? spans(c, i, e) : DONE;
}

static status check(const struct chain *c, err *e)
{
    for (size_t i = 0; i < c->count; i++)
        TRY(check_link(c, i, e));
    return check_signatures(c, e);
}

/* ---- loading ---- */

static status load_link(struct chain *c, const char *dir, const char *name, bool pruned, err *e)
{
    TRY(array_one_more(&c->link, c->count, sizeof *c->link, e));
    struct chain_link *link = &c->link[c->count];
    *link = (struct chain_link){.dir = dir, .pruned = pruned};
    TRY(snapcommit_load_unsigned(dir, name, &c->commits, &link->commit, link->hash, e));
    link->name = strdup(name);
    c->count++;
    return link->name == NULL ? err_no_memory(e) : DONE;
}

static bool is_snapshot(const struct chain_link *link, const ProtobufCBinaryData *id)
{
    return same(&link->commit->header->snapshot, id);
}

/* The links of a folder, in order, up to the one with this UUID (NULL: all), behind those that are there. */
static status load_folder(struct chain *c, const char *dir, const ProtobufCBinaryData *last, err *e)
{
    OWNED(io_names) struct io_names all = {0};
    TRY(io_list(dir, &all, e));
    for (size_t i = 0; i < all.count; i++) {
        const size_t len = snapnames_stem(all.name[i]);
        struct snapnames_file file;
        if (strcmp(all.name[i] + len, ".commit") != 0 || !snapnames_parse(all.name[i], &file))
            continue;
        const bool pruned = snapnames_beside(&all, i, len, ".pruned");
        TRY(load_link(c, dir, file.name, pruned, e));
        if (last != NULL && is_snapshot(&c->link[c->count - 1], last))
            break;
    }
    return DONE;
}

/* Puts the links of an older folder, up to the one with this UUID, before those that are there: what came
 * behind it was given up when the next incarnation began. */
static status prepend(struct chain *c, const char *dir, const ProtobufCBinaryData *last, err *e)
{
    const size_t later = c->count;
    TRY(load_folder(c, dir, last, e));
    struct chain_link *sorted = calloc(c->count + 1, sizeof *sorted);
    if (sorted == NULL)
        return err_no_memory(e);
    const size_t added = c->count - later;
    memcpy(sorted, c->link + later, added * sizeof *sorted);
    memcpy(sorted + added, c->link, later * sizeof *sorted);
    free(c->link);
    c->link = sorted;
    c->own += added;
    return DONE;
}

/* Does the folder hold the snapshot with this UUID? */
static status holds(const char *dir, const ProtobufCBinaryData *id, bool *out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    *out = false;
    TRY(snapnames_committed(dir, &names, e));
    for (size_t i = 0; i < names.count && !*out; i++) {
        struct snapname name;
        *out = snapname_parse(names.name[i], &name) &&
               bytes_equal(bytes_of(name.id.b, sizeof name.id.b), pbmem_view(*id));
    }
    return DONE;
}

/* The folder beside this one that holds the snapshot; NULL: none does. */
static status find_folder(const char *dir, const ProtobufCBinaryData *id, char **out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    const char *slash = strrchr(dir, '/');
    OWNED(text)
    char *above = slash == NULL ? strdup(".") : strndup(dir, slash == dir ? 1 : (size_t)(slash - dir));
    *out = NULL;
    if (above == NULL)
        return err_no_memory(e);
    TRY(io_list(above, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        OWNED(text) char *path = io_join(above, names.name[i]);
        bool found = false;
        uuid incarnation;
        err ignored = ERR_INIT;
        if (path == NULL)
            return err_no_memory(e);
        if (!uuid_parse(names.name[i], &incarnation, &ignored).ok ||
            (slash != NULL && strcmp(names.name[i], slash + 1) == 0))
            continue;
        TRY(holds(path, id, &found, e));
        if (found) {
            *out = path;
            path = NULL;
            return DONE;
        }
    }
    return DONE;
}

static status add_older(struct chain *c, char **dir, err *e)
{
    TRY(array_one_more(&c->older, c->older_count, sizeof *c->older, e));
    c->older[c->older_count++] = *dir;
    *dir = NULL;
    return DONE;
}

static bool was_read(const struct chain *c, const char *dir)
{
    bool found = strcmp(c->dir, dir) == 0;
    for (size_t i = 0; i < c->older_count && !found; i++)
        found = strcmp(c->older[i], dir) == 0;
    return found;
}

/* Back over the incarnations before, as long as the first link names a parent. */
static status load_older(struct chain *c, err *e)
{
    const char *dir = c->dir;
    while (c->count > 0 && c->link[0].commit->header->has_parent) {
        const struct chain_link *first = &c->link[0];
        const ProtobufCBinaryData parent = first->commit->header->parent;
        OWNED(text) char *before = NULL;
        uuid id;
        char text[UUID_TEXT];
        TRY(uuid_from_bytes(pbmem_view(parent), "parent", &id, e));
        if (is_behind(c, 0, &parent))
            return err_set(e, ERR_STORAGE,
                           "%s: its parent %s comes behind it: the chain goes round in a circle", first->name,
                           uuid_format(&id, text));
        TRY(find_folder(dir, &parent, &before, e));
        if (before == NULL)
            return err_set(e, ERR_STORAGE,
                           "%s: its parent %s, the last of the incarnation before, is missing: bring that "
                           "incarnation's folder here, too",
                           first->name, uuid_format(&id, text));
        if (was_read(c, before))
            return err_set(
                e, ERR_STORAGE,
                "%s: its parent %s lies in an incarnation that comes later: the chain goes round in "
                "a circle",
                first->name, uuid_format(&id, text));
        dir = before;
        TRY(add_older(c, &before, e));
        TRY(prepend(c, dir, &parent, e));
    }
    return DONE;
}

static status load_all(struct chain *c, err *e)
{
    TRY(load_folder(c, c->dir, NULL, e));
    if (c->count > 0 && c->link[0].commit->header->number != 0)
        return is_first(&c->link[0], e);
    TRY(load_older(c, e));
    return check(c, e);
}

status chain_load(const char *dir, struct chain **out, err *e)
{
    OWNED(chain) struct chain *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_no_memory(e);
    c->dir = strdup(dir);
    if (c->dir == NULL)
        return err_no_memory(e);
    if (!load_all(c, e).ok)
        return err_wrap(e, "%s", dir);
    *out = c;
    c = NULL;
    return DONE;
}

status chain_append(struct chain *c, const char *name, err *e)
{
    TRY(load_link(c, c->dir, name, false, e));
    TRY(check_link(c, c->count - 1, e));
    return is_signed(&c->link[c->count - 1], e);
}

status chain_succeed(struct chain *c, const char *dir, err *e)
{
    char *next = strdup(dir);
    if (next == NULL)
        return err_no_memory(e);
    if (!add_older(c, &c->dir, e).ok) {
        free(next);
        return FAILED;
    }
    c->dir = next;
    c->own = c->count;
    return DONE;
}

size_t chain_first_kept(const struct chain *c)
{
    size_t first = c->count;
    while (first > 0 && !c->link[first - 1].pruned)
        first--;
    return first;
}

const uint8_t *chain_recovery_key(const struct chain *c)
{
    for (size_t i = c->count; i > 0; i--)
        if (c->link[i - 1].commit->has_recovery_key)
            return c->link[i - 1].commit->recovery_key.data;
    return NULL;
}

const struct chain_link *chain_find(const struct chain *c, const char *uuid_or_name)
{
    for (size_t i = c->count; i > 0; i--) {
        const struct chain_link *link = &c->link[i - 1];
        const Pgstrand__SnapshotHeader *h = link->commit->header;
        uuid id;
        char text[UUID_TEXT];
        memcpy(id.b, h->snapshot.data, sizeof id.b);
        if (strcasecmp(uuid_format(&id, text), uuid_or_name) == 0 ||
            (h->name != NULL && strcmp(h->name, uuid_or_name) == 0) || strcmp(link->name, uuid_or_name) == 0)
            return link;
    }
    return NULL;
}

/* ---- tidying ---- */

/* The files of one snapshot stand one behind the other; those of one that is whole are not looked at. */
static status tidy_snapshot(const char *dir, const struct io_names *all, size_t from, size_t to, size_t len,
                            err *e)
{
    const bool committed = snapnames_beside(all, from, len, ".commit");
    const bool pruned = snapnames_beside(all, from, len, ".pruned");
    for (size_t i = from; i < to; i++) {
        struct snapnames_file file;
        if (committed && !pruned && strstr(all->name[i] + len, ".part") == NULL)
            continue;
        if (!snapnames_parse(all->name[i], &file))
            continue;
        const bool content = file.kind == SNAPNAMES_SNAP || file.kind == SNAPNAMES_DEVICE;
        const bool keep =
            !file.staged && (file.kind == SNAPNAMES_COMMIT || (committed && !(content && pruned)));
        OWNED(text) char *path = keep ? NULL : io_join(dir, all->name[i]);
        if (!keep && path == NULL)
            return err_no_memory(e);
        if (!keep)
            TRY(io_unlink(path, e));
    }
    return DONE;
}

status chain_tidy(const char *dir, err *e)
{
    OWNED(io_names) struct io_names all = {0};
    TRY(io_list(dir, &all, e));
    TRY(io_sync_dir(dir, e));
    for (size_t from = 0, to = 0; from < all.count; from = to) {
        const size_t len = snapnames_stem(all.name[from]);
        for (to = from + 1; to < all.count && strncmp(all.name[to], all.name[from], len) == 0 &&
                            snapnames_stem(all.name[to]) == len;)
            to++;
        TRY(tidy_snapshot(dir, &all, from, to, len, e));
    }
    return DONE;
}
