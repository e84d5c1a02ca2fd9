/*
 * logview: actions on stdout, one a line, as they are or joined: neighbours of one transaction that do the
 * same to rows of one table become one BATCH_ line.
 *
 * Ownership: logview_init -> caller -> logview_fini.
 */
#ifndef PGSTRAND_LOGVIEW_H
#define PGSTRAND_LOGVIEW_H

#include "proto/base/buf.h"
#include "tools/actionview.h"
#include "tools/cli.h"

struct logview_batch {
    uint64_t rows; /* 0: nothing is held back */
    uint64_t first;
    uint64_t last;
    enum action_kind kind;
    uint32_t relation; /* version */
    struct commit commit;
    struct buf text;  /* the commit's user, session and origin */
    struct buf table; /* "schema.name" */
    struct buf line;  /* of the first action, for a batch of one */
};

struct logview {
    const struct cli *cli;
    const uuid *dataset;
    bool join;
    struct logview_batch batch;
    struct buf line;
};

void logview_init(struct logview *v, const struct cli *cli, const uuid *dataset);
void logview_fini(struct logview *v);
OWN_VALUE(logview, logview_fini);

/* `more` (may be NULL; taken over): further keys of the JSON object. */
MUST_CHECK status logview_put(struct logview *v, const struct actionview_entry *entry, json_t *more, err *e);
/* What is held back. */
MUST_CHECK status logview_end(struct logview *v, err *e);

#endif
