/*
 * vault: a place that keeps chains. One contract for every backend; this one is a directory (file://).
 *
 * A vault's layout: VAULT/<node uuid>/<incarnation uuid>/NAME.snap, .device, .commit. The agent's own
 * snapshots folder has the same layout, so a vault can be read by everything that reads the agent's own
 * chain.
 *
 * Threads: a handle belongs to one thread.
 */
#ifndef PGSTRAND_VAULT_H
#define PGSTRAND_VAULT_H

#include "proto/base/own.h"
#include "proto/base/uuid.h"
#include <snapshot.pb-c.h>

struct vault;

/* `url`: file:///absolute/path (made if missing when `create`), or a bare absolute path. Other schemes:
 * ERR_VALIDATION, naming the known ones. */
MUST_CHECK status vault_open(const char *url, bool create, struct vault **out, err *e);
void vault_close(struct vault *v);
OWN_POINTER(vault, vault_close);

/* The folder of one chain inside a file vault; malloc'ed, NULL when memory is out. Also used for the agent's
 * own snapshots. */
char *vault_chain_dir(const char *root, const uuid *node, const uuid *incarnation);

/* The names (without suffix) of the snapshots that have a commit, of one chain, by number. Names that do not
 * parse are ignored. */
struct vault_names {
    char **name;
    size_t count;
};
MUST_CHECK status vault_list(struct vault *v, const uuid *node, const uuid *incarnation,
                             struct vault_names *out, err *e);
void vault_names_free(struct vault_names *names);
OWN_VALUE(vault_names, vault_names_free);

/* All (node, incarnation) pairs that have a folder. */
struct vault_chain {
    uuid node;
    uuid incarnation;
};
struct vault_chains {
    struct vault_chain *chain;
    size_t count;
};
MUST_CHECK status vault_chains(struct vault *v, struct vault_chains *out, err *e);
void vault_chains_free(struct vault_chains *chains);
OWN_VALUE(vault_chains, vault_chains_free);

/*
 * Copies snapshot NAME from folder `chain_dir` into the vault, with its .device files only if `device_files`:
 * each file as .part, fsync, read back and compared, rename; .commit last. Already there and equal: nothing
 * is done, *sent stays 0. There but different: ERR_REFUSED (a fork). Resumes: what is already whole is not
 * copied again.
 */
MUST_CHECK status vault_put(struct vault *v, const char *chain_dir, const uuid *node, const uuid *incarnation,
                            const char *name, bool device_files, uint64_t *sent, err *e);

/* A snapshot that was pruned here: the vault gets its commit, so that the chain holds together, and the mark
 * that its content is missing on purpose. A vault that has the content keeps it. */
MUST_CHECK status vault_put_pruned(struct vault *v, const char *chain_dir, const uuid *node,
                                   const uuid *incarnation, const char *name, uint64_t *sent, err *e);

/* What was there already may be of a process that was killed, and its name not durable: afterwards all of
 * this chain's are. Nobody may be told that something is in the vault before. */
MUST_CHECK status vault_settle(struct vault *v, const uuid *node, const uuid *incarnation, err *e);

/* The local folder of a chain (file vaults have one as it is); malloc'ed. */
MUST_CHECK status vault_local_dir(struct vault *v, const uuid *node, const uuid *incarnation, char **out,
                                  err *e);

#endif
