/*
 * snapwriter: makes one snapshot in a folder: NAME.snap, NAME.device (only if the device tier has frames) and
 * NAME.commit.
 *
 * States:     open (sections may be opened, frames added) -> published or abandoned. A call in the wrong
 * state is ERR_VALIDATION. Files:      NAME.snap.part and NAME.device.part are written; publishing means:
 * sections closed, trailer, fsync, every frame read back and decoded, rename, folder fsync; then the same for
 * .device; then .commit. Its existence makes the snapshot exist. NAME = <number>-<first seq>-<last
 * seq>-<type>-<uuid>, numbers as 16 hex digits. Files roll over below 4 GiB (NAME.snap.1 ...). Memory: one
 * frame per compressing thread, one for each thread that reads back, and the index (about 100 bytes for each
 * 4 MiB of rows). Threads: snapsection_frame may be called by several threads on sections of one writer at
 * once, each with its own framecoder; all else by one. Ownership:  snapwriter_open -> caller ->
 * snapwriter_close (NULL-safe; abandons and removes the .part files unless published).
 */
#ifndef PGSTRAND_SNAPWRITER_H
#define PGSTRAND_SNAPWRITER_H

#include "proto/base/buf.h"
#include "proto/base/digest.h"
#include "proto/base/signing.h"
#include "proto/base/uuid.h"
#include "proto/tier.h"
#include <snapshot.pb-c.h>

#define FRAME_RAW_MAX \
    ((size_t)4 << 20) /* bytes of a frame before compression; a larger payload spans frames */

/* Frame flags. A payload that fits one frame has both FIRST and LAST. */
#define FRAME_FIRST 1u
#define FRAME_LAST 2u
#define FRAME_COLUMNS 4u /* rows by column (rowlayout.h); readers get them back as a RowsFrame */
#define FRAME_ACTIONS 8u /* actions by column (actionpack.h); read with actionunpack.h */

struct framecoder; /* one thread's zstd context and buffers */
MUST_CHECK status framecoder_new(int level, struct framecoder **out, err *e); /* zstd level, 1 to 19 */
void framecoder_free(struct framecoder *c);
OWN_POINTER(framecoder, framecoder_free);

struct snapwriter;
struct snapsection;

/* `header` is copied; role, sizes and hashes are filled in by the writer. `level`: zstd level. `rollover`: 0
 * for just below 4 GiB. */
MUST_CHECK status snapwriter_open(const char *dir, const Pgstrand__SnapshotHeader *header, int level,
                                  uint64_t rollover, struct snapwriter **out, err *e);
void snapwriter_close(struct snapwriter *w);
OWN_POINTER(snapwriter, snapwriter_close);

/* A section; its tier decides the file (TIER_DEVICE: .device). TIER_TRANSIENT is ERR_REFUSED. Sections of one
 * file may be open at the same time. Owned by the writer. */
MUST_CHECK status snapwriter_section(struct snapwriter *w, enum tier tier, Pgstrand__SectionKind kind,
                                     struct snapsection **out, err *e);

/* Adds one payload (a packed protobuf message), compressed by `coder` in the calling thread; larger than
 * FRAME_RAW_MAX: several frames. */
MUST_CHECK status snapsection_frame(struct snapsection *s, struct framecoder *coder, uint32_t table,
                                    uint64_t first_seq, uint64_t last_seq, struct bytes payload, err *e);

/* The same for a payload that is given in pieces, one behind the other. */
MUST_CHECK status snapsection_pieces(struct snapsection *s, struct framecoder *coder, uint64_t first_seq,
                                     uint64_t last_seq, const struct bytes *piece, size_t pieces, err *e);

/* Adds actions that actionpack_take laid out, at most FRAME_RAW_MAX bytes. The header must have the feature
 * SNAP_FEATURE_ACTIONS. */
MUST_CHECK status snapsection_actions(struct snapsection *s, struct framecoder *coder, uint64_t first_seq,
                                      uint64_t last_seq, struct bytes payload, err *e);

/* Adds the frames of a staged row file (rowfile.h) without compressing them again, and the table's digest. */
MUST_CHECK status snapsection_import(struct snapsection *s, const char *rowfile, uint32_t table, err *e);

/* The digest and row count of one table of a ROWS section; rows and actions are counted for the commit. */
MUST_CHECK status snapsection_digest(struct snapsection *s, uint32_t table, const struct table_digest *digest,
                                     err *e);
void snapsection_count_actions(struct snapsection *s, uint64_t actions);

/* What the commit tells of the node's owner (handover.h): the recovery key with the device's certificate; in
 * the first commit of a machine that took the node over the hand-over, too. Copied. Not called: nothing. */
struct snap_owner {
    uint8_t recovery_key[SIGNING_KEY_LEN];
    uint8_t certificate[SIGNATURE_LEN];
    struct bytes handover; /* len 0: none */
    uint8_t handover_signature[SIGNATURE_LEN];
};
MUST_CHECK status snapwriter_owner(struct snapwriter *w, const struct snap_owner *owner, err *e);

/* Publishes. On success *commit_hash is the SHA-256 of the .commit file and *name the NAME (malloc'ed, the
 * caller frees). */
MUST_CHECK status snapwriter_publish(struct snapwriter *w, const struct signing_key *key,
                                     uint8_t commit_hash[static SHA256_LEN], char **name, err *e);

/* Writes NAME for a header into a malloc'ed string; NULL when memory is out. */
char *snapname_format(const Pgstrand__SnapshotHeader *header);

/* What a listing needs, from the name alone. */
struct snapname {
    uint64_t number;
    uint64_t first_seq;
    uint64_t last_seq;
    Pgstrand__SnapshotType type;
    uuid id;
};
bool snapname_parse(const char *name, struct snapname *out);

#endif
