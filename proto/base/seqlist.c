#include "proto/base/seqlist.h"

#include "proto/base/array.h"

void seqlist_fini(struct seqlist *l)
{
    free(l->seq);
    *l = (struct seqlist){0};
}

status seqlist_add(struct seqlist *l, uint64_t seq, err *e)
{
    TRY(array_room(&l->seq, l->count, &l->room, sizeof *l->seq, e));
    l->seq[l->count++] = seq;
    return DONE;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void seqlist_sort(struct seqlist *l)
{
    size_t kept = 0;
    if (l->count == 0)
        return;
    qsort(l->seq, l->count, sizeof *l->seq, compare);
    for (size_t i = 1; i < l->count; i++)
        if (l->seq[i] != l->seq[kept])
            l->seq[++kept] = l->seq[i];
    l->count = kept + 1;
}

size_t seqlist_from(const struct seqlist *l, uint64_t seq)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->seq[middle] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool seqlist_has(const struct seqlist *l, uint64_t seq)
{
    size_t at = seqlist_from(l, seq);
    return at < l->count && l->seq[at] == seq;
}
