#include "agent/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 63

static char letter(char c)
{
    return (char)tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein and swapped neighbours, with the last three rows of the table. */
unsigned nearest_distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t a_len = strnlen(a, WORD_MAX);
    size_t b_len = strnlen(b, WORD_MAX);

    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = letter(a[i - 1]) == letter(b[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
                letter(a[i - 2]) == letter(b[j - 1]))
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

/* Who wrote only the beginning of a word left letters out, which is one slip and not one a letter. */
static unsigned slips(const char *word, const char *known)
{
    bool beginning =
        word[0] != '\0' && strncasecmp(word, known, strlen(word)) == 0 && known[strlen(word)] != '\0';
    return beginning ? 1 : nearest_distance(word, known);
}

const char *nearest_word(const char *word, const char *const *known, size_t count)
{
    const char *best = known[0];
    unsigned best_distance = UINT_MAX;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = slips(word, known[i]);
        if (distance < best_distance) {
            best = known[i];
            best_distance = distance;
        }
    }
    return best;
}

const char *nearest_close(const char *word, const char *const *known, size_t count)
{
    const char *best = count > 0 ? nearest_word(word, known, count) : NULL;
    return best != NULL && slips(word, best) * 2 <= strlen(word) ? best : NULL;
}
