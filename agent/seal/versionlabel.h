/*
 * versionlabel: where in the log a dump of the schema belongs: behind the commit whose DDL completes the
 * fingerprint the dump was taken under.
 *
 * Threads: one. Ownership: versionlabel_find fills, versionlabel_fini releases; everything lives in its
 * arena.
 */
#ifndef PGSTRAND_VERSIONLABEL_H
#define PGSTRAND_VERSIONLABEL_H

#include <snapshot.pb-c.h>

#include "agent/ddlobjects.h"
#include "agent/pg/schema.h"
#include "store/actionlog.h"

/* One DDL action. */
struct ddl_touch {
    size_t change; /* the commit it belongs to */
    uint64_t seq;
    const char *tag;
    size_t count;
    struct ddl_object *object;
};

struct versionlabel {
    struct arena arena;
    Pgstrand__SchemaChange *change; /* commits with DDL, ascending */
    size_t count;
    struct ddl_touch *touch; /* in the order of the log */
    size_t touches;
};
void versionlabel_fini(struct versionlabel *l);
OWN_VALUE(versionlabel, versionlabel_fini);

/* Where the search begins: `after` this seq the fingerprint is `from`; commits before `since` are in it, too
 * (a base that was taken later than where the log begins). */
struct versionlabel_start {
    uint64_t after;
    lsn since;
    struct schema_fingerprint from;
};

/* Follows the DDL until the fingerprint is `to`; waits up to `patience_ms` for a log that is behind. *found
 * false: it never is; the dump belongs nowhere (yet). */
MUST_CHECK status versionlabel_find(struct logreader *log, const struct versionlabel_start *start,
                                    const struct schema_fingerprint *to, int patience_ms,
                                    struct versionlabel *out, bool *found, err *e);

#endif
