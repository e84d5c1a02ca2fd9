#include "agent/daemon/caretaker.h"

#include <time.h>

#include "agent/daemon/report.h"
#include "agent/daemon/unseen.h"
#include "agent/seal/schemaversion.h"
#include "agent/setup/tend.h"
#include "agent/setup/uncaptured.h"

#define TICK_MS 1000
#define LOOK_MS 300000 /* when nothing happens */
#define SOON_MS 3000   /* after a change of the schema; what is locked now is tried again then */

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Into the log; without triggers, into the catalogue. */
static status record(struct caretaker *k, struct pgconn *c, const char *tag, const char *what, err *e)
{
    const struct capture_observer observer = board_observer(k->board);
    struct board_facts facts;
    if (k->triggers)
        return unseen_record(c, tag, e);
    board_facts(k->board, &facts);
    observer.schema_changed(observer.context, facts.last_seq, facts.durable, what);
    return DONE;
}

/* Rules are read at the start alone. A table that goes to another tier has its earlier rows in the wrong one.
 */
static status compare_tiers(struct caretaker *k, struct pgconn *c, err *e)
{
    bool changed = false;
    TRY(schemaversion_tiers_changed(k->data, c, &changed, e));
    if (!changed)
        return DONE;
    report_line(REPORT_EVENT,
                "the configuration gives tables other tiers than they had: it holds from here on, "
                "and they get a base of their own");
    return record(k, c, UNSEEN_TIERS, "tiers changed in the configuration", e);
}

static status compare(struct caretaker *k, struct pgconn *c, int64_t now, err *e)
{
    bool changed = false;
    k->compare_at = now + (int64_t)k->data->config->schema_check * 1000;
    if (!unseen_look(k->data, c, &changed, e).ok) {
        if (e->class != ERR_TIMEOUT) /* DDL all the time: then every dump is a new one anyway */
            return FAILED;
        *e = ERR_INIT;
        return DONE;
    }
    if (!changed)
        return DONE;
    report_line(REPORT_EVENT,
                "the schema is another than it was, and nothing recorded why: it is taken again");
    return record(k, c, UNSEEN_SCHEMA, "found by comparing the schema", e);
}

static status look(struct caretaker *k, int64_t now, char *lacks, size_t size, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    const struct config *config = k->data->config;
    size_t left = 0;
    TRY(pgconn_open(config->conninfo, PGCONN_QUERY, &c, e));
    if (!k->ruled) {
        TRY(tend_rules(c, config->tiers, e));
        TRY(compare_tiers(k, c, e));
    }
    k->ruled = true;
    TRY(tend_identities(c, config->tiers, &report_progress, &left, e));
    TRY(uncaptured_tell(c, k->data, &report_events, e));
    TRY(tend_lacks(c, k->triggers, k->data->identity.publication, lacks, size, e));
    if (k->data->config->schema_check > 0 && now >= k->compare_at)
        TRY(compare(k, c, now, e));
    k->look_at = now + (left > 0 ? SOON_MS : LOOK_MS);
    if (k->data->config->schema_check > 0 && k->compare_at < k->look_at)
        k->look_at = k->compare_at;
    return DONE;
}

static void look_if_due(struct caretaker *k)
{
    err e = ERR_INIT;
    char lacks[ERR_TEXT] = "";
    struct board_facts facts;
    const int64_t now = now_ms();
    board_facts(k->board, &facts);
    if (facts.breaks != k->breaks_seen) {
        k->breaks_seen = facts.breaks;
        if (k->look_at > now + SOON_MS)
            k->look_at = now + SOON_MS;
    }
    if (facts.tables != k->tables_seen) { /* an application may make them all the time */
        const int64_t rested = k->looked_at + SOON_MS;
        const int64_t at = rested > now + TICK_MS ? rested : now + TICK_MS;
        k->tables_seen = facts.tables;
        if (k->look_at > at)
            k->look_at = at;
    }
    if (!facts.connected || now < k->look_at)
        return;
    k->looked_at = now;
    k->look_at = now + LOOK_MS;
    if (!look(k, now, lacks, sizeof lacks, &e).ok) {
        if (!k->failed) /* what came would not be looked at for long; again and again it is no use */
            k->look_at = now + SOON_MS;
        k->failed = true;
        report_line(REPORT_PROBLEM, "cannot look after the database: %s", e.message);
        return;
    }
    k->failed = false;
    if (lacks[0] != '\0' && strcmp(lacks, facts.lacks) != 0)
        report_line(REPORT_PROBLEM, "%s", lacks);
    board_lacks(k->board, lacks);
}

static void *run(void *context)
{
    struct caretaker *k = context;
    while (!board_wait(k->board, TICK_MS))
        look_if_due(k);
    return NULL;
}

status caretaker_start(struct caretaker *k, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    TRY(catalog_get(k->data->catalog, CATALOG_SETUP, (struct bytes){0}, (ProtobufCMessage **)(void *)&setup,
                    e));
    k->triggers = setup != NULL && setup->event_trigger;
    /* The first comparison is not part of starting: it would slow a machine that boots. */
    k->compare_at = now_ms() + LOOK_MS;
    if ((int64_t)k->data->config->schema_check * 1000 < LOOK_MS)
        k->compare_at = now_ms();
    const int code = pthread_create(&k->thread, NULL, run, k);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    k->started = true;
    return DONE;
}

bool caretaker_join(struct caretaker *k, int seconds)
{
    struct timespec until;
    if (!k->started)
        return true;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    if (pthread_timedjoin_np(k->thread, NULL, &until) != 0)
        return false;
    k->started = false;
    return true;
}
