#include "agent/capture/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool timeline_left_after(const char *history, uint32_t from, lsn at)
{
    for (const char *line = history; *line != '\0';) {
        char *after = NULL;
        char text[LSN_TEXT];
        lsn end = LSN_NONE;
        err ignored = ERR_INIT;
        const size_t length = strcspn(line, "\n");
        const unsigned long number = strtoul(line, &after, 10);
        const size_t blank = after == line ? 0 : strspn(after, "\t ");
        if (number == from && blank > 0 && sscanf(after + blank, "%17[0-9A-Fa-f/]", text) == 1 &&
            lsn_parse(text, &end, &ignored).ok)
            return at <= end;
        line += length;
        line += *line == '\n';
    }
    return false;
}

status timeline_reaches(const char *conninfo, uint32_t to, uint32_t from, lsn at, bool *out, err *e)
{
    OWNED(pgconn) struct pgconn *c = NULL;
    OWNED(pgrows) struct pgrows *rows = NULL;
    char command[40];
    *out = false;
    if (to <= from)
        return DONE;
    (void)snprintf(command, sizeof command, "TIMELINE_HISTORY %u", to);
    TRY(pgconn_open(conninfo, PGCONN_REPLICATION, &c, e));
    TRY(pgconn_query(c, command, 0, NULL, &rows, e));
    /* Columns: filename, content. */
    const char *history = pgrows_count(rows) == 1 ? pgrows_text(rows, 0, 1) : NULL;
    *out = history != NULL && timeline_left_after(history, from, at);
    return DONE;
}
