#include "store/snaphandle.h"

#include "proto/pbmem.h"
#include "store/snapframe.h"

#define SCHEMA_MEMORY ((size_t)512 << 20) /* pg_dump's text of a very large schema, and its tables */

static status open_file(const struct snapreader *r, Pgstrand__FileRole role, uint32_t parts,
                        const ProtobufCBinaryData *header_hash, struct snapfile **out, err *e)
{
    OWNED(text) char *base = NULL;
    uuid id;
    memcpy(id.b, r->commit->header->snapshot.data, sizeof id.b);
    if (asprintf(&base, "%s/%s%s", r->dir, r->name, snaplayout_suffix(role)) < 0)
        return err_no_memory(e);
    OWNED(snapfile) struct snapfile *f = NULL;
    TRY(snapfile_open(base, SNAPFILE_PUBLISHED, role, &id, parts, &f, e));
    if (memcmp(snapfile_header_hash(f), header_hash->data, SHA256_LEN) != 0)
        return err_set(e, ERR_STORAGE, "%s: its header is not the one that was committed", base);
    size_t committed = 0;
    for (size_t i = 0; i < r->commit->n_section; i++)
        committed += r->commit->section[i]->file == role;
    if (snapfile_sections(f) != committed)
        return err_set(e, ERR_STORAGE, "%s: has %zu sections, where %zu were committed", base,
                       snapfile_sections(f), committed);
    *out = f;
    f = NULL;
    return DONE;
}

static status open_device(struct snapreader *r, err *e)
{
    OWNED(text) char *path = NULL;
    if (!r->commit->has_device_header_hash)
        return DONE;
    if (asprintf(&path, "%s/%s.device", r->dir, r->name) < 0)
        return err_no_memory(e);
    if (!io_exists(path))
        return DONE; /* lawful: this is a business backup */
    return open_file(r, PGSTRAND__FILE_ROLE__DEVICE_FILE, r->commit->device_parts,
                     &r->commit->device_header_hash, &r->device, e);
}

static status load_commit(struct snapreader *r, const uint8_t *known, err *e)
{
    if (known == NULL)
        return snapcommit_load(r->dir, r->name, &r->commit, r->hash, e);
    TRY(snapcommit_load_unsigned(r->dir, r->name, NULL, &r->commit, r->hash, e));
    if (memcmp(r->hash, known, SHA256_LEN) != 0)
        return err_set(e, ERR_STORAGE, "%s/%s.commit: it is not the one that the chain was checked with",
                       r->dir, r->name);
    return DONE;
}

/* `known`: the commit's hash; NULL: its signature is checked. */
static status open_snapshot(const char *dir, const char *name, const uint8_t *known, struct snapreader **out,
                            err *e)
{
    OWNED(snapreader) struct snapreader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_no_memory(e);
    r->dir = strdup(dir);
    r->name = strdup(name);
    if (r->dir == NULL || r->name == NULL)
        return err_no_memory(e);
    TRY(load_commit(r, known, e));
    TRY(open_file(r, PGSTRAND__FILE_ROLE__SNAP, r->commit->snap_parts, &r->commit->snap_header_hash, &r->snap,
                  e));
    TRY(open_device(r, e));
    *out = r;
    r = NULL;
    return DONE;
}

status snapreader_open(const char *dir, const char *name, struct snapreader **out, err *e)
{
    return open_snapshot(dir, name, NULL, out, e);
}

status snapreader_open_known(const char *dir, const char *name, const uint8_t hash[static SHA256_LEN],
                             struct snapreader **out, err *e)
{
    return open_snapshot(dir, name, hash, out, e);
}

void snapreader_close(struct snapreader *r)
{
    if (r == NULL)
        return;
    pbmem_free((ProtobufCMessage *)r->section.index);
    pbmem_free((ProtobufCMessage *)r->commit);
    snapfile_close(r->snap);
    snapfile_close(r->device);
    buf_fini(&r->joined);
    free(r->dir);
    free(r->name);
    free(r);
}

const Pgstrand__SnapshotCommit *snapreader_commit(const struct snapreader *r)
{
    return r->commit;
}

void snapreader_commit_hash(const struct snapreader *r, uint8_t out[static SHA256_LEN])
{
    memcpy(out, r->hash, SHA256_LEN);
}

bool snapreader_has_device(const struct snapreader *r)
{
    return r->device != NULL;
}

struct snapfile *snaphandle_file(struct snapreader *r, const Pgstrand__SectionRoot *root)
{
    return root->file == PGSTRAND__FILE_ROLE__DEVICE_FILE ? r->device : r->snap;
}

static const Pgstrand__SectionRoot *find_root(const struct snapreader *r, enum tier tier,
                                              Pgstrand__SectionKind kind)
{
    for (size_t i = 0; i < r->commit->n_section; i++)
        if ((int)r->commit->section[i]->tier == (int)tier && r->commit->section[i]->kind == kind)
            return r->commit->section[i];
    return NULL;
}

bool snapreader_has(const struct snapreader *r, enum tier tier, Pgstrand__SectionKind kind)
{
    const Pgstrand__SectionRoot *root = find_root(r, tier, kind);
    return root != NULL && (root->file == PGSTRAND__FILE_ROLE__SNAP || r->device != NULL);
}

