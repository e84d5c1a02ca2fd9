/*
 * restoreview: what a restore did, or would do, for people and scripts.
 */
#ifndef PGSTRAND_RESTOREVIEW_H
#define PGSTRAND_RESTOREVIEW_H

#include "agent/restore/restore.h"

/* The rows that a dry run tells of: printed at once, or kept for the document. */
struct restoreview {
    bool json;
    struct json_t *rows;
};
void restoreview_fini(struct restoreview *v);
OWN_VALUE(restoreview, restoreview_fini);

/* restore_request's diff_row; `context` is the view. */
MUST_CHECK status restoreview_row(void *context, const char *table, const char *kind, const char *old,
                                  const char *new, err *e);

/* {snapshot, seq, same_device, rows, actions, skipped[], warnings[], orphans[], tables[{table, tier, rows,
 * entities, digest, proven}], entities}; of a plan: tables with base_rows and actions, "dry_run": true; of
 * merges and plans: tables with added, changed, removed, newer, conflicts; with --diff: diff[{table, kind,
 * old, new}]. */
MUST_CHECK status restoreview_json(const struct restoreview *v, const struct restore_result *r,
                                   const struct restore_request *request, err *e);

MUST_CHECK status restoreview_text(const struct restore_result *r, const struct restore_request *request,
                                   double seconds, err *e);

/* Of a workflow that was gone on with: its request is not at hand. */
MUST_CHECK status restoreview_resumed(const struct restore_result *r, err *e);

#endif
