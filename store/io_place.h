/*
 * io_place: from where in the program a mutating call comes, so that tests can kill it once at each such
 * place and not once at each of thousands of calls that a loop makes.
 *
 * A place is a row of callers, a kind of call, and how often that row was there before in this run: the
 * first, second, fourth, eighth ... time are places of their own, the times between are none. Places are the
 * same in all runs of one build. Internal to io_fault.c, under its lock.
 */
#ifndef PGSTRAND_IO_PLACE_H
#define PGSTRAND_IO_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/io_fault.h"

#define IO_PLACE_NONE UINT64_C(0)

/* Of all places every `of`-th, so that several can work at a time; {0, 1}: all. */
struct io_place_share {
    uint64_t mine; /* below `of` */
    uint64_t of;
};

/* Forgets how often anything was there, and takes over the places that the file names, one a line in hex; a
 * file that is missing names none. */
void io_place_begin(const char *file, struct io_place_share share);

/* Where this call stands; IO_PLACE_NONE: between two powers of two, the file names it, or it is another's
 * share. */
uint64_t io_place_of(enum io_call call);

/* Adds it to the file; the process may die right after. */
void io_place_note(uint64_t place);

#endif
