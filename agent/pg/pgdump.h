/*
 * pgdump: pg_dump and pg_restore as programs: the schema of a database under an exported snapshot, as SQL
 * text in two sections.
 *
 * Left out: the schema pgstrand, publications and event triggers named pgstrand_*, and what can hold a
 * password: user mappings; subscriptions are there without it (subscriptions.h). What the programs exchange
 * lies in memory (scratch.h).
 */
#ifndef PGSTRAND_PGDUMP_H
#define PGSTRAND_PGDUMP_H

#include "agent/pg/pgconn.h"
#include "proto/base/buf.h"

/* `c`: a connection that holds the snapshot `snapshot`. The texts are appended. */
MUST_CHECK status pgdump_sections(struct pgconn *c, const char *conninfo, const char *snapshot,
                                  struct buf *pre_data, struct buf *post_data, err *e);

/* The folder of a pg_dump and pg_restore whose major is not older than the server's: malloc'ed. ERR_SCHEMA
 * saying what to install when there is none. */
MUST_CHECK status pgdump_find(int server_version, char **folder, err *e);

/* Takes the lines "\restrict KEY" and "\unrestrict KEY" out of a dump's text: they are psql's, not SQL. */
void pgdump_strip_meta(struct buf *text);

/* Appends the entries of `list` (pg_restore -l) that are to be restored: comments and the entries whose
 * "tableoid oid" is among `excluded` (lines of such pairs), and those that can hold a password, are left out.
 */
void pgdump_filter_list(struct bytes list, const char *excluded, struct buf *out);

#endif
