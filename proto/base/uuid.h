/*
 * uuid: 16 bytes in network order (RFC 9562).
 *
 * Three kinds are made here: random (v4) for things that are born once; name-based (v5, SHA-1) for entities,
 * so that every device derives the same one; and v8 for actions, whose byte order is their replay order.
 */
#ifndef PGSTRAND_UUID_H
#define PGSTRAND_UUID_H

#include "proto/base/bytes.h"
#include "proto/base/digest.h"
#include "proto/base/err.h"
#include "proto/base/lsn.h"

typedef struct {
    uint8_t b[16];
} uuid;

#define UUID_TEXT 37 /* 36 characters and NUL */
#define UUID_NIL ((uuid){{0}})

/* The largest seq an action's UUID can carry: 60 bits. */
#define SEQ_MAX ((UINT64_C(1) << 60) - 1)

static inline bool uuid_equal(const uuid *a, const uuid *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline bool uuid_is_nil(const uuid *u)
{
    const uuid nil = UUID_NIL;
    return uuid_equal(u, &nil);
}

const char *uuid_format(const uuid *u, char out[static UUID_TEXT]);

/* Accepts the 36-character form in either case; ERR_VALIDATION otherwise. */
MUST_CHECK status uuid_parse(const char *text, uuid *out, err *e);

/* Exactly 16 bytes, as stored in protobuf fields; ERR_STORAGE naming `what` otherwise. */
MUST_CHECK status uuid_from_bytes(struct bytes raw, const char *what, uuid *out, err *e);

/* A random UUID (v4) from the kernel's generator. */
MUST_CHECK status uuid_random(uuid *out, err *e);

/* v5: SHA-1 over the namespace and the name. */
MUST_CHECK status uuid_v5(const uuid *namespace, struct bytes name, uuid *out, err *e);

/* The v5 UUID that this SHA-1 makes: for names that come in pieces. */
uuid uuid_v5_of_hash(const uint8_t hash[static SHA1_LEN]);

/*
 * v8, an action's key: 60 bits of seq (48 before and 12 after the version nibble), then 62 bits of
 * SHA-256(node, incarnation, commit LSN as 8 bytes big-endian, ordinal as 8 bytes big-endian) after the
 * variant bits. memcmp order is seq order. `h` is the caller's hasher (one per thread). ERR_VALIDATION when
 * seq exceeds SEQ_MAX.
 */
MUST_CHECK status uuid_v8_action(struct hasher *h, const uuid *node, const uuid *incarnation, lsn commit_lsn,
                                 uint64_t ordinal, uint64_t seq, uuid *out, err *e);

/* The seq inside a v8 action key. */
uint64_t uuid_v8_seq(const uuid *u);

/* The smallest possible action key of a seq: for positioning a cursor. */
uuid uuid_v8_floor(uint64_t seq);

#endif
