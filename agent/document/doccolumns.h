/*
 * doccolumns: the columns of a table as the server has them now, and the values of the row at hand.
 */
#ifndef PGSTRAND_DOCCOLUMNS_H
#define PGSTRAND_DOCCOLUMNS_H

#include <snapshot.pb-c.h>

#include "agent/document/docvalue.h"
#include "agent/pg/pgconn.h"

struct doccolumn {
    const char *name; /* borrowed from the rows */
    enum docvalue_kind kind;
    bool generated;
    bool key;
    /* of the row at hand */
    bool present, null;
    struct buf text;
    bool copied; /* is it in the COPY that runs? */
};

struct doccolumns {
    struct doccolumn *column;
    size_t count;
    struct pgrows *rows;
};

/* ERR_SCHEMA when the database has no such table. */
MUST_CHECK status doccolumns_read(struct pgconn *c, const Pgstrand__Table *t, struct doccolumns *out, err *e);
void doccolumns_fini(struct doccolumns *c);
OWN_VALUE(doccolumns, doccolumns_fini);

struct doccolumn *doccolumns_find(const struct doccolumns *c, const char *name);

/* The next row begins. */
void doccolumns_clear(struct doccolumns *c);
/* `text` NULL: SQL NULL. Swaps the buffers. A column that is named twice has the last value. */
MUST_CHECK status doccolumns_set(struct doccolumn *column, struct buf *text, err *e);

/* Has the row any column that is copied? */
bool doccolumns_any(const struct doccolumns *c);

/* A column of the key that the row does not name; NULL: there is none. */
const char *doccolumns_missing_key(const struct doccolumns *c);
/* Does the row have other columns than the one before? Then they count as those of the COPY from now on. */
bool doccolumns_changed(struct doccolumns *c);
/* Their quoted names, and the row as a COPY line with its line end. */
void doccolumns_list(const struct doccolumns *c, struct buf *sql);
void doccolumns_line(const struct doccolumns *c, struct buf *out);

#endif
