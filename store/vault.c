#include "store/vault.h"

#include <ctype.h>
#include <inttypes.h>

#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "store/io.h"
#include "store/snaplayout.h"
#include "store/snapnames.h"
#include "store/snapprune.h"
#include "store/snapreader.h"

#define COPY_PIECE ((size_t)1 << 20) /* bytes read and written at once */

struct vault {
    char *root; /* absolute path */
};

/* ---- names ---- */

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* The path of a file:// URL: %XX stands for a byte. */
static char *url_path(const char *from)
{
    char *path = malloc(strlen(from) + 1), *to = path;
    if (path == NULL)
        return NULL;
    while (*from != '\0') {
        int high = *from == '%' ? hex_digit(from[1]) : -1;
        int low = high < 0 ? -1 : hex_digit(from[2]);
        bool coded = low >= 0 && (high != 0 || low != 0);
        *to++ = (char)(coded ? (high << 4 | low) : *from);
        from += coded ? 3 : 1;
    }
    *to = '\0';
    return path;
}

static status parse_url(const char *url, char **path, err *e)
{
    static const char scheme[] = "file://", local[] = "file://localhost/";
    const char *from = url;
    if (strncmp(url, local, sizeof local - 1) == 0)
        from = url + sizeof local - 2;
    else if (strncmp(url, scheme, sizeof scheme - 1) == 0)
        from = url + sizeof scheme - 1;
    if (*from != '/')
        return err_set(e, ERR_VALIDATION,
                       "%s: not a vault that is known here: give file:///absolute/path or /absolute/path",
                       url);
    *path = from == url ? strdup(url) : url_path(from);
    return *path == NULL ? err_no_memory(e) : DONE;
}

status vault_open(const char *url, bool create, struct vault **out, err *e)
{
    OWNED(vault) struct vault *v = calloc(1, sizeof *v);
    if (v == NULL)
        return err_no_memory(e);
    TRY(parse_url(url, &v->root, e));
    if (create)
        TRY(io_make_dir(v->root, e));
    else if (!io_exists(v->root))
        return err_set(e, ERR_STORAGE, "vault %s is not there: attach its disk, or make the folder", v->root);
    *out = v;
    v = NULL;
    return DONE;
}

void vault_close(struct vault *v)
{
    if (v == NULL)
        return;
    free(v->root);
    free(v);
}

char *vault_chain_dir(const char *root, const uuid *node, const uuid *incarnation)
{
    char a[UUID_TEXT], b[UUID_TEXT], *path = NULL;
    int len = asprintf(&path, "%s/%s/%s", root, uuid_format(node, a), uuid_format(incarnation, b));
    return len < 0 ? NULL : path;
}

status vault_local_dir(struct vault *v, const uuid *node, const uuid *incarnation, char **out, err *e)
{
    *out = vault_chain_dir(v->root, node, incarnation);
    return *out == NULL ? err_no_memory(e) : DONE;
}

/* ---- listing ---- */

status vault_list(struct vault *v, const uuid *node, const uuid *incarnation, struct vault_names *out, err *e)
{
    OWNED(text) char *dir = vault_chain_dir(v->root, node, incarnation);
    struct io_names names = {0};
    *out = (struct vault_names){0};
    if (dir == NULL)
        return err_no_memory(e);
    if (!io_exists(dir))
        return DONE;
    if (!snapnames_committed(dir, &names, e).ok) {
        io_names_free(&names);
        return FAILED;
    }
    out->name = names.name;
    out->count = names.count;
    return DONE;
}

void vault_names_free(struct vault_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    *names = (struct vault_names){0};
}

/* A folder's name that is a UUID as we write it. */
static bool folder_uuid(const char *name, uuid *out)
{
    err ignored = ERR_INIT;
    char again[UUID_TEXT];
    return uuid_parse(name, out, &ignored).ok && strcmp(uuid_format(out, again), name) == 0;
}

static status add_chains(const char *root, const char *node_name, struct vault_chains *out, err *e)
{
    OWNED(io_names) struct io_names inner = {0};
    struct vault_chain chain;
    if (!folder_uuid(node_name, &chain.node))
        return DONE;
    OWNED(text) char *dir = io_join(root, node_name);
    if (dir == NULL)
        return err_no_memory(e);
    TRY(io_list(dir, &inner, e));
    for (size_t i = 0; i < inner.count; i++) {
        if (!folder_uuid(inner.name[i], &chain.incarnation))
            continue;
        TRY(array_one_more(&out->chain, out->count, sizeof *out->chain, e));
        out->chain[out->count++] = chain;
    }
    return DONE;
}

