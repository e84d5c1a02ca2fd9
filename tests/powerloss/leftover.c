#include "tests/powerloss/leftover.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "agent/datadir.h"
#include "store/actionlog.h"
#include "store/chain.h"
#include "store/io.h"
#include "store/logsegment.h"
#include "store/snapreader.h"

/* FNV-1a over what is compared. */
static uint64_t hash(uint64_t sum, const void *data, size_t len)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t hash_entry(const struct log_entry *entry)
{
    uint64_t sum = hash(UINT64_C(0xcbf29ce484222325), entry->id.b, sizeof entry->id.b);
    sum = hash(sum, entry->raw.data, entry->raw.len);
    return hash(sum, &entry->commit->lsn, sizeof entry->commit->lsn);
}

static bool has_log(const char *dir)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    err ignored = ERR_INIT;
    return logsegment_list(dir, &list, &ignored).ok && list.count > 0;
}

status leftover_read(const char *root, struct leftover_reference *out, err *e)
{
    OWNED(text) char *data = io_join(root, "data");
    OWNED(text) char *dir = data == NULL ? NULL : io_join(data, "log");
    OWNED(logreader) struct logreader *r = NULL;
    struct log_state state;
    if (dir == NULL)
        return err_no_memory(e);
    TRY(logreader_open(dir, &r, e));
    TRY(logreader_state(r, &state, e));
    uint64_t *grown = realloc(out->action, (size_t)(state.position.last_seq + 2) * sizeof *grown);
    if (grown == NULL)
        return err_no_memory(e);
    out->action = grown;
    if (state.first_seq > out->count + 1)
        return err_set(e, ERR_STORAGE, "the run's log lacks seq %" PRIu64, out->count + 1);
    for (bool end = false; !end;) {
        struct log_entry entry;
        TRY(logreader_next(r, &entry, &end, e));
        if (end)
            break;
        out->action[entry.seq - 1] = hash_entry(&entry);
        out->count = entry.seq > out->count ? entry.seq : out->count;
    }
    return DONE;
}

/* Every action that can be read is the reference's, in its place, without a gap. */
static status check_actions(const char *dir, uint64_t last_seq, const struct leftover_reference *reference,
                            uint64_t *first_seq, err *e)
{
    OWNED(logreader) struct logreader *r = NULL;
    struct log_state state;
    TRY(logreader_open(dir, &r, e));
    TRY(logreader_state(r, &state, e));
    uint64_t seq = *first_seq = state.first_seq;
    for (bool end = false; !end; seq++) {
        struct log_entry entry;
        TRY(logreader_next(r, &entry, &end, e));
        if (end)
            break;
        if (entry.seq != seq)
            return err_set(e, ERR_STORAGE, "seq %" PRIu64 " stands where %" PRIu64 " belongs", entry.seq,
                           seq);
        if (seq > reference->count || reference->action[seq - 1] != hash_entry(&entry))
            return err_set(e, ERR_STORAGE, "seq %" PRIu64 " is not what was captured", seq);
    }
    if (seq - 1 != last_seq)
        return err_set(e, ERR_STORAGE, "the log ends at seq %" PRIu64 ", its position says %" PRIu64, seq - 1,
                       last_seq);
    return DONE;
}

static status whose(const char *dir, struct log_options *out, err *e)
{
    OWNED(logsegment_list) struct logsegment_list list = {0};
    OWNED(logsegment) struct logsegment segment = {0};
    OWNED(lmdbtxn) struct lmdbtxn t = {0};
    struct logmeta meta;
    size_t at = 0;
    TRY(logsegment_find(dir, UINT64_MAX, &list, &at, &segment, e));
    TRY(lmdbenv_begin(segment.env, LMDBENV_READING, 0, &t, e));
    TRY(logrecord_read_meta(&t, &meta, e));
    *out = (struct log_options){.node = meta.node, .incarnation = meta.incarnation};
    return DONE;
}

/* What a chain holds, beside its incarnations' other folders. */
struct holding {
    unsigned links;
    uint64_t last_seq;
};

