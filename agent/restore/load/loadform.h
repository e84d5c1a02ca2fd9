/*
 * loadform: whether a table's rows are sent in COPY's binary format, by the types that the columns have in
 * the target. A table with any other type is sent as text, and so is one of few rows: asking would take
 * longer.
 */
#ifndef PGSTRAND_LOADFORM_H
#define PGSTRAND_LOADFORM_H

#include <snapshot.pb-c.h>

#include "agent/pg/pgconn.h"
#include "proto/copybinary.h"

struct loadform {
    enum copybinary_form *column; /* in the message's order; NULL: as text */
    size_t columns;
    struct pgrows *types; /* what the server said of the columns: loadform_type */
};
void loadform_fini(struct loadform *f);
OWN_VALUE(loadform, loadform_fini);

/* `rows`: about how many will come. */
MUST_CHECK status loadform_choose(struct pgconn *c, const Pgstrand__Table *t, uint64_t rows,
                                  struct loadform *out, err *e);

/* The OID of the type of a column of that name, of its base type where it is a domain; *is_enum likewise. 0
 * when there is none. */
uint32_t loadform_type(const struct loadform *f, const char *column, bool *is_enum);

#endif
