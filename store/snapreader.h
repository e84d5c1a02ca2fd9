/*
 * snapreader: opens a published snapshot and reads its sections frame by frame, checking everything it hands
 * out.
 *
 * Opening checks the commit's signature, that the files' headers hash to what the commit says, and the
 * section lists. Reading a frame checks its header, CRC, leaf hash, limits (before memory is taken) and
 * decodes it. A payload that spans frames is joined. Lawful absence: the .device files may be missing; a
 * section of another tier may not (ERR_STORAGE).
 *
 * Threads:   a handle belongs to one thread; several handles on one snapshot are fine. Ownership: payloads
 * are borrowed until the next call.
 */
#ifndef PGSTRAND_SNAPREADER_H
#define PGSTRAND_SNAPREADER_H

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/digest.h"
#include "proto/base/own.h"
#include "proto/tier.h"
#include <snapshot.pb-c.h>

struct snapreader;

/* `name` is NAME without suffix, in folder `dir`. */
MUST_CHECK status snapreader_open(const char *dir, const char *name, struct snapreader **out, err *e);
/* The same where the commit's hash is known from a chain that was checked: it stands for the signature. */
MUST_CHECK status snapreader_open_known(const char *dir, const char *name,
                                        const uint8_t hash[static SHA256_LEN], struct snapreader **out,
                                        err *e);
void snapreader_close(struct snapreader *r);
OWN_POINTER(snapreader, snapreader_close);

const Pgstrand__SnapshotCommit *snapreader_commit(const struct snapreader *r);
void snapreader_commit_hash(const struct snapreader *r, uint8_t out[static SHA256_LEN]);
/* Is the device file there? */
bool snapreader_has_device(const struct snapreader *r);
/* Would snapreader_section find it? */
bool snapreader_has(const struct snapreader *r, enum tier tier, Pgstrand__SectionKind kind);

/* Positions on a section; *found false when the snapshot has none of that tier and kind, or the device file
 * is lawfully absent. */
MUST_CHECK status snapreader_section(struct snapreader *r, enum tier tier, Pgstrand__SectionKind kind,
                                     bool *found, err *e);
/* The index of the section one is positioned on; borrowed until the next snapreader_section. */
const Pgstrand__SectionIndex *snapreader_index(const struct snapreader *r);

struct snap_payload {
    uint32_t table;
    uint64_t first_seq;
    uint64_t last_seq;
    struct bytes payload; /* raw protobuf bytes, */
    bool by_column;       /* or actions by column (actionunpack.h) */
};

/* The next payload of the section in frame order; with table != 0 only that table's. *end at the end. */
MUST_CHECK status snapreader_next(struct snapreader *r, uint32_t table, struct snap_payload *out, bool *end,
                                  err *e);

/* Of the payload of rows that comes next one line, from 0, without its end: the others are not put together.
 * *found false: it has fewer, or its one row is larger than a frame (then snapreader_next reads it). *table:
 * whose rows they are. */
MUST_CHECK status snapreader_line(struct snapreader *r, uint64_t number, uint32_t *table, struct bytes *line,
                                  bool *found, err *e);

/* From now on snapreader_next begins with the first payload that may have `seq` or a later one; never one
 * that was read already. A section of actions must have been found. */
void snapreader_seek(struct snapreader *r, uint64_t seq);

/* The number of the frame with which the next payload begins, and going there: a place that snapreader_place
 * told. ERR_STORAGE when no payload begins there. */
uint64_t snapreader_place(const struct snapreader *r);
MUST_CHECK status snapreader_go(struct snapreader *r, uint64_t place, err *e);

/* Gives back memory that only a payload of several frames needed; what was borrowed is gone. */
void snapreader_slim(struct snapreader *r);

/* The SCHEMA section unpacked (pbmem_free it). */
MUST_CHECK status snapreader_schema(struct snapreader *r, Pgstrand__Schema **out, err *e);

/* Every check there is: all frames of all files, Merkle roots, table digests. Fails with the first damage,
 * saying what and where. */
MUST_CHECK status snapreader_verify(struct snapreader *r, uint64_t *frames, err *e);

/* Reads and checks a .commit alone: signature and form. Free with pbmem_free. */
MUST_CHECK status snapcommit_load(const char *dir, const char *name, Pgstrand__SnapshotCommit **out,
                                  uint8_t hash[static SHA256_LEN], err *e);

/* Its form alone, for whoever checks the hash against what a signed commit says of it. It lives as long as
 * `arena`; NULL: free with pbmem_free. */
MUST_CHECK status snapcommit_load_unsigned(const char *dir, const char *name, struct arena *arena,
                                           Pgstrand__SnapshotCommit **out, uint8_t hash[static SHA256_LEN],
                                           err *e);

#endif
