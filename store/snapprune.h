/*
 * snapprune: a snapshot gives up its content and stays in the chain: its .snap and .device files go, its
 * .commit stays, and an empty file NAME.pruned says that they are missing on purpose.
 *
 * The mark comes first: killed at any point, the snapshot is whole, or pruned with files left over that the
 * next call (or chain_tidy) removes. Threads: one at a time for a folder; only who may seal there, or owns
 * the vault.
 */
#ifndef PGSTRAND_SNAPPRUNE_H
#define PGSTRAND_SNAPPRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

/* *freed: bytes. A snapshot that was pruned before is no error. */
MUST_CHECK status snapprune(const char *dir, const char *name, uint64_t *freed, err *e);

/* The mark alone, for a snapshot whose content never comes to this folder. */
MUST_CHECK status snapprune_mark(const char *dir, const char *name, err *e);

MUST_CHECK status snapprune_is_pruned(const char *dir, const char *name, bool *pruned, err *e);

/* Of a pruned one: was that cut short? */
bool snapprune_left_over(const char *dir, const char *name);

#endif