static status check_log(const char *dir, lsn confirmed, const struct leftover_reference *reference,
                        uint64_t *first_seq, err *e)
{
    OWNED(logwriter) struct logwriter *w = NULL;
    struct log_options options;
    char a[LSN_TEXT];
    char b[LSN_TEXT];
    if (!has_log(dir))
        return confirmed == 0 ? DONE
                              : err_set(e, ERR_STORAGE, "%s was confirmed, and there is no log",
                                        lsn_format(confirmed, a));
    TRY(whose(dir, &options, e));
    TRY(logwriter_open(dir, &options, &w, e)); /* removes what is half */
    const struct log_position at = *logwriter_position(w);
    if (at.end_lsn < confirmed)
        return err_set(e, ERR_STORAGE, "%s was confirmed to the server, the log has only %s",
                       lsn_format(confirmed, a), lsn_format(at.end_lsn, b));
    TRY(check_actions(dir, at.last_seq, reference, first_seq, e));
    const struct action message = {.kind = ACTION_MESSAGE};
    struct commit c = {.lsn = UINT64_MAX - 16, .end_lsn = UINT64_MAX - 8};
    TRY(logwriter_put(w, &message, c.lsn, e));
    TRY(logwriter_commit(w, &c, e));
    return logwriter_flush(w, e);
}

static status check_chain(const char *dir, struct holding *out, err *e)
{
    OWNED(chain) struct chain *chain = NULL;
    OWNED(io_names) struct io_names names = {0};
    TRY(chain_tidy(dir, e));
    TRY(chain_load(dir, &chain, e));
    for (size_t i = chain->own; i < chain->count; i++) {
        out->links++;
        if (chain->link[i].commit->header->last_seq > out->last_seq)
            out->last_seq = chain->link[i].commit->header->last_seq;
        OWNED(snapreader) struct snapreader *r = NULL;
        uint64_t frames = 0;
        TRY(snapreader_open(dir, chain->link[i].name, &r, e));
        TRY(snapreader_verify(r, &frames, e));
    }
    TRY(io_list(dir, &names, e));
    for (size_t i = 0; i < names.count; i++)
        if (strstr(names.name[i], ".part") != NULL)
            return err_set(e, ERR_STORAGE, "half a file stays: %s/%s", dir, names.name[i]);
    return DONE;
}

/* Every folder below that holds snapshots. */
static status check_chains(const char *dir, struct holding *out, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    bool chain = false;
    if (!io_exists(dir))
        return DONE;
    TRY(io_list(dir, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        OWNED(text) char *inner = io_join(dir, names.name[i]);
        struct stat facts;
        if (inner == NULL)
            return err_no_memory(e);
        if (stat(inner, &facts) == 0 && S_ISDIR(facts.st_mode))
            TRY(check_chains(inner, out, e));
        else
            chain = true;
    }
    return chain ? check_chain(dir, out, e) : DONE;
}

static status check_data(const char *data, const struct leftover_promise *promise,
                         const struct leftover_reference *reference, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    struct holding sealed = {0};
    uint64_t first_seq = 1;
    TRY(datadir_open(data, NULL, DATADIR_CREATE, &d, e)); /* as init does when it goes on */
    if (d->has_identity) {
        struct signing_key key;
        TRY(datadir_device_key(d, &key, e));
    }
    TRY(check_log(d->log, promise->confirmed, reference, &first_seq, e));
    TRY(check_chains(d->snapshots, &sealed, e));
    if (sealed.links < promise->sealed)
        return err_set(e, ERR_STORAGE, "%u snapshots were sealed, %u are there", promise->sealed,
                       sealed.links);
    if (sealed.last_seq + 1 < first_seq)
        return err_set(e, ERR_STORAGE, "the chain ends at seq %" PRIu64 ", the log begins at %" PRIu64,
                       sealed.last_seq, first_seq);
    return DONE;
}

status leftover_check(const char *root, const struct leftover_promise *promise,
                      const struct leftover_reference *reference, err *e)
{
    OWNED(text) char *data = io_join(root, "data");
    OWNED(text) char *vault = io_join(root, "vault");
    struct holding shipped = {0};
    if (data == NULL || vault == NULL)
        return err_no_memory(e);
    TRY(check_data(data, promise, reference, e));
    TRY(check_chains(vault, &shipped, e));
    if (shipped.links < promise->shipped)
        return err_set(e, ERR_STORAGE, "%u snapshots were shipped, %u are there", promise->shipped,
                       shipped.links);
    return DONE;
}
