#include "tools/workflowview.h"

#include "proto/base/pgtime.h"
#include "tools/output.h"

#define STATE(name) PGSTRAND__WORKFLOW_RECORD__STATE__##name

static bool has_passed(const Pgstrand__WorkflowRecord__Step *s)
{
    return s->state == STATE(COMPLETED) || s->state == STATE(SKIPPED);
}

/* The step it is at, or ended at; NULL: none has begun. */
static const Pgstrand__WorkflowRecord__Step *current(const Pgstrand__WorkflowRecord *w)
{
    const Pgstrand__WorkflowRecord__Step *at = NULL;
    for (size_t i = 0; i < w->n_step; i++) {
        if (w->step[i]->state == STATE(IN_PROGRESS) || w->step[i]->state == STATE(FAILED))
            return w->step[i];
        if (w->step[i]->state != STATE(PENDING))
            at = w->step[i];
    }
    return at;
}

/* Of its steps, from 0 to 1. */
static double progress_of(const Pgstrand__WorkflowRecord *w)
{
    double passed = 0;
    for (size_t i = 0; i < w->n_step; i++) {
        const Pgstrand__WorkflowRecord__Step *s = w->step[i];
        if (has_passed(s))
            passed += 1;
        else if (s->state == STATE(IN_PROGRESS) && s->total > 0 && s->done <= s->total)
            passed += (double)s->done / (double)s->total;
    }
    return w->n_step == 0 ? 1 : passed / (double)w->n_step;
}

/* What it says of itself, and whether that is still so. */
static const char *state_of(const struct datadir *d, const Pgstrand__WorkflowRecord *w)
{
    if (workflowrecord_is_open(w) && !workflowrecord_is_running(d, w))
        return w->state == STATE(PENDING) ? "PENDING" : "interrupted";
    return w->retry_at > pgtime_now() ? "waiting" : workflowrecord_state(w->state);
}

/* ---- scripts ---- */

static json_t *time_json(bool has, pgtime time)
{
    return has ? jsonout_time(time) : json_null();
}

static json_t *error_json(const Pgstrand__ErrorRecord *error)
{
    json_t *o = json_object();
    if (error == NULL) {
        json_decref(o);
        return json_null();
    }
    jsonout_set(&o, "class", jsonout_text(error->name));
    jsonout_set(&o, "sqlstate", jsonout_text(error->sqlstate[0] != '\0' ? error->sqlstate : NULL));
    jsonout_set(&o, "text", jsonout_text(error->text));
    return o;
}

static json_t *step_json(const Pgstrand__WorkflowRecord *w, const Pgstrand__WorkflowRecord__Step *s)
{
    json_t *o = json_object();
    json_t *after = json_array();
    for (size_t i = 0; i < s->n_after; i++)
        jsonout_append(&after, jsonout_text(w->step[s->after[i]]->name));
    jsonout_set(&o, "name", jsonout_text(s->name));
    jsonout_set(&o, "status", jsonout_text(workflowrecord_state(s->state)));
    jsonout_set(&o, "after", after);
    jsonout_set(&o, "started", time_json(s->has_started, s->started));
    jsonout_set(&o, "ended", time_json(s->has_ended, s->ended));
    jsonout_set(&o, "retries", jsonout_count(s->retries));
    jsonout_set(&o, "doing", jsonout_text(s->doing));
    jsonout_set(&o, "done", s->has_done ? jsonout_count(s->done) : json_null());
    jsonout_set(&o, "total", s->has_total ? jsonout_count(s->total) : json_null());
    jsonout_set(&o, "error", error_json(s->error));
    return o;
}

json_t *workflowview_json(const struct datadir *d, const Pgstrand__WorkflowRecord *w, bool steps)
{
    const Pgstrand__WorkflowRecord__Step *at = current(w);
    uuid id = workflowrecord_id(w);
    json_t *o = json_object();
    jsonout_set(&o, "uuid", jsonout_uuid(&id));
    jsonout_set(&o, "name", jsonout_text(w->name));
    jsonout_set(&o, "type", jsonout_text(workflowrecord_type(w->type)));
    jsonout_set(&o, "status", jsonout_text(workflowrecord_state(w->state)));
    jsonout_set(&o, "running", json_boolean(workflowrecord_is_running(d, w)));
    jsonout_set(&o, "step", jsonout_text(at != NULL ? at->name : NULL));
    jsonout_set(&o, "progress", json_real(progress_of(w)));
    jsonout_set(&o, "retries", jsonout_count(w->retries));
    jsonout_set(&o, "max_retries", jsonout_count(w->max_retries));
    jsonout_set(&o, "retry_at", time_json(w->has_retry_at, w->retry_at));
    jsonout_set(&o, "error", jsonout_text(w->error != NULL ? w->error->text : NULL));
    jsonout_set(&o, "error_class", jsonout_text(w->error != NULL ? w->error->name : NULL));
    jsonout_set(&o, "advice", jsonout_text(w->advice));
    jsonout_set(&o, "created", jsonout_time(w->created));
    jsonout_set(&o, "updated", jsonout_time(w->updated));
    jsonout_set(&o, "ended", time_json(w->has_ended, w->ended));
    jsonout_set(&o, "left_out", jsonout_count(w->left_out));
    if (!steps)
        return o;
    json_t *list = json_array();
    for (size_t i = 0; i < w->n_step; i++)
        jsonout_append(&list, step_json(w, w->step[i]));
    jsonout_set(&o, "steps", list);
    return o;
}

