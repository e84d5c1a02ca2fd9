#include "agent/workflow/workflowrecord.h"

#include <strings.h>

#include "proto/base/array.h"
#include "proto/base/pgtime.h"

/* ---- one record ---- */

uuid workflowrecord_id(const Pgstrand__WorkflowRecord *record)
{
    uuid id = UUID_NIL;
    if (record->workflow.len == sizeof id.b)
        memcpy(id.b, record->workflow.data, sizeof id.b);
    return id;
}

status workflowrecord_load(struct datadir *d, const uuid *id, Pgstrand__WorkflowRecord **out, err *e)
{
    struct catalog_key key = catalog_key_uuid(id);
    return catalog_get(d->catalog, CATALOG_WORKFLOW, catalog_key_bytes(&key),
                       (ProtobufCMessage **)(void *)out, e);
}

static status put(struct datadir *d, Pgstrand__WorkflowRecord *record, err *e)
{
    uuid id = workflowrecord_id(record);
    struct catalog_key key = catalog_key_uuid(&id);
    record->updated = pgtime_now();
    return catalog_put(d->catalog, CATALOG_WORKFLOW, catalog_key_bytes(&key), &record->base, e);
}

/* A cancel that came in between is not written over. */
static status put_over(struct datadir *d, Pgstrand__WorkflowRecord *record, err *e)
{
    PB_OWNED(Pgstrand__WorkflowRecord) *there = NULL;
    uuid id = workflowrecord_id(record);
    TRY(workflowrecord_load(d, &id, &there, e));
    if (there != NULL && there->cancel && workflowrecord_is_open(record)) {
        record->has_cancel = true;
        record->cancel = true;
    }
    return put(d, record, e);
}

status workflowrecord_save(struct datadir *d, Pgstrand__WorkflowRecord *record, err *e)
{
    TRY(catalog_begin(d->catalog, e));
    status done = put_over(d, record, e);
    err ended = ERR_INIT; /* the first failure is the one to tell */
    status end = catalog_end(d->catalog, done.ok, done.ok ? e : &ended);
    return done.ok ? end : done;
}

bool workflowrecord_is_open(const Pgstrand__WorkflowRecord *record)
{
    return record->state == PGSTRAND__WORKFLOW_RECORD__STATE__PENDING ||
           record->state == PGSTRAND__WORKFLOW_RECORD__STATE__IN_PROGRESS;
}

status workflowrecord_ask_cancel(struct datadir *d, const uuid *id, err *e)
{
    PB_OWNED(Pgstrand__WorkflowRecord) *record = NULL;
    TRY(catalog_begin(d->catalog, e));
    status done = workflowrecord_load(d, id, &record, e);
    if (done.ok && record != NULL && workflowrecord_is_open(record)) {
        record->has_cancel = true;
        record->cancel = true;
        done = put(d, record, e);
    }
    err ended = ERR_INIT; /* the first failure is the one to tell */
    status end = catalog_end(d->catalog, done.ok, done.ok ? e : &ended);
    return done.ok ? end : done;
}

/* ---- all of them ---- */

static status collect(void *context, struct bytes key, const ProtobufCMessage *message, err *e)
{
    struct workflow_list *l = context;
    OWNED(buf) struct buf raw = {0};
    PB_OWNED(Pgstrand__WorkflowRecord) *copy = NULL;
    (void)key;
    TRY(array_one_more(&l->record, l->count, sizeof *l->record, e));
    TRY(pbmem_pack(message, &raw, e));
    TRY(PB_UNPACK(copy, pgstrand__workflow_record__descriptor, buf_view(&raw), "a workflow", 0, e));
    l->record[l->count++] = copy;
    copy = NULL;
    return DONE;
}

static int by_creation(const void *a, const void *b)
{
    const Pgstrand__WorkflowRecord *x = *(Pgstrand__WorkflowRecord *const *)a;
    const Pgstrand__WorkflowRecord *y = *(Pgstrand__WorkflowRecord *const *)b;
    return (x->created > y->created) - (x->created < y->created);
}

status workflowrecord_list(struct datadir *d, struct workflow_list *out, err *e)
{
    *out = (struct workflow_list){0};
    if (!catalog_each(d->catalog, CATALOG_WORKFLOW, collect, out, e).ok) {
        workflow_list_fini(out);
        return FAILED;
    }
    if (out->count > 1)
        qsort(out->record, out->count, sizeof(*out->record), by_creation);
    return DONE;
}

void workflow_list_fini(struct workflow_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->record[i] != NULL)
            pbmem_free(&l->record[i]->base);
    free(l->record);
    *l = (struct workflow_list){0};
}

