/*
 * docpart: businessData or deviceData while it is made: its text on disk, since the metadata stands before it
 * in the document and names its checksum; the checksum is the SHA-256 of the text without white space between
 * values.
 *
 * States: tables may be begun, rows put -> docpart_end -> copied out. Threads: one.
 */
#ifndef PGSTRAND_DOCPART_H
#define PGSTRAND_DOCPART_H

#include "agent/document/docrow.h"
#include "proto/base/digest.h"

struct docpart;

/* Where a document's text goes. */
struct docsink {
    void *context;
    status (*write)(void *context, struct bytes text, err *e);
};

/* `dir`: for its file, which has no name. */
MUST_CHECK status docpart_new(const char *dir, struct docpart **out, err *e);
void docpart_free(struct docpart *p);
OWN_POINTER(docpart, docpart_free);

/* What follows are rows of this table (borrowed). */
MUST_CHECK status docpart_table(struct docpart *p, const Pgstrand__Table *t, err *e);
/* Whole COPY lines with their line ends. */
MUST_CHECK status docpart_lines(struct docpart *p, struct bytes lines, err *e);
MUST_CHECK status docpart_end(struct docpart *p, err *e);

struct docpart_facts {
    uint64_t tables, records, bytes;
    uint8_t hash[SHA256_LEN];
};
/* Valid when it has ended. */
const struct docpart_facts *docpart_facts(const struct docpart *p);
MUST_CHECK status docpart_copy(struct docpart *p, const struct docsink *to, err *e);

#endif
