#include "agent/glob.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Is this byte inside a UTF-8 character, not at its start? */
static bool continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/*
 * The pattern is [pattern, end). On a mismatch go back to the last star and let it take one byte more: each
 * star is tried at most once at each place, so the time is at most length times length.
 */
static bool match_range(const char *pattern, const char *end, const char *name)
{
    const char *star = NULL;
    const char *retry = NULL;

    while (*name != '\0') {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if (pattern < end && *pattern == '?') {
            pattern++;
            do
                name++;
            while (continues(*name));
        } else if (pattern < end && *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool glob_match(const char *pattern, const char *name)
{
    return match_range(pattern, pattern + strlen(pattern), name);
}

static bool item_matches(const char *from, const char *to, const char *schema, const char *table)
{
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    if (from == to)
        return false;
    const char *dot = memchr(from, '.', (size_t)(to - from));
    if (dot == NULL)
        return match_range(from, to, table);
    return match_range(from, dot, schema) && match_range(dot + 1, to, table);
}

bool glob_list_match(const char *list, const char *schema, const char *table)
{
    for (;;) {
        const char *end = strchrnul(list, ',');
        if (item_matches(list, end, schema, table))
            return true;
        if (*end == '\0')
            return false;
        list = end + 1;
    }
}
