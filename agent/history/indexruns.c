#include "agent/history/indexruns.h"

#include <errno.h>
#include <inttypes.h>

#include "proto/base/array.h"
#include "proto/pbmem.h"
#include "store/actionlog.h"
#include "store/io.h"

#define LOAD_TRIES 10 /* the agent may merge while files are opened; it does so every few seconds at most */
#define NAME_LEN 37   /* 16 hex digits, -, 16 hex digits, .run */

void indexruns_fini(struct indexruns *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->run[i].path);
        hashrun_close(r->run[i].run);
    }
    free(r->run);
    free(r->dir);
    *r = (struct indexruns){0};
}

char *indexruns_path(const struct indexruns *r, uint64_t first, uint64_t last)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%016" PRIx64 "-%016" PRIx64 ".run", r->dir, first, last) < 0)
        return NULL;
    return path;
}

static bool parse_name(const char *name, uint64_t *first, uint64_t *last)
{
    char *end = NULL;
    if (strlen(name) != NAME_LEN || strcmp(name + NAME_LEN - 4, ".run") != 0 || name[16] != '-')
        return false;
    *first = strtoull(name, &end, 16);
    if (end != name + 16)
        return false;
    *last = strtoull(name + 17, &end, 16);
    return end == name + NAME_LEN - 4;
}

status indexruns_append(struct indexruns *r, char *path, err *e)
{
    OWNED(text) char *mine = path;
    OWNED(hashrun) struct hashrun *run = NULL;
    TRY(hashrun_open(path, &run, e));
    TRY(array_one_more(&r->run, r->count, sizeof *r->run, e));
    r->run[r->count++] = (struct indexrun){mine, run};
    r->reach = hashrun_head(run)->last;
    mine = NULL;
    run = NULL;
    return DONE;
}

/* ---- does it belong to what is there now? ---- */

static const struct chain_link *link_of(const struct chain *c, uint64_t seq)
{
    for (size_t i = 0; i < c->count; i++) {
        const Pgstrand__SnapshotHeader *h = c->link[i].commit->header;
        if (h->type == PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL && h->first_seq <= seq && seq <= h->last_seq)
            return &c->link[i];
    }
    return NULL;
}

status indexruns_incarnation(const struct entityindex_place *place, uint64_t seq, uuid *out, err *e)
{
    const struct chain_link *link = link_of(place->chain, seq);
    if (link == NULL) {
        *out = place->d->identity.incarnation;
        return DONE;
    }
    const ProtobufCBinaryData *raw = &link->commit->header->incarnation;
    return uuid_from_bytes(pbmem_view(*raw), "incarnation", out, e);
}

static status belongs(const struct entityindex_place *place, struct logreader *log, uint64_t end,
                      const struct hashrun_head *h, bool *out, err *e)
{
    struct commit c;
    struct log_state state;
    bool found = false;
    uuid incarnation;
    *out = false;
    TRY(indexruns_incarnation(place, h->last, &incarnation, e));
    if (h->last > end || !uuid_equal(&h->node, &place->d->identity.node) ||
        !uuid_equal(&h->incarnation, &incarnation))
        return DONE;
    *out = true;
    if (log == NULL)
        return DONE;
    TRY(logreader_state(log, &state, e));
    if (h->last < state.first_seq)
        return DONE;
    TRY(logreader_commit_at(log, h->last, &c, &found, e));
    *out = !found || c.last_seq < h->last || c.lsn == h->lsn;
    return DONE;
}

/* ---- loading ---- */

static status open_log(const struct entityindex_place *place, struct indexruns *r, struct logreader **log,
                       err *e)
{
    const struct chain *c = place->chain;
    struct log_state state;
    r->first = c->link[0].commit->header->last_seq + 1;
    r->reach = r->first - 1;
    r->end = c->link[c->count - 1].commit->header->last_seq;
    if (place->log == NULL)
        return DONE;
    TRY(logreader_open(place->log, log, e));
    TRY(logreader_state(*log, &state, e));
    if (state.position.last_seq > r->end)
        r->end = state.position.last_seq;
    return DONE;
}

/* Closes the runs from this one on. */
static void leave_from(struct indexruns *r, size_t first)
{
    for (size_t i = first; i < r->count; i++) {
        free(r->run[i].path);
        hashrun_close(r->run[i].run);
    }
    r->count = first < r->count ? first : r->count;
    r->reach = r->count == 0 ? r->first - 1 : hashrun_head(r->run[r->count - 1].run)->last;
}

