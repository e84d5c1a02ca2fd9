/*
 * loadform: what is known of the columns that a table has in the target, so that its rows are sent in COPY's
 * binary format and the server can add up what it holds. A table with a type that has no binary form here is
 * sent as text. Of one of few rows nothing is known: asking would take longer than it saves.
 */
#ifndef PGSTRAND_LOADFORM_H
#define PGSTRAND_LOADFORM_H

#include <snapshot.pb-c.h>

#include "agent/pg/pgconn.h"
#include "proto/copybinary.h"

#define LOADFORM_ROWS_LEAST 1000 /* below, asking costs more than it saves */

struct loadform {
    enum copybinary_form *column; /* in the message's order, COPYBINARY_NONE among them; NULL: not known */
    size_t columns;
    bool binary;          /* all of them have a binary form */
    bool sums;            /* the server can make the text of all of them: rowproof.h */
    struct pgrows *types; /* what the server said of the columns: loadform_output */
};
void loadform_fini(struct loadform *f);
OWN_VALUE(loadform, loadform_fini);

/* `rows`: about how many will come. */
MUST_CHECK status loadform_choose(struct pgconn *c, const Pgstrand__Table *t, uint64_t rows,
                                  struct loadform *out, err *e);

/* The function that makes the text of a column of that name, quoted for SQL; "" where it is a text itself;
 * NULL where there is none that takes the type. Borrowed. */
const char *loadform_output(const struct loadform *f, const char *column);
/* What makes the base type's value of a domain's: "" or "::" and the type. Borrowed. */
const char *loadform_cast(const struct loadform *f, const char *column);
bool loadform_not_null(const struct loadform *f, const char *column);

/* May the table be truncated, so that what is copied into it behind that can be frozen? Not one of an
 * extension, which may have been there before, and may be referenced from within the extension. */
MUST_CHECK status loadform_freezes(struct pgconn *c, const Pgstrand__Table *t, bool *freezes, err *e);

#endif
