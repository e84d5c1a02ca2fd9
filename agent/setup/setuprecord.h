/*
 * setuprecord: the one SetupRecord of the catalogue: where init stands.
 */
#ifndef PGSTRAND_SETUPRECORD_H
#define PGSTRAND_SETUPRECORD_H

#include "agent/datadir.h"

/* An empty one when there is none. Free with pbmem_free. */
MUST_CHECK status setuprecord_load(struct datadir *d, Pgstrand__SetupRecord **out, err *e);
/* Durable when it returns. */
MUST_CHECK status setuprecord_save(struct datadir *d, const Pgstrand__SetupRecord *record, err *e);
/* Init has never run here, as far as the catalogue knows. */
MUST_CHECK status setuprecord_forget(struct datadir *d, err *e);

/* Adds a table to identity_full unless it is there. */
MUST_CHECK status setuprecord_add_full(Pgstrand__SetupRecord *record, const char *quoted_name, err *e);

#endif
