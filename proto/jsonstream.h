/*
 * jsonstream: reads a JSON document (RFC 8259) of any size from a source, piece by piece. What it hands out
 * whole (a string, a value) is at most `value_max` bytes; everything else is stepped over in a buffer of
 * fixed size.
 *
 * Nesting, strings and their ends are checked here; what is inside a value that was handed out is jsonread's
 * to judge.
 *
 * Ownership: jsonstream_new -> caller -> jsonstream_free (NULL-safe); the source outlives it. Threads: one.
 * Failure: ERR_VALIDATION naming the byte when the document is malformed, too deep, too large, or ends too
 * early.
 */
#ifndef PGSTRAND_JSONSTREAM_H
#define PGSTRAND_JSONSTREAM_H

#include "proto/base/buf.h"
#include "proto/base/digest.h"

/* Up to `room` bytes; *got 0: the end. */
struct jsonstream_source {
    void *context;
    status (*read)(void *context, uint8_t *to, size_t room, size_t *got, err *e);
};

struct jsonstream;

MUST_CHECK status jsonstream_new(const struct jsonstream_source *source, size_t value_max,
                                 struct jsonstream **out, err *e);
void jsonstream_free(struct jsonstream *s);
OWN_POINTER(jsonstream, jsonstream_free);

/* Steps over white space; the next character, if it is this one ({ } [ ] : or a comma). */
MUST_CHECK status jsonstream_take(struct jsonstream *s, char wanted, bool *taken, err *e);
/* It must be there. */
MUST_CHECK status jsonstream_expect(struct jsonstream *s, char wanted, err *e);

/* Does an array begin? Takes nothing. */
MUST_CHECK status jsonstream_at(struct jsonstream *s, char wanted, bool *there, err *e);

/* The next member's name and its colon; *any false: the object ends, and its bracket is taken. `first`: no
 * comma comes before it; cleared. */
MUST_CHECK status jsonstream_member(struct jsonstream *s, bool *first, struct buf *name, bool *any, err *e);
/* Is there another element? False: the array ends, and its bracket is taken. */
MUST_CHECK status jsonstream_element(struct jsonstream *s, bool *first, bool *any, err *e);

/* The next value as it stands, borrowed until the next call. */
MUST_CHECK status jsonstream_value(struct jsonstream *s, struct bytes *raw, err *e);
MUST_CHECK status jsonstream_skip(struct jsonstream *s, err *e);

/* Only white space is left. */
MUST_CHECK status jsonstream_end(struct jsonstream *s, err *e);

/* From now on everything that is read goes into the hash, without the white space between values: how a
 * document was laid out does not matter. NULL: no longer. */
void jsonstream_hash(struct jsonstream *s, struct hasher *h);

#endif
