#include "proto/jsonstream.h"

#include "proto/jsonread.h"

#define CHUNK ((size_t)65536)
#define DEPTH_MAX 64 /* as jsonread's */

struct jsonstream {
    struct jsonstream_source source;
    size_t value_max;
    struct buf text; /* what was read and is still needed */
    size_t at;       /* the next byte in it */
    uint64_t before; /* bytes of the document that were dropped from text */
    struct hasher *hasher;
};

status jsonstream_new(const struct jsonstream_source *source, size_t value_max, struct jsonstream **out,
                      err *e)
{
    struct jsonstream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_no_memory(e);
    s->source = *source;
    s->value_max = value_max;
    *out = s;
    return DONE;
}

void jsonstream_free(struct jsonstream *s)
{
    if (s == NULL)
        return;
    buf_fini(&s->text);
    free(s);
}

void jsonstream_hash(struct jsonstream *s, struct hasher *h)
{
    s->hasher = h;
}

static status malformed(const struct jsonstream *s, const char *what, err *e)
{
    return err_set(e, ERR_VALIDATION, "is no valid JSON: %s at byte %llu", what,
                   (unsigned long long)(s->before + s->at + 1));
}

/* More text behind what is there from `keep` on; *any false at the end of the document. */
static status fill(struct jsonstream *s, size_t *keep, bool *any, err *e)
{
    const size_t left = s->text.len - *keep;
    size_t got = 0;
    if (left > s->value_max)
        return err_set(e, ERR_VALIDATION, "has a value larger than %zu bytes at byte %llu", s->value_max,
                       (unsigned long long)(s->before + *keep + 1));
    if (*keep > 0 && left > 0)
        memmove(s->text.data, s->text.data + *keep, left);
    s->before += *keep;
    s->at -= *keep;
    s->text.len = left;
    *keep = 0;
    uint8_t *room = buf_room(&s->text, CHUNK);
    if (room == NULL)
        return err_no_memory(e);
    TRY(s->source.read(s->source.context, room, CHUNK, &got, e));
    s->text.len += got;
    *any = got > 0;
    return DONE;
}

static status hash(struct jsonstream *s, size_t from, err *e)
{
    if (s->hasher == NULL || s->at == from)
        return DONE;
    return hasher_add(s->hasher, bytes_of(s->text.data + from, s->at - from), e);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* To the next character that is no white space; *any false: the document ends. */
static status skip_space(struct jsonstream *s, bool *any, err *e)
{
    for (;;) {
        while (s->at < s->text.len && is_space(s->text.data[s->at]))
            s->at++;
        size_t keep = s->at;
        *any = s->at < s->text.len;
        if (*any)
            return DONE;
        TRY(fill(s, &keep, any, e));
        if (!*any)
            return DONE;
    }
}

status jsonstream_at(struct jsonstream *s, char wanted, bool *there, err *e)
{
    bool any = false;
    TRY(skip_space(s, &any, e));
    *there = any && s->text.data[s->at] == (uint8_t)wanted;
    return DONE;
}

status jsonstream_take(struct jsonstream *s, char wanted, bool *taken, err *e)
{
    TRY(jsonstream_at(s, wanted, taken, e));
    if (!*taken)
        return DONE;
    s->at++;
    return hash(s, s->at - 1, e);
}

status jsonstream_expect(struct jsonstream *s, char wanted, err *e)
{
    char what[16] = "no   found";
    bool taken = false;
    TRY(jsonstream_take(s, wanted, &taken, e));
    what[3] = wanted;
    return taken ? DONE : malformed(s, what, e);
}

/* ---- one value, byte by byte ---- */

struct nesting {
    uint8_t open[DEPTH_MAX];
    size_t depth;
    bool string, escaped;
    bool scalar; /* inside a number or a word that stands alone */
};

enum verdict {
    GOES_ON,
    IS_SPACE,  /* between values */
    IS_LAST,   /* the value ends with this byte */
    IS_BEHIND, /* it ended before it */
    IS_INVALID
};

static enum verdict in_string(struct nesting *n, uint8_t c)
{
    if (c < 0x20)
        return IS_INVALID;
    if (n->escaped) {
        n->escaped = false;
    } else if (c == '\\') {
        n->escaped = true;
    } else if (c == '"') {
        n->string = false;
        return n->depth == 0 ? IS_LAST : GOES_ON;
    }
    return GOES_ON;
}

static enum verdict close_bracket(struct nesting *n, uint8_t c)
{
    const uint8_t open = c == '}' ? '{' : '[';
    if (n->depth == 0 || n->open[n->depth - 1] != open)
        return IS_INVALID;
    return --n->depth == 0 ? IS_LAST : GOES_ON;
}

static enum verdict outside(struct nesting *n, uint8_t c)
{
    if (c == '"') {
        n->string = true;
        return GOES_ON;
    }
    if (c == '{' || c == '[') {
        if (n->depth == DEPTH_MAX)
            return IS_INVALID;
        n->open[n->depth++] = c;
        return GOES_ON;
    }
    if (c == '}' || c == ']')
        return close_bracket(n, c);
    if (c == ',' || c == ':')
        return n->depth > 0 ? GOES_ON : IS_INVALID;
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '-' || c == '+' || c == '.') {
        n->scalar = n->depth == 0;
        return GOES_ON;
    }
    return IS_INVALID;
}

