/*
 * bulkfixture: files of large transactions, of actions whose content says which they are.
 */
#ifndef PGSTRAND_BULKFIXTURE_H
#define PGSTRAND_BULKFIXTURE_H

#include "store/logbulk.h"
#include "tests/unit/store/logfixture.h"

#define SIZE 120 /* bytes of a row */

static inline struct bulkfile *bulkfixture_file(struct scratch *s, const char *name)
{
    err e = ERR_INIT;
    struct bulkfile *b = NULL;
    assert_done(bulkfile_new(scratch_path(s, name), &b, &e), &e);
    return b;
}

static inline void bulkfixture_put(struct bulkfile *b, uint32_t number, lsn at, unsigned n, size_t size)
{
    err e = ERR_INIT;
    char room[8192];
    const struct action a = {
        .kind = ACTION_CREATE, .relation = number, .new = fixture_content(at, n, size, room)};
    assert_done(bulkfile_put(b, &a, &e), &e);
}

/* Actions from..to of the transaction at `at`, in one stretch. */
static inline void bulkfixture_range(struct bulkfile *b, lsn at, unsigned from, unsigned to, size_t size)
{
    OWNED(buf) struct buf buffer = {0};
    err e = ERR_INIT;
    assert_done(bulkfile_open(b, &buffer, &e), &e);
    for (unsigned n = from; n < to; n++)
        bulkfixture_put(b, 1, at, n, size);
    assert_done(bulkfile_close(b, &e), &e);
}

#endif
