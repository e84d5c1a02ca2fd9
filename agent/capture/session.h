/*
 * session: one connection's life: open the log, check the server, stream until it ends.
 *
 * Everything that belongs to a connection (relations, spools, a transaction half received) ends with it; the
 * next session starts from the log's position.
 */
#ifndef PGSTRAND_SESSION_H
#define PGSTRAND_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/capture/capture.h"
#include "agent/capture/exchange.h"
#include "agent/tablebook.h"

struct capture {
    struct datadir *data;
    char *conninfo;
    struct capture_observer observer;
    struct tablebook *book;
    lsn slot_lsn;  /* the slot's consistent point: where a new log begins */
    bool ddl_rows; /* the event trigger is there */

    atomic_bool stop;
    int stop_event;
    _Atomic uint64_t trim_through;
    _Atomic lsn received;
    _Atomic lsn server_end;
    uint64_t bytes;     /* appended by sessions that ended */
    bool connected;     /* in this session */
    bool stuck;         /* the server failed over a change, */
    uint64_t stuck_seq; /* and nothing came after this */
    enum capture_loss loss;

    pthread_mutex_t lock;
    struct exchange *exchange; /* of the running session, for capture_trim; under lock */
};

/* Until capture_stop (DONE) or a failure, which the caller judges. A full disk is waited out here, with the
 * connection kept alive; then it fails with that error all the same, to begin anew. */
MUST_CHECK status session_run(struct capture *c, err *e);

#endif
