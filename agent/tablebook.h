/*
 * tablebook: which UUID a table has: the one the catalogue or the log remembers for its OID (so that it is
 * kept over renames), else the one of its qualified name at first sight.
 *
 * Two tables never share a UUID: when a name is used again while its first bearer lives on under another
 * name, the later one's UUID is made from its name and OID.
 *
 * Threads: one at a time. Ownership: tablebook_load -> caller -> tablebook_free (NULL-safe).
 */
#ifndef PGSTRAND_TABLEBOOK_H
#define PGSTRAND_TABLEBOOK_H

#include "proto/relation.h"
#include "store/catalog.h"

struct tablebook;

MUST_CHECK status tablebook_load(struct catalog *c, const uuid *dataset, struct tablebook **out, err *e);
void tablebook_free(struct tablebook *b);
OWN_POINTER(tablebook, tablebook_free);

/* The shape that the catalogue has of a table's newest base, with nothing but what the stream announces;
 * NULL: none. Borrowed from the book. */
const struct relation *tablebook_based(const struct tablebook *b, uint32_t oid);

/* Writes down the shape that a table's newest base has; the table must be known in the catalogue. */
MUST_CHECK status tablebook_note_base(struct catalog *c, const struct relation *shape, err *e);

/*
 * Sets shape->table. `logged` is the log's newest version of the same OID, or NULL. *news: the catalogue does
 * not know this OID under this name yet. *known: the table was in the catalogue or the log before.
 */
MUST_CHECK status tablebook_identify(struct tablebook *b, struct relation *shape,
                                     const struct relation *logged, bool *known, bool *news, err *e);

/* Another server: the OIDs that are known mean nothing there and are forgotten, in the catalogue, too. Tables
 * are found by their names again, one after the other (which the caller records). */
MUST_CHECK status tablebook_forget_oids(struct tablebook *b, struct catalog *c, err *e);
void tablebook_renumber(struct tablebook *b, const char *schema, const char *name, uint32_t oid);

/*
 * Makes the table known in the catalogue: its name, replica identity and tier with the rule
 * that gave it, from the action after `since_seq` on. A record of the same UUID is replaced.
 */
MUST_CHECK status tablebook_record(struct catalog *c, const struct relation *shape, enum tier tier,
                                   const char *rule, uint64_t since_seq, err *e);

#endif
