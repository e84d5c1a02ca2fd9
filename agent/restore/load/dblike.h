/*
 * dblike: a new database that is, as a database, what another one is: encoding, locale, owner, tablespace,
 * privileges, settings. What is in the other one does not come.
 *
 * `model` is a connection to the other one, whose role is to make the new one. Threads: one.
 */
#ifndef PGSTRAND_DBLIKE_H
#define PGSTRAND_DBLIKE_H

#include "agent/pg/pgconn.h"
#include "proto/base/buf.h"

/* ERR_SCHEMA when the role may not make one: it lacks CREATEDB, what the owner may or the right to
 * be it, or CREATE on the tablespace. */
MUST_CHECK status dblike_check(struct pgconn *model, err *e);

/* Appends CREATE DATABASE, from template0. */
MUST_CHECK status dblike_command(struct pgconn *model, const char *name, struct buf *out, err *e);

/* Gives what was made privileges and settings. `admin` is a connection to any database of the server. */
MUST_CHECK status dblike_dress(struct pgconn *model, struct pgconn *admin, const char *name, err *e);

#endif
