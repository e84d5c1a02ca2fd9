/*
 * snapfile: one snapshot file (.snap or .device, with its further parts) open for reading. What it hands out
 * is checked: header, CRC, leaf, limits; and a section's index against the root it is asked for.
 *
 * Threads: one per handle. Ownership: snapfile_open -> caller -> snapfile_close (NULL-safe). Frames are
 * borrowed until the next call. Memory: two buffers of a frame, and the index of a section.
 */
#ifndef PGSTRAND_SNAPFILE_H
#define PGSTRAND_SNAPFILE_H

#include "store/io.h"
#include "store/snaplayout.h"

struct snapfile;

enum snapfile_names { SNAPFILE_PUBLISHED, SNAPFILE_STAGED /* names end in .part */ };

/* `base` is DIR/NAME.snap or DIR/NAME.device. Headers of all parts, trailer and section list are checked. */
MUST_CHECK status snapfile_open(const char *base, enum snapfile_names names, Pgstrand__FileRole role,
                                const uuid *snapshot, uint32_t parts, struct snapfile **out, err *e);
void snapfile_close(struct snapfile *f);
OWN_POINTER(snapfile, snapfile_close);

/* SHA-256 of the stored file header. */
const uint8_t *snapfile_header_hash(const struct snapfile *f);
uint64_t snapfile_size(const struct snapfile *f);
size_t snapfile_sections(const struct snapfile *f);

struct snapfile_section {
    uint32_t number;
    Pgstrand__SectionIndex *index; /* free with pbmem_free */
};

/* Reads a section's index; it is accepted only when its frames and itself hash to `root`. */
MUST_CHECK status snapfile_section(struct snapfile *f, Pgstrand__Tier tier, Pgstrand__SectionKind kind,
                                   const uint8_t root[static SHA256_LEN], struct snapfile_section *out,
                                   err *e);

/* One frame of a section, decompressed; it must be what its index entry says. */
MUST_CHECK status snapfile_frame(struct snapfile *f, uint32_t section, const Pgstrand__FrameEntry *entry,
                                 struct bytes *raw, err *e);

/* Of a frame that is a whole payload of rows one line, from 0, without its end; borrowed as well. *found
 * false: it has fewer. */
MUST_CHECK status snapfile_line(struct snapfile *f, uint32_t section, const Pgstrand__FrameEntry *entry,
                                uint64_t number, struct bytes *line, bool *found, err *e);

/* Reads a section and of its frames every `step`-th one from `first` on: several threads, each with a handle
 * of its own, share the work so. */
struct snapfile_share {
    uint32_t first;
    uint32_t step;
};
MUST_CHECK status snapfile_check(struct snapfile *f, Pgstrand__Tier tier, Pgstrand__SectionKind kind,
                                 const uint8_t root[static SHA256_LEN], struct snapfile_share share, err *e);

/* After every section was read with snapfile_section: does the file consist of them and of nothing else? */
MUST_CHECK status snapfile_covered(const struct snapfile *f, err *e);

#endif