/* ---- people ---- */

static const char *short_time(pgtime time, char out[static PGTIME_TEXT])
{
    (void)pgtime_format(time, out);
    out[19] = '\0'; /* to the second */
    out[10] = ' ';
    return out;
}

status workflowview_list(const struct datadir *d, const struct workflow_list *all, err *e)
{
    static const struct output_column columns[] = {
        {"Workflow", OUTPUT_LEFT}, {"Begun", OUTPUT_LEFT},    {"Type", OUTPUT_LEFT}, {"Status", OUTPUT_LEFT},
        {"Step", OUTPUT_LEFT},     {"Retries", OUTPUT_RIGHT}, {"Name", OUTPUT_LEFT}};
    OWNED(output_table)
    struct output_table t = {.column = columns, .columns = sizeof columns / sizeof columns[0]};
    for (size_t i = 0; i < all->count; i++) {
        const Pgstrand__WorkflowRecord *w = all->record[i];
        const Pgstrand__WorkflowRecord__Step *at = current(w);
        char id[UUID_TEXT], time[PGTIME_TEXT];
        uuid workflow = workflowrecord_id(w);
        output_cell(&t, "%s", uuid_format(&workflow, id));
        output_cell(&t, "%s", short_time(w->created, time));
        output_cell(&t, "%s", workflowrecord_type(w->type));
        output_cell(&t, "%s", state_of(d, w));
        output_cell(&t, "%s", at != NULL ? at->name : "");
        output_cell(&t, "%u", w->retries);
        output_cell(&t, "%s", w->name);
    }
    return output_table_print(&t, stdout, e);
}

static void print_fact(const char *name, const char *text)
{
    OWNED(buf) struct buf clean = {0};
    if (text == NULL || *text == '\0')
        return;
    output_clean(&clean, bytes_text(text));
    (void)printf("%-9s %s\n", name, buf_cstring(&clean));
}

static status print_steps(const Pgstrand__WorkflowRecord *w, err *e)
{
    static const struct output_column columns[] = {{"Step", OUTPUT_LEFT},     {"Status", OUTPUT_LEFT},
                                                   {"Begun", OUTPUT_LEFT},    {"Took", OUTPUT_RIGHT},
                                                   {"Retries", OUTPUT_RIGHT}, {"Last error", OUTPUT_LEFT}};
    OWNED(output_table)
    struct output_table t = {.column = columns, .columns = sizeof columns / sizeof columns[0]};
    for (size_t i = 0; i < w->n_step; i++) {
        const Pgstrand__WorkflowRecord__Step *s = w->step[i];
        char time[PGTIME_TEXT], took[OUTPUT_TEXT] = "";
        if (s->has_started && s->has_ended)
            (void)output_duration((double)(s->ended - s->started) / 1e6, took);
        output_cell(&t, "%s", s->name);
        output_cell(&t, "%s", workflowrecord_state(s->state));
        output_cell(&t, "%s", s->has_started ? short_time(s->started, time) : "");
        output_cell(&t, "%s", took);
        output_cell(&t, "%u", s->retries);
        output_cell(&t, "%s", s->error != NULL ? s->error->text : "");
    }
    return output_table_print(&t, stdout, e);
}

status workflowview_show(const struct datadir *d, const Pgstrand__WorkflowRecord *w, err *e)
{
    char id[UUID_TEXT], time[PGTIME_TEXT];
    uuid workflow = workflowrecord_id(w);
    print_fact("workflow", uuid_format(&workflow, id));
    print_fact("name", w->name);
    print_fact("type", workflowrecord_type(w->type));
    print_fact("status", state_of(d, w));
    print_fact("begun", short_time(w->created, time));
    if (w->has_ended)
        print_fact("ended", short_time(w->ended, time));
    (void)printf("%-9s %.0f%%\n", "progress", progress_of(w) * 100);
    (void)printf("%-9s %u of %u\n", "retries", w->retries, w->max_retries);
    if (w->left_out > 0)
        (void)printf(
            "%-9s %llu rows (pgstrand log --failed shows them, pgstrand workflow resume tries them again)\n",
            "left out", (unsigned long long)w->left_out);
    if (w->error != NULL) {
        print_fact("class", w->error->name);
        print_fact("error", w->error->text);
    }
    print_fact("to do", w->advice);
    (void)puts("");
    return print_steps(w, e);
}