/* The section's index; *file stays NULL when there is no such section to read. */
static status load(struct snapreader *r, enum tier tier, Pgstrand__SectionKind kind, struct snapfile **file,
                   struct snapfile_section *out, err *e)
{
    const Pgstrand__SectionRoot *root = find_root(r, tier, kind);
    *file = root == NULL ? NULL : snaphandle_file(r, root);
    return *file == NULL ? DONE : snapfile_section(*file, root->tier, root->kind, root->root.data, out, e);
}

status snapreader_section(struct snapreader *r, enum tier tier, enum _Pgstrand__SectionKind kind, bool *found,
                          err *e)
{
    pbmem_free((ProtobufCMessage *)r->section.index);
    r->section = (struct snapfile_section){0};
    r->file = NULL;
    r->next = 0;
    TRY(load(r, tier, kind, &r->file, &r->section, e));
    *found = r->file != NULL;
    return DONE;
}

const Pgstrand__SectionIndex *snapreader_index(const struct snapreader *r)
{
    return r->section.index;
}

/* The payload that begins at frame *at; *at goes to the one behind it. The index was checked: spans are
 * whole and no longer than SNAP_PAYLOAD_MAX. */
static status read_payload(struct snapfile *f, const struct snapfile_section *s, size_t *at,
                           struct buf *joined, struct snap_payload *out, err *e)
{
    Pgstrand__FrameEntry *const *frame = s->index->frame;
    *out = (struct snap_payload){.table = frame[*at]->table,
                                 .first_seq = frame[*at]->first_seq,
                                 .last_seq = frame[*at]->last_seq,
                                 .by_column = (frame[*at]->flags & FRAME_ACTIONS) != 0};
    if ((frame[*at]->flags & FRAME_LAST) != 0)
        return snapfile_frame(f, s->number, frame[(*at)++], &out->payload, e);
    buf_reset(joined);
    for (bool last = false; !last; (*at)++) {
        struct bytes raw;
        TRY(snapfile_frame(f, s->number, frame[*at], &raw, e));
        buf_bytes(joined, raw.data, raw.len);
        last = (frame[*at]->flags & FRAME_LAST) != 0;
    }
    out->payload = buf_view(joined);
    return buf_done(joined, e);
}

status snapreader_next(struct snapreader *r, uint32_t table, struct snap_payload *out, bool *end, err *e)
{
    if (r->file == NULL)
        return err_set(e, ERR_VALIDATION, "%s: no section was chosen", r->name);
    const Pgstrand__SectionIndex *index = r->section.index;
    while (table != 0 && r->next < index->n_frame && index->frame[r->next]->table != table)
        r->next++;
    *end = r->next == index->n_frame;
    return *end ? DONE : read_payload(r->file, &r->section, &r->next, &r->joined, out, e);
}

status snapreader_line(struct snapreader *r, uint64_t number, uint32_t *table, struct bytes *line,
                       bool *found, err *e)
{
    const Pgstrand__SectionIndex *index = r->section.index;
    *found = false;
    if (r->file == NULL || r->next >= index->n_frame)
        return err_set(e, ERR_VALIDATION, "%s: no payload was chosen", r->name);
    const Pgstrand__FrameEntry *entry = index->frame[r->next];
    *table = entry->table;
    if ((entry->flags & FRAME_LAST) == 0)
        return DONE;
    return snapfile_line(r->file, r->section.number, entry, number, line, found, e);
}

void snapreader_seek(struct snapreader *r, uint64_t seq)
{
    const Pgstrand__SectionIndex *index = r->section.index;
    Pgstrand__FrameEntry *const *frame = index->frame;
    bool begins = true;
    for (size_t i = r->next; i < index->n_frame; i++) {
        if (begins && frame[i]->last_seq >= seq) {
            r->next = i;
            return;
        }
        begins = (frame[i]->flags & FRAME_LAST) != 0;
    }
    r->next = index->n_frame;
}

void snapreader_slim(struct snapreader *r)
{
    buf_fini(&r->joined);
    r->joined = (struct buf){0};
}

uint64_t snapreader_place(const struct snapreader *r)
{
    return r->next;
}

status snapreader_go(struct snapreader *r, uint64_t place, err *e)
{
    const Pgstrand__SectionIndex *index = r->section.index;
    if (index == NULL || place >= index->n_frame ||
        (place > 0 && (index->frame[place - 1]->flags & FRAME_LAST) == 0))
        return err_set(e, ERR_STORAGE, "%s: no payload begins at frame %llu", r->name,
                       (unsigned long long)place);
    r->next = (size_t)place;
    return DONE;
}

status snapreader_schema(struct snapreader *r, Pgstrand__Schema **out, err *e)
{
    OWNED(buf) struct buf joined = {0};
    struct snapfile *file = NULL;
    struct snapfile_section section = {0};
    struct snap_payload payload;
    size_t at = 0;
    TRY(load(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__SCHEMA, &file, &section, e));
    PB_OWNED(Pgstrand__SectionIndex) *index = section.index;
    if (index == NULL || index->n_frame == 0)
        return err_set(e, ERR_STORAGE, "%s: the snapshot has no schema", r->name);
    TRY(read_payload(file, &section, &at, &joined, &payload, e));
    return PB_UNPACK(*out, pgstrand__schema__descriptor, payload.payload, "schema", SCHEMA_MEMORY, e);
}
