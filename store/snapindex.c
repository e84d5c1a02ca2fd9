#include "store/snapindex.h"

#include "store/merkle.h"
#include "store/snapframe.h"
#include "store/snaplayout.h"

status snapindex_list_check(const Pgstrand__SectionList *list, Pgstrand__FileRole role, uint32_t parts,
                            err *e)
{
    if (list->n_section > SNAP_SECTIONS_MAX)
        return err_set(e, ERR_STORAGE, "the section list is longer than it can be");
    for (size_t i = 0; i < list->n_section; i++) {
        const Pgstrand__SectionEntry *s = list->section[i];
        bool valid = snaplayout_section_valid(s->tier, s->kind) && snaplayout_role(s->tier) == role &&
                     s->salt.len == MERKLE_SALT_LEN && s->index_part < parts &&
                     s->index_offset < SNAP_ROLLOVER_MAX && s->index_length > 0;
        for (size_t k = 0; k < i; k++)
            valid = valid && (list->section[k]->tier != s->tier || list->section[k]->kind != s->kind) &&
                    list->section[k]->section != s->section;
        if (!valid)
            return err_set(e, ERR_STORAGE, "the section list is malformed");
    }
    return DONE;
}

/* Payloads: FIRST opens one, LAST closes it, and all frames between are of the same table. */
struct span {
    bool open;
    uint32_t table;
    uint64_t bytes;
};

static bool span_step(struct span *s, const Pgstrand__FrameEntry *f)
{
    bool first = (f->flags & FRAME_FIRST) != 0;
    if (first == s->open || (!first && f->table != s->table))
        return false;
    s->bytes = (first ? 0 : s->bytes) + f->raw_length;
    s->table = f->table;
    s->open = (f->flags & FRAME_LAST) == 0;
    return s->bytes <= SNAP_PAYLOAD_MAX;
}

static bool frames_valid(const Pgstrand__SectionIndex *index, uint32_t parts)
{
    struct span span = {0};
    for (size_t i = 0; i < index->n_frame; i++) {
        const Pgstrand__FrameEntry *f = index->frame[i];
        if (f->number != i || f->part >= parts || f->offset >= SNAP_ROLLOVER_MAX ||
            f->stored_length > FRAME_STORED_MAX || f->raw_length > FRAME_RAW_MAX ||
            f->leaf.len != SHA256_LEN || !span_step(&span, f) ||
            ((f->flags & FRAME_COLUMNS) != 0 && index->kind != PGSTRAND__SECTION_KIND__ROWS) ||
            ((f->flags & FRAME_ACTIONS) != 0 && index->kind != PGSTRAND__SECTION_KIND__ACTIONS))
            return false;
    }
    return !span.open;
}

/* Tables stand in the order of their numbers, each once. */
static bool digests_valid(const Pgstrand__SectionIndex *index)
{
    for (size_t i = 0; i < index->n_table; i++) {
        if (index->table[i]->digest.len != SHA256_LEN ||
            (i > 0 && index->table[i]->table <= index->table[i - 1]->table))
            return false;
    }
    return true;
}

status snapindex_check(const Pgstrand__SectionIndex *index, const Pgstrand__SectionEntry *entry,
                       uint32_t parts, err *e)
{
    bool same = index->tier == entry->tier && index->kind == entry->kind && index->n_frame == entry->frames;
    if (!same || !frames_valid(index, parts) || !digests_valid(index))
        return err_set(e, ERR_STORAGE, "the index is malformed");
    return DONE;
}
