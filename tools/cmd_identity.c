#include <string.h>

#include "agent/agentstate.h"
#include "agent/base/base.h"
#include "agent/lineage.h"
#include "agent/owner.h"
#include "proto/pbmem.h"
#include "store/io.h"
#include "tools/jsonout.h"
#include "tools/options.h"
#include "tools/recoverykey.h"
#include "tools/report.h"

enum action { NEW, ADOPT, CERTIFY };

/* ---- what an identity leaves when it goes ---- */

/* The log belongs to the old incarnation: it is kept beside, and nothing is lost that was not sealed. */
static void log_aside(const struct datadir *d, struct buf *out)
{
    char incarnation[UUID_TEXT];
    buf_printf(out, "%s.%s", d->log, uuid_format(&d->identity.incarnation, incarnation));
}

static void key_aside(const struct datadir *d, struct buf *out)
{
    char device[UUID_TEXT];
    buf_printf(out, "%s/device.key.%s", d->root, uuid_format(&d->identity.device, device));
}

/* What is set aside is of another identity, unless its change was killed before there was one. */
static void tell_interrupted(const struct datadir *d)
{
    OWNED(buf) struct buf log = {0};
    OWNED(buf) struct buf key = {0};
    log_aside(d, &log);
    key_aside(d, &key);
    const bool has_key = io_exists(buf_cstring(&key));
    if (has_key || io_exists(buf_cstring(&log)))
        report_warning(
            "pgstrand identity %s was interrupted before there was another identity: run it again (%s is "
            "kept)",
            has_key ? "new" : "new or adopt", buf_cstring(has_key ? &key : &log));
}

/* ---- telling it ---- */

static status print_identity(const struct cli *cli, struct datadir *d, const char *recovery, err *e)
{
    OWNED(json) json_t *o = json_object();
    struct signing_key key;
    err no_key = ERR_INIT;
    bool has_key = datadir_device_key(d, &key, &no_key).ok;
    bool certified = false;

    TRY(owner_is_certified(d, &certified, e));
    jsonout_set(&o, "node", jsonout_uuid(&d->identity.node));
    jsonout_set(&o, "device", jsonout_uuid(&d->identity.device));
    jsonout_set(&o, "device_name", jsonout_text(d->identity.device_name));
    jsonout_set(&o, "incarnation", jsonout_uuid(&d->identity.incarnation));
    jsonout_set(&o, "dataset", jsonout_uuid(&d->identity.dataset));
    jsonout_set(&o, "device_key", has_key ? jsonout_hex(bytes_of(key.public, SIGNING_KEY_LEN)) : json_null());
    jsonout_set(&o, "certified", json_boolean(certified));
    jsonout_set(&o, "taken_over", json_boolean(d->identity.taken_over));
    jsonout_set(&o, "database", jsonout_text(d->identity.database[0] != '\0' ? d->identity.database : NULL));
    jsonout_set(&o, "slot", jsonout_text(d->identity.slot));
    jsonout_set(&o, "publication", jsonout_text(d->identity.publication));
    if (cli->json)
        jsonout_set(&o, "recovery_key", jsonout_text(recovery));
    explicit_bzero(&key, sizeof key);
    if (!has_key)
        report_warning("%s; pgstrand identity new makes another", no_key.message);
    tell_interrupted(d);
    if (!certified)
        report_warning(
            "the recovery key has not certified this device, so no other machine could take the node "
            "over: pgstrand identity certify");
    if (cli->json)
        return jsonout_print(o, JSONOUT_DOCUMENT, e);
    return jsonout_facts(o, stdout, e);
}

/* What changes who this is must not happen under a slot and an agent that go by the old name. */
static status check_idle(struct datadir *d, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    TRY(agentstate_setup(d, &setup, e));
    if (agentstate_life(d) == AGENT_RUNNING)
        return err_set(e, ERR_REFUSED, "the agent is running under this identity: stop it first");
    if (setup != NULL && (setup->slot_made || setup->publication_made))
        return err_set(
            e, ERR_REFUSED,
            "a database is captured under this identity: run pgstrand uninstall --keep-data first, and "
            "pgstrand init afterwards");
    return DONE;
}

