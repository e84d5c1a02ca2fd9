/*
 * sealedstream: the actions of one tier of one snapshot, one after the other, taken apart without copying.
 *
 * Threads: one per handle. Ownership: the head is borrowed until sealedstream_advance.
 */
#ifndef PGSTRAND_SEALEDSTREAM_H
#define PGSTRAND_SEALEDSTREAM_H

#include "proto/actionunpack.h"
#include "store/snapreader.h"

struct sealedstream;

/* It begins with the first action from seq `first` on. Takes the reader over in any case. *out NULL: the
 * snapshot has no actions of this tier, or they are lawfully absent. */
MUST_CHECK status sealedstream_open(struct snapreader *reader, enum tier tier, uint64_t first,
                                    struct sealedstream **out, err *e);
void sealedstream_close(struct sealedstream *s); /* NULL-safe */
OWN_POINTER(sealedstream, sealedstream_close);

/* The action it stands on, the first one after opening; NULL when it has passed the last. */
const struct sealed_action *sealedstream_head(const struct sealedstream *s);
MUST_CHECK status sealedstream_advance(struct sealedstream *s, err *e);
/* Goes on to the first action from `seq` on, if it stands before it; frames between are not read. */
MUST_CHECK status sealedstream_seek(struct sealedstream *s, uint64_t seq, err *e);

#endif
