/*
 * restoreview: what a restore did, or would do, for people and scripts.
 */
#ifndef PGSTRAND_RESTOREVIEW_H
#define PGSTRAND_RESTOREVIEW_H

#include "agent/restore/restore.h"

/* {snapshot, seq, same_device, rows, actions, skipped[], warnings[], tables[{table, tier, rows, digest,
 * proven}]}; of a plan: tables with base_rows and actions, "dry_run": true. */
MUST_CHECK status restoreview_json(const struct restore_result *r, bool dry_run, err *e);

MUST_CHECK status restoreview_text(const struct restore_result *r, bool dry_run, double seconds, err *e);

#endif
