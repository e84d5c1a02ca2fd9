#include "agent/restore/load/rolemap.h"

#include <ctype.h>
#include <stdlib.h>

#include "agent/pg/pgconn.h"
#include "proto/sqlsplit.h"

status rolemap_parse(const char *text, char **from, char **to, err *e)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0')
        return err_set(e, ERR_USAGE, "--role wants OLD=NEW, not %s", text);
    *from = strndup(text, (size_t)(equals - text));
    *to = strdup(equals + 1);
    return *from != NULL && *to != NULL ? DONE : err_no_memory(e);
}

/* ---- one statement ---- */

struct word {
    struct bytes text;
    bool name; /* a word or a quoted name; else one character, or a string */
};

static bool is_word(uint8_t c)
{
    return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

/* Over what begins with a quote, a doubled one inside it. */
static void skip_quoted(struct reader *r)
{
    uint8_t quote = *reader_take(r, 1);
    while (r->left > 0) {
        uint8_t c = *reader_take(r, 1);
        if (c == quote && (r->left == 0 || *r->at != quote))
            return;
        if (c == quote)
            (void)reader_take(r, 1);
    }
}

static struct word next_word(struct reader *r)
{
    const uint8_t *start = r->at;
    bool name = is_word(*start) || *start == '"';
    if (*start == '"' || *start == '\'')
        skip_quoted(r);
    else if (is_word(*start))
        while (r->left > 0 && is_word(*r->at))
            (void)reader_take(r, 1);
    else
        (void)reader_take(r, 1);
    return (struct word){bytes_of(start, (size_t)(r->at - start)), name};
}

/* Which statements name roles, and behind which words; a second word must have stood before the first. */
struct place {
    const char *statement;
    const char *word;
    const char *before; /* NULL: any */
};
static const struct place places[] = {
    {"ALTER ", "TO", "OWNER"},
    {"ALTER DEFAULT PRIVILEGES ", "ROLE", "FOR"},
    {"ALTER DEFAULT PRIVILEGES ", "TO", NULL},
    {"ALTER DEFAULT PRIVILEGES ", "FROM", NULL},
    {"GRANT ", "TO", NULL},
    {"GRANT ", "BY", "GRANTED"},
    {"REVOKE ", "FROM", NULL},
    {"REVOKE ", "BY", "GRANTED"},
    {"CREATE POLICY ", "TO", NULL},
    {"SET SESSION AUTHORIZATION ", "AUTHORIZATION", "SESSION"},
};

static bool expects(struct bytes statement, struct bytes word, struct bytes before)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (bytes_equal(word, bytes_text(places[i].word)) && bytes_begin(statement, places[i].statement) &&
            (places[i].before == NULL || bytes_equal(before, bytes_text(places[i].before))))
            return true;
    return false;
}

/* The name without its quotes, or in another's place. */
static void put_role(struct bytes name, const struct role_pair *pairs, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        OWNED(buf) struct buf quoted = {0};
        pgconn_quote_name(&quoted, pairs[i].from);
        bool plain = name.len > 0 && name.data[0] != '"' && bytes_equal(name, bytes_text(pairs[i].from));
        if (!plain && !bytes_equal(name, bytes_text(buf_cstring(&quoted))))
            continue;
        pgconn_quote_name(out, pairs[i].to);
        return;
    }
    buf_bytes(out, name.data, name.len);
}

void rolemap_statement(struct bytes statement, const struct role_pair *pairs, size_t count, struct buf *out)
{
    struct reader r = reader_over(statement);
    struct bytes last = {0};
    bool role = false, comma = false;
    while (r.left > 0) {
        struct word w = next_word(&r);
        bool space = w.text.len == 1 && isspace(w.text.data[0]);
        if (role && w.name)
            put_role(w.text, pairs, count, out);
        else
            buf_bytes(out, w.text.data, w.text.len);
        if (space)
            continue;
        /* A list goes on behind a comma. */
        bool listed = role && w.name;
        comma = comma && bytes_equal(w.text, bytes_text(","));
        role = comma || (w.name && !listed && expects(statement, w.text, last));
        comma = listed;
        last = w.text;
    }
}

/* ---- all of them ---- */

static status map_text(char **text, const struct role_pair *pairs, size_t count, err *e)
{
    OWNED(buf) struct buf out = {0};
    struct bytes statement;
    if (*text == NULL)
        return DONE;
    struct reader rest = reader_over(bytes_text(*text));
    while (sqlsplit_next(&rest, &statement)) {
        rolemap_statement(statement, pairs, count, &out);
        buf_text(&out, "\n\n");
    }
    TRY(buf_done(&out, e));
    char *mapped = buf_take_cstring(&out);
    if (mapped == NULL)
        return err_no_memory(e);
    free(*text);
    *text = mapped;
    return DONE;
}

status rolemap_apply(Pgstrand__Schema *schema, const struct role_pair *pairs, size_t count, err *e)
{
    if (count == 0)
        return DONE;
    TRY(map_text(&schema->pre_data, pairs, count, e));
    TRY(map_text(&schema->post_data, pairs, count, e));
    for (size_t i = 0; i < schema->n_role; i++)
        for (size_t k = 0; k < count; k++) {
            if (strcmp(schema->role[i], pairs[k].from) != 0)
                continue;
            char *to = strdup(pairs[k].to);
            if (to == NULL)
                return err_no_memory(e);
            free(schema->role[i]);
            schema->role[i] = to;
            break;
        }
    return DONE;
}
