/*
 * action: one change, and the commit it belongs to: the messages Action and Commit of action.proto, encoded
 * without allocation.
 *
 * Ownership: decoded structs borrow from the input.
 */
#ifndef PGSTRAND_ACTION_H
#define PGSTRAND_ACTION_H

#include "proto/base/buf.h"
#include "proto/base/lsn.h"
#include "proto/base/pgtime.h"
#include "proto/base/reader.h"

enum action_kind {
    ACTION_CREATE = 1,
    ACTION_UPDATE,
    ACTION_DELETE,
    ACTION_BATCH_CREATE,
    ACTION_BATCH_UPDATE,
    ACTION_BATCH_DELETE,
    ACTION_TRUNCATE,
    ACTION_DDL,
    ACTION_MESSAGE
};

#define ACTION_TRUNCATE_CASCADE 1u
#define ACTION_TRUNCATE_RESTART 2u
#define ACTION_TRUNCATE_REWRITTEN 4u /* not emptied: all its rows follow, as a rewrite left them */
#define ACTION_MESSAGE_TRANSACTIONAL 1u

struct action {
    enum action_kind kind;
    uint32_t relation; /* version; 0: none */
    char old_kind;     /* 'K', 'O' or 0 */
    struct bytes old;  /* TupleData; empty: none */
    struct bytes new;
    struct bytes truncated; /* packed varints of relation versions: action_next_truncated */
    uint32_t flags;
    struct bytes prefix;
    struct bytes content;
    uint64_t mark;  /* DDL: its share of the schema's fingerprint; 0: not known */
    uint64_t index; /* seq - first_seq of its commit; written only when with_index */
};

void action_encode(const struct action *a, bool with_index, struct buf *out);
MUST_CHECK status action_decode(struct bytes raw, struct action *out, err *e);

/*
 * The same message in pieces, so that long fields are not copied: they come last and are borrowed, what is
 * before and between them goes into `room` (buf_done tells whether it did). Returns how many pieces there
 * are.
 */
#define ACTION_PIECES 6
size_t action_pieces(const struct action *a, bool with_index, struct buf *room,
                     struct bytes out[static ACTION_PIECES]);

/* The field `relation` alone: for whoever puts an action together behind its kind. */
void action_put_relation(struct buf *out, uint32_t version);

/* Adds field `index` behind an encoded action: sealing copies bytes of the log and appends. */
void action_append_index(struct buf *out, uint64_t index);

/* TRUNCATE: the next relation version from a reader over a->truncated; 0 at the end. */
uint32_t action_next_truncated(struct reader *r);

/* "CREATE", "BATCH_UPDATE", ... */
const char *action_kind_name(enum action_kind kind);

struct commit {
    lsn lsn;     /* of the commit record */
    lsn end_lsn; /* what may be confirmed once it is durable */
    pgtime time;
    uint32_t xid;
    uint64_t first_seq; /* last_seq + 1 == first_seq: a transaction without logged actions */
    uint64_t last_seq;
    struct bytes origin; /* empty: none */
    uint64_t origin_lsn;
    struct bytes user;
    struct bytes session;
};

void commit_encode(const struct commit *c, struct buf *out);
MUST_CHECK status commit_decode(struct bytes raw, struct commit *out, err *e);

#endif
