/*
 * schema: the database's schema as pg_dump gives it, never torn: the fingerprint of the DDL rows before and
 * after is equal, or the dump is discarded and taken again.
 *
 * pg_dump is run as a program (PATH, else /usr/lib/postgresql/<major>/bin; its major must not be older than
 * the server's: ERR_SCHEMA says what to install). Sections pre-data and post-data, without pgstrand's own
 * schema, publication and event triggers, with owners and privileges; psql's meta-commands (\restrict) are
 * taken out.
 */
#ifndef PGSTRAND_SCHEMA_H
#define PGSTRAND_SCHEMA_H

#include <snapshot.pb-c.h>

#include "agent/pg/pgconn.h"
#include "proto/base/buf.h"
#include "proto/base/digest.h"

struct schema_text {
    struct buf pre_data;
    struct buf post_data;
    uint8_t fingerprint[SHA256_LEN];
    int server_version;
    char **roles; /* roles that the text names; malloc'ed strings */
    size_t role_count;
    char encoding[32];
};
void schema_text_fini(struct schema_text *s);
OWN_VALUE(schema_text, schema_text_fini);

/*
 * `c` may be any query connection to the database. `snapshot` NULL: an exported snapshot of its own. Tries up
 * to 5 times with backoff when DDL gets in between; ERR_TIMEOUT then.
 */
MUST_CHECK status schema_dump(struct pgconn *c, const char *conninfo, const char *snapshot,
                              struct schema_text *out, err *e);

/* Fingerprint of the visible rows of pgstrand.ddl (count and checksum), or of the catalogue's own state where
 * there is no such table. */
MUST_CHECK status schema_fingerprint(struct pgconn *c, uint8_t out[static SHA256_LEN], err *e);

/* Every sequence with last_value and is_called, as seen now; `tier` by the table that owns it. Free with
 * pbmem_free. */
struct table_list;
MUST_CHECK status schema_sequences(struct pgconn *c, const struct table_list *tables,
                                   Pgstrand__Sequences **out, err *e);

#endif
