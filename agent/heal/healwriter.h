/*
 * healwriter: the first commit of a new incarnation: what happened to the database while nobody watched, as
 * actions.
 *
 * The commit begins with a MESSAGE of prefix pgstrand.incarnation, so that the new incarnation has a seq of
 * its own even when nothing differs: the state before and the state after never share one. Its LSN is the
 * byte before the slot's consistent point: what the stream brings comes later. The log switches to the
 * incarnation when the commit is flushed, all at once.
 *
 * Threads: one. Ownership: healwriter_new -> caller -> healwriter_free (NULL-safe).
 */
#ifndef PGSTRAND_HEALWRITER_H
#define PGSTRAND_HEALWRITER_H

#include "agent/datadir.h"
#include "agent/heal/rowdiff.h"
#include "proto/relation.h"
#include "store/actionlog.h"

#define HEALWRITER_PREFIX "pgstrand.incarnation"

struct healwriter;

/* Opens the log as the present incarnation's and begins `next` in it. `why`: the message's content. */
MUST_CHECK status healwriter_new(const struct datadir *d, const uuid *next, lsn point, const char *why,
                                 struct healwriter **out, err *e);
void healwriter_free(struct healwriter *w); /* drops what was not finished */
OWN_POINTER(healwriter, healwriter_free);

/* The seq that the commit begins with. */
uint64_t healwriter_first_seq(const struct healwriter *w);

/* Changes that follow are of this table; `shape` is borrowed until the next call. */
void healwriter_table(struct healwriter *w, const struct relation *shape);
struct rowdiff_sink healwriter_sink(struct healwriter *w);

/* Ends and flushes the commit. */
MUST_CHECK status healwriter_finish(struct healwriter *w, uint64_t *last_seq, err *e);

#endif
