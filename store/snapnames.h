/*
 * snapnames: which snapshot a file in a folder belongs to, told from its name.
 */
#ifndef PGSTRAND_SNAPNAMES_H
#define PGSTRAND_SNAPNAMES_H

#include "store/io.h"
#include "store/snapwriter.h"

#define SNAPNAMES_MAX 128 /* NAME and NUL: three numbers, "differential", a UUID, dashes: 101 */

/* PRUNED: an empty file NAME.pruned beside NAME.commit (snapprune.h). */
enum snapnames_kind { SNAPNAMES_SNAP, SNAPNAMES_DEVICE, SNAPNAMES_COMMIT, SNAPNAMES_PRUNED };

struct snapnames_file {
    char name[SNAPNAMES_MAX]; /* NAME */
    struct snapname parsed;
    enum snapnames_kind kind;
    bool staged; /* ends in .part */
};

/* False: not a file of a snapshot. */
bool snapnames_parse(const char *file, struct snapnames_file *out);

/* The NAMEs in a folder that have a commit, in order. */
MUST_CHECK status snapnames_committed(const char *dir, struct io_names *out, err *e);

/* How long NAME is in a file's name, which may be no snapshot's: up to the first dot. */
size_t snapnames_stem(const char *file);

/* Of names in order, as io_list gives them: is there NAME and this suffix, where `at` is one of the files
 * that begin with NAME and a dot (they stand one behind the other) and `len` is NAME's length? */
bool snapnames_beside(const struct io_names *all, size_t at, size_t len, const char *suffix);

#endif
