#include "agent/workflow/workflowwatch.h"

#include <time.h>

#include "agent/pg/pgconn.h"
#include "store/io.h"

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

static void *watch(void *context)
{
    struct workflowwatch *w = context;
    const struct timespec tick = {0, TICK_MS * 1000000L};
    for (unsigned n = 0; !atomic_load(&w->ended); n++) {
        if (n % LOOK_TICKS == 0 && !atomic_load(&w->cancelled) && is_asked(w))
            atomic_store(&w->cancelled, true);
        if (w->alone && n % AGAIN_TICKS == 0 && atomic_load(&w->cancelled) && !atomic_load(&w->too_late))
            pgconn_cancel_all();
        (void)nanosleep(&tick, NULL);
    }
    return NULL;
}

status workflowwatch_start(struct workflowwatch *w, const struct datadir *d, const uuid *id, bool alone,
                           err *e)
{
    OWNED(text) char *path = io_join(d->root, "catalog.mdb");
    w->id = *id;
    w->alone = alone;
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
    atomic_store(&w->ended, true);
    if (w->started)
        (void)pthread_join(w->thread, NULL);
    w->started = false;
    catalog_close(w->catalog);
    w->catalog = NULL;
}
