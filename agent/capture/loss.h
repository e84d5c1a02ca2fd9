/*
 * loss: why an incarnation cannot go on: the server no longer has, or never had, what comes next in it. None
 * of these is an accident of the connection; each needs a new incarnation (agent/heal).
 */
#ifndef PGSTRAND_LOSS_H
#define PGSTRAND_LOSS_H

enum capture_loss {
    LOSS_NONE,
    LOSS_SLOT_GONE,
    LOSS_SLOT_INVALID, /* max_slot_wal_keep_size and other reasons */
    LOSS_SLOT_AHEAD,   /* of the log: somebody read from it, or the log was put back */
    LOSS_SERVER,       /* another system identifier */
    LOSS_TIMELINE,     /* promoted, or restored to a point in time */
    LOSS_BACK_IN_TIME, /* the server's WAL ends before the log does: an older copy */
    LOSS_PUBLICATION   /* dropped: what was changed without it is not decoded */
};

#endif
