/*
 * takeover: an empty machine becomes the node whose chain it restores: the owner's recovery key, whose public
 * half the chain carries, signs a hand-over to the machine's new key (store/handover.h).
 *
 * Signed before anything is restored, so that whoever goes on after a kill needs no secret; adopted when the
 * rows are there: the chain is brought into the data directory, with the configuration that travels in it,
 * and the identity is written, which ends it. init then begins a new incarnation that goes on with the chain,
 * and its first commit carries the hand-over.
 *
 * Ownership: filled by takeover_sign or takeover_resume; takeover_fini. Threads: one.
 */
#ifndef PGSTRAND_TAKEOVER_H
#define PGSTRAND_TAKEOVER_H

#include "agent/restore/job.h"
#include "agent/restore/plan/place.h"

struct takeover {
    struct buf message; /* the hand-over as it was signed */
    uint8_t signature[SIGNATURE_LEN];
    Pgstrand__Handover *handover; /* NULL: nothing is taken over */
};
void takeover_fini(struct takeover *t);
OWN_VALUE(takeover, takeover_fini);

/* Is a node taken over, if nothing is in the way? */
bool takeover_is_asked(const struct datadir *d, const struct restore_request *request);

/* ERR_REFUSED: the data directory is another node's; ERR_USAGE: a part of a node cannot be taken over. */
MUST_CHECK status takeover_check(const struct datadir *d, const struct restore_request *request,
                                 const struct place *place, err *e);

/* `secret`: the recovery key's; NULL: nobody gave it. ERR_REFUSED: without the key, with another one, or when
 * the chain carries none. Makes device.key when it is missing; nothing else is changed. */
MUST_CHECK status takeover_sign(struct datadir *d, const struct place *place, const uint8_t *secret,
                                struct takeover *out, err *e);

/* One that an earlier try has signed; ERR_STORAGE when it is not of this chain, or not to this machine. */
MUST_CHECK status takeover_resume(struct datadir *d, const struct place *place, struct bytes message,
                                  struct bytes signature, struct takeover *out, err *e);

/* The machine is the node from now on. Killed at any moment, it can be done again. `c`: the restored
 * database, which the configuration leads to when there was none. */
MUST_CHECK status takeover_adopt(struct job *job, const struct place *place, struct takeover *t,
                                 const struct pgconn *c, err *e);

#endif