status vault_chains(struct vault *v, struct vault_chains *out, err *e)
{
    OWNED(io_names) struct io_names nodes = {0};
    OWNED(vault_chains) struct vault_chains found = {0};
    TRY(io_list(v->root, &nodes, e));
    for (size_t i = 0; i < nodes.count; i++)
        TRY(add_chains(v->root, nodes.name[i], &found, e));
    *out = found;
    found = (struct vault_chains){0};
    return DONE;
}

void vault_chains_free(struct vault_chains *chains)
{
    free(chains->chain);
    *chains = (struct vault_chains){0};
}

/* ---- putting ---- */

struct copy {
    struct io_file *from;
    struct io_file *to;
    uint64_t size;
    uint8_t *piece; /* 2 * COPY_PIECE bytes */
};

static size_t piece_at(const struct copy *c, uint64_t offset)
{
    return c->size - offset < COPY_PIECE ? (size_t)(c->size - offset) : COPY_PIECE;
}

static status copy_bytes(struct copy *c, err *e)
{
    for (uint64_t at = 0; at < c->size; at += COPY_PIECE) {
        size_t len = piece_at(c, at);
        TRY(io_read_at(c->from, at, c->piece, len, e));
        TRY(io_write(c->to, bytes_of(c->piece, len), e));
    }
    return io_sync(c->to, e);
}

static status compare_bytes(struct copy *c, bool *equal, err *e)
{
    uint64_t size = 0;
    TRY(io_size(c->to, &size, e));
    *equal = size == c->size;
    for (uint64_t at = 0; *equal && at < c->size; at += COPY_PIECE) {
        size_t len = piece_at(c, at);
        TRY(io_read_at(c->from, at, c->piece, len, e));
        TRY(io_read_at(c->to, at, c->piece + COPY_PIECE, len, e));
        *equal = memcmp(c->piece, c->piece + COPY_PIECE, len) == 0;
    }
    return DONE;
}

/* Copies as .part, reads back, and gives it its name. */
static status copy_file(struct copy *c, const char *to, uint64_t *sent, err *e)
{
    OWNED(text) char *part = NULL;
    OWNED(io_file) struct io_file *file = NULL;
    bool equal = false;
    if (asprintf(&part, "%s.part", to) < 0)
        return err_no_memory(e);
    TRY(io_open(part, IO_TRUNCATE, &file, e));
    c->to = file;
    TRY(copy_bytes(c, e));
    TRY(compare_bytes(c, &equal, e));
    if (!equal)
        return err_set(e, ERR_STORAGE, "%s: what was copied does not come back; the disk may be failing",
                       part);
    TRY(io_publish(part, to, e));
    *sent += c->size;
    return DONE;
}

/* How much is looked at of a file that is there already: a file gets its name only when it is whole, so its
 * length tells enough, except for the commit. */
static status compare_file(struct copy *c, const char *to, bool content, err *e)
{
    OWNED(io_file) struct io_file *file = NULL;
    uint64_t size = 0;
    bool equal = false;
    TRY(io_open(to, IO_READ, &file, e));
    c->to = file;
    TRY(io_size(file, &size, e));
    equal = size == c->size;
    if (equal && content)
        TRY(compare_bytes(c, &equal, e));
    return equal
               ? DONE
               : err_set(e, ERR_REFUSED,
                         "%s is there, but is not the same file: verify both, then remove the wrong one", to);
}

static status put_file(const char *from, const char *to, bool content, uint64_t *sent, err *e)
{
    OWNED(io_file) struct io_file *source = NULL;
    OWNED(memory) uint8_t *piece = malloc(2 * COPY_PIECE);
    if (piece == NULL)
        return err_no_memory(e);
    TRY(io_open(from, IO_READ, &source, e));
    struct copy c = {.from = source, .piece = piece};
    TRY(io_size(source, &c.size, e));
    return io_exists(to) ? compare_file(&c, to, content, e) : copy_file(&c, to, sent, e);
}

struct put {
    const char *from; /* folder */
    const char *to;
    const char *name;
    uint64_t *sent;
};

static status put_parts(const struct put *p, Pgstrand__FileRole role, uint32_t parts, err *e)
{
    OWNED(text) char *from = NULL;
    OWNED(text) char *to = NULL;
    const char *suffix = snaplayout_suffix(role);
    if (asprintf(&from, "%s/%s%s", p->from, p->name, suffix) < 0 ||
        asprintf(&to, "%s/%s%s", p->to, p->name, suffix) < 0)
        return err_no_memory(e);
    for (uint32_t i = 0; i < parts; i++) {
        OWNED(text) char *source = snaplayout_path(from, i, false);
        OWNED(text) char *target = snaplayout_path(to, i, false);
        if (source == NULL || target == NULL)
            return err_no_memory(e);
        TRY(put_file(source, target, false, p->sent, e));
    }
    return DONE;
}

