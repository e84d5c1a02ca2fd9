#include "agent/seal/sealschema.h"

#include "agent/pg/schema.h"
#include "proto/pbmem.h"

status sealschema_section(struct snapwriter *writer, struct framecoder *coder, Pgstrand__SectionKind kind,
                          const ProtobufCMessage *message, err *e)
{
    OWNED(buf) struct buf packed = {0};
    struct snapsection *section = NULL;
    TRY(pbmem_pack(message, &packed, e));
    TRY(snapwriter_section(writer, TIER_BUSINESS, kind, &section, e));
    return snapsection_frame(section, coder, 0, 0, 0, buf_view(&packed), e);
}

/* Pointers to the versions, for packing; borrowed from the book. */
static status lend_versions(const struct versionbook *book, Pgstrand__SchemaVersion ***out, err *e)
{
    *out = calloc(book->count + 1, sizeof **out);
    if (*out == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < book->count; i++)
        (*out)[i] = book->record[i]->version;
    return DONE;
}

status sealschema_relations(struct snapwriter *writer, struct framecoder *coder, struct sealactions *actions,
                            const struct chain *chain, const struct versionbook *versions,
                            const struct sealstaged *rows, err *e)
{
    OWNED(memory) Pgstrand__SchemaVersion **lent = NULL;
    Pgstrand__Schema schema = PGSTRAND__SCHEMA__INIT;
    const struct chain_link *base = sealheader_base(chain);
    TRY(sealactions_named(actions, &schema.relation, &schema.n_relation, e));
    if (versions != NULL) {
        TRY(lend_versions(versions, &lent, e));
        schema.version = lent;
        schema.n_version = versions->count;
    }
    if (rows != NULL) {
        schema.based = rows->table;
        schema.n_based = rows->table_count;
    }
    if (base != NULL) {
        schema.has_schema_snapshot = true;
        schema.schema_snapshot = base->commit->header->snapshot;
    }
    return sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema.base, e);
}

status sealschema_sequences(struct snapwriter *writer, struct framecoder *coder, struct pgconn *c,
                            const struct table_list *tables, err *e)
{
    PB_OWNED(Pgstrand__Sequences) *sequences = NULL;
    TRY(schema_sequences(c, tables, &sequences, e));
    return sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__SEQUENCES, &sequences->base, e);
}

/* What may hold a secret, or a command that does, stays at home; so do settings of sessions and of the
 * programs that pgstrand itself starts. */
static const char settings_query[] =
    "SELECT name || '=' || setting FROM pg_catalog.pg_settings"
    " WHERE source NOT IN ('default', 'override', 'client', 'session', 'command line', 'environment "
    "variable')"
    "  AND name !~ '(command|conninfo|passphrase|password|secret|key|[.])'"
    " UNION ALL SELECT 'encoding=' || pg_catalog.pg_encoding_to_char(encoding) FROM pg_catalog.pg_database"
    "  WHERE datname = pg_catalog.current_database()"
    " UNION ALL SELECT 'collate=' || datcollate || ', ctype=' || datctype FROM pg_catalog.pg_database"
    "  WHERE datname = pg_catalog.current_database() ORDER BY 1";
static const char extensions_query[] =
    "SELECT extname || ' ' || extversion FROM pg_catalog.pg_extension ORDER BY 1";

/* The rows' only column, borrowed from them. */
static status texts_of(const struct pgrows *rows, char ***out, size_t *count, err *e)
{
    const int n = pgrows_count(rows);
    *out = calloc((size_t)n + 1, sizeof **out);
    if (*out == NULL)
        return err_no_memory(e);
    for (int i = 0; i < n; i++)
        if (pgrows_text(rows, i, 0) != NULL)
            (*out)[(*count)++] = pbmem_text(pgrows_text(rows, i, 0));
    return DONE;
}

status sealschema_config(struct snapwriter *writer, struct framecoder *coder, const struct datadir *d,
                         const char *server_version, struct pgconn *c, err *e)
{
    Pgstrand__Config message = PGSTRAND__CONFIG__INIT;
    OWNED(pgrows) struct pgrows *settings = NULL;
    OWNED(pgrows) struct pgrows *extensions = NULL;
    OWNED(memory) char **setting = NULL;
    OWNED(memory) char **extension = NULL;
    OWNED(buf) struct buf text = {0};
    struct config shown = *d->config;
    char nowhere[] = "";
    shown.conninfo = nowhere; /* it names a host and a role; may hold more */
    shown.drill_conninfo = nowhere;
    TRY(config_format(&shown, &text, e));
    TRY(pgconn_query(c, settings_query, 0, NULL, &settings, e));
    TRY(pgconn_query(c, extensions_query, 0, NULL, &extensions, e));
    TRY(texts_of(settings, &setting, &message.n_setting, e));
    TRY(texts_of(extensions, &extension, &message.n_extension, e));
    message.setting = setting;
    message.extension = extension;
    message.agent_conf = pbmem_text(buf_cstring(&text));
    message.server_version = pbmem_text(server_version);
    return sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__CONFIG, &message.base, e);
}
