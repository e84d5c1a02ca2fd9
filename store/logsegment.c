#include "store/logsegment.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "store/io.h"
#include "store/logbulk.h"

#define PREFIX "seg-"
#define SUFFIX ".mdb"
#define DIGITS 16
#define NAME_LEN (sizeof PREFIX - 1 + DIGITS + sizeof SUFFIX - 1)

static const char *const databases[] = {
    [LOG_ACTIONS] = "actions", [LOG_COMMITS] = "commits", [LOG_RELATIONS] = "relations", [LOG_META] = "meta"};
#define DATABASES (sizeof databases / sizeof databases[0])

/* ---- names ---- */

char *logsegment_path(const char *dir, uint64_t first_seq)
{
    char name[NAME_LEN + 1];
    (void)snprintf(name, sizeof name, PREFIX "%016" PRIx64 SUFFIX, first_seq);
    return io_join(dir, name);
}

static bool parse_name(const char *name, uint64_t *first_seq)
{
    const char *digits = name + sizeof PREFIX - 1;
    if (strlen(name) != NAME_LEN || strncmp(name, PREFIX, sizeof PREFIX - 1) != 0 ||
        strspn(digits, "0123456789abcdef") != DIGITS || strcmp(digits + DIGITS, SUFFIX) != 0)
        return false;
    *first_seq = strtoull(digits, NULL, 16);
    return true;
}

status logsegment_list(const char *dir, struct logsegment_list *out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    TRY(io_list(dir, &names, e));
    logsegment_list_fini(out);
    out->first = calloc(names.count + 1, sizeof *out->first);
    if (out->first == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < names.count; i++) /* sorted by name is sorted by seq */
        if (parse_name(names.name[i], &out->first[out->count]))
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
    OWNED(text) char *path = logsegment_path(dir, first_seq);
    struct stat facts;
    return path != NULL && stat(path, &facts) == 0 ? (uint64_t)facts.st_blocks * 512 : 0;
}

/* ---- records ---- */

