#include "agent/history/pairsort.h"

#include "proto/base/array.h"

#define HASH_BYTES (HASHRUN_BITS / 8)
#define WORTH_BYTES 2048 /* pairs; fewer are compared */

void pairsort_fini(struct pairsort *s)
{
    free(s->pair);
    *s = (struct pairsort){0};
}

status pairsort_add(struct pairsort *s, uint64_t hash, uint64_t number, err *e)
{
    TRY(array_room(&s->pair, s->count, &s->room, sizeof *s->pair, e));
    s->disordered = s->disordered || (s->count > 0 && number < s->pair[s->count - 1].number);
    s->pair[s->count++] = (struct pair){hash, number};
    return DONE;
}

static int compare(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* By hash, a byte at a time, the lowest first: pairs of one hash stay in the order in which they came, which
 * is that of their numbers. A tenth of what comparing them costs. False: there is no memory for it. */
static bool sort_by_bytes(struct pairsort *s)
{
    OWNED(memory) struct pair *room = malloc(s->count * sizeof *room);
    size_t begin[HASH_BYTES][256] = {{0}};
    struct pair *from = s->pair, *to = room;
    if (room == NULL)
        return false;
    for (size_t i = 0; i < s->count; i++)
        for (unsigned k = 0; k < HASH_BYTES; k++)
            begin[k][from[i].hash >> 8 * k & 255]++;
    for (unsigned k = 0; k < HASH_BYTES; k++) {
        size_t at = 0;
        for (unsigned digit = 0; digit < 256; digit++) {
            const size_t here = begin[k][digit];
            begin[k][digit] = at;
            at += here;
        }
        for (size_t i = 0; i < s->count; i++)
            to[begin[k][from[i].hash >> 8 * k & 255]++] = from[i];
        struct pair *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != s->pair)
        memcpy(s->pair, from, s->count * sizeof *from);
    return true;
}

void pairsort_sort(struct pairsort *s)
{
    if (s->count == 0 || (s->count >= WORTH_BYTES && !s->disordered && sort_by_bytes(s)))
        return;
    qsort(s->pair, s->count, sizeof *s->pair, compare);
}

status pairsort_write(struct pairsort *s, const char *path, const struct hashrun_head *head, err *e)
{
    OWNED(hashrun_writer) struct hashrun_writer *w = NULL;
    pairsort_sort(s);
    TRY(hashrun_create(path, &w, e));
    for (size_t i = 0; i < s->count; i++)
        TRY(hashrun_put(w, s->pair[i].hash, s->pair[i].number, e));
    TRY(hashrun_publish(w, head, e));
    s->count = 0;
    s->disordered = false;
    return DONE;
}

status pairsort_find(const struct pairsort *s, uint64_t hash, struct seqlist *out, err *e)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->pair[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->count && s->pair[low].hash == hash; low++)
        TRY(seqlist_add(out, s->pair[low].number, e));
    return DONE;
}

struct head {
    struct hashrun *run;
    struct pair next;
    bool end;
};

static status advance(struct head *h, err *e)
{
    return hashrun_next(h->run, &h->next.hash, &h->next.number, &h->end, e);
}

status pairsort_merge(struct hashrun *const *run, size_t count, const char *path,
                      const struct hashrun_head *head, err *e)
{
    OWNED(hashrun_writer) struct hashrun_writer *w = NULL;
    OWNED(memory) struct head *at = calloc(count + 1, sizeof *at);
    if (at == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < count; i++) {
        at[i].run = run[i];
        TRY(advance(&at[i], e));
    }
    TRY(hashrun_create(path, &w, e));
    for (;;) {
        struct head *least = NULL;
        for (size_t i = 0; i < count; i++)
            if (!at[i].end && (least == NULL || compare(&at[i].next, &least->next) < 0))
                least = &at[i];
        if (least == NULL)
            return hashrun_publish(w, head, e);
        TRY(hashrun_put(w, least->next.hash, least->next.number, e));
        TRY(advance(least, e));
    }
}
