#include "agent/daemon/pubwatch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/daemon/report.h"
#include "agent/pg/pgconn.h"
#include "agent/pg/server.h"

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

/* Said long before the slot is lost: in the journal, and to systemd. */
static void look_at_limit(struct pubwatch *w, struct pgconn *c, const struct board_facts *facts)
{
    struct slot_facts slot;
    char near[sizeof facts->near] = "";
    err e = ERR_INIT; /* of the connection, as below */
    if (!server_slot(c, w->data->identity.slot, &slot, &e).ok)
        return;
    if (server_slot_is_near(&slot))
        (void)snprintf(
            near, sizeof near,
            "replication slot %s is near its WAL limit: it holds %lld MB and is lost after %lld MB more",
            w->data->identity.slot, (long long)(slot.retained_bytes >> 20),
            (long long)(slot.safe_wal_size > 0 ? slot.safe_wal_size >> 20 : 0));
    if (near[0] != '\0' && facts->near[0] == '\0')
        report_line(REPORT_PROBLEM, "%s; let the agent catch up or raise max_slot_wal_keep_size", near);
    if (strcmp(near, facts->near) != 0)
        board_near(w->board, near);
}

static bool look_if_due(struct pubwatch *w, struct pgconn **conn, const struct board_facts *facts, time_t now)
{
    err e = ERR_INIT; /* of the connection: capture says what there is to say about the server */
    if (now - w->looked < LOOK_EVERY_S)
        return true;
    w->looked = now;
    if (facts->connected && !look(w, conn, &e))
        return false;
    if (*conn == NULL && !pgconn_open(w->data->config->conninfo, PGCONN_QUERY, conn, &e).ok)
        return false;
    look_at_limit(w, *conn, facts);
    return true;
}

static void *run(void *context)
{
    struct pubwatch *w = context;
    struct pgconn *conn = NULL;
    while (!board_wait(w->board, TICK_MS)) {
        struct board_facts facts;
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        board_facts(w->board, &facts);
        if (!look_if_due(w, &conn, &facts, now.tv_sec) || !facts.connected) {
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
