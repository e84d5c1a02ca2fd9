/*
 * chainconf: the configuration that travels in a chain (its CONFIG section): the tier rules of the node it
 * came from.
 */
#ifndef PGSTRAND_CHAINCONF_H
#define PGSTRAND_CHAINCONF_H

#include "agent/config.h"
#include "agent/restore/job.h"

/* The base's; all defaults when it has none. Free with config_free. */
MUST_CHECK status chainconf_load(const struct job *job, struct config **out, err *e);

#endif
