/*
 * restorejob: a restore's request as the catalogue keeps it, so that another process can go on with it.
 *
 * The connection string is kept without its password: passwords come from libpq's own places (PGPASSFILE,
 * ~/.pgpass).
 */
#ifndef PGSTRAND_RESTOREJOB_H
#define PGSTRAND_RESTOREJOB_H

#include "agent/restore/load/rolemap.h"
#include "agent/restore/restore.h"

/* Owned; freed by pbmem_free. */
MUST_CHECK status restorejob_pack(const struct restore_request *request, Pgstrand__RestoreJob **out, err *e);

/* The request again. It borrows from the job and from this. */
struct restorejob {
    struct restore_request request;
    uuid node, incarnation;
    struct role_pair *role;
};
void restorejob_fini(struct restorejob *j);
OWN_VALUE(restorejob, restorejob_fini);
MUST_CHECK status restorejob_unpack(const Pgstrand__RestoreJob *job, struct restorejob *out, err *e);

#endif