/* Another snapshot with this number in the vault: two devices, or one device twice, went on from one point.
 */
static status refuse_fork(const struct put *p, err *e)
{
    OWNED(io_names) struct io_names there = {0};
    struct snapname own;
    if (!snapname_parse(p->name, &own))
        return err_set(e, ERR_VALIDATION, "%s: not the name of a snapshot", p->name);
    TRY(snapnames_committed(p->to, &there, e));
    for (size_t i = 0; i < there.count; i++) {
        struct snapname other;
        if (snapname_parse(there.name[i], &other) && other.number == own.number &&
            strcmp(there.name[i], p->name) != 0)
            return err_set(e, ERR_REFUSED, "%s: holds %s, and %s would fork the chain there", p->to,
                           there.name[i], p->name);
    }
    return DONE;
}

static status put_commit(const struct put *p, err *e)
{
    OWNED(text) char *from = NULL;
    OWNED(text) char *to = NULL;
    if (asprintf(&from, "%s/%s.commit", p->from, p->name) < 0 ||
        asprintf(&to, "%s/%s.commit", p->to, p->name) < 0)
        return err_no_memory(e);
    return put_file(from, to, true, p->sent, e);
}

/* The commit must be of the chain whose folder it goes to. */
static status of_chain(const Pgstrand__SnapshotCommit *commit, const uuid *node, const uuid *incarnation,
                       err *e)
{
    bool same = memcmp(commit->header->node.data, node->b, sizeof node->b) == 0 &&
                memcmp(commit->header->incarnation.data, incarnation->b, sizeof incarnation->b) == 0;
    return same ? DONE : err_set(e, ERR_VALIDATION, "the snapshot is of another node or incarnation");
}

static status begin_put(const struct put *p, const uuid *node, const uuid *incarnation,
                        Pgstrand__SnapshotCommit **commit, err *e)
{
    uint8_t hash[SHA256_LEN];
    TRY(snapcommit_load(p->from, p->name, commit, hash, e));
    TRY(of_chain(*commit, node, incarnation, e));
    if (!io_exists(p->to))
        TRY(io_make_dir(p->to, e));
    return refuse_fork(p, e);
}

status vault_put(struct vault *v, const char *chain_dir, const uuid *node, const uuid *incarnation,
                 const char *name, bool device_files, uint64_t *sent, err *e)
{
    OWNED(text) char *to = vault_chain_dir(v->root, node, incarnation);
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    bool pruned = false;
    *sent = 0;
    if (to == NULL)
        return err_no_memory(e);
    const struct put p = {chain_dir, to, name, sent};
    TRY(begin_put(&p, node, incarnation, &commit, e));
    TRY(snapprune_is_pruned(to, name, &pruned, e));
    if (pruned) /* the vault gave it up */
        return put_commit(&p, e);
    TRY(put_parts(&p, PGSTRAND__FILE_ROLE__SNAP, commit->snap_parts, e));
    if (device_files)
        TRY(put_parts(&p, PGSTRAND__FILE_ROLE__DEVICE_FILE, commit->device_parts, e));
    return put_commit(&p, e);
}

status vault_put_pruned(struct vault *v, const char *chain_dir, const uuid *node, const uuid *incarnation,
                        const char *name, uint64_t *sent, err *e)
{
    OWNED(text) char *to = vault_chain_dir(v->root, node, incarnation);
    OWNED(text) char *commit_path = NULL;
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    *sent = 0;
    if (to == NULL || asprintf(&commit_path, "%s/%s.commit", to, name) < 0)
        return err_no_memory(e);
    const struct put p = {chain_dir, to, name, sent};
    TRY(begin_put(&p, node, incarnation, &commit, e));
    if (!io_exists(commit_path))
        TRY(snapprune_mark(to, name, e));
    return put_commit(&p, e);
}

status vault_settle(struct vault *v, const uuid *node, const uuid *incarnation, err *e)
{
    OWNED(text) char *dir = vault_chain_dir(v->root, node, incarnation);
    if (dir == NULL)
        return err_no_memory(e);
    TRY(io_make_dir(dir, e));
    return io_sync_dir(dir, e);
}
