#include "agent/daemon/pubwatch.h"

#include <stdio.h>
#include <time.h>

#include "agent/pg/pgconn.h"

#define TICK_MS 1000
#define LOOK_EVERY_S 5
#define SILENT_SINCE 180000 /* server version: before, decoding fails by itself */

/* Ends the walsender in the statement that finds the publication gone. */
static const char look_query[] =
    "SELECT pg_catalog.pg_terminate_backend(s.active_pid) FROM pg_catalog.pg_replication_slots s"
    " WHERE s.slot_name = $1 AND s.active AND NOT EXISTS"
    " (SELECT FROM pg_catalog.pg_publication WHERE pubname = $2 AND oid = $3::oid)";

static bool look(struct pubwatch *w, struct pgconn **conn, err *e)
{
    const struct identity *id = &w->data->identity;
    OWNED(pgrows) struct pgrows *rows = NULL;
    char oid[16];
    if (!datadir_load_identity(w->data, e).ok || id->publication_oid == 0)
        return true;
    if (*conn == NULL && !pgconn_open(w->data->config->conninfo, PGCONN_QUERY, conn, e).ok)
        return false;
    if (pgconn_server_version(*conn) < SILENT_SINCE)
        return true;
    (void)snprintf(oid, sizeof oid, "%u", id->publication_oid);
    const char *const params[] = {id->slot, id->publication, oid};
    return pgconn_query(*conn, look_query, 3, params, &rows, e).ok;
}

static void *run(void *context)
{
    struct pubwatch *w = context;
    struct pgconn *conn = NULL;
    time_t looked = 0;
    while (!board_wait(w->board, TICK_MS)) {
        struct board_facts facts;
        struct timespec now;
        err e = ERR_INIT; /* of the connection: capture says what there is to say about the server */
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        board_facts(w->board, &facts);
        const bool due = facts.connected && now.tv_sec - looked >= LOOK_EVERY_S;
        if (due)
            looked = now.tv_sec;
        if (!facts.connected || (due && !look(w, &conn, &e))) {
            pgconn_close(conn);
            conn = NULL;
        }
    }
    pgconn_close(conn);
    return NULL;
}

status pubwatch_start(struct pubwatch *w, err *e)
{
    const int code = pthread_create(&w->thread, NULL, run, w);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    w->started = true;
    return DONE;
}

void pubwatch_join(struct pubwatch *w)
{
    if (!w->started)
        return;
    (void)pthread_join(w->thread, NULL);
    w->started = false;
}
