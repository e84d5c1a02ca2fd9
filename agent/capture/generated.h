/*
 * generated: columns that the server computes, left out of what the stream sends.
 *
 * From PostgreSQL 18 on a table whose replica identity is FULL cannot be updated by the application unless
 * its stored generated columns are published (pub_contains_invalid_column in publicationcmds.c), so the
 * publication has publish_generated_columns = stored there. Bases and restores have no use for these values
 * (COPY does not take them), and a relation is to look the same on every major: they end here. The stream
 * does not say which columns they are; the catalogue does, as it is now. A change of that is a change of the
 * schema, which the chain follows in its own way.
 *
 * Threads: the committer's. Ownership: generated_new -> caller -> generated_free (NULL-safe).
 */
#ifndef PGSTRAND_GENERATED_H
#define PGSTRAND_GENERATED_H

#include "agent/capture/relmap.h"

#define GENERATED_SINCE 180000 /* the first server version that can send them */

struct generated;

/* Connects when it is first asked, and closes again: `conninfo` is borrowed. */
MUST_CHECK status generated_new(const char *conninfo, struct generated **out, err *e);
void generated_free(struct generated *g);
OWN_POINTER(generated, generated_free);

/* A relation as it was just announced: loses its generated columns, and remembers which they were. */
MUST_CHECK status generated_look(struct generated *g, struct rel_entry *rel, err *e);

/* The schema may have changed: what was read before is not enough. */
void generated_may_change(struct generated *g);

/* A column as the catalogue has it, borrowed. */
struct generated_column {
    const char *name;
    uint32_t type;
    bool computed;
};

/* What generated_look does with what the catalogue says: `columns` are all that are sent, in order. The
 * stream may be behind the catalogue: where the columns are the same by place and type but for names, one of
 * them was renamed, and the place counts; else the name. */
MUST_CHECK status generated_leave_out(struct rel_entry *rel, const struct generated_column *columns,
                                      size_t count, err *e);

/* A row of such a relation without them, built in `out`; an absent row stays absent. */
MUST_CHECK status generated_strip(const struct rel_entry *rel, struct bytes *row, struct buf *out, err *e);

#endif
