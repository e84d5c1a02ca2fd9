#include "agent/datadir.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/machine.h"
#include "proto/base/pgtime.h"
#include "proto/pbmem.h"
#include "store/handover.h"
#include "store/io.h"
#include "store/vault.h"

/* ---- where things lie ---- */

char *datadir_root(const char *path)
{
    if (path != NULL)
        return strdup(path);
    path = getenv("PGSTRAND_DATA");
    if (path != NULL && *path != '\0')
        return strdup(path);
    path = getenv("XDG_STATE_HOME");
    if (path != NULL && *path != '\0')
        return io_join(path, "pgstrand");
    return strdup("/var/lib/pgstrand");
}

static status set_paths(struct datadir *d, const char *path, const char *conf, err *e)
{
    d->root = datadir_root(path);
    if (d->root == NULL)
        return err_no_memory(e);
    d->conf = conf != NULL ? strdup(conf) : io_join(d->root, "pgstrand.conf");
    d->log = io_join(d->root, "log");
    d->snapshots = io_join(d->root, "snapshots");
    d->base = io_join(d->root, "base");
    d->spool = io_join(d->root, "spool");
    if (d->conf == NULL || d->log == NULL || d->snapshots == NULL || d->base == NULL || d->spool == NULL)
        return err_no_memory(e);
    return DONE;
}

/* Is there a catalogue? A folder that may not be looked into is a failure, not an absence. */
static status find_catalog(const struct datadir *d, const char *catalog, bool *found, err *e)
{
    struct stat facts;
    *found = stat(catalog, &facts) == 0;
    if (!*found && errno != ENOENT)
        return err_errno(e, errno, "cannot look into the data directory %s", d->root);
    return DONE;
}

static status make_folders(const struct datadir *d, err *e)
{
    const char *const folders[] = {d->root, d->log, d->snapshots, d->base, d->spool};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (!io_make_dir(folders[i], e).ok)
            return err_wrap(e, "cannot make the data directory %s", d->root);
    if (access(d->root, W_OK | X_OK) != 0)
        return err_errno(e, errno, "cannot write into the data directory %s", d->root);
    return DONE;
}

static status open_parts(struct datadir *d, const char *conf, enum datadir_mode mode, err *e)
{
    OWNED(text) char *catalog = io_join(d->root, "catalog.mdb");
    bool found = false;

    if (catalog == NULL)
        return err_no_memory(e);
    TRY(find_catalog(d, catalog, &found, e));
    if (!found && mode == DATADIR_EXISTING)
        return err_set(e, ERR_VALIDATION,
                       "no data directory at %s: run pgstrand init, or name another with --data", d->root);
    if (conf != NULL && !io_exists(conf))
        return err_set(e, ERR_VALIDATION, "there is no configuration file %s", conf);
    TRY(config_load(d->conf, &d->config, e)); /* a wrong one leaves no folder behind */
    if (mode == DATADIR_CREATE)
        TRY(make_folders(d, e));
    TRY(catalog_open(catalog, &d->catalog, e));
    return datadir_load_identity(d, e);
}

status datadir_open(const char *path, const char *conf, enum datadir_mode mode, struct datadir **out, err *e)
{
    OWNED(datadir) struct datadir *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_no_memory(e);
    TRY(set_paths(d, path, conf, e));
    TRY(open_parts(d, conf, mode, e));
    *out = d;
    d = NULL;
    return DONE;
}

void datadir_close(struct datadir *d)
{
    if (d == NULL)
        return;
    catalog_close(d->catalog);
    config_free(d->config);
    free(d->root);
    free(d->conf);
    free(d->log);
    free(d->snapshots);
    free(d->chain);
    free(d->base);
    free(d->spool);
    free(d);
}

/* ---- identity ---- */

/* Absent text is "". */
static status copy_text(const char *text, const char *what, size_t room, char *out, err *e)
{
    size_t len = text != NULL ? strlen(text) : 0;
    if (len >= room)
        return err_set(e, ERR_VALIDATION, "the %s is %zu bytes long, but may have at most %zu", what, len,
                       room - 1);
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
    return DONE;
}

