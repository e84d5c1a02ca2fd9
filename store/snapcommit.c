/*
 * NAME.commit, little-endian:
 *
 *      0  8  magic "PGSTRCMT"
 *      8  4  format major
 *     12  4  oldest reader
 *     16  4  length L of the message
 *     20  L  SnapshotCommit
 *   20+L 64  Ed25519 signature of the device over a domain string and all bytes before it
 */
#include "store/snapcommit.h"

#include "proto/base/reader.h"
#include "proto/pbmem.h"
#include "store/handover.h"
#include "store/io.h"
#include "store/snaplayout.h"
#include "store/snapreader.h"
#include "store/snapwriter.h"

static const char magic[] = "PGSTRCMT";
static const char domain[] = "pgstrand-commit-v1";

#define PREAMBLE_LEN 20

/* What is signed. */
static status signed_text(struct bytes before, struct buf *out, err *e)
{
    buf_bytes(out, domain, sizeof domain);
    buf_bytes(out, before.data, before.len);
    return buf_done(out, e);
}

status snapcommit_encode(const Pgstrand__SnapshotCommit *commit, const struct signing_key *key,
                         struct buf *out, err *e)
{
    OWNED(buf) struct buf message = {0};
    OWNED(buf) struct buf text = {0};
    uint8_t signature[SIGNATURE_LEN];
    size_t from = out->len;
    TRY(pbmem_pack(&commit->base, &message, e));
    if (message.len > SNAP_COMMIT_MAX - PREAMBLE_LEN - SIGNATURE_LEN)
        return err_set(e, ERR_VALIDATION, "the commit record is too long");
    buf_bytes(out, magic, SNAP_MAGIC_LEN);
    buf_le32(out, SNAP_FORMAT_MAJOR);
    buf_le32(out, SNAP_OLDEST_READER);
    buf_le32(out, (uint32_t)message.len);
    buf_bytes(out, message.data, message.len);
    TRY(buf_done(out, e));
    TRY(signed_text(bytes_of(out->data + from, out->len - from), &text, e));
    TRY(signing_sign(key, buf_view(&text), signature, e));
    buf_bytes(out, signature, sizeof signature);
    return buf_done(out, e);
}

static status preamble(struct reader *r, struct bytes *message, err *e)
{
    if (!bytes_equal(reader_bytes(r, SNAP_MAGIC_LEN), bytes_text(magic)))
        return err_set(e, ERR_STORAGE, "not a pgstrand commit record");
    uint32_t major = reader_le32(r), oldest = reader_le32(r), len = reader_le32(r);
    if (reader_ok(r) && oldest > SNAP_FORMAT_MAJOR)
        return err_set(e, ERR_REFUSED, "written by a newer pgstrand (format %u): use that version", major);
    *message = reader_bytes(r, len);
    if (!reader_ok(r) || r->left != SIGNATURE_LEN || major < oldest || oldest == 0)
        return err_set(e, ERR_STORAGE, "the commit record is cut short or malformed");
    return DONE;
}

static bool sections_valid(const Pgstrand__SnapshotCommit *c)
{
    if (c->n_section > SNAP_SECTIONS_MAX)
        return false;
    for (size_t i = 0; i < c->n_section; i++) {
        const Pgstrand__SectionRoot *s = c->section[i];
        bool placed = s->file == snaplayout_role(s->tier) &&
                      (s->file == PGSTRAND__FILE_ROLE__SNAP || c->has_device_header_hash);
        if (!snaplayout_section_valid(s->tier, s->kind) || s->root.len != SHA256_LEN || !placed)
            return false;
        for (size_t k = 0; k < i; k++)
            if (c->section[k]->tier == s->tier && c->section[k]->kind == s->kind)
                return false;
    }
    return true;
}

/* Whether they are signed, and by whom, is the chain's to look at (chainorigin.h). */
static bool owner_valid(const Pgstrand__SnapshotCommit *c)
{
    return c->has_recovery_key == c->has_device_certificate &&
           (!c->has_recovery_key ||
            (c->recovery_key.len == SIGNING_KEY_LEN && c->device_certificate.len == SIGNATURE_LEN)) &&
           c->has_handover == c->has_handover_signature &&
           (!c->has_handover ||
            (c->handover.len <= HANDOVER_MAX && c->handover_signature.len == SIGNATURE_LEN));
}

