#include "tools/snapdetail.h"

#include "agent/document/docmeta.h"
#include "agent/restore/plan/plantable.h"
#include "proto/pbmem.h"
#include "store/snapreader.h"
#include "tools/jsonout.h"

static json_t *texts_json(char *const *text, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        jsonout_append(&list, jsonout_text(text[i]));
    return list;
}

static status add_config(struct snapreader *r, json_t **o, err *e)
{
    PB_OWNED(Pgstrand__Config) *config = NULL;
    struct snap_payload payload;
    bool found = false, end = false;
    TRY(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__CONFIG, &found, e));
    if (found)
        TRY(snapreader_next(r, 0, &payload, &end, e));
    if (!found || end)
        return DONE;
    TRY(PB_UNPACK(config, pgstrand__config__descriptor, payload.payload, "CONFIG section", 0, e));
    json_t *c = json_object();
    jsonout_set(&c, "server_version", jsonout_text(config->server_version));
    jsonout_set(&c, "settings", texts_json(config->setting, config->n_setting));
    jsonout_set(&c, "extensions", texts_json(config->extension, config->n_extension));
    jsonout_set(&c, "agent_conf", jsonout_text(config->agent_conf));
    jsonout_set(o, "config", c);
    return DONE;
}

static const Pgstrand__Table *numbered(const Pgstrand__Schema *schema, uint32_t number)
{
    for (size_t i = 0; i < schema->n_table; i++)
        if (schema->table[i]->number == number)
            return schema->table[i];
    return NULL;
}

/* *entities grows by those of them: equal rows of a table without a key are none. */
static void add_rows(json_t **list, const Pgstrand__Schema *schema, const Pgstrand__SectionIndex *index,
                     uint64_t *entities)
{
    for (size_t i = 0; i < index->n_table; i++) {
        const Pgstrand__Table *t = numbered(schema, index->table[i]->table);
        OWNED(buf) struct buf name = {0};
        if (t == NULL)
            continue;
        buf_printf(&name, "%s.%s", t->schema, t->name);
        json_t *o = json_object();
        jsonout_set(&o, "table", jsonout_text(buf_cstring(&name)));
        const bool keyed = plantable_is_keyed(t);
        jsonout_set(&o, "rows", jsonout_count(index->table[i]->rows));
        jsonout_set(&o, "entities", keyed ? jsonout_count(index->table[i]->rows) : json_null());
        *entities += keyed ? index->table[i]->rows : 0;
        jsonout_append(list, o);
    }
}

static status add_tables(struct snapreader *r, const Pgstrand__Schema *schema, json_t **o, err *e)
{
    json_t *list = json_array();
    uint64_t entities = 0;
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        bool found = false;
        if (!snapreader_section(r, tier, PGSTRAND__SECTION_KIND__ROWS, &found, e).ok) {
            json_decref(list);
            return FAILED;
        }
        if (found)
            add_rows(&list, schema, snapreader_index(r), &entities);
    }
    /* Of actions it is not known how many rows they are about. */
    jsonout_set(o, "entities", json_array_size(list) > 0 ? jsonout_count(entities) : json_null());
    jsonout_set(o, "tables", list);
    return DONE;
}

/* Of the newest version in it; one without a change of the schema has its base's. */
static status add_version(const Pgstrand__Schema *schema, json_t **o, err *e)
{
    char text[DOCMETA_SCHEMA_TEXT];
    const Pgstrand__Schema *newest =
        schema->n_version > 0 ? schema->version[schema->n_version - 1]->schema : schema;
    if (newest->pre_data == NULL)
        return DONE;
    TRY(docmeta_schema_version(newest, text, e));
    jsonout_set(o, "schema_version", jsonout_text(text));
    return DONE;
}

status snapdetail_add(const struct chain_link *link, json_t **o, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    uint64_t raw = 0, stored = 0;
    for (size_t i = 0; i < link->commit->n_section; i++) {
        raw += link->commit->section[i]->raw;
        stored += link->commit->section[i]->stored;
    }
    jsonout_set(o, "ratio", stored == 0 ? json_null() : json_real((double)raw / (double)stored));
    jsonout_set(o, "checksum", jsonout_hex(bytes_of(link->hash, sizeof link->hash)));
    jsonout_set(o, "complete", json_true());
    TRY(snapreader_open(link->dir, link->name, &r, e));
    TRY(snapreader_schema(r, &schema, e));
    TRY(add_version(schema, o, e));
    TRY(add_tables(r, schema, o, e));
    return add_config(r, o, e);
}
