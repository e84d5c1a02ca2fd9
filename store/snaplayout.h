/*
 * snaplayout: the fixed parts of the snapshot files (file header, header of a further part, trailer), the
 * names of the files, and the limits that readers hold before they take memory. Pure: no I/O.
 */
#ifndef PGSTRAND_SNAPLAYOUT_H
#define PGSTRAND_SNAPLAYOUT_H

#include "proto/base/buf.h"
#include "proto/base/digest.h"
#include "proto/base/uuid.h"
#include <snapshot.pb-c.h>

#define SNAP_FORMAT_MAJOR 1u
#define SNAP_OLDEST_READER 1u /* the oldest format a reader must know to read what is written now */

/* Incompatible features, and all that this reader knows. */
#define SNAP_FEATURE_ACTIONS UINT64_C(1) /* actions may lie by column in their frames */
#define SNAP_FEATURES SNAP_FEATURE_ACTIONS

#define SNAP_MAGIC_LEN 8
#define SNAP_PART_HEADER_LEN 40
#define SNAP_TRAILER_LEN 28

/* Limits. */
#define SNAP_HEADER_MAX ((size_t)64 << 10) /* SnapshotHeader */
#define SNAP_COMMIT_MAX ((size_t)1 << 20)  /* the .commit file */
#define SNAP_INDEX_MAX ((size_t)64 << 20)  /* a section's index; about 600,000 frames, 2.4 TB of rows */
#define SNAP_PAYLOAD_MAX ((size_t)1 << 30) /* one payload; PostgreSQL's own limit for a value is 1 GB */
#define SNAP_SECTIONS_MAX 64u
#define SNAP_PARTS_MAX 65536u
#define SNAP_ROLLOVER_MAX ((UINT64_C(4) << 30) - 1) /* FAT32: no file of 4 GiB */

/* The fixed beginning of a file: enough to know how long the whole header is. */
#define SNAP_PREAMBLE_LEN 20

/* "DIR/NAME.snap" or ".device". */
const char *snaplayout_suffix(Pgstrand__FileRole role);

/* "BASE", "BASE.1", ...; with ".part" when staged. Malloc'ed, NULL when memory is out. */
char *snaplayout_path(const char *base, uint32_t part, bool staged);

/* Appends the whole header: preamble, message, CRC. */
MUST_CHECK status snaplayout_header(const Pgstrand__SnapshotHeader *header, struct buf *out, err *e);

/* The length of the whole header, from its preamble. ERR_REFUSED: written by a newer version. */
MUST_CHECK status snaplayout_header_len(const uint8_t preamble[static SNAP_PREAMBLE_LEN], size_t *out,
                                        err *e);

/* The message in a whole header, checked; free with pbmem_free. */
MUST_CHECK status snaplayout_header_decode(struct bytes whole, Pgstrand__SnapshotHeader **out, err *e);

/* The form of a header that came from a file or a commit: lengths of UUIDs and hashes, ranges, features. */
MUST_CHECK status snaplayout_header_check(const Pgstrand__SnapshotHeader *header, err *e);

/* The header of part 1 and following. */
void snaplayout_part_encode(const uuid *snapshot, Pgstrand__FileRole role, uint32_t part, struct buf *out);
/* Is it exactly that one? */
MUST_CHECK status snaplayout_part_check(struct bytes raw, const uuid *snapshot, Pgstrand__FileRole role,
                                        uint32_t part, err *e);

struct snaptrailer {
    uint64_t list_offset; /* in the last part */
    uint32_t list_length; /* of the frame with the section list, header included */
    uint32_t parts;
};
void snaplayout_trailer_encode(const struct snaptrailer *t, struct buf *out);
MUST_CHECK status snaplayout_trailer_decode(struct bytes raw, struct snaptrailer *out, err *e);

/* Which file a tier's sections are in. */
Pgstrand__FileRole snaplayout_role(Pgstrand__Tier tier);

/* May a section have this tier and kind at all? */
bool snaplayout_section_valid(Pgstrand__Tier tier, Pgstrand__SectionKind kind);

/* "business rows", for messages. `out` has room for SNAP_SECTION_TEXT. */
#define SNAP_SECTION_TEXT 32
const char *snaplayout_section_name(Pgstrand__Tier tier, Pgstrand__SectionKind kind,
                                    char out[static SNAP_SECTION_TEXT]);

#endif