static void put_be(uint8_t *out, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

struct commit_key logsegment_commit_key(uint64_t last_seq, lsn at)
{
    struct commit_key key;
    put_be(key.b, last_seq, 8);
    put_be(key.b + 8, at, 8);
    return key;
}

struct relation_key logsegment_relation_key(uint32_t version)
{
    struct relation_key key;
    put_be(key.b, version, 4);
    return key;
}

status logsegment_action_seq(const struct lmdbcursor *c, uint64_t *seq, err *e)
{
    uuid id;
    TRY(uuid_from_bytes(c->key, "the key of an action in the log", &id, e));
    *seq = uuid_v8_seq(&id);
    return DONE;
}

status logsegment_commit_seq(const struct lmdbcursor *c, uint64_t *last_seq, err *e)
{
    struct reader r = reader_over(c->key);
    *last_seq = reader_u64(&r);
    (void)reader_u64(&r);
    return reader_done(&r, "the key of a commit in the log", e);
}

static status write_meta(struct lmdbtxn *t, const char *key, const uint8_t *data, size_t len, err *e)
{
    return lmdbenv_put(t, LOG_META, bytes_text(key), bytes_of(data, len), e);
}

static status write_format(struct lmdbtxn *t, uint32_t format, err *e)
{
    uint8_t raw[4];
    put_be(raw, format, sizeof raw);
    return write_meta(t, "format", raw, sizeof raw, e);
}

status logsegment_mark_bulk(struct lmdbtxn *t, err *e)
{
    return write_format(t, LOG_FORMAT_BULK, e);
}

status logsegment_write_position(struct lmdbtxn *t, const struct logmeta *meta, err *e)
{
    uint8_t raw[40];
    put_be(raw, meta->position.commit_lsn, 8);
    put_be(raw + 8, meta->position.end_lsn, 8);
    put_be(raw + 16, meta->position.last_seq, 8);
    put_be(raw + 24, (uint64_t)meta->position.commit_time, 8);
    put_be(raw + 32, (uint64_t)meta->latest_time, 8);
    return write_meta(t, "position", raw, sizeof raw, e);
}

status logsegment_write_incarnation(struct lmdbtxn *t, const struct logmeta *meta, err *e)
{
    uint8_t raw[8];
    put_be(raw, meta->since_seq, 8);
    TRY(write_meta(t, "incarnation", meta->incarnation.b, sizeof meta->incarnation.b, e));
    return write_meta(t, "since", raw, sizeof raw, e);
}

status logsegment_write_next_relation(struct lmdbtxn *t, uint32_t next, err *e)
{
    uint8_t raw[4];
    put_be(raw, next, 4);
    return write_meta(t, "next relation", raw, sizeof raw, e);
}

status logsegment_write_relation(struct lmdbtxn *t, const struct relation *r, err *e)
{
    OWNED(buf) struct buf raw = {0};
    struct relation_key key = logsegment_relation_key(r->version);
    relation_encode(r, &raw);
    TRY(buf_done(&raw, e));
    return lmdbenv_put(t, LOG_RELATIONS, bytes_of(key.b, sizeof key.b), buf_view(&raw), e);
}

static status read_record(struct lmdbtxn *t, const char *key, struct reader *out, err *e)
{
    struct bytes raw;
    bool found = false;
    TRY(lmdbenv_get(t, LOG_META, bytes_text(key), &raw, &found, e));
    if (!found)
        return err_set(e, ERR_STORAGE, "the log is damaged: it does not say its %s", key);
    *out = reader_over(raw);
    return DONE;
}

static status read_uuid(struct lmdbtxn *t, const char *key, uuid *out, err *e)
{
    struct reader r;
    TRY(read_record(t, key, &r, e));
    return uuid_from_bytes(bytes_of(r.at, r.left), key, out, e);
}

/* Logs that were made before there could be several incarnations do not have it. */
static status read_since(struct lmdbtxn *t, uint64_t *out, err *e)
{
    struct bytes raw;
    bool found = false;
    *out = 1;
    TRY(lmdbenv_get(t, LOG_META, bytes_text("since"), &raw, &found, e));
    if (!found)
        return DONE;
    struct reader r = reader_over(raw);
    *out = reader_u64(&r);
    return reader_done(&r, "where the log's incarnation begins", e);
}

status logsegment_read_meta(struct lmdbtxn *t, struct logmeta *out, err *e)
{
    struct reader r;
    TRY(read_record(t, "format", &r, e));
    uint32_t format = reader_u32(&r);
    TRY(reader_done(&r, "the log's format version", e));
    if (format < LOG_FORMAT_PLAIN || format > LOG_FORMAT)
        return err_set(
            e, ERR_REFUSED,
            "the log has format %u and this pgstrand reads %d; use the version that wrote it or a newer one",
            format, LOG_FORMAT);
    TRY(read_uuid(t, "node", &out->node, e));
    TRY(read_uuid(t, "incarnation", &out->incarnation, e));
    TRY(read_record(t, "position", &r, e));
    out->position.commit_lsn = reader_u64(&r);
    out->position.end_lsn = reader_u64(&r);
    out->position.last_seq = reader_u64(&r);
    out->position.commit_time = (pgtime)reader_u64(&r);
    out->latest_time = (pgtime)reader_u64(&r);
    TRY(reader_done(&r, "the log's position", e));
    TRY(read_record(t, "next relation", &r, e));
    out->next_relation = reader_u32(&r);
    TRY(reader_done(&r, "the log's next relation version", e));
    return read_since(t, &out->since_seq, e);
}

/* ---- making, opening, removing ---- */

static status fill(struct lmdbenv *env, const struct logmeta *meta, struct relcache *cache, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    size_t count = 0;
    struct relcache_entry *entry = relcache_entries(cache, &count);
    TRY(lmdbenv_begin(env, LMDBENV_WRITING, 0, &t, e));
    TRY(write_format(&t, LOG_FORMAT_PLAIN, e));
    TRY(write_meta(&t, "node", meta->node.b, sizeof meta->node.b, e));
    TRY(logsegment_write_incarnation(&t, meta, e));
    TRY(logsegment_write_position(&t, meta, e));
    TRY(logsegment_write_next_relation(&t, meta->next_relation, e));
    for (size_t i = 0; i < count; i++)
        TRY(logsegment_write_relation(&t, entry[i].relation, e));
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
    OWNED(text) char *path = logsegment_path(dir, first_seq);
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

status logsegment_open(const char *dir, uint64_t first_seq, enum lmdbenv_mode mode, struct logsegment *out,
                       err *e)
{
    OWNED(io_lock) struct io_lock *lock = NULL;
    OWNED(text) char *path = logsegment_path(dir, first_seq);
    if (path == NULL)
        return err_no_memory(e);
    if (mode == LMDBENV_READ)
        TRY(lock_segments(dir, true, &lock, e));
    TRY(lmdbenv_open(path, mode, databases, DATABASES, &out->env, e));
    out->first_seq = first_seq;
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

status logsegment_read_relation(struct logsegment *s, uint32_t version, struct relation **out, err *e)
{
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    struct relation_key key = logsegment_relation_key(version);
    struct bytes raw;
    bool found = false;
    TRY(lmdbenv_begin(s->env, LMDBENV_READING, 0, &t, e));
    TRY(lmdbenv_get(&t, LOG_RELATIONS, bytes_of(key.b, sizeof key.b), &raw, &found, e));
    *out = NULL;
    return found ? relation_decode(raw, out, e) : DONE;
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
        if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
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
        OWNED(text) char *path = logsegment_path(dir, list.first[i]);
        if (path == NULL)
            return err_no_memory(e);
        TRY(lmdbenv_unlink(path, e));
        /* After their segment: what a crash leaves of them is removed when the log is opened. */
        TRY(logbulk_remove(dir, list.first[i], list.first[i + 1], e));
    }
    return io_sync_dir(dir, e);
}
