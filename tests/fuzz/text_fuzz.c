/*
 * Small texts that people, other programs and folders hand to us. Input: a byte that says what follows: 'l'
 * an LSN, 'u' a UUID, 't' a time, 'n' the name of a file in a chain, 'r' a list of tier rules, a newline and
 * the name of a table, 'k' a statement of pg_dump, 'c' the content of a context message.
 */
#include <string.h>

#include "agent/capture/context.h"
#include "agent/restore/load/ddltext.h"
#include "agent/tiers.h"
#include "proto/base/lsn.h"
#include "proto/base/pgtime.h"
#include "store/snapnames.h"
#include "tests/fuzz/fuzzing.h"

static void fuzz_lsn(const char *text)
{
    lsn once = 0;
    lsn twice = 0;
    char formatted[LSN_TEXT];
    err e = ERR_INIT;
    if (!lsn_parse(text, &once, &e).ok)
        return;
    HOLDS(lsn_parse(lsn_format(once, formatted), &twice, &e).ok && once == twice);
}

static void fuzz_uuid(const char *text)
{
    uuid once;
    uuid twice;
    char formatted[UUID_TEXT];
    err e = ERR_INIT;
    if (!uuid_parse(text, &once, &e).ok)
        return;
    HOLDS(uuid_parse(uuid_format(&once, formatted), &twice, &e).ok && uuid_equal(&once, &twice));
}

static void fuzz_time(const char *text)
{
    pgtime once = 0;
    pgtime twice = 0;
    char formatted[PGTIME_TEXT];
    err e = ERR_INIT;
    if (!pgtime_parse(text, &once, &e).ok)
        return;
    HOLDS(strlen(pgtime_format(once, formatted)) < PGTIME_TEXT);
    HOLDS(pgtime_parse(formatted, &twice, &e).ok && once == twice);
}

/* A name that is understood is the one that its parts make. */
static void fuzz_name(const char *text)
{
    struct snapnames_file f;
    if (!snapnames_parse(text, &f))
        return;
    HOLDS(strncmp(text, f.name, strlen(f.name)) == 0);
    HOLDS(strlen(f.name) < SNAPNAMES_MAX && strchr(f.name, '/') == NULL);
}

static void fuzz_rules(char *text)
{
    OWNED(tier_rules) struct tier_rules *rules = NULL;
    struct table_tier tier;
    err e = ERR_INIT;
    char *table = strchr(text, '\n');
    if (table == NULL)
        return;
    *table++ = '\0';
    HOLDS(tier_rules_new(TIER_BUSINESS, &rules, &e).ok);
    if (!tier_rules_add(rules, TIER_TRANSIENT, text, &e).ok)
        return;
    if (tier_rules_match(rules, "public", table, &tier, &e).ok)
        HOLDS(tier.rule != NULL && (tier.column == NULL) == (tier.value == NULL));
}

static bool inside(struct bytes part, struct bytes whole)
{
    return part.len == 0 || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void fuzz_foreign_key(struct bytes statement)
{
    struct ddltext_key k;
    struct bytes table;
    bool locks;
    (void)ddltext_index(statement, &table, &locks);
    if (!ddltext_foreign_key(statement, &k))
        return;
    HOLDS(inside(k.table, statement) && inside(k.constraint, statement));
    HOLDS(inside(k.parent, statement) && inside(k.add, statement));
    (void)ddltext_names(k.table, "public", "orders");
}

static void fuzz_context(struct bytes content)
{
    OWNED(buf) struct buf user = {0};
    OWNED(buf) struct buf session = {0};
    if (!context_parse(content, &user, &session))
        HOLDS(user.len == 0 && session.len == 0);
    (void)(touch(buf_view(&user)) + touch(buf_view(&session)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    OWNED(text) char *text = strndup((const char *)data + 1, size - 1); /* ends at a NUL */
    HOLDS(text != NULL);
    switch (data[0]) {
    case 'l':
        fuzz_lsn(text);
        break;
    case 'u':
        fuzz_uuid(text);
        break;
    case 't':
        fuzz_time(text);
        break;
    case 'n':
        fuzz_name(text);
        break;
    case 'r':
        fuzz_rules(text);
        break;
    case 'k':
        fuzz_foreign_key(bytes_of(data + 1, size - 1));
        break;
    case 'c':
        fuzz_context(bytes_of(data + 1, size - 1));
        break;
    default:
        break;
    }
    return 0;
}
