/*
 * actionunpack: the actions of a payload of a sealed file, one after the other: of one that actionpack.h laid
 * out by column, or of an ActionsFrame message, in which they stand one behind the other.
 *
 * Everything is checked before it is believed; what is malformed is ERR_STORAGE. Memory: one action, and what
 * is known of each column.
 * Ownership: a payload is borrowed until the next one is opened; what actionunpack_next hands out lives until
 * the next call. Pure.
 */
#ifndef PGSTRAND_ACTIONUNPACK_H
#define PGSTRAND_ACTIONUNPACK_H

#include "proto/action.h"
#include "proto/base/own.h"

struct actionunpack;

struct sealed_action {
    uint64_t seq;
    struct commit commit;
    struct action action; /* its index is filled in */
};

enum actionunpack_layout { ACTIONUNPACK_MESSAGE, ACTIONUNPACK_COLUMNS };

MUST_CHECK status actionunpack_new(struct actionunpack **out, err *e);
void actionunpack_free(struct actionunpack *u);
OWN_POINTER(actionunpack, actionunpack_free);

MUST_CHECK status actionunpack_open(struct actionunpack *u, struct bytes payload,
                                    enum actionunpack_layout layout, err *e);

/* Actions before this seq are not wanted: those by column are passed over without being taken apart. Others
 * are handed out all the same. Until it is said otherwise; 0: all. */
void actionunpack_from(struct actionunpack *u, uint64_t seq);

/* *end: there are no more, and all bytes of the payload were read. */
MUST_CHECK status actionunpack_next(struct actionunpack *u, struct sealed_action *out, bool *end, err *e);

#endif
