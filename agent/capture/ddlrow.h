/*
 * ddlrow: a row that the event trigger inserted into pgstrand.ddl becomes an ACTION_DDL, and its transaction
 * one that changes the schema. Columns are found by name: `tag`, `objects`, and the key `txid` and `lsn`;
 * others are not looked at.
 */
#ifndef PGSTRAND_DDLROW_H
#define PGSTRAND_DDLROW_H

#include "agent/capture/transaction.h"

MUST_CHECK status ddlrow_apply(struct transaction *t, const struct relation *shape, struct bytes row, err *e);

#endif
