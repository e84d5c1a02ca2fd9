#include "agent/daemon/healer.h"

#include <stdio.h>

#include "agent/daemon/report.h"
#include "agent/heal/heal.h"
#include "agent/heal/healrecord.h"
#include "agent/machine.h"
#include "store/io.h"

/* Between two tries; doubled each time. */
#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 30000

status healer_settle(struct datadir *d, err *e)
{
    struct healrecord_settled settled;
    TRY(healrecord_settle(d, &settled, e));
    if (settled.finished)
        report_line(REPORT_EVENT, "the new incarnation that was begun when the agent ended is finished");
    return DONE;
}

static bool is_stopping(void *capture)
{
    return capture_pause(capture, 0);
}

static void report_healed(const struct heal_result *r)
{
    char id[UUID_TEXT];
    report_line(
        REPORT_EVENT,
        "incarnation %s goes on at seq %llu: %llu tables compared, %llu differed, %llu actions make up "
        "for it",
        uuid_format(&r->incarnation, id), (unsigned long long)r->seq, (unsigned long long)r->tables,
        (unsigned long long)r->differ, (unsigned long long)r->changes);
    if (r->broken)
        report_line(REPORT_EVENT, "a new FULL follows: %s", r->reason);
}

static status heal_once(struct datadir *d, struct capture *c, struct board *b, const char *why, err *e)
{
    struct heal_result result;
    struct healrecord_settled settled;
    struct progress progress = report_progress;
    progress.context = c;
    progress.stopped = is_stopping;
    /* The log may have been switched by a try that then could not write the catalogue. */
    TRY(healrecord_settle(d, &settled, e));
    if (settled.finished) {
        report_line(REPORT_EVENT, "the new incarnation that was begun before is finished");
        board_recorded(b, settled.broken ? 1 : 0);
        return DONE;
    }
    TRY(heal_run(d, d->config->conninfo, why, &progress, &result, e));
    report_healed(&result);
    board_recorded(b, result.broken ? 1 : 0);
    return DONE;
}

/* Damage of our own does not pass by waiting. */
static bool may_pass(const err *e)
{
    return err_is_transient(e) || e->origin == FROM_LIBPQ || io_is_full(e) || e->class == ERR_INTERRUPTED ||
           e->class == ERR_REFUSED || e->class == ERR_SCHEMA || e->class == ERR_VALIDATION;
}

static void show(struct board *b, const char *why, const err *failed)
{
    char line[2 * ERR_TEXT];
    struct board_facts facts;
    if (failed == NULL)
        (void)snprintf(line, sizeof line, "%s; a new incarnation is being begun", why);
    else
        (void)snprintf(line, sizeof line, "%.400s; a new incarnation cannot be begun yet: %s", why,
                       failed->message);
    line[ERR_TEXT - 1] = '\0';
    board_facts(b, &facts);
    if (strcmp(facts.problem, line) != 0)
        report_line(REPORT_PROBLEM, "%s", line);
    board_heal(b, line);
}

/* Tries until it is done or we are stopped. */
static status heal(struct datadir *d, struct capture *c, struct board *b, const char *why, err *e)
{
    int64_t pause = PAUSE_MIN_MS;
    show(b, why, NULL);
    for (;;) {
        err failed = ERR_INIT;
        if (heal_once(d, c, b, why, &failed).ok)
            break;
        if (capture_pause(c, 0))
            return DONE;
        if (!may_pass(&failed)) {
            *e = failed;
            return FAILED;
        }
        show(b, why, &failed);
        if (capture_pause(c, pause))
            return DONE;
        pause = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
    }
    board_heal(b, NULL);
    return capture_renew(c, e);
}

/* A data directory that lies elsewhere than it did is a copy until somebody says otherwise. */
static status find_copy(struct datadir *d, char *why, size_t size, err *e)
{
    PB_OWNED(Pgstrand__IdentityRecord) *record = NULL;
    struct machine here;
    why[0] = '\0';
    machine_read(d->root, &here);
    TRY(catalog_get(d->catalog, CATALOG_IDENTITY, (struct bytes){0}, (ProtobufCMessage **)(void *)&record,
                    e));
    if (record == NULL)
        return DONE;
    if (!machine_same_id(&here, record->machine))
        (void)snprintf(why, size, "the data directory was brought here from another machine");
    else if (!machine_same_place(&here, record->place))
        (void)snprintf(why, size, "the data directory is a copy of another one");
    if (why[0] != '\0' || (record->machine != NULL && record->place != NULL))
        return DONE;
    Pgstrand__IdentityRecord noted = *record; /* of an older version, which did not write it down */
    noted.machine = here.id;
    noted.place = here.place;
    return datadir_set_identity(d, &noted, e);
}

status healer_run(struct datadir *d, struct capture *c, struct board *b, err *e)
{
    char why[ERR_TEXT];
    TRY(find_copy(d, why, sizeof why, e));
    if (why[0] != '\0')
        TRY(heal(d, c, b, why, e));
    for (;;) {
        err lost = ERR_INIT;
        if (capture_run(c, &lost).ok)
            return DONE;
        if (capture_loss(c) == LOSS_NONE) {
            *e = lost;
            return FAILED;
        }
        TRY(heal(d, c, b, lost.message, e));
        if (capture_pause(c, 0))
            return DONE;
    }
}