static status form(const Pgstrand__SnapshotCommit *c, err *e)
{
    TRY(snaplayout_header_check(c->header, e));
    bool hashes = c->snap_header_hash.len == SHA256_LEN &&
                  (!c->has_device_header_hash || c->device_header_hash.len == SHA256_LEN);
    bool parts = c->snap_parts >= 1 && c->snap_parts <= SNAP_PARTS_MAX && c->device_parts <= SNAP_PARTS_MAX &&
                 c->has_device_header_hash == (c->device_parts > 0);
    if (!hashes || !parts || !sections_valid(c) || c->header->role != PGSTRAND__FILE_ROLE__SNAP ||
        c->device_key.len != SIGNING_KEY_LEN || !owner_valid(c))
        return err_set(e, ERR_STORAGE, "the commit record is malformed");
    return DONE;
}

static status give_up(struct arena *arena, Pgstrand__SnapshotCommit *commit)
{
    if (arena == NULL)
        pbmem_free(&commit->base);
    return FAILED;
}

/* All but the signature. `arena` NULL: the caller frees it. */
static status decode(struct bytes file, struct arena *arena, Pgstrand__SnapshotCommit **out, err *e)
{
    struct reader r = reader_over(file);
    struct bytes message = {0};
    Pgstrand__SnapshotCommit *commit = NULL;
    if (file.len > SNAP_COMMIT_MAX)
        return err_set(e, ERR_STORAGE, "the commit record is longer than commit records can be");
    TRY(preamble(&r, &message, e));
    TRY(pbmem_unpack_in(arena, &pgstrand__snapshot_commit__descriptor, message, "commit record", 0,
                        (ProtobufCMessage **)(void *)&commit, e));
    if (!form(commit, e).ok)
        return give_up(arena, commit);
    *out = commit;
    return DONE;
}

/* Of a file that was decoded: the signature is what it ends with. */
static status check_signature(struct bytes file, const Pgstrand__SnapshotCommit *commit, err *e)
{
    OWNED(buf) struct buf text = {0};
    const size_t before = file.len - SIGNATURE_LEN;
    TRY(signed_text(bytes_of(file.data, before), &text, e));
    return signing_verify(commit->device_key.data, buf_view(&text), file.data + before, e);
}

status snapcommit_decode(struct bytes file, Pgstrand__SnapshotCommit **out, err *e)
{
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    TRY(decode(file, NULL, &commit, e));
    TRY(check_signature(file, commit, e));
    *out = commit;
    commit = NULL;
    return DONE;
}

status snapcommit_hash(struct bytes file, uint8_t out[static SHA256_LEN], err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    TRY(hasher_new(&h, e));
    return hasher_once(h, file, out, e);
}

/* A commit under another snapshot's name would be taken for that one. */
static status named(const Pgstrand__SnapshotCommit *commit, const char *name, err *e)
{
    OWNED(text) char *own = snapname_format(commit->header);
    if (own == NULL)
        return err_no_memory(e);
    return strcmp(own, name) == 0 ? DONE : err_set(e, ERR_STORAGE, "the commit record is that of %s", own);
}

static status read_file(const char *dir, const char *name, char **path, uint8_t **data, size_t *len, err *e)
{
    if (asprintf(path, "%s/%s.commit", dir, name) < 0) {
        *path = NULL;
        return err_no_memory(e);
    }
    return io_load(*path, SNAP_COMMIT_MAX, data, len, e);
}

status snapcommit_load(const char *dir, const char *name, Pgstrand__SnapshotCommit **out,
                       uint8_t hash[static SHA256_LEN], err *e)
{
    OWNED(text) char *path = NULL;
    OWNED(memory) uint8_t *data = NULL;
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    size_t len = 0;
    TRY(read_file(dir, name, &path, &data, &len, e));
    if (!snapcommit_decode(bytes_of(data, len), &commit, e).ok || !named(commit, name, e).ok)
        return err_wrap(e, "%s", path);
    TRY(snapcommit_hash(bytes_of(data, len), hash, e));
    *out = commit;
    commit = NULL;
    return DONE;
}

status snapcommit_load_unsigned(const char *dir, const char *name, struct arena *arena,
                                Pgstrand__SnapshotCommit **out, uint8_t hash[static SHA256_LEN], err *e)
{
    OWNED(text) char *path = NULL;
    OWNED(memory) uint8_t *data = NULL;
    Pgstrand__SnapshotCommit *commit = NULL;
    size_t len = 0;
    TRY(read_file(dir, name, &path, &data, &len, e));
    if (!decode(bytes_of(data, len), arena, &commit, e).ok)
        return err_wrap(e, "%s", path);
    if (!named(commit, name, e).ok) {
        (void)err_wrap(e, "%s", path);
        return give_up(arena, commit);
    }
    if (!snapcommit_hash(bytes_of(data, len), hash, e).ok)
        return give_up(arena, commit);
    *out = commit;
    return DONE;
}
