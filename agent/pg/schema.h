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
#include "agent/pg/tables.h"
#include "agent/pg/typeuse.h"
#include "proto/base/buf.h"
#include "proto/base/digest.h"

/* Which rows of pgstrand.ddl were visible. `counted` false: there is no such table, and `hash` is made of the
 * catalogue's own state. */
struct schema_fingerprint {
    uint8_t hash[SHA256_LEN];
    bool counted;
    uint64_t rows;
    uint64_t sum; /* of their marks (ACTION_DDL), modulo 2^64 */
};

struct schema_text {
    struct buf pre_data;
    struct buf post_data;
    struct schema_fingerprint fingerprint;
    struct table_list *tables; /* under the same snapshot; NULL unless they were asked for */
    struct typeuse_list uses;  /* the same */
    int server_version;
    char **roles; /* roles that the text names; malloc'ed strings */
    size_t role_count;
    char encoding[32];
};
void schema_text_fini(struct schema_text *s);
OWN_VALUE(schema_text, schema_text_fini);

/*
 * `c` may be any query connection to the database. `snapshot` NULL: an exported snapshot of its own. `rules`
 * NULL: the tables are not wanted. Tries up to 5 times with backoff when DDL gets in between; ERR_TIMEOUT
 * then.
 */
MUST_CHECK status schema_dump(struct pgconn *c, const char *conninfo, const char *snapshot,
                              const struct tier_rules *rules, struct schema_text *out, err *e);

MUST_CHECK status schema_fingerprint(struct pgconn *c, struct schema_fingerprint *out, err *e);

/* Every sequence with last_value and is_called, as seen now; `tier` by the table that owns it. Free with
 * pbmem_free. */
MUST_CHECK status schema_sequences(struct pgconn *c, const struct table_list *tables,
                                   Pgstrand__Sequences **out, err *e);

#endif
