/*
 * snapview: snapshots for people and scripts, from their commits.
 */
#ifndef PGSTRAND_SNAPVIEW_H
#define PGSTRAND_SNAPVIEW_H

#include <jansson.h>

#include "proto/base/pgtime.h"
#include "store/catalog.h"
#include "store/snapreader.h"

/* "full", "incremental", "differential" */
const char *snapview_type(Pgstrand__SnapshotType type);

/* Rows and actions of all its sections. */
uint64_t snapview_rows(const Pgstrand__SnapshotCommit *commit);
uint64_t snapview_actions(const Pgstrand__SnapshotCommit *commit);

/* {uuid, number, parent, base, type, name, first_seq, last_seq, time, size, rows, actions, verified} and the
 * rest of its metadata. `verified`: the time a restore of it was last compared and equal; NULL: never. */
json_t *snapview_json(const Pgstrand__SnapshotCommit *commit, const pgtime *verified);

/* The time above for one snapshot of an incarnation, from the catalogue; *found false: never. */
MUST_CHECK status snapview_verified(struct catalog *c, const Pgstrand__SnapshotCommit *commit, pgtime *out,
                                    bool *found, err *e);

#endif
