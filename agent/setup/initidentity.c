#include <stdlib.h>
#include <string.h>

#include "agent/setup/initrun.h"
#include "store/io.h"

static status load(struct datadir *d, Pgstrand__IdentityRecord **out, err *e)
{
    ProtobufCMessage *record = NULL;
    TRY(catalog_get(d->catalog, CATALOG_IDENTITY, bytes_of(NULL, 0), &record, e));
    if (record == NULL)
        return err_set(e, ERR_STORAGE, "the catalogue in %s has lost its identity", d->root);
    *out = (Pgstrand__IdentityRecord *)(void *)record;
    return DONE;
}

static status set_text(char **field, const char *text, err *e)
{
    free(*field);
    *field = strdup(text);
    return *field != NULL ? DONE : err_no_memory(e);
}

/* The server of a node that was taken over is bound when its new incarnation begins: until then the chain's
 * tables are told by their names, not by the OIDs of another server. */
static status bind(struct init_run *run, err *e)
{
    const struct server_facts *server = &run->preflight->server;
    PB_OWNED(Pgstrand__IdentityRecord) *record = NULL;
    TRY(load(run->d, &record, e));
    TRY(set_text(&record->database, pgconn_database(run->conn), e));
    if (run->options->device_name != NULL && *run->options->device_name != '\0')
        TRY(set_text(&record->device_name, run->options->device_name, e));
    if (initheir_is_due(run))
        return datadir_set_identity(run->d, record, e);
    TRY(set_text(&record->system_identifier, server->system_identifier, e));
    record->has_timeline = 1;
    record->timeline = server->timeline;
    return datadir_set_identity(run->d, record, e);
}

/* An identity captures one database of one cluster. */
static status check_bound(const struct init_run *run, err *e)
{
    const struct identity *id = &run->d->identity;
    if (id->system_identifier[0] == '\0')
        return DONE;
    if (strcmp(id->system_identifier, run->preflight->server.system_identifier) == 0 &&
        strcmp(id->database, pgconn_database(run->conn)) == 0)
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "the data directory %s belongs to database %s of the cluster with system identifier %s, not to "
        "database %s of %s: name another directory with --data",
        run->d->root, id->database, id->system_identifier, pgconn_database(run->conn),
        run->preflight->server.system_identifier);
}

static status check_dataset(const struct init_run *run, err *e)
{
    char have[UUID_TEXT], wanted[UUID_TEXT];
    if (run->options->dataset == NULL || uuid_equal(run->options->dataset, &run->d->identity.dataset))
        return DONE;
    return err_set(e, ERR_VALIDATION,
                   "the data directory %s has dataset %s, not %s: leave --dataset out or name another "
                   "directory with --data",
                   run->d->root, uuid_format(&run->d->identity.dataset, have),
                   uuid_format(run->options->dataset, wanted));
}

status initidentity_check(const struct init_run *run, err *e)
{
    TRY(check_bound(run, e));
    return check_dataset(run, e);
}

/* Until then a re-run may give it another name (bind). */
status initidentity_check_complete(const struct init_run *run, err *e)
{
    const char *name = run->options->device_name;
    TRY(initidentity_check(run, e));
    if (name == NULL || strcmp(name, run->d->identity.device_name) == 0)
        return DONE;
    return err_set(e, ERR_VALIDATION,
                   "the data directory %s is of device \"%s\", not \"%s\": leave --device-name out",
                   run->d->root, run->d->identity.device_name, name);
}

/* After an uninstall that kept the data its chain is closed: its slot is gone, so nothing can follow on it.
 */
static status check_chain(const struct init_run *run, err *e)
{
    PB_OWNED(ProtobufCMessage) *first = NULL;
    struct catalog_key key = catalog_key_snapshot(&run->d->identity.incarnation, 0);
    TRY(catalog_get(run->d->catalog, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &first, e));
    if (first == NULL || run->record->slot_made || initheir_is_due(run))
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "the data directory %s holds a chain whose capture was uninstalled: keep it for restores and name a "
        "new directory with --data",
        run->d->root);
}

static status write_conf(struct init_run *run, err *e)
{
    OWNED(text) char *conninfo = NULL;
    OWNED(text) char *path = io_join(run->d->root, "pgstrand.conf");
    OWNED(buf) struct buf text = {0};
    struct config *config = run->d->config;
    if (path == NULL)
        return err_no_memory(e);
    TRY(pgconn_stored_conninfo(run->conn, run->options->conninfo, &conninfo, e));
    if (pgconn_has_password(run->options->conninfo))
        run->progress->say(
            run->progress->context,
            "the connection string's password is not stored: put it into ~/.pgpass or PGPASSFILE for "
            "the agent");
    bool same = config->conninfo != NULL && strcmp(config->conninfo, conninfo) == 0;
    if (same && io_exists(path) && strcmp(path, run->d->conf) == 0)
        return DONE;
    free(config->conninfo);
    config->conninfo = conninfo;
    conninfo = NULL;
    TRY(config_format(config, &text, e));
    return io_store(path, buf_view(&text), e);
}

status initidentity_settle(struct init_run *run, struct init_result *out, err *e)
{
    if (!run->d->has_identity) {
        TRY(datadir_new_identity(run->d, run->options->dataset, NULL, run->options->device_name,
                                 out->recovery_secret, e));
        out->made_identity = true;
    }
    TRY(initidentity_check(run, e));
    TRY(check_chain(run, e));
    if (initheir_is_due(run))
        TRY(initheir_check(run, e));
    TRY(bind(run, e));
    return write_conf(run, e);
}

status initidentity_publication(struct init_run *run, uint32_t oid, err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *record = NULL;
    TRY(catalog_get(run->d->catalog, CATALOG_IDENTITY, (struct bytes){0},
                    (ProtobufCMessage **)(void *)&record, e));
    if (record == NULL)
        return err_set(e, ERR_STORAGE, "the catalogue in %s has lost its identity", run->d->root);
    record->has_publication_oid = true;
    record->publication_oid = oid;
    return datadir_set_identity(run->d, record, e);
}
