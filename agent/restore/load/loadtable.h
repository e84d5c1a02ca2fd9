/*
 * loadtable: one table's final rows into the target by COPY, and back out of it to be compared.
 *
 * Threads: different tables may be loaded and proven at once, each over its own connection.
 */
#ifndef PGSTRAND_LOADTABLE_H
#define PGSTRAND_LOADTABLE_H

#include "agent/restore/job.h"

/* Quoted name, and the columns that are copied in parentheses (nothing for a table without columns). */
void loadtable_name(struct buf *out, const Pgstrand__Table *t);
void loadtable_columns(struct buf *out, const Pgstrand__Table *t);

/* Emits table `i` of the plan into the target; the expected digest goes to the job's proof. `frozen`: the
 * table was made or truncated in this transaction, under no savepoint, so that its rows, if there are many,
 * can be written frozen (COPY FREEZE): scans have nothing to note on its pages, and no vacuum needs to write
 * them again. */
MUST_CHECK status loadtable_load(struct job *job, struct pgconn *c, size_t i, bool frozen, err *e);
/* The same into another table, a quoted name, that has its columns. */
MUST_CHECK status loadtable_load_as(struct job *job, struct pgconn *c, size_t i, const char *into, err *e);

/* Compares the table with what was sent, by the server's sum of its rows where there is one, else by reading
 * it back: ERR_STORAGE when anything differs. */
MUST_CHECK status loadtable_prove(struct job *job, struct pgconn *c, size_t i, err *e);

/* The steps of proving: adds the rows of the table, or of its pages `from` to before `to`, to *found; then
 * compares. Ranges need a server of version 14, where they are not a scan of the whole table. */
#define LOADTABLE_NO_END UINT64_MAX
MUST_CHECK status loadtable_read(struct pgconn *c, const Pgstrand__Table *t, struct table_digest *found,
                                 err *e);
MUST_CHECK status loadtable_read_range(struct pgconn *c, const Pgstrand__Table *t, uint64_t from, uint64_t to,
                                       struct table_digest *found, err *e);
/* The WHERE of these pages. */
void loadtable_pages(struct buf *sql, uint64_t from, uint64_t to);
/* Is the server's sum that of the rows that were sent? Then the table is proven. */
bool loadtable_agrees(struct job *job, size_t i, const struct rowsum *found);
MUST_CHECK status loadtable_compare(struct job *job, size_t i, const struct table_digest *found, err *e);

/* All tables that come, one after the other, each proven when it is loaded. */
MUST_CHECK status loadtable_all(struct job *job, struct pgconn *c, bool frozen, err *e);

#endif
