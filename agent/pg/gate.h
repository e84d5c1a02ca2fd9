/*
 * gate: keeps changes of the schema out for the moment of one dump, when dumps without it were torn again and
 * again. The event trigger on ddl_command_start (setup/triggers.sql) passes it with a shared lock that lasts
 * until its transaction ends; a closed gate is that lock, exclusive.
 *
 * Both sides have short timeouts: an application waits three seconds at most and then goes on, so a dump
 * under a closed gate can still be torn and is looked at like any other. Without the triggers the gate keeps
 * nobody out.
 *
 * Ownership: gate_close -> caller -> gate_open (idempotent; also at scope end with OWNED). Threads: one at a
 * time.
 */
#ifndef PGSTRAND_GATE_H
#define PGSTRAND_GATE_H

#include "agent/pg/pgconn.h"

#define GATE_PATIENCE "2s" /* how long the agent waits for transactions that have passed the gate */

struct gate {
    struct pgconn *conn; /* whose session holds the lock; NULL: the gate is open */
};
void gate_open(struct gate *g);
OWN_VALUE(gate, gate_open);

/* When a transaction that has passed does not end in time the gate stays open (conn NULL): that is no
 * failure. */
MUST_CHECK status gate_close(const char *conninfo, const char *database, struct gate *out, err *e);

#endif
