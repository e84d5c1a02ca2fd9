#include "store/logsegment.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "store/io.h"
#include "store/logbulk.h"
#include "store/logname.h"

static const char *const databases[] = {
    [LOG_ACTIONS] = "actions", [LOG_COMMITS] = "commits", [LOG_RELATIONS] = "relations", [LOG_META] = "meta"};
#define DATABASES (sizeof databases / sizeof databases[0])

/* ---- the segments of a folder ---- */

status logsegment_list(const char *dir, struct logsegment_list *out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(dir, &names, e));
    logsegment_list_fini(out);
    out->first = calloc(names.count + 1, sizeof *out->first);
    if (out->first == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < names.count; i++) /* sorted by name is sorted by seq */
        if (logname_parse(names.name[i], LOGNAME_SEGMENT, &out->first[out->count]))
            out->count++;
    return DONE;
}

void logsegment_list_fini(struct logsegment_list *list)
{
    free(list->first);
    *list = (struct logsegment_list){0};
}

size_t logsegment_holding(const struct logsegment_list *list, uint64_t seq)
{
    size_t at = list->count;
    while (at > 0 && list->first[at - 1] > seq)
        at--;
    return at == 0 ? list->count : at - 1;
}

uint64_t logsegment_bytes(const char *dir, uint64_t first_seq)
{
    OWNED(text) char *path = logname_path(dir, LOGNAME_SEGMENT, first_seq);
    struct stat facts;
    return path != NULL && stat(path, &facts) == 0 ? (uint64_t)facts.st_blocks * 512 : 0;
}

/* ---- making, opening, removing ---- */

static status fill(struct lmdbenv *env, const struct logmeta *meta, struct relcache *cache, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    size_t count = 0;
    struct relcache_entry *entry = relcache_entries(cache, &count);
    TRY(lmdbenv_begin(env, LMDBENV_WRITING, 0, &t, e));
    TRY(logrecord_write_format(&t, LOG_FORMAT, e));
    TRY(logrecord_write_meta(&t, true, meta, e));
    for (size_t i = 0; i < count; i++)
        TRY(logrecord_write_relation(&t, true, entry[i].relation, e));
    TRY(lmdbenv_commit(&t, e));
    for (size_t i = 0; i < count; i++)
        entry[i].stored = 1;
    return DONE;
}

static status make_part(const char *part, const struct logmeta *meta, struct relcache *cache, err *e)
{
    OWNED(lmdbenv) struct lmdbenv *env = NULL;
    TRY(lmdbenv_unlink(part, e));
    TRY(lmdbenv_open(part, LMDBENV_CREATE, databases, DATABASES, &env, e));
    return fill(env, meta, cache, e);
}

status logsegment_create(const char *dir, uint64_t first_seq, const struct logmeta *meta,
                         struct relcache *cache, err *e)
{
    OWNED(text) char *path = logname_path(dir, LOGNAME_SEGMENT, first_seq);
    OWNED(text) char *part = path == NULL ? NULL : malloc(strlen(path) + sizeof ".part");
    if (part == NULL)
        return err_no_memory(e);
    (void)stpcpy(stpcpy(part, path), ".part");
    if (make_part(part, meta, cache, e).ok && io_publish(part, path, e).ok)
        return lmdbenv_unlink(part, e); /* its lock file */
    err ignored = ERR_INIT;
    (void)!lmdbenv_unlink(part, &ignored).ok;
    return FAILED;
}

/* A folder that cannot be written to has no writer that could unlink anything. */
static status lock_segments(const char *dir, bool wait, struct io_lock **out, err *e)
{
    OWNED(text) char *path = io_join(dir, "segments.lock");
    if (path == NULL)
        return err_no_memory(e);
    if (io_lock(path, wait, out, e).ok)
        return DONE;
    return e->origin == FROM_ERRNO && (e->code == EACCES || e->code == EROFS || e->code == EPERM) ? DONE
                                                                                                  : FAILED;
}

static status read_checked(struct logsegment *s, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    uint32_t format = 0;
    TRY(lmdbenv_begin(s->env, LMDBENV_READING, 0, &t, e));
    TRY(logrecord_read_format(&t, &format, e));
    s->checked = format >= LOG_FORMAT_CHECKED;
    return DONE;
}

