/*
 * initrun: one run of init, for the files that make it up.
 */
#ifndef PGSTRAND_INITRUN_H
#define PGSTRAND_INITRUN_H

#include "agent/setup/objects.h"
#include "agent/setup/setup.h"
#include "agent/setup/setuprecord.h"

struct init_run {
    struct datadir *d;
    const struct init_options *options;
    const struct preflight *preflight;
    const struct progress *progress;
    Pgstrand__SetupRecord *record;
    struct pgconn *conn;
    enum objects_mode mode;
};

/* The identity is not another database's, and not of another dataset than the one that was asked for. */
MUST_CHECK status initidentity_check(const struct init_run *run, err *e);
/* The same once init is complete: then the device keeps its name, too. */
MUST_CHECK status initidentity_check_complete(const struct init_run *run, err *e);

/* The identity exists, is bound to this database, and the configuration leads to it. */
MUST_CHECK status initidentity_settle(struct init_run *run, struct init_result *out, err *e);

/* The publication that the base is taken behind: another one of its name has missed changes. */
MUST_CHECK status initidentity_publication(struct init_run *run, uint32_t oid, err *e);

/* A node that was taken over (agent/restore/takeover.h): is its new incarnation still to be begun? */
bool initheir_is_due(const struct init_run *run);
/* ERR_REFUSED: the database has nothing to do with the node, whose rows would be sealed as deleted. */
MUST_CHECK status initheir_check(const struct init_run *run, err *e);
/* Begins it, instead of a base: the restored database is compared with the chain, whose next link is what
 * differs (agent/heal). */
MUST_CHECK status initheir_run(struct init_run *run, struct init_result *out, err *e);

/* setup_uninstall without asking whether an agent runs. */
MUST_CHECK status inituninstall(struct datadir *d, const char *conninfo, const struct progress *progress,
                                err *e);

/* The slot, the table bases under a snapshot, the FULL. */
MUST_CHECK status initbase_run(struct init_run *run, struct init_result *out, err *e);

#endif
