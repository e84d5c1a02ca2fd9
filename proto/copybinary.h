/*
 * copybinary: rows of COPY's text format (copytext.h) in its binary format (PostgreSQL documentation of COPY,
 * "Binary Format"; the values as the *_recv functions of src/backend/utils/adt read them). The server spends
 * about two thirds of the time on such rows, and what it saves is more than what is spent here. Only text as
 * the server itself writes it is understood, with the settings that every connection of pgconn.h has. Pure.
 */
#ifndef PGSTRAND_COPYBINARY_H
#define PGSTRAND_COPYBINARY_H

#include "proto/base/buf.h"

/* How the text of a type becomes what its receive function wants. */
enum copybinary_form {
    COPYBINARY_NONE, /* not known: such a table is copied as text */
    COPYBINARY_BOOL,
    COPYBINARY_INT2,
    COPYBINARY_INT4,
    COPYBINARY_INT8,
    COPYBINARY_FLOAT4,
    COPYBINARY_FLOAT8,
    COPYBINARY_NUMERIC,
    COPYBINARY_TEXT, /* the bytes themselves: text, varchar, json, enums */
    /* char(n): the bytes without the spaces at their end. The server fills up to the declared length itself
     * (bpchar_input, src/backend/utils/adt/varchar.c), and counts the characters of what it gets one by one:
     * that was a quarter of what a table whose char(84) is all spaces cost it. */
    COPYBINARY_BPCHAR,
    COPYBINARY_JSONB,
    COPYBINARY_BYTEA,
    COPYBINARY_UUID,
    COPYBINARY_DATE,
    COPYBINARY_TIMESTAMP, /* with and without time zone */
};

/* By the type's OID, which is fixed for types of the server itself (pg_type.dat); domains are their base
 * type. `modifier`: atttypmod, -1: none. */
enum copybinary_form copybinary_form_of(uint32_t type, int64_t modifier, bool is_enum);

/* One value without escapes. False: it is not the text of such a value; what was appended must be cut off. */
bool copybinary_value(struct buf *out, enum copybinary_form form, struct bytes text);

void copybinary_begin(struct buf *out);
void copybinary_end(struct buf *out);

struct rowsum;

/* Adds to `sum` what copybinary_line would, and nothing else; COPYBINARY_NONE among the forms is hashed as
 * text. */
MUST_CHECK status copybinary_sum(const enum copybinary_form *form, size_t columns, struct bytes line,
                                 struct buf *scratch, struct rowsum *sum, err *e);

/* Appends the row that a line (without line end) of `columns` columns is, and adds it to `sum` (rowsum.h;
 * NULL: not). ERR_STORAGE when it is not; then neither means anything. `scratch` is reset. */
MUST_CHECK status copybinary_line(struct buf *out, const enum copybinary_form *form, size_t columns,
                                  struct bytes line, struct buf *scratch, struct rowsum *sum, err *e);

#endif
