/*
 * actionpack: gathers actions and lays them out by column for a frame of a sealed file: commits field by
 * field, then what kind of action each is, then for every table its rows column by column, new and old rows
 * apart. actionunpack.h is the way back. The same actions always give the same bytes. Pure.
 *
 * Memory: the actions' bytes, `limit` at most, and about 90 bytes an action.
 */
#ifndef PGSTRAND_ACTIONPACK_H
#define PGSTRAND_ACTIONPACK_H

#include "proto/action.h"
#include "proto/valuecolumn.h"

#define ACTIONPACK_ACTIONS_MAX ((size_t)1 << 16)
#define ACTIONPACK_SHAPES_MAX ((size_t)1 << 11)
#define ACTIONPACK_COLUMNS_MAX ((size_t)1 << 15) /* of all tables together */

struct actionpack;

/* What is laid out never has more than `limit` bytes, and gives actions that have no more than that. */
MUST_CHECK status actionpack_new(size_t limit, struct actionpack **out, err *e);
void actionpack_free(struct actionpack *p);
OWN_POINTER(actionpack, actionpack_free);

/* Takes a copy. Seqs rise. *added false: it has to be emptied first; an action that does not even fit then is
 * to be kept in another way. */
MUST_CHECK status actionpack_add(struct actionpack *p, const struct commit *c, uint64_t seq,
                                 const struct action *a, bool *added, err *e);

size_t actionpack_count(const struct actionpack *p);

/* Room to work in; one for as many packs as are emptied by one thread. */
struct packroom;
MUST_CHECK status packroom_new(struct packroom **out, err *e);
void packroom_free(struct packroom *r);
OWN_POINTER(packroom, packroom_free);

/* What was gathered, laid out, borrowed from the room until the next call; the pack is empty then. */
MUST_CHECK status actionpack_take(struct actionpack *p, struct packroom *room, struct bytes *out, err *e);

#endif
