#include "proto/sqlsplit.h"

#include "proto/base/buf.h"
#include "tests/unit/proto/samples.h"

#define STATEMENTS_MAX 8

struct sample {
    const char *text;
    const char *statements[STATEMENTS_MAX];
};

static const struct sample samples[] = {
    {"", {NULL}},
    {" \n -- nothing\n /* at /* all */ */ ", {NULL}},
    {"SELECT 1", {"SELECT 1"}},
    {"SELECT 1;", {"SELECT 1;"}},
    {"  a; -- comment; one\nb ;/* ; */c", {"a;", "b ;", "c"}},
    {"a;;b", {"a;", ";", "b"}},
    {"SELECT 1 -- not; here\n, 2; x", {"SELECT 1 -- not; here\n, 2;", "x"}},
    {"SELECT /* a; /* b; */ c; */ 1; x", {"SELECT /* a; /* b; */ c; */ 1;", "x"}},
    /* quotes */
    {"SELECT 'a;''b;'; x", {"SELECT 'a;''b;';", "x"}},
    {"SELECT 'a\\'; x", {"SELECT 'a\\';", "x"}}, /* standard_conforming_strings: a backslash is a backslash */
    {"SELECT E'a\\';b'; x", {"SELECT E'a\\';b';", "x"}},
    {"SELECT e'\\\\'; x", {"SELECT e'\\\\';", "x"}},
    {"SELECT E'a'\n  '\\';'; x", {"SELECT E'a'\n  '\\';';", "x"}}, /* continued on the next line */
    {"SELECT E'a' '\\'; x", {"SELECT E'a' '\\';", "x"}},           /* not continued: the same line */
    {"SELECT typE'a\\'; x", {"SELECT typE'a\\';", "x"}},           /* a type's literal, not E'' */
    {"SELECT U&'\\0061;'; x", {"SELECT U&'\\0061;';", "x"}},
    {"SELECT \"a;\"\"b;\"; x", {"SELECT \"a;\"\"b;\";", "x"}},
    /* dollar quotes */
    {"DO $$ a; b; $$; x", {"DO $$ a; b; $$;", "x"}},
    {"DO $f$ a; $$ ; $g$ b; $f$; x", {"DO $f$ a; $$ ; $g$ b; $f$;", "x"}},
    {"SELECT $1; x", {"SELECT $1;", "x"}},
    {"SELECT a$b$; x$b$", {"SELECT a$b$;", "x$b$"}}, /* a dollar inside a name */
    {"SELECT $\xc3\xa4$;$\xc3\xa4$; x", {"SELECT $\xc3\xa4$;$\xc3\xa4$;", "x"}},
    {"SELECT $1$;$1$; x", {"SELECT $1$;", "$1$;", "x"}}, /* a tag does not start with a digit */
    /* parentheses */
    {"CREATE RULE r AS ON INSERT TO t DO (a; b); x", {"CREATE RULE r AS ON INSERT TO t DO (a; b);", "x"}},
    {"SELECT ')'; x", {"SELECT ')';", "x"}},
    {"SELECT 1); x", {"SELECT 1);", "x"}},
    /* bodies of SQL functions */
    {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; x",
     {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;", "x"}},
    {"create or replace procedure p() begin atomic select case when a then b end; end; x",
     {"create or replace procedure p() begin atomic select case when a then b end; end;", "x"}},
    {"CREATE FUNCTION \"begin\"() AS 'a'; x", {"CREATE FUNCTION \"begin\"() AS 'a';", "x"}},
    {"BEGIN; x; END;", {"BEGIN;", "x;", "END;"}},
    {"CREATE TABLE begin (a int); x", {"CREATE TABLE begin (a int);", "x"}},
    {"CREATE FUNCTION f(begin int) AS 'a'; x", {"CREATE FUNCTION f(begin int) AS 'a';", "x"}},
    {"CREATE FUNCTION f() AS 'a'; BEGIN; x", {"CREATE FUNCTION f() AS 'a';", "BEGIN;", "x"}},
    /* psql's own lines */
    {"\\restrict abc\n\n--\n-- dump\n--\nSET a = 1;\n\\unrestrict abc\n", {"SET a = 1;"}},
    {"SELECT a \\ b; x", {"SELECT a \\ b;", "x"}},
    /* without an end */
    {"a; SELECT 'b; c", {"a;", "SELECT 'b; c"}},
    {"a; SELECT \"b; c", {"a;", "SELECT \"b; c"}},
    {"a; DO $$ b; c", {"a;", "DO $$ b; c"}},
    {"a; SELECT E'\\", {"a;", "SELECT E'\\"}},
    {"a; SELECT (b; c  \n", {"a;", "SELECT (b; c"}},
    {"a; /* b; c", {"a;"}},
    {"a; b /* c;", {"a;", "b /* c;"}},
    {"a; -", {"a;", "-"}},
    {"a; $", {"a;", "$"}},
    {"a; $b", {"a;", "$b"}},
};

static void statements_are_found(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        size_t len = strlen(samples[i].text);
        uint8_t *exact = sample_exact(samples[i].text, len);
        struct reader r = reader_over(bytes_of(exact, len));
        struct bytes statement;
        size_t n = 0;
        for (; sqlsplit_next(&r, &statement); n++) {
            const char *wanted = n < STATEMENTS_MAX ? samples[i].statements[n] : NULL;
            if (wanted == NULL || !bytes_equal(statement, bytes_text(wanted)))
                fail_msg("\"%s\": statement %zu is \"%.*s\"", samples[i].text, n + 1, (int)statement.len,
                         (const char *)statement.data);
        }
        if (n < STATEMENTS_MAX && samples[i].statements[n] != NULL)
            fail_msg("\"%s\": statement \"%s\" was not found", samples[i].text, samples[i].statements[n]);
        assert_true(reader_ok(&r) && r.left == 0);
        free(exact);
    }
}

/* Any text comes to its end, in pieces that lie one behind the other. */
static void any_text_is_consumed(void **unused)
{
    (void)unused;
    static const char *const pieces[] = {"'",  "\"", "$$",      "$a$",       ";",      "(",    ")",   "/*",
                                         "*/", "--", "\n",      " ",         "\\",     "E'",   "a",   "1",
                                         "$",  "*",  "CREATE ", "FUNCTION ", "BEGIN ", "END ", "\xc3"};
    uint64_t state = 17;
    for (int round = 0; round < 5000; round++) {
        OWNED(buf) struct buf text = {0};
        for (uint64_t n = sample_random(&state) % 12; n > 0; n--)
            buf_text(&text, pieces[sample_random(&state) % (sizeof pieces / sizeof pieces[0])]);
        uint8_t *exact = sample_exact(text.data, text.len);
        struct reader r = reader_over(bytes_of(exact, text.len));
        const uint8_t *behind = exact;
        for (struct bytes s; sqlsplit_next(&r, &s); behind = s.data + s.len)
            assert_true(s.data >= behind && s.len > 0);
        assert_int_equal(r.left, 0);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_found),
        cmocka_unit_test(any_text_is_consumed),
    };
    return cmocka_run_group_tests_name("sqlsplit", tests, NULL, NULL);
}
