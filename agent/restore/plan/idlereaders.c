#include "agent/restore/plan/idlereaders.h"

void idlereaders_init(struct idlereaders *r)
{
    *r = (struct idlereaders){0};
    (void)pthread_mutex_init(&r->lock, NULL);
}

void idlereaders_fini(struct idlereaders *r)
{
    for (size_t i = 0; i < r->count; i++)
        snapreader_close(r->idle[i].reader);
    (void)pthread_mutex_destroy(&r->lock);
    r->count = 0;
}

static struct snapreader *find(struct idlereaders *r, size_t link, enum tier tier)
{
    for (size_t i = 0; i < r->count; i++) {
        struct snapreader *found = r->idle[i].reader;
        if (r->idle[i].link != link || r->idle[i].tier != tier)
            continue;
        r->idle[i] = r->idle[--r->count];
        return found;
    }
    return NULL;
}

status idlereaders_take(struct idlereaders *r, size_t link, enum tier tier, struct snapreader **out, err *e)
{
    (void)pthread_mutex_lock(&r->lock);
    OWNED(snapreader) struct snapreader *found = find(r, link, tier);
    (void)pthread_mutex_unlock(&r->lock);
    *out = NULL;
    if (found == NULL)
        return DONE;
    TRY(snapreader_go(found, 0, e));
    *out = found;
    found = NULL;
    return DONE;
}

void idlereaders_give(struct idlereaders *r, size_t link, enum tier tier, struct snapreader *reader)
{
    if (reader == NULL)
        return;
    snapreader_slim(reader);
    (void)pthread_mutex_lock(&r->lock);
    bool room = r->count < IDLEREADERS_MAX;
    if (room)
        r->idle[r->count++] = (struct idlereader){link, tier, reader};
    (void)pthread_mutex_unlock(&r->lock);
    if (!room)
        snapreader_close(reader);
}