static status identity_from(const Pgstrand__IdentityRecord *record, struct identity *out, err *e)
{
    struct identity id = {0};
    TRY(uuid_from_bytes(pbmem_view(record->dataset), "dataset", &id.dataset, e));
    TRY(uuid_from_bytes(pbmem_view(record->device), "device", &id.device, e));
    TRY(uuid_from_bytes(pbmem_view(record->node), "node", &id.node, e));
    TRY(uuid_from_bytes(pbmem_view(record->incarnation), "incarnation", &id.incarnation, e));
    if (record->has_previous_incarnation)
        TRY(uuid_from_bytes(pbmem_view(record->previous_incarnation), "previous incarnation", &id.previous,
                            e));
    TRY(copy_text(record->device_name, "device name", sizeof id.device_name, id.device_name, e));
    TRY(copy_text(record->system_identifier, "system identifier", sizeof id.system_identifier,
                  id.system_identifier, e));
    TRY(copy_text(record->database, "database name", sizeof id.database, id.database, e));
    TRY(copy_text(record->slot, "slot name", sizeof id.slot, id.slot, e));
    TRY(copy_text(record->publication, "publication name", sizeof id.publication, id.publication, e));
    id.timeline = record->timeline;
    id.publication_oid = record->publication_oid;
    id.taken_over = record->has_handover;
    *out = id;
    return DONE;
}

static status take_identity(struct datadir *d, const struct identity *id, err *e)
{
    char *chain = vault_chain_dir(d->snapshots, &id->node, &id->incarnation);
    if (chain == NULL)
        return err_no_memory(e);
    free(d->chain);
    d->chain = chain;
    d->identity = *id;
    d->has_identity = true;
    return DONE;
}

status datadir_set_identity(struct datadir *d, const Pgstrand__IdentityRecord *record, err *e)
{
    struct identity id;
    TRY(identity_from(record, &id, e));
    TRY(catalog_put(d->catalog, CATALOG_IDENTITY, bytes_of(NULL, 0), &record->base, e));
    return take_identity(d, &id, e);
}

status datadir_load_identity(struct datadir *d, err *e)
{
    PB_OWNED(ProtobufCMessage) *record = NULL;
    struct identity id;
    TRY(catalog_get(d->catalog, CATALOG_IDENTITY, bytes_of(NULL, 0), &record, e));
    if (record == NULL) {
        d->has_identity = false;
        return DONE;
    }
    TRY(identity_from((const Pgstrand__IdentityRecord *)(const void *)record, &id, e));
    return take_identity(d, &id, e);
}

/* ---- keys ---- */

static char *key_path(const struct datadir *d)
{
    return io_join(d->root, "device.key");
}

static status load_record(const struct datadir *d, Pgstrand__IdentityRecord **out, err *e)
{
    return catalog_get(d->catalog, CATALOG_IDENTITY, bytes_of(NULL, 0), (ProtobufCMessage **)(void *)out, e);
}

/* One that a killed `identity new` has made signs nothing: the device that it was for never came to be. */
static status check_device_key(const struct datadir *d, const char *path, const struct signing_key *key,
                               err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *record = NULL;
    char device[UUID_TEXT];
    TRY(load_record(d, &record, e));
    if (record == NULL ||
        bytes_equal(pbmem_view(record->device_public_key), bytes_of(key->public, SIGNING_KEY_LEN)))
        return DONE;
    return err_set(e, ERR_STORAGE, "%s is not the key of device %s", path,
                   uuid_format(&d->identity.device, device));
}

status datadir_device_key(const struct datadir *d, struct signing_key *out, err *e)
{
    OWNED(text) char *path = key_path(d);
    OWNED(text) char *secret = NULL;
    size_t len = 0;

    if (path == NULL)
        return err_no_memory(e);
    TRY(io_load(path, 4096, (uint8_t **)(void *)&secret, &len, e));
    if (len != SIGNING_KEY_LEN)
        return err_set(e, ERR_STORAGE, "%s is damaged: it has %zu bytes, not %d", path, len, SIGNING_KEY_LEN);
    const status made = signing_key_from_secret((const uint8_t *)secret, out, e);
    explicit_bzero(secret, len);
    TRY(made);
    const status checked = check_device_key(d, path, out, e);
    if (!checked.ok)
        explicit_bzero(out, sizeof *out);
    return checked;
}

