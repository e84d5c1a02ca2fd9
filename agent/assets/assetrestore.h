/*
 * assetrestore: puts the files of a chain back.
 *
 * All contents that are needed are staged beside, in a folder of the same file system, and checked, before
 * the first file is exchanged; each is then exchanged by a rename. What lies there and is equal is left
 * alone; what the chain does not know stays. Nothing is written through a symbolic link, and no link is made
 * that leads out of its folder.
 *
 * Failure: ERR_STORAGE when a content is missing or damaged; nothing was exchanged then. After a kill, what
 * was exchanged is whole, and the same restore again does the rest.
 */
#ifndef PGSTRAND_ASSETRESTORE_H
#define PGSTRAND_ASSETRESTORE_H

#include "agent/assets/assetlist.h"
#include "agent/config.h"
#include "agent/progress.h"
#include "store/chain.h"

struct assetrestore_request {
    const struct chain *chain;
    size_t last;                 /* the link whose files are wanted */
    unsigned tiers;              /* bits 1 << enum tier */
    const char *dir;             /* each folder goes below it, under its own path; NULL: to its own place */
    const struct config *config; /* `dir` NULL: only folders that are configured here are written to */
};

struct assetrestore_result {
    uint64_t files;   /* in the lists */
    uint64_t changed; /* exchanged or made */
    uint64_t bytes;   /* of those */
    uint64_t left;    /* links that lead out of their folder */
};

MUST_CHECK status assetrestore_run(const struct assetrestore_request *request,
                                   const struct progress *progress, struct assetrestore_result *out, err *e);

/* How many files the link has, for a hint. */
MUST_CHECK status assetrestore_count(const struct assetrestore_request *request, uint64_t *files, err *e);

#endif
