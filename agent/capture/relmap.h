/*
 * relmap: the relations of a session, or of one streamed transaction, by OID, as the stream last announced
 * them, with what becomes of their rows.
 *
 * Ownership: entries belong to the map; an entry's address holds until relmap_fini.
 * Threads: one.
 */
#ifndef PGSTRAND_RELMAP_H
#define PGSTRAND_RELMAP_H

#include "agent/tiers.h"
#include "proto/pgoutput.h"
#include "proto/relation.h"

enum rel_use {
    REL_ROWS,   /* a user's table with rows that are kept */
    REL_DDL,    /* pgstrand.ddl: rows inserted by the event trigger */
    REL_DROPPED /* transient, or another table of pgstrand's own */
};

struct rel_entry {
    uint32_t oid;
    enum rel_use use;
    struct relation *shape; /* version and tier are not set; the table's UUID is when identified */
    struct table_tier tier; /* borrows from the rules */
    bool identified;
    bool warned;                      /* that its tier rule cannot be applied well */
    bool held;                        /* of a stream: its announcement is kept until the commit, */
    size_t held_at;                   /* since so many subtransactions were known */
    uint32_t version[TIER_TRANSIENT]; /* in the log, or number in the draft, by tier; 0: not asked for yet */
    bool looked;                      /* for generated columns (generated.h), */
    uint64_t looked_at;               /* after so many changes of the schema */
    bool *computed;                   /* by column as sent: left out of the shape; NULL: none are */
    struct relation *sent;            /* the shape with them; NULL: none are */
};

struct relmap {
    struct rel_entry **slot;
    size_t cap; /* a power of two */
    size_t count;
    struct rel_entry *last; /* found last: changes of one table come in runs */
};

void relmap_fini(struct relmap *m);
OWN_VALUE(relmap, relmap_fini);

/* NULL when the stream has not announced it. */
struct rel_entry *relmap_find(struct relmap *m, uint32_t oid);

/* Takes a Relation message over, replacing what the OID had. */
MUST_CHECK status relmap_announce(struct relmap *m, const struct pgoutput_message *relation,
                                  const struct tier_rules *rules, struct rel_entry **out, err *e);

/* Of a stream, whose subtransactions from the `place`-th on are aborted: what was held since is not any more,
 * and numbers above `numbers` are not given any more. */
void relmap_cut(struct relmap *m, size_t place, uint32_t numbers);

#endif