status datadir_ensure_key(const struct datadir *d, struct signing_key *out, err *e)
{
    OWNED(text) char *path = key_path(d);
    if (path == NULL)
        return err_no_memory(e);
    if (io_exists(path))
        return datadir_device_key(d, out, e);
    TRY(signing_key_new(out, e));
    return io_store(path, bytes_of(out->secret, SIGNING_KEY_LEN), e);
}

/* ---- a new identity ---- */

struct new_ids {
    uuid dataset, device, node, incarnation;
};

static status make_ids(const uuid *dataset, const uuid *node, struct new_ids *out, err *e)
{
    if (dataset != NULL)
        out->dataset = *dataset;
    else
        TRY(uuid_random(&out->dataset, e));
    TRY(uuid_random(&out->device, e));
    if (node != NULL)
        out->node = *node;
    else
        TRY(uuid_random(&out->node, e));
    return uuid_random(&out->incarnation, e);
}

static status keep_recovery(const struct datadir *d, const struct signing_key *key, err *e)
{
    OWNED(text) char *path = io_join(d->root, "recovery.key");
    if (path == NULL)
        return err_no_memory(e);
    return io_store(path, bytes_of(key->secret, SIGNING_KEY_LEN), e);
}

/* A kill while another identity was made has left the key of one that nobody has. */
static status is_recovery_key(const struct datadir *d, const uint8_t secret[static SIGNING_KEY_LEN],
                              bool *out, err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *record = NULL;
    struct signing_key key;
    TRY(load_record(d, &record, e));
    TRY(signing_key_from_secret(secret, &key, e));
    *out = record != NULL &&
           bytes_equal(pbmem_view(record->recovery_public_key), bytes_of(key.public, SIGNING_KEY_LEN));
    explicit_bzero(&key, sizeof key);
    return DONE;
}

status datadir_recovery_unshown(const struct datadir *d, uint8_t recovery_secret[static SIGNING_KEY_LEN],
                                bool *found, err *e)
{
    OWNED(text) char *path = io_join(d->root, "recovery.key");
    OWNED(text) char *secret = NULL;
    size_t len = 0;
    *found = false;
    if (path == NULL)
        return err_no_memory(e);
    if (!d->has_identity || !io_exists(path))
        return DONE; /* without an identity it is of one that was never made */
    TRY(io_load(path, 4096, (uint8_t **)(void *)&secret, &len, e));
    if (len != SIGNING_KEY_LEN)
        return err_set(e, ERR_STORAGE, "%s is damaged: it has %zu bytes, not %d", path, len, SIGNING_KEY_LEN);
    const status looked = is_recovery_key(d, (const uint8_t *)secret, found, e);
    if (looked.ok && *found)
        memcpy(recovery_secret, secret, SIGNING_KEY_LEN);
    explicit_bzero(secret, len);
    return looked.ok ? DONE : FAILED;
}

status datadir_recovery_shown(const struct datadir *d, err *e)
{
    OWNED(text) char *path = io_join(d->root, "recovery.key");
    return path != NULL ? io_unlink(path, e) : err_no_memory(e);
}

/* `text` NULL or "": the host's. */
static status name_device(const char *text, char out[static 128], err *e)
{
    TRY(copy_text(text, "device name", 128, out, e));
    if (out[0] == '\0' && gethostname(out, 127) != 0)
        return err_errno(e, errno, "cannot read the host's name");
    out[127] = '\0';
    return DONE;
}

static status make_keys(const struct datadir *d, const struct new_ids *ids, struct signing_key *device,
                        struct signing_key *recovery, uint8_t certificate[static SIGNATURE_LEN], err *e)
{
    TRY(datadir_ensure_key(d, device, e));
    TRY(signing_key_new(recovery, e));
    TRY(handover_certify(recovery, bytes_of(ids->node.b, sizeof ids->node.b),
                         bytes_of(ids->device.b, sizeof ids->device.b),
                         bytes_of(device->public, SIGNING_KEY_LEN), certificate, e));
    return keep_recovery(d, recovery, e);
}

