/*
 * glob: names with * (any letters, also none) and ? (one letter), as in tier rules and `--tables`. Pure; case
 * counts; a letter is a byte of UTF-8 except that ? takes a whole character.
 */
#ifndef PGSTRAND_GLOB_H
#define PGSTRAND_GLOB_H

#include <stdbool.h>

bool glob_match(const char *pattern, const char *name);

/* Does any item of a comma-separated list match the table? An item without a dot matches in any schema. */
bool glob_list_match(const char *list, const char *schema, const char *table);

#endif
