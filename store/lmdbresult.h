/*
 * lmdbresult: what LMDB returned, as status and err.
 *
 * Threads: any.
 */
#ifndef PGSTRAND_LMDBRESULT_H
#define PGSTRAND_LMDBRESULT_H

#include "proto/base/err.h"

/*
 * `code` is LMDB's, or errno's; 0 is DONE. Else ERR_STORAGE, FROM_LMDB, with "cannot WHAT PATH" and what to
 * make of it. LMDB tells EIO for a short write: ENOSPC or EFBIG when the disk or the limit on file sizes is
 * full now.
 */
MUST_CHECK status lmdbresult_of(int code, const char *what, const char *path, err *e);

/* Is this failure of opening, checking or reading a file damage to it, not the disk's or the caller's? */
bool lmdbresult_is_damage(const err *e);

#endif