/* The file that begins at `first` and covers most; NULL: none. */
static const char *longest(const struct io_names *names, uint64_t first)
{
    const char *best = NULL;
    uint64_t from, to, best_to = 0;
    for (size_t i = 0; i < names->count; i++)
        if (parse_name(names->name[i], &from, &to) && from == first && to >= first && to >= best_to) {
            best = names->name[i];
            best_to = to;
        }
    return best;
}

/* *gone: a file was merged away since it was listed. */
static status load_files(const struct entityindex_place *place, struct logreader *log,
                         const struct io_names *names, struct indexruns *r, bool *gone, err *e)
{
    const char *name;
    *gone = false;
    while ((name = longest(names, r->reach + 1)) != NULL) {
        bool good = false;
        err why = ERR_INIT;
        char *path = io_join(r->dir, name);
        if (path == NULL)
            return err_no_memory(e);
        if (!indexruns_append(r, path, &why).ok) {
            *gone = why.origin == FROM_ERRNO && why.code == ENOENT;
            if (*gone || hashrun_is_damage(&why))
                return DONE; /* what is damaged is made again */
            *e = why;
            return FAILED;
        }
        struct indexrun *last = &r->run[r->count - 1];
        const struct hashrun_head *h = hashrun_head(last->run);
        const uint64_t before = r->count == 1 ? r->first - 1 : hashrun_head(last[-1].run)->last;
        TRY(belongs(place, log, r->end, h, &good, e));
        if (good && h->first == before + 1)
            continue;
        leave_from(r, r->count - 1);
        return DONE;
    }
    return DONE;
}

status indexruns_load(const struct entityindex_place *place, struct indexruns *out, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    bool gone = true;
    *out = (struct indexruns){.dir = io_join(place->d->root, "index")};
    if (out->dir == NULL)
        return err_no_memory(e);
    TRY(open_log(place, out, &log, e));
    for (int tries = 0; gone && tries < LOAD_TRIES && io_exists(out->dir); tries++) {
        OWNED(io_names) struct io_names names = {0};
        leave_from(out, 0);
        TRY(io_list(out->dir, &names, e));
        TRY(load_files(place, log, &names, out, &gone, e));
    }
    return DONE;
}

/* Reads all of it, with a handle of its own. */
static status read_through(const char *path, err *e)
{
    OWNED(hashrun) struct hashrun *run = NULL;
    uint64_t hash, number;
    bool end = false;
    TRY(hashrun_open(path, &run, e));
    while (!end)
        TRY(hashrun_next(run, &hash, &number, &end, e));
    return DONE;
}

status indexruns_drop_damaged(struct indexruns *r, bool *any, err *e)
{
    size_t first = 0;
    *any = false;
    for (; first < r->count && !*any; first++) {
        err why = ERR_INIT;
        *any = !read_through(r->run[first].path, &why).ok;
        if (*any && !hashrun_is_damage(&why)) {
            *e = why;
            return FAILED;
        }
    }
    if (!*any)
        return DONE;
    for (size_t i = first - 1; i < r->count; i++)
        TRY(io_unlink(r->run[i].path, e));
    leave_from(r, first - 1);
    return DONE;
}

static bool is_ours(const struct indexruns *r, const char *path)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->run[i].path, path) == 0)
            return true;
    return false;
}

/* A base's run (baseindex.h) of a FULL that is not there any more, or as older versions named it. */
static bool is_stale_base(const struct chain *c, const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot == NULL || strcmp(dot, ".run") != 0)
        return false;
    if (strncmp(name, "rows-", 5) == 0)
        return true;
    if (strncmp(name, "lines-", 6) != 0)
        return false;
    for (size_t i = 0; i < c->count; i++) {
        const ProtobufCBinaryData *raw = &c->link[i].commit->header->snapshot;
        char text[UUID_TEXT];
        uuid id;
        memcpy(id.b, raw->data, sizeof id.b);
        (void)uuid_format(&id, text);
        if (!c->link[i].pruned && strncmp(name + 6, text, strlen(text)) == 0)
            return false;
    }
    return true;
}

status indexruns_tidy(const struct indexruns *r, const struct chain *chain, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(r->dir, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        uint64_t first, last;
        OWNED(text) char *path = io_join(r->dir, names.name[i]);
        const char *dot = strrchr(names.name[i], '.');
        if (path == NULL)
            return err_no_memory(e);
        const bool part = dot != NULL && strcmp(dot, ".part") == 0;
        if (part || is_stale_base(chain, names.name[i]) ||
            (parse_name(names.name[i], &first, &last) && !is_ours(r, path)))
            TRY(io_unlink(path, e));
    }
    return DONE;
}
