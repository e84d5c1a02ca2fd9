#include "agent/seal/sealrun.h"

#include <time.h>

#include "agent/lineage.h"

#define CATCH_UP_SECONDS 120 /* how long a base waits for the log to reach its LSN */
#define POLL_MS 20

void seal_result_fini(struct seal_result *r)
{
    free(r->file);
    *r = (struct seal_result){0};
}

void sealrun_fini(struct sealrun *run)
{
    logreader_close(run->log);
    table_list_free(run->tables);
    pgconn_close(run->conn);
    chain_free(run->chain);
    io_unlock(run->lock);
    *run = (struct sealrun){0};
}

/* What a listing shows of a link. */
static status record_link(struct datadir *d, const struct chain_link *link, err *e)
{
    Pgstrand__SnapshotRecord record = PGSTRAND__SNAPSHOT_RECORD__INIT;
    const Pgstrand__SnapshotCommit *commit = link->commit;
    PB_OWNED(Pgstrand__SnapshotRecord) *known = NULL;
    uuid incarnation;
    TRY(uuid_from_bytes(bytes_of(commit->header->incarnation.data, commit->header->incarnation.len),
                        link->name, &incarnation, e));
    struct catalog_key key = catalog_key_snapshot(&incarnation, commit->header->number);
    TRY(catalog_get(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key),
                    (ProtobufCMessage **)(void *)&known, e));
    if (known != NULL && known->complete && strcmp(known->file, link->name) == 0)
        return DONE;
    record.header = commit->header;
    record.file = link->name;
    record.size = commit->size;
    record.commit_hash = (ProtobufCBinaryData){SHA256_LEN, (uint8_t *)(uintptr_t)link->hash};
    record.complete = true;
    for (size_t i = 0; i < commit->n_section; i++) {
        record.rows += commit->section[i]->rows;
        record.actions += commit->section[i]->actions;
    }
    return catalog_put(d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &record.base, e);
}

/* Records whose snapshot is not on disk: reserved and never published. */
struct stray {
    const struct sealrun *run;
    struct buf keys;
    size_t key_len;
};

static status note_stray(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct stray *stray = context;
    const Pgstrand__SnapshotRecord *record = (const Pgstrand__SnapshotRecord *)(const void *)message;
    const struct chain *chain = stray->run->chain;
    const uuid *own = &stray->run->d->identity.incarnation;
    if (!bytes_equal(bytes_of(record->header->incarnation.data, record->header->incarnation.len),
                     bytes_of(own->b, sizeof own->b)) ||
        record->header->number < chain->count - chain->own)
        return DONE;
    stray->key_len = key.len;
    buf_bytes(&stray->keys, key.data, key.len);
    return buf_done(&stray->keys, e);
}

static status forget_strays(struct sealrun *run, err *e)
{
    struct stray stray = {.run = run};
    status done = catalog_each(run->d->catalog, CATALOG_SNAPSHOT, note_stray, &stray, e);
    for (size_t at = 0; done.ok && at < stray.keys.len; at += stray.key_len)
        done = catalog_delete(run->d->catalog, CATALOG_SNAPSHOT,
                              bytes_of(stray.keys.data + at, stray.key_len), e);
    buf_fini(&stray.keys);
    return done;
}

status sealrun_reload(struct sealrun *run, err *e)
{
    chain_free(run->chain);
    run->chain = NULL;
    TRY(lineage_load(run->d, &run->chain, e));
    for (size_t i = 0; i < run->chain->count; i++)
        TRY(record_link(run->d, &run->chain->link[i], e));
    return forget_strays(run, e);
}

status sealrun_begin(struct datadir *d, const struct seal_request *request, const struct progress *progress,
                     struct sealrun *out, err *e)
{
    OWNED(text) char *lock = io_join(d->root, DATADIR_SEAL_LOCK);
    if (lock == NULL)
        return err_no_memory(e);
    out->d = d;
    out->request = request;
    out->progress = progress;
    TRY(io_lock(lock, true, &out->lock, e));
    TRY(datadir_load_identity(d, e)); /* an incarnation begins under the same lock */
    TRY(io_make_dir(d->chain, e));
    TRY(chain_tidy(d->chain, e));
    return sealrun_reload(out, e);
}

/* The number is reserved before the first byte is written: a crash leaves a trace that the next sealing
 * removes. */
static status reserve(struct sealrun *run, const Pgstrand__SnapshotHeader *header, const char *name, err *e)
{
    Pgstrand__SnapshotRecord record = PGSTRAND__SNAPSHOT_RECORD__INIT;
    Pgstrand__SnapshotHeader copy = *header;
    record.header = &copy;
    record.file = (char *)(uintptr_t)name;
    struct catalog_key key = catalog_key_snapshot(&run->d->identity.incarnation, header->number);
    return catalog_put(run->d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &record.base, e);
}

status sealrun_open(struct sealrun *run, const Pgstrand__SnapshotHeader *header, struct snapwriter **out,
                    err *e)
{
    OWNED(text) char *name = snapname_format(header);
    if (name == NULL)
        return err_no_memory(e);
    TRY(reserve(run, header, name, e));
    return snapwriter_open(run->d->chain, header, run->d->config->seal_level, 0, out, e);
}

static void fill_result(const struct chain_link *link, struct seal_result *out)
{
    const Pgstrand__SnapshotHeader *header = link->commit->header;
    memcpy(out->snapshot.b, header->snapshot.data, sizeof out->snapshot.b);
    out->nothing_new = false;
    out->type = header->type;
    out->first_seq = header->first_seq;
    out->last_seq = header->last_seq;
    out->size = link->commit->size;
    out->rows = 0;
    out->actions = 0;
    for (size_t i = 0; i < link->commit->n_section; i++) {
        out->rows += link->commit->section[i]->rows;
        out->actions += link->commit->section[i]->actions;
    }
}

status sealrun_publish(struct sealrun *run, struct snapwriter *writer, struct seal_result *out, err *e)
{
    struct signing_key key;
    uint8_t hash[SHA256_LEN];
    char *name = NULL;
    TRY(datadir_device_key(run->d, &key, e));
    TRY(snapwriter_publish(writer, &key, hash, &name, e));
    free(out->file);
    out->file = name;
    TRY(sealrun_reload(run, e));
    fill_result(&run->chain->link[run->chain->count - 1], out);
    return DONE;
}

status sealrun_wait_for_log(struct sealrun *run, lsn target, err *e)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    for (int waited = 0; waited < CATCH_UP_SECONDS * 1000; waited += POLL_MS) {
        struct log_state state;
        TRY(logreader_state(run->log, &state, e));
        if (state.position.end_lsn >= target)
            return DONE;
        if (progress_stopped(run->progress))
            return err_set(e, ERR_INTERRUPTED, "stopped while waiting for the log");
        (void)nanosleep(&pause, NULL);
    }
    char text[LSN_TEXT];
    return err_set(
        e, ERR_TIMEOUT,
        "the log did not reach %s, the point of the new base, within %d s: is pgstrand-agent running?",
        lsn_format(target, text), CATCH_UP_SECONDS);
}
