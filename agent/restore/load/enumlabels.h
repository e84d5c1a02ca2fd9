/*
 * enumlabels: labels of enum types that the chain's schema has and the target lacks. ALTER TYPE ... ADD VALUE
 * cannot share a transaction with rows that use the label, so a restore into existing tables does not do it.
 */
#ifndef PGSTRAND_ENUMLABELS_H
#define PGSTRAND_ENUMLABELS_H

#include <snapshot.pb-c.h>

#include "agent/pg/pgconn.h"

/* ERR_SCHEMA with the statement that is to be run first. */
MUST_CHECK status enumlabels_check(const Pgstrand__Schema *schema, struct pgconn *c, err *e);

#endif
