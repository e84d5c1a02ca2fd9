/*
 * targetoptions: --to-seq and its like: which state of a chain is meant.
 */
#ifndef PGSTRAND_TARGETOPTIONS_H
#define PGSTRAND_TARGETOPTIONS_H

#include "agent/restore/restore.h"
#include "tools/options.h"

struct target_options {
    struct option_number to_seq;
    const char *to_time, *to_lsn, *to_snapshot, *to_name;
};

/* Their lines for a command's table of options; `t` is a struct target_options *. */
#define TARGET_OPTIONS(t)                                                                             \
    {"to-seq", OPTION_NUMBER, &(t)->to_seq, "N", "as it was at this sequence number"},                \
        {"to-time", OPTION_TEXT, &(t)->to_time, "T",                                                  \
         "before the first commit later than this; UTC unless it says else"},                         \
        {"to-lsn", OPTION_TEXT, &(t)->to_lsn, "LSN", "as it was at this WAL position of the source"}, \
        {"to-snapshot", OPTION_TEXT, &(t)->to_snapshot, "UUID", "as this snapshot has it"},           \
    {                                                                                                 \
        "to-name", OPTION_TEXT, &(t)->to_name, "N", "as the snapshot sealed under this name has it"   \
    }

/* ERR_USAGE when several are given, or one cannot be read. None: the latest. */
MUST_CHECK status targetoptions_parse(const struct target_options *t, struct restore_target *out, err *e);

#endif
