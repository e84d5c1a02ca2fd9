#include "agent/capture/draft.h"

#include <stdlib.h>

void draft_fini(struct draft *d)
{
    draft_cut(d, 0);
    free(d->relation);
    bulkfile_free(d->file);
    *d = (struct draft){0};
}

status draft_number(struct draft *d, const struct rel_entry *rel, enum tier tier, uint32_t *number, err *e)
{
    if (d->count == d->cap) {
        const uint32_t cap = d->cap == 0 ? 8 : d->cap * 2;
        struct draft_relation *more = realloc(d->relation, cap * sizeof *more);
        if (more == NULL)
            return err_no_memory(e);
        d->relation = more;
        d->cap = cap;
    }
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
