/*
 * datadir: the agent's data directory: where everything lies, whose it is, and the device's key.
 *
 *   DATA/pgstrand.conf          configuration
 *   DATA/recovery.key           the recovery key's seed, mode 0600, until it was shown
 *   DATA/device.key             Ed25519 seed, 32 bytes, mode 0600; never leaves the device
 *   DATA/catalog.mdb            the catalogue (store/catalog.h)
 *   DATA/log/                   the action log (store/actionlog.h)
 *   DATA/snapshots/<node>/<incarnation>/   the agent's own chain (store/vault.h)
 *   DATA/base/                  staged table bases (store/rowfile.h)
 *   DATA/spool/                 streamed transactions in progress; emptied at start
 *   DATA/index/                 index of rows, derived (agent/history/entityindex.h)
 *   DATA/agent.lock, seal.lock, index.lock  one daemon, one sealer, one maker of the index
 *   DATA/read.lock              shared by who reads the own chain; pruning wants it alone
 *
 * Ownership: datadir_open -> caller -> datadir_close (NULL-safe). Threads: immutable after opening, but the
 * catalogue handle inside belongs to one thread at a time: each thread opens its own datadir.
 */
#ifndef PGSTRAND_DATADIR_H
#define PGSTRAND_DATADIR_H

#include "agent/config.h"
#include "proto/base/signing.h"
#include "store/catalog.h"

#define DATADIR_SEAL_LOCK "seal.lock"
#define DATADIR_READ_LOCK "read.lock"

struct identity {
    uuid dataset;
    uuid device;
    uuid node;
    uuid incarnation;
    uuid previous; /* the incarnation before; UUID_NIL: this is the node's first */
    char device_name[128];
    char system_identifier[24]; /* decimal; empty: nothing captured yet */
    uint32_t timeline;
    char database[64];
    char slot[64];
    char publication[64];
    uint32_t publication_oid; /* 0: not looked at yet */
    bool taken_over;          /* the node was another machine's before */
};

struct datadir {
    char *root;
    char *conf;
    char *log;
    char *snapshots; /* root of the own chains */
    char *chain;     /* folder of the chain of (node, incarnation); set once there is an identity */
    char *base;
    char *spool;
    struct catalog *catalog;
    struct config *config;
    struct identity identity;
    bool has_identity;
};

enum datadir_mode {
    DATADIR_EXISTING, /* ERR_VALIDATION "no data directory at ...: run pgstrand init" when missing */
    DATADIR_CREATE    /* makes the folders and an empty catalogue when missing; an unwritable place is
                         ERR_STORAGE */
};

/* Where a data directory is: `path`, or NULL: PGSTRAND_DATA, else $XDG_STATE_HOME/pgstrand, else
 * /var/lib/pgstrand. malloc'ed; NULL when memory is out. Looks at nothing. */
char *datadir_root(const char *path);

/* `path` as for datadir_root. `conf` NULL: DATA/pgstrand.conf (defaults when that does not exist); a named
 * one must exist. */
MUST_CHECK status datadir_open(const char *path, const char *conf, enum datadir_mode mode,
                               struct datadir **out, err *e);
void datadir_close(struct datadir *d);
OWN_POINTER(datadir, datadir_close);

/* Stores identity into the catalogue, and refreshes d->identity and d->chain. */
MUST_CHECK status datadir_set_identity(struct datadir *d, const Pgstrand__IdentityRecord *record, err *e);
/* Reads it again (another process may have changed it). */
MUST_CHECK status datadir_load_identity(struct datadir *d, err *e);

/* A new identity: dataset or node NULL makes a new one; device name NULL: the host's name. Makes device.key
 * when it is missing, and a recovery key whose secret goes to *recovery_secret: show it to the owner. Until
 * datadir_recovery_shown it also lies in DATA/recovery.key, so that a kill does not lose it. */
MUST_CHECK status datadir_new_identity(struct datadir *d, const uuid *dataset, const uuid *node,
                                       const char *device_name,
                                       uint8_t recovery_secret[static SIGNING_KEY_LEN], err *e);

/* The identity of a machine that takes a node over: the hand-over's node, device and dataset, the chain's
 * last incarnation, and the recovery key, which stays the owner's. No database is bound yet. */
struct datadir_handover {
    const Pgstrand__Handover *handover;
    struct bytes message; /* as it was signed */
    const uint8_t *signature;
    const uint8_t *recovery_key;
    const uuid *incarnation;
    const char *device_name;
};
MUST_CHECK status datadir_take_over(struct datadir *d, const struct datadir_handover *from, err *e);

/* Is a node taken over whose chain init has not gone on with yet? Until then nothing is captured here. */
bool datadir_awaits_init(const struct datadir *d);
/* ERR_VALIDATION then, with what to do. */
MUST_CHECK status datadir_check_init(const struct datadir *d, err *e);

/* Makes device.key when it is missing. */
MUST_CHECK status datadir_ensure_key(const struct datadir *d, struct signing_key *out, err *e);

/* The recovery key that was made and not shown yet; *found false: there is none. */
MUST_CHECK status datadir_recovery_unshown(const struct datadir *d,
                                           uint8_t recovery_secret[static SIGNING_KEY_LEN], bool *found,
                                           err *e);
/* The owner has it: it is kept nowhere any more. */
MUST_CHECK status datadir_recovery_shown(const struct datadir *d, err *e);

/* ERR_STORAGE also when the file holds a key, but not that of this identity's device. */
MUST_CHECK status datadir_device_key(const struct datadir *d, struct signing_key *out, err *e);

/* The slot's and publication's names for an identity: "pgstrand_" and the first 16 hex digits of the node
 * UUID; the publication likewise. */
void datadir_object_name(const uuid *node, char out[static 64]);

#endif