static status set_log_aside(struct datadir *d, err *e)
{
    OWNED(buf) struct buf aside = {0};
    log_aside(d, &aside);
    const struct table_list none = {0};
    TRY(base_tidy(d, &none, e));
    TRY(catalog_delete(d->catalog, CATALOG_SETUP, bytes_of(NULL, 0), e));
    if (io_exists(d->log) && !io_exists(buf_cstring(&aside)))
        TRY(io_publish(d->log, buf_cstring(&aside), e));
    return io_make_dir(d->log, e);
}

/* A clone of a machine has its key, too. Interrupted after this, the device has no key, or one that belongs
 * to nobody yet while its own is aside already: `identity new` again. */
static status set_key_aside(const struct datadir *d, err *e)
{
    OWNED(text) char *path = io_join(d->root, "device.key");
    OWNED(buf) struct buf aside = {0};
    if (path == NULL)
        return err_no_memory(e);
    key_aside(d, &aside);
    if (!io_exists(path))
        return DONE;
    return io_exists(buf_cstring(&aside)) ? io_unlink(path, e) : io_publish(path, buf_cstring(&aside), e);
}

static status make_new(struct cli *cli, struct datadir *d, const char *device_name, err *e)
{
    uint8_t secret[SIGNING_KEY_LEN];
    char text[RECOVERYKEY_TEXT];
    uuid dataset = d->identity.dataset;
    bool yes = false;

    TRY(check_idle(d, e));
    TRY(cli_confirm(cli, "This device becomes a new one: another node, another key, a new chain. Go on?",
                    &yes, e));
    if (!yes)
        return err_set(e, ERR_REFUSED, "nothing was changed");
    TRY(set_log_aside(d, e));
    TRY(set_key_aside(d, e));
    TRY(datadir_new_identity(d, &dataset, NULL, device_name, secret, e));
    TRY(print_identity(cli, d, recoverykey_format(secret, text), e));
    if (!cli->json)
        recoverykey_print(secret);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(text, sizeof text);
    return recoverykey_shown(d, e);
}

/* One that an interrupted command has made is shown now. */
static status show(const struct cli *cli, struct datadir *d, err *e)
{
    uint8_t secret[SIGNING_KEY_LEN];
    char text[RECOVERYKEY_TEXT];
    bool found = false;
    TRY(datadir_recovery_unshown(d, secret, &found, e));
    TRY(print_identity(cli, d, found ? recoverykey_format(secret, text) : NULL, e));
    if (!found)
        return DONE;
    if (!cli->json)
        recoverykey_print(secret);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(text, sizeof text);
    return recoverykey_shown(d, e);
}

/* The record of now, under another node and a new incarnation. */
static status take_over(struct datadir *d, const uuid *node, err *e)
{
    PB_OWNED(ProtobufCMessage) *message = NULL;
    char object[64];
    uuid incarnation;
    TRY(catalog_get(d->catalog, CATALOG_IDENTITY, bytes_of(NULL, 0), &message, e));
    if (message == NULL)
        return err_set(e, ERR_STORAGE, "the identity is gone from the catalogue");
    TRY(uuid_random(&incarnation, e));
    datadir_object_name(node, object);
    Pgstrand__IdentityRecord record = *(const Pgstrand__IdentityRecord *)(const void *)message;
    uuid adopted = *node;
    record.node = pbmem_uuid(&adopted);
    record.incarnation = pbmem_uuid(&incarnation);
    record.slot = object;
    record.publication = object;
    record.has_previous_incarnation = 0;
    record.has_device_certificate = 0; /* of the node before */
    record.has_handover = record.has_handover_signature = 0;
    record.system_identifier = NULL;
    record.has_timeline = 0;
    return datadir_set_identity(d, &record, e);
}

