/*
 * snapcommit: the .commit file: a SnapshotCommit and the device's signature over its stored bytes. Pure;
 * reading one from a folder is snapcommit_load (snapreader.h).
 */
#ifndef PGSTRAND_SNAPCOMMIT_H
#define PGSTRAND_SNAPCOMMIT_H

#include "proto/base/buf.h"
#include "proto/base/digest.h"
#include "proto/base/signing.h"
#include <snapshot.pb-c.h>

/* Appends the whole file to `out`. commit->device_key is the key's public half. */
MUST_CHECK status snapcommit_encode(const Pgstrand__SnapshotCommit *commit, const struct signing_key *key,
                                    struct buf *out, err *e);

/* Form, limits and signature of a whole file; free with pbmem_free. ERR_REFUSED: of a newer version. */
MUST_CHECK status snapcommit_decode(struct bytes file, Pgstrand__SnapshotCommit **out, err *e);

/* The hash that a child names its parent by: SHA-256 of the whole file. */
MUST_CHECK status snapcommit_hash(struct bytes file, uint8_t out[static SHA256_LEN], err *e);

#endif