static enum verdict judge(struct nesting *n, uint8_t c)
{
    if (n->string)
        return in_string(n, c);
    if (n->scalar && (is_space(c) || c == ',' || c == '}' || c == ']'))
        return IS_BEHIND;
    if (is_space(c))
        return IS_SPACE;
    if (n->scalar && (c == '"' || c == '{' || c == '[' || c == ':'))
        return IS_INVALID;
    return outside(n, c);
}

/* What lies in the buffer, up to the value's end or the buffer's. `run`: where the unhashed bytes begin. */
static status walk_buffer(struct jsonstream *s, struct nesting *n, size_t *run, bool *done, err *e)
{
    while (s->at < s->text.len && !*done) {
        switch (judge(n, s->text.data[s->at])) {
        case GOES_ON:
            s->at++;
            break;
        case IS_SPACE:
            TRY(hash(s, *run, e));
            *run = ++s->at;
            break;
        case IS_LAST:
            s->at++;
            *done = true;
            break;
        case IS_BEHIND:
            *done = true;
            break;
        case IS_INVALID:
            return malformed(s, "a character that does not belong there, or nested too deeply", e);
        }
    }
    return hash(s, *run, e);
}

/* Over one value; *start is where it begins in the buffer when `whole` of it stays there. */
static status walk(struct jsonstream *s, bool whole, size_t *start, err *e)
{
    struct nesting n = {0};
    bool any = false, done = false;
    TRY(skip_space(s, &any, e));
    if (!any)
        return malformed(s, "it ends", e);
    *start = s->at;
    for (;;) {
        size_t run = s->at;
        TRY(walk_buffer(s, &n, &run, &done, e));
        if (done)
            return DONE;
        size_t keep = whole ? *start : s->at;
        TRY(fill(s, &keep, &any, e));
        *start = 0;
        if (!any)
            return n.scalar ? DONE : malformed(s, "it ends in the middle of a value", e);
    }
}

status jsonstream_value(struct jsonstream *s, struct bytes *raw, err *e)
{
    size_t start = 0;
    TRY(walk(s, true, &start, e));
    *raw = bytes_of(s->text.data + start, s->at - start);
    return DONE;
}

status jsonstream_skip(struct jsonstream *s, err *e)
{
    size_t start = 0;
    return walk(s, false, &start, e);
}

status jsonstream_end(struct jsonstream *s, err *e)
{
    bool any = false;
    TRY(skip_space(s, &any, e));
    return any ? malformed(s, "something comes behind its end", e) : DONE;
}

/* ---- members and elements ---- */

/* Over the comma before the next one, or the closing bracket. */
static status next(struct jsonstream *s, char end, bool *first, bool *any, err *e)
{
    bool ended = false;
    TRY(jsonstream_take(s, end, &ended, e));
    *any = !ended;
    if (ended)
        return DONE;
    if (!*first)
        TRY(jsonstream_expect(s, ',', e));
    *first = false;
    return DONE;
}

status jsonstream_member(struct jsonstream *s, bool *first, struct buf *name, bool *any, err *e)
{
    struct bytes raw;
    TRY(next(s, '}', first, any, e));
    if (!*any)
        return DONE;
    TRY(jsonstream_value(s, &raw, e));
    struct reader r = reader_over(raw);
    if (!jsonread_string(&r, name) || !jsonread_end(&r))
        return malformed(s, "a member without a name", e);
    TRY(buf_done(name, e));
    return jsonstream_expect(s, ':', e);
}

status jsonstream_element(struct jsonstream *s, bool *first, bool *any, err *e)
{
    return next(s, ']', first, any, e);
}