static status adopt(struct cli *cli, struct datadir *d, const char *word, err *e)
{
    uuid node;
    bool yes = false;
    TRY(uuid_parse(word, &node, e));
    if (uuid_equal(&node, &d->identity.node))
        return print_identity(cli, d, NULL, e);
    TRY(check_idle(d, e));
    TRY(cli_confirm(cli,
                    "Take over this node? The machine that was it before must not be used as it any more.",
                    &yes, e));
    if (!yes)
        return err_set(e, ERR_REFUSED, "nothing was changed");
    TRY(set_log_aside(d, e));
    TRY(take_over(d, &node, e));
    return print_identity(cli, d, NULL, e);
}

/* ---- certify ---- */

static status read_key(const char *file, uint8_t out[static SIGNING_KEY_LEN], err *e)
{
    bool asked = false;
    if (file != NULL)
        return recoverykey_load(file, out, e);
    TRY(recoverykey_ask("the node's recovery key:", out, &asked, e));
    return asked ? DONE
                 : err_set(
                       e, ERR_REFUSED,
                       "the recovery key that was shown when the node was made is needed: say --recovery-key "
                       "FILE, or - for standard input");
}

/* What is left to do until another machine can take the node over. */
static void say_next(const struct cli *cli, struct datadir *d)
{
    OWNED(chain) struct chain *chain = NULL;
    bool news = true;
    err ignored = ERR_INIT; /* a chain that is damaged is verify's to tell */
    if (lineage_load(d, &chain, &ignored).ok && owner_is_news(d, chain, &news, &ignored).ok && !news)
        return;
    report_note(cli, "the snapshots sealed from now on carry it: pgstrand seal, then pgstrand ship");
}

static status certify(const struct cli *cli, struct datadir *d, const char *file, err *e)
{
    uint8_t secret[SIGNING_KEY_LEN];
    bool certified = false;
    TRY(owner_is_certified(d, &certified, e));
    if (!certified || file != NULL) {
        TRY(read_key(file, secret, e));
        const status done = owner_certify(d, secret, e);
        explicit_bzero(secret, sizeof secret);
        TRY(done);
    }
    TRY(print_identity(cli, d, NULL, e));
    say_next(cli, d);
    return DONE;
}

static status run(struct cli *cli, struct datadir *d, size_t action, const char *device_name,
                  const char *key_file, err *e)
{
    switch (action) {
    case NEW:
        return make_new(cli, d, device_name, e);
    case ADOPT:
        return adopt(cli, d, cli->args[1], e);
    default:
        return certify(cli, d, key_file, e);
    }
}

status cmd_identity(struct cli *cli, err *e)
{
    static const char *const actions[] = {"new", "adopt", "certify"};
    const char *device_name = NULL;
    const char *key_file = NULL;
    const struct option_spec specs[] = {
        {"device-name", OPTION_TEXT, &device_name, "N", "new: the device's name (default: the host's)"},
        {"recovery-key", OPTION_TEXT, &key_file, "FILE",
         "certify: the node's recovery key (-: standard input; default: asked for)"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    size_t action = NEW;

    TRY(options_parse(cli, specs, 2, 0, 2, e));
    if (cli->finished)
        return DONE;
    if (cli->arg_count > 0)
        TRY(options_choice("identity", cli->args[0], actions, 3, &action, e));
    if (cli->arg_count > 0 && cli->arg_count != (action == ADOPT ? 2 : 1))
        return err_set(e, ERR_USAGE, "pgstrand identity %s%s", actions[action],
                       action == ADOPT ? " NODE" : "");
    if (key_file != NULL && action != CERTIFY)
        return err_set(e, ERR_USAGE, "--recovery-key goes with identity certify");
    TRY(cli_open(cli, &d, e));
    return cli->arg_count == 0 ? show(cli, d, e) : run(cli, d, action, device_name, key_file, e);
}
