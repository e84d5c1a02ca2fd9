/*
 * output: what people read on stdout: quantities in words they know, and tables with aligned columns.
 *
 * Text from a database is shown with its control characters replaced: it must not steer the terminal.
 */
#ifndef PGSTRAND_OUTPUT_H
#define PGSTRAND_OUTPUT_H

#include <stdio.h>

#include "proto/base/buf.h"

#define OUTPUT_TEXT 48

/* "0 B", "1023 B", "1.5 KiB", "12 MiB": three digits at most before the unit. */
const char *output_size(uint64_t bytes, char out[static OUTPUT_TEXT]);
/* "1,234,567" */
const char *output_count(uint64_t count, char out[static OUTPUT_TEXT]);
/* "0.3 s", "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h" */
const char *output_duration(double seconds, char out[static OUTPUT_TEXT]);

/* Appends text without control characters (each becomes one '?'), and without what is not UTF-8. */
void output_clean(struct buf *out, struct bytes text);

/* Everything written to stdout so far has arrived; ERR_STORAGE otherwise (a full disk behind a redirection).
 */
MUST_CHECK status output_flush(err *e);

enum output_align { OUTPUT_LEFT, OUTPUT_RIGHT };
struct output_column {
    const char *title;
    enum output_align align;
};

#define OUTPUT_COLUMNS 12

struct output_table {
    const struct output_column *column;
    size_t columns;
    char **cell; /* row by row; malloc'ed */
    size_t cells;
    size_t room;
    bool bad; /* memory was out: printing says so */
};
void output_table_fini(struct output_table *t);
OWN_VALUE(output_table, output_table_fini);

/* The next cell, left to right, then the next row. The text is cleaned. */
void output_cell(struct output_table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Titles and rows; nothing for a table without rows. */
MUST_CHECK status output_table_print(const struct output_table *t, FILE *to, err *e);

#endif
