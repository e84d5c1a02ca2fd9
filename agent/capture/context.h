/*
 * context: who-did-it, as pgstrand.set_context tells it: a message of prefix pgstrand.context whose content
 * is a JSON object with the members user and session, each a string or null.
 *
 * Anybody may send such a message, so what is malformed is told (false) and not a failure.
 */
#ifndef PGSTRAND_CONTEXT_H
#define PGSTRAND_CONTEXT_H

#include "proto/base/buf.h"

/* Fills the two buffers anew; empty: not given. False: malformed, both are empty. */
bool context_parse(struct bytes content, struct buf *user, struct buf *session);

#endif
