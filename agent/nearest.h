/*
 * nearest: the known word that is closest to what somebody wrote, for messages. Pure.
 */
#ifndef PGSTRAND_NEAREST_H
#define PGSTRAND_NEAREST_H

#include <stddef.h>

/* How many letters must be changed, added, left out or swapped with their neighbour to make `a` into `b`;
 * case does not count. Words are compared up to 63 characters. */
unsigned nearest_distance(const char *a, const char *b);

/* The closest of `count` (> 0) known words; the first of several. The beginning of a word is as close as one
 * wrong letter. Borrowed. */
const char *nearest_word(const char *word, const char *const *known, size_t count);

/* The same, but NULL when at most half of the letters are right: nobody meant "log" who wrote "foo". */
const char *nearest_close(const char *word, const char *const *known, size_t count);

#endif
