#include <time.h>

#include "agent/setup/initrun.h"
#include "agent/setup/replident.h"
#include "agent/setup/wallimit.h"
#include "store/io.h"

#define RELEASE_TURNS 100 /* of 100 ms: until the server has noticed that an agent was killed */

static status wait_for_slot(struct pgconn *c, const char *name, struct slot_facts *slot, err *e)
{
    const struct timespec pause = {0, 100 * 1000000L};
    TRY(server_slot(c, name, slot, e));
    for (int turn = 0; slot->active && turn < RELEASE_TURNS; turn++) {
        (void)nanosleep(&pause, NULL);
        TRY(server_slot(c, name, slot, e));
    }
    return DONE;
}

static status drop_slot(struct pgconn *c, const char *name, err *e)
{
    struct slot_facts slot;
    const char *const params[] = {name};
    OWNED(pgrows) struct pgrows *rows = NULL;
    if (name[0] == '\0')
        return DONE;
    TRY(wait_for_slot(c, name, &slot, e));
    if (slot.state == SLOT_ABSENT)
        return DONE;
    if (slot.active)
        return err_set(e, ERR_REFUSED,
                       "replication slot %s is in use by process %d of the server: stop pgstrand-agent first",
                       name, slot.active_pid);
    return pgconn_query(c, "SELECT pg_catalog.pg_drop_replication_slot($1)", 1, params, &rows, e);
}

/* The slot first: what is published afterwards must not be waited for. The publication before the identities:
 * a published table without one makes the application's UPDATE fail. */
static status undo(struct datadir *d, struct pgconn *c, const Pgstrand__SetupRecord *record,
                   const struct progress *progress, err *e)
{
    char node[UUID_TEXT];
    bool ours = false;
    (void)uuid_format(&d->identity.node, node);
    TRY(objects_are_ours(c, node, &ours, e));
    TRY(drop_slot(c, d->identity.slot, e));
    TRY(objects_retract(c, node, d->identity.publication, e));
    TRY(replident_restore(c, record, ours, progress, e));
    TRY(objects_drop_schema(c, node, e));
    return wallimit_undo(c, record, progress, e);
}

status inituninstall(struct datadir *d, const char *conninfo, const struct progress *progress, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *record = NULL;
    OWNED(pgconn) struct pgconn *c = NULL;
    TRY(setuprecord_load(d, &record, e));
    TRY(pgconn_open(conninfo != NULL ? conninfo : d->config->conninfo, PGCONN_QUERY, &c, e));
    TRY(undo(d, c, record, progress, e));
    return setuprecord_forget(d, e);
}

status setup_uninstall(struct datadir *d, const char *conninfo, const struct progress *progress, err *e)
{
    OWNED(text) char *lock_path = io_join(d->root, "agent.lock");
    OWNED(io_lock) struct io_lock *lock = NULL;

    if (!d->has_identity || (datadir_awaits_init(d) && d->identity.database[0] == '\0'))
        return DONE; /* init never came so far as to change anything; a slot of the node's name is the old
                        machine's */
    if (lock_path == NULL)
        return err_no_memory(e);
    if (!io_lock(lock_path, false, &lock, e).ok)
        return err_wrap(e, "pgstrand-agent is at work in %s: stop it first", d->root);
    return inituninstall(d, conninfo, progress, e);
}
