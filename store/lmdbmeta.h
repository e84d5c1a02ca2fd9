/*
 * lmdbmeta: the two meta pages of an LMDB file, 0 and 1: what it is made of, and where its trees begin. Data
 * version 1 (LMDB 0.9, 64 bits): page head (16 bytes: number, pad, flags 8, 4 unused), then lmdbmeta_page.
 * The one with the larger transaction is in force; page i has the transactions that are i modulo 2.
 *
 * Failure: ERR_STORAGE naming the file. Threads: any.
 */
#ifndef PGSTRAND_LMDBMETA_H
#define PGSTRAND_LMDBMETA_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

#define LMDBMETA_HEAD 16u /* bytes before the content of a page */

struct lmdbmeta_record { /* of a database */
    uint32_t pad;
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages;
    uint64_t leaf_pages;
    uint64_t overflow_pages;
    uint64_t entries;
    uint64_t root;
};

struct lmdbmeta_page {
    uint32_t magic;
    uint32_t version;
    uint64_t address;
    uint64_t map_size;
    struct lmdbmeta_record free; /* the list of free pages; its pad is the page size */
    struct lmdbmeta_record main; /* the databases by name */
    uint64_t last_page;
    uint64_t txn;
};

struct lmdbmeta {
    struct lmdbmeta_page meta[2];
    size_t page; /* bytes of a page */
};

/* Both pages, and that they fit together. Another process may be writing one: what is torn is read again. */
MUST_CHECK status lmdbmeta_read(int fd, const char *path, struct lmdbmeta *out, err *e);

/* The same of a file by name, before LMDB opens it. One that is not there, or empty, is fine: LMDB makes it.
 */
MUST_CHECK status lmdbmeta_check(const char *path, err *e);

#endif