status workflowrecord_find(struct datadir *d, const char *word, Pgstrand__WorkflowRecord **out, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    size_t found = 0, at = 0;
    *out = NULL;
    TRY(workflowrecord_list(d, &all, e));
    for (size_t i = 0; i < all.count; i++) {
        char text[UUID_TEXT];
        uuid id = workflowrecord_id(all.record[i]);
        if (*word == '\0' || strncasecmp(uuid_format(&id, text), word, strlen(word)) != 0)
            continue;
        found++;
        at = i;
    }
    if (found == 0)
        return err_set(e, ERR_VALIDATION, "there is no workflow %s: pgstrand workflow list shows them", word);
    if (found > 1)
        return err_set(e, ERR_VALIDATION, "%zu workflows begin with %s: give more of the UUID", found, word);
    *out = all.record[at];
    all.record[at] = NULL;
    return DONE;
}

static status forget(struct datadir *d, const uuid *id, err *e)
{
    char text[UUID_TEXT];
    OWNED(buf) struct buf lock = {0};
    struct catalog_key key = catalog_key_uuid(id);
    buf_printf(&lock, "%s/workflows/%s.lock", d->root, uuid_format(id, text));
    TRY(catalog_delete(d->catalog, CATALOG_WORKFLOW, catalog_key_bytes(&key), e));
    return io_unlink(buf_cstring(&lock), e);
}

static bool is_scheduled(const Pgstrand__WorkflowRecord *record)
{
    return record->job->seal != NULL && record->job->seal->scheduled;
}

static status prune(struct datadir *d, const struct workflow_list *all, bool scheduled, size_t keep, err *e)
{
    size_t ended = 0;
    for (size_t i = 0; i < all->count; i++)
        ended += !workflowrecord_is_open(all->record[i]) && is_scheduled(all->record[i]) == scheduled;
    for (size_t i = 0; i < all->count && ended > keep; i++) {
        uuid id = workflowrecord_id(all->record[i]);
        if (workflowrecord_is_open(all->record[i]) || all->record[i]->left_out > 0 ||
            is_scheduled(all->record[i]) != scheduled)
            continue;
        TRY(forget(d, &id, e));
        ended--;
    }
    return DONE;
}

status workflowrecord_prune(struct datadir *d, err *e)
{
    OWNED(workflow_list) struct workflow_list all = {0};
    TRY(workflowrecord_list(d, &all, e));
    TRY(prune(d, &all, false, WORKFLOWRECORD_KEPT, e));
    return prune(d, &all, true, WORKFLOWRECORD_KEPT_SCHEDULED, e);
}

/* ---- whose it is ---- */

status workflowrecord_lock(const struct datadir *d, const uuid *id, struct io_lock **out, err *e)
{
    char text[UUID_TEXT];
    OWNED(text) char *folder = io_join(d->root, "workflows");
    OWNED(buf) struct buf path = {0};
    if (folder == NULL)
        return err_no_memory(e);
    if (!io_exists(folder)) /* of locks, which no power loss outlives */
        TRY(io_make_dir(folder, e));
    buf_printf(&path, "%s/%s.lock", folder, uuid_format(id, text));
    const char *name = buf_cstring(&path);
    TRY(buf_done(&path, e));
    if (io_lock(name, false, out, e).ok)
        return DONE;
    return e->class == ERR_REFUSED
               ? err_set(e, ERR_REFUSED, "another process is at work on workflow %s", text)
               : FAILED;
}

bool workflowrecord_is_running(const struct datadir *d, const Pgstrand__WorkflowRecord *record)
{
    OWNED(io_lock) struct io_lock *lock = NULL;
    err why = ERR_INIT;
    uuid id = workflowrecord_id(record);
    if (!workflowrecord_is_open(record))
        return false;
    return !workflowrecord_lock(d, &id, &lock, &why).ok && why.class == ERR_REFUSED;
}

/* ---- fields ---- */

const char *workflowrecord_type(Pgstrand__WorkflowRecord__Type type)
{
    static const char *const names[] = {"", "BACKUP", "RESTORE", "MIGRATION", "REPLAY"};
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : "";
}

const char *workflowrecord_state(Pgstrand__WorkflowRecord__State state)
{
    static const char *const names[] = {"",       "PENDING",   "IN_PROGRESS", "COMPLETED",
                                        "FAILED", "CANCELLED", "SKIPPED"};
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "";
}

status workflowrecord_set_text(char **field, const char *text, err *e)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    if (text != NULL && copy == NULL)
        return err_no_memory(e);
    free(*field);
    *field = copy;
    return DONE;
}

status workflowrecord_set_error(Pgstrand__ErrorRecord **field, const err *why, err *e)
{
    PB_OWNED(Pgstrand__ErrorRecord) *record = NULL;
    if (why != NULL) {
        record = malloc(sizeof *record);
        if (record == NULL)
            return err_no_memory(e);
        pgstrand__error_record__init(record);
        record->class_ = (uint32_t)why->class;
        record->origin = (uint32_t)why->origin;
        record->code = why->code;
        record->name = strdup(err_class_name(why->class));
        record->sqlstate = strdup(why->sqlstate);
        record->text = strdup(why->message);
        if (record->name == NULL || record->sqlstate == NULL || record->text == NULL)
            return err_no_memory(e);
    }
    if (*field != NULL)
        pbmem_free(&(*field)->base);
    *field = record;
    record = NULL;
    return DONE;
}
