#include "agent/daemon/errands.h"

#include <time.h>

#include "agent/daemon/report.h"
#include "agent/drill.h"
#include "agent/resume.h"
#include "agent/workflow/workflowrecord.h"

#define TICK_MS 500
#define LOOK_MS 5000 /* between two looks whether a drill is due */

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_stopping(void *board)
{
    return board_is_busy(board);
}

static struct progress progress_of(struct errands *r)
{
    struct progress progress = report_progress;
    progress.context = r->board;
    progress.stopped = is_stopping;
    return progress;
}

/* ---- what was interrupted ---- */

static void go_on(struct errands *r, const Pgstrand__WorkflowRecord *record)
{
    OWNED(resume_result) struct resume_result result = {0};
    const struct progress progress = progress_of(r);
    char text[UUID_TEXT];
    uuid id = workflowrecord_id(record);
    err e = ERR_INIT;
    report_line(REPORT_EVENT, "going on with workflow %s, which was interrupted: %s", uuid_format(&id, text),
                record->name);
    if (resume_run(r->data, record, WORKFLOW_SUSPENDS, false, &progress, &result, &e).ok)
        report_line(REPORT_EVENT, "workflow %s is done", text);
    else if (!board_is_busy(r->board))
        report_line(REPORT_PROBLEM, "workflow %s: %s", text, e.message);
}

static status go_on_with_all(struct errands *r, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    TRY(workflowrecord_list(r->data, &all, e));
    for (size_t i = 0; i < all.count && !board_is_busy(r->board); i++)
        if (resume_is_due(r->data, all.record[i]))
            go_on(r, all.record[i]);
    return DONE;
}

/* ---- drills ---- */

static status drill(struct errands *r, err *e)
{
    OWNED(restore_result) struct restore_result result = {0};
    const struct progress progress = progress_of(r);
    const struct restoreflow how = {.stop = WORKFLOW_SUSPENDS};
    const struct drill_request request = {.jobs = 1};
    bool due = false;
    char why_not[160];
    TRY(drill_is_due(r->data, &due, why_not, e));
    if (why_not[0] != '\0' && strcmp(why_not, r->refused) != 0)
        report_line(REPORT_PROBLEM, "%s", why_not);
    memcpy(r->refused, why_not, sizeof r->refused);
    if (!due)
        return DONE;
    TRY(drill_run(r->data, &request, &how, &progress, &result, e));
    report_line(REPORT_EVENT, "drill: seq %llu is proven, %zu tables, %llu rows",
                (unsigned long long)result.seq, result.table_count, (unsigned long long)result.rows);
    return DONE;
}

static void drill_if_due(struct errands *r)
{
    struct board_facts facts;
    err e = ERR_INIT;
    board_facts(r->board, &facts);
    if (!facts.connected || now_ms() < r->look_at)
        return;
    if (!drill(r, &e).ok && !board_is_busy(r->board))
        report_line(REPORT_PROBLEM, "drill: %s", e.message);
    r->look_at = now_ms() + LOOK_MS;
}

/* ---- the thread ---- */

static void *run(void *context)
{
    struct errands *r = context;
    err e = ERR_INIT;
    if (!go_on_with_all(r, &e).ok)
        report_line(REPORT_PROBLEM, "cannot go on with what was interrupted: %s", e.message);
    while (!board_wait(r->board, TICK_MS))
        drill_if_due(r);
    return NULL;
}

status errands_start(struct errands *r, err *e)
{
    const int code = pthread_create(&r->thread, NULL, run, r);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    r->started = true;
    return DONE;
}

bool errands_join(struct errands *r, int seconds)
{
    struct timespec until;
    if (!r->started)
        return true;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    if (pthread_timedjoin_np(r->thread, NULL, &until) != 0)
        return false;
    r->started = false;
    return true;
}
