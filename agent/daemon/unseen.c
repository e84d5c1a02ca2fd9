#include "agent/daemon/unseen.h"

#include <string.h>

#include "agent/seal/schemaversion.h"

status unseen_look(struct datadir *d, struct pgconn *c, bool *changed, err *e)
{
    OWNED(schema_text) struct schema_text text = {0};
    struct schemaversion_kept kept;
    uint8_t now[SHA256_LEN];
    *changed = false;
    TRY(schema_dump(c, d->config->conninfo, NULL, NULL, &text, e));
    TRY(schemaversion_hash(&text, now, e));
    TRY(schemaversion_newest(d, &kept, e)); /* after the dump: what was kept meanwhile is not unseen */
    const bool same_rows = memcmp(kept.fingerprint, text.fingerprint.hash, sizeof kept.fingerprint) == 0;
    *changed =
        kept.known && memcmp(kept.text, now, sizeof now) != 0 && (same_rows || !text.fingerprint.counted);
    return DONE;
}

status unseen_record(struct pgconn *c, const char *tag, err *e)
{
    OWNED(pgrows) struct pgrows *none = NULL;
    const char *const params[] = {tag};
    return pgconn_query(c, "SELECT pgstrand.note('compare', $1, '[]')", 1, params, &none, e);
}
