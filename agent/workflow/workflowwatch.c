#include "agent/workflow/workflowwatch.h"

#include "agent/condwait.h"
#include "agent/pg/pgconn.h"
#include "agent/workflow/workflowrecord.h"

#define TICK_MS 50
#define LOOK_TICKS 5   /* a look every 250 ms */
#define AGAIN_TICKS 20 /* there may be a next query */

static bool is_asked(struct workflowwatch *w)
{
    PB_OWNED(ProtobufCMessage) *record = NULL;
    struct catalog_key key = catalog_key_uuid(&w->id);
    err ignored = ERR_INIT; /* a look that fails is made again */
    return catalog_get(w->catalog, CATALOG_WORKFLOW, catalog_key_bytes(&key), &record, &ignored).ok &&
           record != NULL && ((const Pgstrand__WorkflowRecord *)(const void *)record)->cancel;
}

/* ---- how far it is ---- */

void workflowwatch_begin(struct workflowwatch *w, size_t step)
{
    (void)pthread_mutex_lock(&w->lock);
    w->step = step;
    w->told = false;
    w->unsaved = false;
    (void)pthread_mutex_unlock(&w->lock);
}

void workflowwatch_tell(struct workflowwatch *w, const char *what, uint64_t done, uint64_t total)
{
    (void)pthread_mutex_lock(&w->lock);
    (void)snprintf(w->what, sizeof w->what, "%s", what);
    w->done = done;
    w->total = total;
    w->told = true;
    w->unsaved = true;
    (void)pthread_mutex_unlock(&w->lock);
}

void workflowwatch_take(struct workflowwatch *w, Pgstrand__WorkflowRecord__Step *out)
{
    char what[sizeof w->what];
    err ignored = ERR_INIT; /* want of memory: the words are missing */
    (void)pthread_mutex_lock(&w->lock);
    const bool told = w->told;
    memcpy(what, w->what, sizeof what);
    out->has_done = out->has_total = told;
    out->done = w->done;
    out->total = w->total;
    w->unsaved = false;
    (void)pthread_mutex_unlock(&w->lock);
    (void)workflowrecord_set_text(&out->doing, told ? what : NULL, &ignored).ok;
}

/* Into the record as it is in the catalogue: the rest of it is the runner's. */
static status write_progress(struct workflowwatch *w, err *e)
{
    PB_OWNED(ProtobufCMessage) *message = NULL;
    struct catalog_key key = catalog_key_uuid(&w->id);
    TRY(catalog_begin(w->catalog, e));
    status done = catalog_get(w->catalog, CATALOG_WORKFLOW, catalog_key_bytes(&key), &message, e);
    Pgstrand__WorkflowRecord *record = (Pgstrand__WorkflowRecord *)(void *)message;
    const bool fits = done.ok && record != NULL && w->step < record->n_step &&
                      record->step[w->step]->state == PGSTRAND__WORKFLOW_RECORD__STATE__IN_PROGRESS;
    if (fits) {
        workflowwatch_take(w, record->step[w->step]);
        done = catalog_put(w->catalog, CATALOG_WORKFLOW, catalog_key_bytes(&key), message, e);
    }
    err ended = ERR_INIT; /* the first failure is the one to tell */
    status end = catalog_end(w->catalog, fits && done.ok, done.ok ? e : &ended);
    return done.ok ? end : done;
}

static void save_progress(struct workflowwatch *w)
{
    err ignored = ERR_INIT; /* what is lost of it is not missed */
    (void)pthread_mutex_lock(&w->lock);
    const bool unsaved = w->unsaved;
    (void)pthread_mutex_unlock(&w->lock);
    if (unsaved)
        (void)write_progress(w, &ignored).ok;
}

/* False: it has ended, which nobody waits for. */
static bool rest(struct workflowwatch *w)
{
    const struct timespec tick = condwait_deadline(TICK_MS);
    int code = 0;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->ended && code == 0)
        code = condwait_until(&w->wake, &w->lock, &tick);
    const bool ended = w->ended;
    (void)pthread_mutex_unlock(&w->lock);
    return !ended;
}

static void *watch(void *context)
{
    struct workflowwatch *w = context;
    unsigned n = 0;
    do {
        if (n % LOOK_TICKS == 0 && !atomic_load(&w->cancelled) && is_asked(w))
            atomic_store(&w->cancelled, true);
        if (n % AGAIN_TICKS == AGAIN_TICKS - 1)
            save_progress(w);
        if (w->alone && n % AGAIN_TICKS == 0 && atomic_load(&w->cancelled) && !atomic_load(&w->too_late))
            pgconn_cancel_all();
        n++;
    } while (rest(w));
    return NULL;
}

status workflowwatch_start(struct workflowwatch *w, const struct datadir *d, const uuid *id, bool alone,
                           err *e)
{
    OWNED(text) char *path = io_join(d->root, "catalog.mdb");
    w->id = *id;
    w->alone = alone;
    (void)pthread_mutex_init(&w->lock, NULL);
    condwait_init(&w->wake);
    if (path == NULL)
        return err_no_memory(e);
    TRY(catalog_open(path, &w->catalog, e));
    int code = pthread_create(&w->thread, NULL, watch, w);
    if (code != 0)
        return err_errno(e, code, "cannot start a thread");
    w->started = true;
    return DONE;
}

void workflowwatch_fini(struct workflowwatch *w)
{
    if (w->started) {
        (void)pthread_mutex_lock(&w->lock);
        w->ended = true;
        (void)pthread_cond_signal(&w->wake);
        (void)pthread_mutex_unlock(&w->lock);
        (void)pthread_join(w->thread, NULL);
    }
    w->started = false;
    catalog_close(w->catalog);
    w->catalog = NULL;
}
