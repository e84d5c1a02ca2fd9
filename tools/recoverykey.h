/*
 * recoverykey: the secret that the owner keeps: shown once, and asked for when a machine takes a node over.
 */
#ifndef PGSTRAND_RECOVERYKEY_H
#define PGSTRAND_RECOVERYKEY_H

#include "agent/datadir.h"

#define RECOVERYKEY_TEXT 80 /* 64 hex digits in groups of 8, and NUL */

const char *recoverykey_format(const uint8_t secret[static SIGNING_KEY_LEN],
                               char out[static RECOVERYKEY_TEXT]);

/* With the words that go with it, on stdout. */
void recoverykey_print(const uint8_t secret[static SIGNING_KEY_LEN]);

/* What was printed, in any grouping: 64 hex digits; blanks, line ends and '-' between them do not count.
 * ERR_USAGE when it is something else. The text may be long; only the digits count. */
MUST_CHECK status recoverykey_parse(struct bytes text, uint8_t out[static SIGNING_KEY_LEN], err *e);

/* From a file that holds nothing else; "-": standard input. */
MUST_CHECK status recoverykey_load(const char *path, uint8_t out[static SIGNING_KEY_LEN], err *e);

/* Typed on the terminal that is standard input, without being shown; *asked false: there is no terminal. */
MUST_CHECK status recoverykey_ask(const char *question, uint8_t out[static SIGNING_KEY_LEN], bool *asked,
                                  err *e);

/* What was printed has arrived; the key is kept nowhere any more. */
MUST_CHECK status recoverykey_shown(const struct datadir *d, err *e);

#endif
