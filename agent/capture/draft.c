#include "agent/capture/draft.h"

#include <stdlib.h>

#include "proto/base/array.h"

void draft_fini(struct draft *d)
{
    draft_cut(d, 0);
    free(d->relation);
    bulkfile_free(d->file);
    *d = (struct draft){0};
}

status draft_number(struct draft *d, const struct rel_entry *rel, enum tier tier, uint32_t *number, err *e)
{
    TRY(array_room(&d->relation, d->count, &d->cap, sizeof *d->relation, e));
    struct draft_relation *made = &d->relation[d->count];
    *made = (struct draft_relation){.rule = rel->tier, .tier = tier};
    TRY(relation_copy(rel->shape, &made->shape, e));
    *number = ++d->count;
    return DONE;
}

void draft_cut(struct draft *d, uint32_t count)
{
    while (d->count > count)
        relation_free(d->relation[--d->count].shape);
}
