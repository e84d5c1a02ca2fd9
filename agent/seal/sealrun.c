#include "agent/seal/sealrun.h"

#include <time.h>

#include "agent/lineage.h"
#include "agent/seal/sealrecord.h"
#include "proto/pbmem.h"

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

/* Links are recorded from the oldest on, so that those without a record are the last ones. */
static status record_links(struct sealrun *run, err *e)
{
    size_t first = run->chain->count;
    for (bool known = false; first > 0; first--) {
        TRY(sealrecord_is_there(run->d, &run->chain->link[first - 1], &known, e));
        if (known)
            break;
    }
    for (size_t i = first; i < run->chain->count; i++)
        TRY(sealrecord_put(run->d, &run->chain->link[i], (struct sealrecord_schema){0}, e));
    return DONE;
}

/* Records whose snapshot is not on disk: reserved and never published. Numbers have no gaps, and the number
 * is reserved behind the chain's end, so they stand there one behind the other. */
static status forget_strays(struct sealrun *run, err *e)
{
    for (uint64_t number = run->chain->count - run->chain->own;; number++) {
        PB_OWNED(Pgstrand__SnapshotRecord) *stray = NULL;
        struct catalog_key key = catalog_key_snapshot(&run->d->identity.incarnation, number);
        TRY(catalog_get(run->d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key),
                        (ProtobufCMessage **)(void *)&stray, e));
        if (stray == NULL)
            return DONE;
        TRY(catalog_delete(run->d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), e));
    }
}

static status load_chain(struct sealrun *run, err *e)
{
    TRY(lineage_load(run->d, &run->chain, e));
    TRY(record_links(run, e));
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
    return load_chain(out, e);
}

#define ASK_TRIES 3 /* what is cancelled so often waits for somebody's lock */

bool sealrun_asks_again(const struct sealrun *run, int tries, err *e)
{
    if (!pgconn_was_cancelled(e) || tries >= ASK_TRIES || progress_stopped(run->progress))
        return false;
    *e = ERR_INIT;
    return true;
}

bool sealrun_does_without(struct sealrun *run, err *e)
{
    char line[ERR_TEXT + 64];
    if (run->request->type == PGSTRAND__SNAPSHOT_TYPE__FULL || !err_is_transient(e) ||
        progress_stopped(run->progress))
        return false;
    (void)snprintf(line, sizeof line, "sealing without the sequences' values: %s", e->message);
    run->progress->say(run->progress->context, line);
    *e = ERR_INIT;
    return true;
}

status sealrun_sequences(struct sealrun *run, struct snapwriter *writer, struct framecoder *coder, err *e)
{
    for (int tries = 1; !sealschema_sequences(writer, coder, run->conn, run->tables, e).ok; tries++)
        if (!sealrun_asks_again(run, tries, e))
            return sealrun_does_without(run, e) ? DONE : FAILED;
    return DONE;
}

/* The number is reserved before the first byte is written: a crash leaves a trace that the next sealing
 * removes. */
static status reserve(struct sealrun *run, const Pgstrand__SnapshotHeader *header, const char *name, err *e)
{
    Pgstrand__SnapshotRecord record = PGSTRAND__SNAPSHOT_RECORD__INIT;
    Pgstrand__SnapshotHeader copy = *header;
    record.header = &copy;
    record.file = pbmem_text(name);
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

/* The link that was just published. */
static status record_published(struct sealrun *run, err *e)
{
    const struct chain_link *link = &run->chain->link[run->chain->count - 1];
    struct sealrecord_schema schema = {.known = true};
    if (run->chain->count > 1 && link->commit->header->type != PGSTRAND__SNAPSHOT_TYPE__FULL)
        TRY(sealrecord_schema(run->d, link - 1, &schema, e));
    if (run->version_seq > 0)
        schema = (struct sealrecord_schema){true, run->version_seq};
    run->version_seq = 0;
    return sealrecord_put(run->d, link, schema, e);
}

void sealrun_tell(const struct chain_link *link, struct seal_result *out)
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

/* Whose the node is. An identity made by an older version has nothing that could be told. */
static status tell_owner(const struct sealrun *run, struct snapwriter *writer, err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *id = NULL;
    struct snap_owner owner = {0};
    TRY(catalog_get(run->d->catalog, CATALOG_IDENTITY, (struct bytes){0}, (ProtobufCMessage **)(void *)&id,
                    e));
    if (id == NULL || !id->has_device_certificate || id->device_certificate.len != sizeof owner.certificate ||
        id->recovery_public_key.len != sizeof owner.recovery_key)
        return DONE;
    memcpy(owner.recovery_key, id->recovery_public_key.data, sizeof owner.recovery_key);
    memcpy(owner.certificate, id->device_certificate.data, sizeof owner.certificate);
    const struct chain_link *parent = run->chain->count > 0 ? &run->chain->link[run->chain->count - 1] : NULL;
    const bool first =
        parent != NULL && !bytes_equal(pbmem_view(parent->commit->header->device), pbmem_view(id->device));
    if (first && id->has_handover && id->handover_signature.len == sizeof owner.handover_signature) {
        owner.handover = pbmem_view(id->handover);
        memcpy(owner.handover_signature, id->handover_signature.data, sizeof owner.handover_signature);
    }
    return snapwriter_owner(writer, &owner, e);
}

status sealrun_publish(struct sealrun *run, struct snapwriter *writer, struct seal_result *out, err *e)
{
    struct signing_key key;
    uint8_t hash[SHA256_LEN];
    char *name = NULL;
    TRY(datadir_device_key(run->d, &key, e));
    TRY(tell_owner(run, writer, e));
    TRY(snapwriter_publish(writer, &key, hash, &name, e));
    free(out->file);
    out->file = name;
    TRY(chain_append(run->chain, name, e));
    TRY(record_published(run, e));
    sealrun_tell(&run->chain->link[run->chain->count - 1], out);
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
