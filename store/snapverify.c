#include <inttypes.h>

#include "store/snaphandle.h"

#include "proto/actionunpack.h"
#include "proto/pbmem.h"
#include "proto/wire.h"
#include "store/snapframe.h"

#define PAYLOAD_MEMORY ((size_t)2 << 30)

/* What is counted while a section is read. */
struct tally {
    struct hasher *hasher;
    const Pgstrand__SectionIndex *index;
    struct table_digest *digest; /* by place in the index */
    struct actionunpack *unpack;
    uint64_t rows;
    uint64_t actions;
};

static struct table_digest *digest_of(struct tally *t, uint32_t table)
{
    size_t low = 0, high = t->index->n_table; /* sorted by table: snapindex_check */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->index->table[middle]->table < table)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->index->n_table && t->index->table[low]->table == table ? &t->digest[low] : NULL;
}

static status add_lines(struct tally *t, uint32_t table, struct bytes lines, err *e)
{
    struct table_digest *digest = digest_of(t, table);
    if (digest == NULL)
        return err_set(e, ERR_STORAGE, "table %u has rows but no digest", table);
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        if (end == NULL)
            return err_set(e, ERR_STORAGE, "table %u has a row without its line end", table);
        size_t len = (size_t)(end - lines.data);
        TRY(table_digest_add(digest, t->hasher, bytes_of(lines.data, len), e));
        lines = bytes_of(lines.data + len + 1, lines.len - len - 1);
    }
    return DONE;
}

static status check_rows(struct tally *t, const struct snap_payload *p, err *e)
{
    struct reader r = reader_over(p->payload);
    struct wire_field field;
    while (wire_next(&r, &field))
        if (field.number == 1 && field.type == 2)
            TRY(add_lines(t, p->table, field.bytes, e));
    return reader_done(&r, "a frame of rows", e);
}

static status check_actions(struct tally *t, const struct snap_payload *p, err *e)
{
    TRY(actionunpack_open(t->unpack, p->payload, p->by_column ? ACTIONUNPACK_COLUMNS : ACTIONUNPACK_MESSAGE,
                          e));
    for (;; t->actions++) {
        struct sealed_action a;
        bool end = false;
        TRY(actionunpack_next(t->unpack, &a, &end, e));
        if (end)
            return DONE;
        if (a.seq < p->first_seq || a.seq > p->last_seq)
            return err_set(e, ERR_STORAGE, "action %" PRIu64 " is in a frame of others", a.seq);
    }
}

/* The messages of the other kinds; kinds of later versions have none here. */
static const ProtobufCMessageDescriptor *message_of(Pgstrand__SectionKind kind)
{
    switch (kind) {
    case PGSTRAND__SECTION_KIND__SCHEMA:
        return &pgstrand__schema__descriptor;
    case PGSTRAND__SECTION_KIND__SEQUENCES:
        return &pgstrand__sequences__descriptor;
    case PGSTRAND__SECTION_KIND__CONFIG:
        return &pgstrand__config__descriptor;
    default:
        return NULL;
    }
}

static status check_payload(struct tally *t, const struct snap_payload *p, err *e)
{
    const ProtobufCMessageDescriptor *type = message_of(t->index->kind);
    if (t->index->kind == PGSTRAND__SECTION_KIND__ROWS)
        return check_rows(t, p, e);
    if (t->index->kind == PGSTRAND__SECTION_KIND__ACTIONS)
        return check_actions(t, p, e);
    if (type == NULL)
        return DONE;
    ProtobufCMessage *message = NULL;
    TRY(pbmem_unpack(type, p->payload, type->short_name, PAYLOAD_MEMORY, &message, e));
    pbmem_free(message);
    return DONE;
}

static status compare_digests(struct tally *t, err *e)
{
    for (size_t i = 0; i < t->index->n_table; i++) {
        const Pgstrand__TableDigest *told = t->index->table[i];
        struct table_digest wanted;
        table_digest_load(&wanted, told->digest.data, told->rows);
        if (!table_digest_equal(&t->digest[i], &wanted))
            return err_set(e, ERR_STORAGE,
                           "table %u: its %" PRIu64 " rows do not have the digest of the %" PRIu64
                           " that were written",
                           told->table, t->digest[i].rows, wanted.rows);
        t->rows += wanted.rows;
    }
    return DONE;
}

/* What the commit tells of the section. */
static status compare_figures(const struct tally *t, const Pgstrand__SectionRoot *root, err *e)
{
    uint64_t stored = 0, raw = 0;
    for (size_t i = 0; i < t->index->n_frame; i++) {
        stored += t->index->frame[i]->stored_length;
        raw += t->index->frame[i]->raw_length;
    }
    if (stored != root->stored || raw != root->raw || t->rows != root->rows || t->actions != root->actions)
        return err_set(e, ERR_STORAGE,
                       "it does not have the size, the rows or the actions that were committed");
    return DONE;
}

static status check_section(struct snapreader *r, const Pgstrand__SectionRoot *root, uint64_t *frames, err *e)
{
    bool found = false, end = false;
    OWNED(hasher) struct hasher *h = NULL;
    OWNED(actionunpack) struct actionunpack *unpack = NULL;
    TRY(hasher_new(&h, e));
    TRY(actionunpack_new(&unpack, e));
    TRY(snapreader_section(r, (enum tier)root->tier, root->kind, &found, e));
    if (!found)
        return DONE;
    struct tally t = {.hasher = h, .index = r->section.index, .unpack = unpack};
    OWNED(memory) struct table_digest *digest = calloc(t.index->n_table + 1, sizeof *digest);
    if (digest == NULL)
        return err_no_memory(e);
    t.digest = digest;
    for (;;) {
        struct snap_payload payload;
        TRY(snapreader_next(r, 0, &payload, &end, e));
        if (end)
            break;
        TRY(check_payload(&t, &payload, e));
    }
    TRY(compare_digests(&t, e));
    TRY(compare_figures(&t, root, e));
    *frames += t.index->n_frame;
    return DONE;
}

static status check_sizes(const struct snapreader *r, err *e)
{
    OWNED(text) char *stray = NULL;
    if (asprintf(&stray, "%s/%s.device", r->dir, r->name) < 0)
        return err_no_memory(e);
    if (!r->commit->has_device_header_hash && io_exists(stray))
        return err_set(e, ERR_STORAGE, "%s: its commit knows of no such file", stray);
    TRY(snapfile_covered(r->snap, e));
    if (r->device != NULL)
        TRY(snapfile_covered(r->device, e));
    bool complete = r->device != NULL || !r->commit->has_device_header_hash;
    uint64_t size = snapfile_size(r->snap) + (r->device == NULL ? 0 : snapfile_size(r->device));
    if (complete ? size != r->commit->size : size >= r->commit->size)
        return err_set(e, ERR_STORAGE, "%s: its files do not have the size that was committed", r->name);
    return DONE;
}

/* On files opened anew: what was read before may have changed since, and is counted. */
status snapreader_verify(struct snapreader *r, uint64_t *frames, err *e)
{
    OWNED(snapreader) struct snapreader *fresh = NULL;
    *frames = 0;
    TRY(snapreader_open(r->dir, r->name, &fresh, e));
    for (size_t i = 0; i < fresh->commit->n_section; i++) {
        const Pgstrand__SectionRoot *root = fresh->commit->section[i];
        char name[SNAP_SECTION_TEXT];
        (void)snaplayout_section_name(root->tier, root->kind, name);
        if (!check_section(fresh, root, frames, e).ok)
            return err_wrap(e, "snapshot %s, %s", r->name, name);
    }
    return check_sizes(fresh, e);
}
