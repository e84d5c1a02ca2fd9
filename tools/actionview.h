/*
 * actionview: one entry of the log for people (a line) and for scripts (a JSON object).
 *
 * Ownership: borrows the entry.
 */
#ifndef PGSTRAND_ACTIONVIEW_H
#define PGSTRAND_ACTIONVIEW_H

#include <jansson.h>

#include "store/actionlog.h"

/* The entity an action is about: by its new row, or its old one when there is no new one. *found false for
 * actions without a row. `previous` (may be NULL): by the old key when that differs, else nil. */
MUST_CHECK status actionview_entity(const struct log_entry *entry, const uuid *dataset, uuid *out,
                                    uuid *previous, bool *found, err *e);

/* {seq, uuid, kind, table, entity, old, new, lsn, xid, time, user, session}, with "unchanged" when columns of
 * unchanged TOAST are left out of new; TRUNCATE has "tables", DDL and MESSAGE "prefix" and "content". NULL
 * only when memory is out. */
MUST_CHECK status actionview_json(struct logreader *log, const struct log_entry *entry, const uuid *dataset,
                                  json_t **out, err *e);

/* "     42  2026-11-22 01:02:03  UPDATE  public.orders id=7  status: new -> paid", without a line end.
 * `room`: bytes of values at most. */
MUST_CHECK status actionview_line(struct logreader *log, const struct log_entry *entry, size_t room,
                                  struct buf *out, err *e);

#endif
