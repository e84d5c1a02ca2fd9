/*
 * actionview: one entry of the log for people (a line) and for scripts (a JSON object).
 *
 * Ownership: borrows the entry.
 */
#ifndef PGSTRAND_ACTIONVIEW_H
#define PGSTRAND_ACTIONVIEW_H

#include <jansson.h>

#include "proto/action.h"
#include "proto/base/uuid.h"
#include "proto/relation.h"

/* An action, from the log or a sealed snapshot. */
struct actionview_entry {
    uint64_t seq;
    uuid id;
    const struct action *action;
    const struct commit *commit;
    const struct relation *relation; /* NULL for TRUNCATE, DDL and MESSAGE */
    /* The relations that a TRUNCATE names. */
    status (*find)(void *context, uint32_t version, const struct relation **out, err *e);
    void *context;
};

/* {seq, uuid, kind, table, entity, old, new, lsn, xid, time, user, session}, with "unchanged" when columns of
 * unchanged TOAST are left out of new; TRUNCATE has "tables", DDL and MESSAGE "prefix" and "content". NULL
 * only when memory is out. */
MUST_CHECK status actionview_json(const struct actionview_entry *entry, const uuid *dataset, json_t **out,
                                  err *e);

/* "     42  2026-11-22 01:02:03  UPDATE  public.orders id=7  status: new -> paid", without a line end.
 * `room`: bytes of values at most. */
MUST_CHECK status actionview_line(const struct actionview_entry *entry, size_t room, struct buf *out, err *e);

/* A row (TupleData) as an object by column name; names of columns whose value is not told are appended to
 * *unchanged. `keys_only`: an old key, whose other columns hold nothing. */
MUST_CHECK status actionview_row(const struct relation *rel, struct bytes raw, bool keys_only,
                                 json_t **unchanged, json_t **out, err *e);

/* "schema.name" */
json_t *actionview_table(const struct relation *rel);

#endif
