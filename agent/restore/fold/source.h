/*
 * source: the actions of a node in seq order: those sealed behind a FULL, then, of the own node, the log's
 * tail.
 *
 * Of sealed snapshots only the sections of the wanted tiers are read; where a tier's file is lawfully absent
 * its actions are missing from the row, seqs then have gaps, as they have in a DIFFERENTIAL. A TRUNCATE that
 * names tables of several tiers comes once for each of them, with one seq.
 *
 * Threads: one per handle. Ownership: what source_next hands out is borrowed until the next call; relations
 * until source_close.
 */
#ifndef PGSTRAND_FOLD_SOURCE_H
#define PGSTRAND_FOLD_SOURCE_H

#include "proto/action.h"
#include "proto/base/own.h"
#include "proto/base/seqlist.h"
#include "proto/relation.h"
#include "store/chain.h"

struct source;

/* Where the log begins to be read. */
enum source_log {
    SOURCE_LOG_TAIL,  /* where the chain ends */
    SOURCE_LOG_RECENT /* as early as it has them: finding one action there is cheaper than in a frame */
};

#define SOURCE_ALL SIZE_MAX /* as base: from the chain's first link on that was not pruned */

struct source_options {
    const struct chain *chain;
    size_t base;                /* number of the link that is the FULL: actions behind it are read */
    const char *log;            /* folder of the log whose tail goes on where the chain ends; NULL: none */
    unsigned tiers;             /* bits 1 << enum tier */
    size_t shortcut;            /* number of the DIFFERENTIAL that is read for the links before it; 0: none */
    uint64_t first;             /* actions before this seq are left out, their frames not read */
    const struct seqlist *only; /* only these, in a sorted list; NULL: all. Borrowed. */
    enum source_log recent;
};

MUST_CHECK status source_open(const struct source_options *options, struct source **out, err *e);
void source_close(struct source *s); /* NULL-safe */
OWN_POINTER(source, source_close);

struct source_action {
    uint64_t seq;
    uuid id; /* nil when it is sealed: nothing derived is kept there */
    struct commit commit;
    struct action action;
    const struct relation *relation; /* NULL for TRUNCATE, DDL and MESSAGE */
};
MUST_CHECK status source_next(struct source *s, struct source_action *out, bool *end, err *e);

/* A relation named by the action last handed out (TRUNCATE). ERR_STORAGE when it is not there. */
MUST_CHECK status source_relation(struct source *s, uint32_t version, const struct relation **out, err *e);

#endif
