#include "proto/sqlsplit.h"

#include <ctype.h>
#include <strings.h>

/* Where the scan of one statement stands. */
struct scan {
    const uint8_t *at;
    const uint8_t *end;
    unsigned parens;
    /* psql's heuristic for BEGIN ATOMIC bodies: is this CREATE [OR REPLACE] FUNCTION or PROCEDURE, and how
     * many BEGIN and CASE are open. */
    unsigned words;
    char initials[4]; /* of the first words that are CREATE, OR, REPLACE, FUNCTION or PROCEDURE */
    unsigned begins;
};

static size_t left(const struct scan *s)
{
    return (size_t)(s->end - s->at);
}

static uint8_t peek(const struct scan *s, size_t ahead)
{
    return ahead < left(s) ? s->at[ahead] : '\0';
}

/* Behind the next `byte`, or the end of the text. */
static void skip_past(struct scan *s, uint8_t byte)
{
    const uint8_t *found = left(s) == 0 ? NULL : memchr(s->at, byte, left(s));
    s->at = found == NULL ? s->end : found + 1;
}

static bool is_word_start(uint8_t c)
{
    return isalpha(c) || c == '_' || c >= 0x80;
}

static bool is_word(uint8_t c)
{
    return is_word_start(c) || isdigit(c) || c == '$';
}

/* Comments in slash and star nest. */
static void skip_block_comment(struct scan *s)
{
    unsigned depth = 0;
    do {
        if (peek(s, 0) == '/' && peek(s, 1) == '*') {
            depth++;
            s->at += 2;
        } else if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            depth--;
            s->at += 2;
        } else {
            s->at++;
        }
    } while (depth > 0 && s->at < s->end);
}

static bool skip_comment(struct scan *s)
{
    if (peek(s, 0) == '-' && peek(s, 1) == '-')
        skip_past(s, '\n');
    else if (peek(s, 0) == '/' && peek(s, 1) == '*')
        skip_block_comment(s);
    else
        return false;
    return true;
}

/* Is the string continued on another line? Then steps to its next quote. */
static bool continued(struct scan *s)
{
    const uint8_t *p = s->at;
    bool line_end = false;
    for (; p < s->end && isspace(*p); p++)
        line_end = line_end || *p == '\n' || *p == '\r';
    if (!line_end || p == s->end || *p != '\'')
        return false;
    s->at = p;
    return true;
}

/* E'...': a backslash takes the next byte with it. A doubled quote is an end and a new start. */
static void skip_escape_string(struct scan *s)
{
    do {
        s->at++;
        while (s->at < s->end && *s->at != '\'')
            s->at += *s->at == '\\' && left(s) > 1 ? 2 : 1;
        s->at += s->at < s->end;
    } while (peek(s, 0) == '\'' || continued(s));
}

/* $tag$...$tag$, or a lone dollar. */
static void skip_dollar(struct scan *s)
{
    const uint8_t *tag = s->at;
    size_t len = 1;
    if (is_word_start(peek(s, len)))
        while (is_word(peek(s, len)) && peek(s, len) != '$')
            len++;
    if (peek(s, len) != '$') {
        s->at++;
        return;
    }
    len++;
    s->at += len;
    const uint8_t *close = left(s) == 0 ? NULL : memmem(s->at, left(s), tag, len);
    s->at = close == NULL ? s->end : close + len;
}

static bool word_is(struct bytes word, const char *text)
{
    return word.len == strlen(text) && strncasecmp((const char *)word.data, text, word.len) == 0;
}

static bool is_create_routine(const char *initials)
{
    const char *what = initials[1] == 'o' && initials[2] == 'r' ? initials + 3 : initials + 1;
    return initials[0] == 'c' && (*what == 'f' || *what == 'p');
}

static void count_word(struct scan *s, struct bytes word)
{
    bool counts = word_is(word, "create") || word_is(word, "function") || word_is(word, "procedure") ||
                  word_is(word, "or") || word_is(word, "replace");
    if (counts && s->words < sizeof s->initials)
        s->initials[s->words] = (char)tolower(word.data[0]);
    s->words++;
    if (s->parens > 0 || !is_create_routine(s->initials))
        return;
    if (word_is(word, "begin") || (word_is(word, "case") && s->begins > 0))
        s->begins++;
    else if (word_is(word, "end") && s->begins > 0)
        s->begins--;
}

static void skip_word(struct scan *s)
{
    const uint8_t *start = s->at;
    while (is_word(peek(s, 0)))
        s->at++;
    struct bytes word = bytes_of(start, (size_t)(s->at - start));
    if (word_is(word, "e") && peek(s, 0) == '\'')
        skip_escape_string(s);
    else
        count_word(s, word);
}

/* A number; "1e" or "1begin" is not two tokens. */
static void skip_number(struct scan *s)
{
    while (isalnum(peek(s, 0)) || peek(s, 0) == '_')
        s->at++;
}

/* One token. True when it is the semicolon that ends the statement. */
static bool step(struct scan *s)
{
    uint8_t c = *s->at;
    if (skip_comment(s))
        return false;
    if (is_word_start(c)) {
        skip_word(s);
        return false;
    }
    if (isdigit(c)) {
        skip_number(s);
        return false;
    }
    if (c == '$') {
        skip_dollar(s);
        return false;
    }
    s->at++;
    if (c == '\'' || c == '"') /* a doubled quote is an end and a new start */
        skip_past(s, c);
    else if (c == '(')
        s->parens++;
    else if (c == ')' && s->parens > 0)
        s->parens--;
    return c == ';' && s->parens == 0 && s->begins == 0;
}

/* What may stand before a statement: space, comments, and lines for psql itself (pg_dump's \restrict). */
static void skip_leading(struct scan *s)
{
    while (s->at < s->end) {
        if (isspace(*s->at))
            s->at++;
        else if (*s->at == '\\')
            skip_past(s, '\n');
        else if (!skip_comment(s))
            break;
    }
}

bool sqlsplit_next(struct reader *text, struct bytes *statement)
{
    struct scan s = {.at = text->at, .end = text->at + text->left};
    skip_leading(&s);
    const uint8_t *start = s.at;
    bool ended = false;
    while (!ended && s.at < s.end)
        ended = step(&s);
    const uint8_t *stop = s.at;
    while (!ended && stop > start && isspace(stop[-1]))
        stop--;
    text->at = s.at;
    text->left = left(&s);
    *statement = bytes_of(start, (size_t)(stop - start));
    return statement->len > 0;
}
