/*
 * recoverykey: the secret that the owner keeps, shown once.
 */
#ifndef PGSTRAND_RECOVERYKEY_H
#define PGSTRAND_RECOVERYKEY_H

#include "agent/datadir.h"

#define RECOVERYKEY_TEXT 80 /* 64 hex digits in groups of 8, and NUL */

const char *recoverykey_format(const uint8_t secret[static SIGNING_KEY_LEN],
                               char out[static RECOVERYKEY_TEXT]);

/* With the words that go with it, on stdout. */
void recoverykey_print(const uint8_t secret[static SIGNING_KEY_LEN]);

/* What was printed has arrived; the key is kept nowhere any more. */
MUST_CHECK status recoverykey_shown(const struct datadir *d, err *e);

#endif