status datadir_new_identity(struct datadir *d, const uuid *dataset, const uuid *node, const char *device_name,
                            uint8_t recovery_secret[static SIGNING_KEY_LEN], err *e)
{
    struct new_ids ids;
    struct signing_key device, recovery;
    char host[128] = "";
    char object[64];
    uint8_t certificate[SIGNATURE_LEN];
    Pgstrand__IdentityRecord record = PGSTRAND__IDENTITY_RECORD__INIT;
    struct machine here;

    TRY(name_device(device_name, host, e));
    TRY(make_ids(dataset, node, &ids, e));
    TRY(make_keys(d, &ids, &device, &recovery, certificate, e));

    datadir_object_name(&ids.node, object);
    record.dataset = pbmem_uuid(&ids.dataset);
    record.device = pbmem_uuid(&ids.device);
    record.node = pbmem_uuid(&ids.node);
    record.incarnation = pbmem_uuid(&ids.incarnation);
    record.device_name = host;
    record.device_public_key = pbmem_borrow(device.public, SIGNING_KEY_LEN);
    record.recovery_public_key = pbmem_borrow(recovery.public, SIGNING_KEY_LEN);
    record.has_device_certificate = true;
    record.device_certificate = pbmem_borrow(certificate, sizeof certificate);
    record.slot = object;
    record.publication = object;
    machine_read(d->root, &here);
    record.machine = here.id;
    record.place = here.place;
    record.has_created = 1;
    record.created = pgtime_now();
    status stored = datadir_set_identity(d, &record, e);
    memcpy(recovery_secret, recovery.secret, SIGNING_KEY_LEN);
    explicit_bzero(&recovery, sizeof recovery);
    explicit_bzero(&device, sizeof device);
    return stored;
}

status datadir_take_over(struct datadir *d, const struct datadir_handover *from, err *e)
{
    const Pgstrand__Handover *h = from->handover;
    Pgstrand__IdentityRecord record = PGSTRAND__IDENTITY_RECORD__INIT;
    char host[128] = "";
    char object[64];
    struct machine here;
    uuid node;

    TRY(name_device(from->device_name, host, e));
    TRY(uuid_from_bytes(pbmem_view(h->node), "node", &node, e));
    datadir_object_name(&node, object);
    machine_read(d->root, &here);
    record.dataset = h->dataset;
    record.device = h->device;
    record.node = h->node;
    record.incarnation = pbmem_uuid(from->incarnation);
    record.device_name = host;
    record.device_public_key = h->device_key;
    record.recovery_public_key = pbmem_borrow(from->recovery_key, SIGNING_KEY_LEN);
    record.has_device_certificate = true;
    record.device_certificate = h->certificate;
    record.has_handover = record.has_handover_signature = true;
    record.handover = pbmem_borrow(from->message.data, from->message.len);
    record.handover_signature = pbmem_borrow(from->signature, SIGNATURE_LEN);
    record.slot = record.publication = object;
    record.machine = here.id;
    record.place = here.place;
    record.has_created = true;
    record.created = pgtime_now();
    return datadir_set_identity(d, &record, e);
}

bool datadir_awaits_init(const struct datadir *d)
{
    return d->identity.taken_over && d->identity.system_identifier[0] == '\0';
}

status datadir_check_init(const struct datadir *d, err *e)
{
    if (!datadir_awaits_init(d))
        return DONE;
    return err_set(
        e, ERR_VALIDATION,
        "%s has taken a node over, and nothing is captured before its chain goes on: run pgstrand init "
        "--data %s",
        d->root, d->root);
}

void datadir_object_name(const uuid *node, char out[static 64])
{
    int at = snprintf(out, 64, "pgstrand_");
    for (size_t i = 0; i < 8; i++)
        at += snprintf(out + at, (size_t)(64 - at), "%02x", node->b[i]);
}
