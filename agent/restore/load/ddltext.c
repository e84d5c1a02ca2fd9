#include "agent/restore/load/ddltext.h"

#include "proto/base/reader.h"

static bool take_text(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    if (r->left < len || memcmp(r->at, word, len) != 0)
        return false;
    (void)reader_take(r, len);
    return true;
}

static void skip_space(struct reader *r)
{
    while (r->left > 0 && (*r->at == ' ' || *r->at == '\n'))
        (void)reader_take(r, 1);
}

/* Up to a space, a parenthesis or the end, quotes respected. */
static struct bytes take_name(struct reader *r)
{
    const uint8_t *start = r->at;
    bool quoted = false;
    while (r->left > 0 && (quoted || (*r->at != ' ' && *r->at != '\n' && *r->at != '(' && *r->at != ';'))) {
        quoted ^= *r->at == '"';
        (void)reader_take(r, 1);
    }
    return bytes_of(start, (size_t)(r->at - start));
}

/* "(a, b)": over it; *inside is what stands between the parentheses. */
static bool take_columns(struct reader *r, struct bytes *inside)
{
    bool quoted = false;
    if (r->left == 0 || *r->at != '(')
        return false;
    const uint8_t *start = r->at + 1;
    while (r->left > 0) {
        uint8_t c = *reader_take(r, 1);
        quoted ^= c == '"';
        if (c == ')' && !quoted) {
            *inside = bytes_of(start, (size_t)(r->at - start) - 1);
            return true;
        }
    }
    return false;
}

bool ddltext_foreign_key(struct bytes statement, struct ddltext_key *out)
{
    struct reader r = reader_over(statement);
    if (!take_text(&r, "ALTER TABLE "))
        return false;
    out->only = take_text(&r, "ONLY ");
    out->table = take_name(&r);
    skip_space(&r);
    out->add = bytes_of(r.at, r.left);
    if (!take_text(&r, "ADD CONSTRAINT "))
        return false;
    out->constraint = take_name(&r);
    skip_space(&r);
    if (!take_text(&r, "FOREIGN KEY ") || !take_columns(&r, &out->columns))
        return false;
    skip_space(&r);
    if (!take_text(&r, "REFERENCES "))
        return false;
    out->parent = take_name(&r);
    skip_space(&r);
    if (!take_columns(&r, &out->parent_columns))
        return false;
    while (out->add.len > 0 &&
           (out->add.data[out->add.len - 1] == ';' || out->add.data[out->add.len - 1] == ' '))
        out->add.len--;
    return out->table.len > 0 && out->parent.len > 0;
}

/* Names only: PostgreSQL 18 has columns WITHOUT OVERLAPS. */
static bool plain_names(struct bytes list)
{
    struct bytes name;
    while (ddltext_next_name(&list, &name)) {
        const bool quoted = name.data[0] == '"';
        if (quoted ? name.data[name.len - 1] != '"' : memchr(name.data, ' ', name.len) != NULL)
            return false;
    }
    return true;
}

bool ddltext_unique(struct bytes statement, struct ddltext_unique *out)
{
    struct reader r = reader_over(statement);
    if (!take_text(&r, "ALTER TABLE "))
        return false;
    (void)take_text(&r, "ONLY ");
    out->table = take_name(&r);
    skip_space(&r);
    if (!take_text(&r, "ADD CONSTRAINT "))
        return false;
    out->constraint = take_name(&r);
    skip_space(&r);
    out->primary = take_text(&r, "PRIMARY KEY ");
    if ((!out->primary && !take_text(&r, "UNIQUE ")) || !take_columns(&r, &out->columns))
        return false;
    return take_text(&r, ";") && r.left == 0 && out->table.len > 0 && plain_names(out->columns);
}

bool ddltext_index(struct bytes statement, struct bytes *table, bool *locks)
{
    struct reader r = reader_over(statement);
    *locks = take_text(&r, "ALTER TABLE ");
    if (!*locks) {
        if (!take_text(&r, "CREATE INDEX ") && !take_text(&r, "CREATE UNIQUE INDEX "))
            return false;
        (void)take_name(&r);
        if (!take_text(&r, " ON "))
            return false;
    }
    (void)take_text(&r, "ONLY ");
    *table = take_name(&r);
    skip_space(&r);
    return table->len > 0 && (!*locks || take_text(&r, "ADD CONSTRAINT "));
}

/* One part of a name, its quotes undone; a dot ends it. */
static bool part_is(struct reader *r, const char *wanted)
{
    bool quoted = r->left > 0 && *r->at == '"';
    if (quoted)
        (void)reader_take(r, 1);
    for (; r->left > 0; wanted++) {
        uint8_t c = *r->at;
        if (!quoted && c == '.')
            break;
        (void)reader_take(r, 1);
        if (quoted && c == '"') {
            if (r->left == 0 || *r->at != '"')
                break;
            (void)reader_take(r, 1);
        }
        if (*wanted == '\0' || (uint8_t)*wanted != c)
            return false;
    }
    return *wanted == '\0';
}

bool ddltext_attach(struct bytes statement, struct bytes *root, struct bytes *part)
{
    struct reader r = reader_over(statement);
    if (!take_text(&r, "ALTER TABLE "))
        return false;
    (void)take_text(&r, "ONLY ");
    *root = take_name(&r);
    skip_space(&r);
    if (!take_text(&r, "ATTACH PARTITION "))
        return false;
    *part = take_name(&r);
    return root->len > 0 && part->len > 0;
}

bool ddltext_next_name(struct bytes *list, struct bytes *name)
{
    struct reader r = reader_over(*list);
    bool quoted = false;
    while (r.left > 0 && (*r.at == ' ' || *r.at == ','))
        (void)reader_take(&r, 1);
    const uint8_t *start = r.at;
    while (r.left > 0 && (quoted || *r.at != ','))
        quoted ^= *reader_take(&r, 1) == '"';
    *name = bytes_of(start, (size_t)(r.at - start));
    *list = bytes_of(r.at, r.left);
    return name->len > 0;
}

bool ddltext_is(struct bytes name, const char *column)
{
    struct reader r = reader_over(name);
    return part_is(&r, column) && r.left == 0;
}

bool ddltext_names(struct bytes name, const char *schema, const char *table)
{
    struct reader r = reader_over(name);
    return part_is(&r, schema) && take_text(&r, ".") && part_is(&r, table) && r.left == 0;
}
