#include "agent/history/pairsort.h"

void pairsort_fini(struct pairsort *s)
{
    free(s->pair);
    *s = (struct pairsort){0};
}

status pairsort_add(struct pairsort *s, uint64_t hash, uint64_t number, err *e)
{
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 4096 : s->room * 2;
        struct pair *grown = realloc(s->pair, room * sizeof *grown);
        if (grown == NULL)
            return err_no_memory(e);
        s->pair = grown;
        s->room = room;
    }
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

void pairsort_sort(struct pairsort *s)
{
    if (s->count > 0)
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