status logsegment_open(const char *dir, uint64_t first_seq, enum lmdbenv_mode mode, struct logsegment *out,
                       err *e)
{
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(text) char *path = logname_path(dir, LOGNAME_SEGMENT, first_seq);
    if (path == NULL)
        return err_no_memory(e);
    if (mode == LMDBENV_READ)
        TRY(lock_segments(dir, true, &lock, e));
    OWNED(logsegment) struct logsegment s = {.first_seq = first_seq};
    if (!lmdbenv_open(path, mode, databases, DATABASES, &s.env, e).ok)
        return logrecord_advise(e);
    TRY(read_checked(&s, e));
    *out = s;
    s = (struct logsegment){0};
    return DONE;
}

status logsegment_find(const char *dir, uint64_t seq, struct logsegment_list *list, size_t *at,
                       struct logsegment *out, err *e)
{
    for (int attempt = 0;; attempt++) {
        if (!logsegment_list(dir, list, e).ok && e->code != ENOENT)
            return FAILED;
        if (list->count == 0)
            return err_set(e, ERR_STORAGE, "there is no log in %s", dir);
        *at = logsegment_holding(list, seq);
        if (*at == list->count)
            return err_set(e, ERR_VALIDATION,
                           "the log holds nothing before seq %" PRIu64 "; %" PRIu64 " is gone",
                           list->first[0], seq);
        if (out->env != NULL && out->first_seq == list->first[*at])
            return DONE;
        logsegment_close(out);
        if (logsegment_open(dir, list->first[*at], LMDBENV_READ, out, e).ok)
            return DONE;
        if (e->code != ENOENT || attempt == 10) /* else: trimmed since it was listed */
            return FAILED;
    }
}

status logsegment_check(const struct logsegment *s, unsigned db, err *e)
{
    return lmdbenv_check(s->env, db, e).ok ? DONE : logrecord_advise(e);
}

status logsegment_check_part(const struct logsegment *s, unsigned db, enum lmdbenv_part part,
                             struct bytes key, err *e)
{
    return lmdbenv_check_part(s->env, db, part, key, e).ok ? DONE : logrecord_advise(e);
}

status logsegment_read_relation(struct logsegment *s, uint32_t version, struct relation **out, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    TRY(logsegment_check(s, LOG_RELATIONS, e));
    TRY(lmdbenv_begin(s->env, LMDBENV_READING, 0, &t, e));
    return logrecord_read_relation(&t, s->checked, version, out, e);
}

status logsegment_search_relation(const char *dir, uint32_t version, struct relation **out, err *e)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    *out = NULL;
    TRY(logsegment_list(dir, &list, e));
    for (size_t i = list.count; i > 0 && *out == NULL; i--) {
        OWNED(logsegment) struct logsegment s = {0};
        if (!logsegment_open(dir, list.first[i - 1], LMDBENV_READ, &s, e).ok) {
            if (e->code == ENOENT)
                continue;
            return FAILED;
        }
        TRY(logsegment_read_relation(&s, version, out, e));
    }
    return DONE;
}

void logsegment_close(struct logsegment *s)
{
    lmdbenv_close(s->env);
    *s = (struct logsegment){0};
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

status logsegment_tidy(const char *dir, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(dir, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.name[i];
        OWNED(text) char *path = io_join(dir, name);
        OWNED(text) char *data = io_join(dir, name); /* without "-lock" */
        if (path == NULL || data == NULL)
            return err_no_memory(e);
        if (!logname_begins(name, LOGNAME_SEGMENT))
            continue;
        bool lock = ends_with(name, "-lock");
        if (lock)
            data[strlen(data) - strlen("-lock")] = '\0';
        if (ends_with(data, ".part") || (lock && !io_exists(data)))
            TRY(io_unlink(path, e));
    }
    return DONE;
}

status logsegment_trim(const char *dir, uint64_t through, err *e)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    OWNED(io_lock) struct io_lock *lock = NULL;
    TRY(logsegment_list(dir, &list, e));
    if (list.count < 2 || list.first[1] - 1 > through)
        return DONE;
    if (!lock_segments(dir, false, &lock, e).ok)
        return e->class == ERR_REFUSED ? DONE : FAILED;
    for (size_t i = 0; i + 1 < list.count && list.first[i + 1] - 1 <= through; i++) {
        OWNED(text) char *path = logname_path(dir, LOGNAME_SEGMENT, list.first[i]);
        if (path == NULL)
            return err_no_memory(e);
        TRY(lmdbenv_unlink(path, e));
        /* After their segment: what a crash leaves of them is removed when the log is opened. */
        TRY(logbulk_remove(dir, list.first[i], list.first[i + 1], e));
    }
    return io_sync_dir(dir, e);
}
