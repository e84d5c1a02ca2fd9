#include "agent/document/docsnapshot.h"

#include <limits.h>

#include "agent/seal/sealschema.h"
#include "proto/pbmem.h"
#include "store/chain.h"
#include "store/io.h"
#include "store/snapreader.h"
#include "store/vault.h"

#define V1_NODE "migrated-v1-unknown"

/* What the header points at. */
struct heading {
    Pgstrand__SnapshotHeader message;
    uuid snapshot, node, device, incarnation;
    char server_version[32];
    char description[256];
};

/* A UUID as it is; any other name always gives the same one. */
static status id_of(const struct datadir *d, const char *name, uuid *out, err *e)
{
    err no_uuid = ERR_INIT;
    if (uuid_parse(name, out, &no_uuid).ok)
        return DONE;
    return uuid_v5(&d->identity.dataset, bytes_text(name), out, e);
}

static void describe(const struct docfacts *f, struct heading *h)
{
    char time[PGTIME_TEXT];
    if (f->version == DOCFACTS_V1)
        (void)snprintf(h->description, sizeof h->description, "imported from a JSON backup of version 1");
    else
        (void)snprintf(h->description, sizeof h->description,
                       "imported from a JSON backup of version 2.0 (%s), made %s by %.60s%s%.60s%s",
                       f->full_device ? "full-device" : "business", pgtime_format(f->time, time),
                       f->created_by != NULL ? f->created_by : "somebody",
                       f->business != NULL ? ", business " : "", f->business != NULL ? f->business : "",
                       f->without_demo ? ", without demo data" : "");
}

static status fill_heading(const struct docsnapshot *s, struct heading *out, err *e)
{
    const struct docfacts *f = s->facts;
    Pgstrand__SnapshotHeader *h = &out->message;
    pgstrand__snapshot_header__init(h);
    TRY(uuid_random(&out->snapshot, e));
    TRY(uuid_random(&out->incarnation, e));
    TRY(id_of(s->d, f->source_node != NULL ? f->source_node : V1_NODE, &out->node, e));
    TRY(id_of(s->d, f->source_device != NULL ? f->source_device : V1_NODE, &out->device, e));
    describe(f, out);
    (void)snprintf(out->server_version, sizeof out->server_version, "%d.%d", s->server_version / 10000,
                   s->server_version % 10000);
    h->role = PGSTRAND__FILE_ROLE__SNAP;
    h->type = PGSTRAND__SNAPSHOT_TYPE__FULL;
    h->snapshot = pbmem_uuid(&out->snapshot);
    h->node = pbmem_uuid(&out->node);
    h->device = pbmem_uuid(&out->device);
    h->incarnation = pbmem_uuid(&out->incarnation);
    h->dataset = pbmem_uuid(&s->d->identity.dataset);
    h->first_seq = 1; /* the state at seq 0, and no actions */
    h->first_time = h->last_time = f->time;
    h->created = pgtime_now();
    h->name = pbmem_text(s->request->name);
    h->description = out->description;
    h->device_name = f->device_name;
    h->hostname = f->hostname;
    h->platform = f->platform;
    h->agent_version = pbmem_text(PGSTRAND_VERSION);
    h->server_version = out->server_version;
    return DONE;
}

/* The schema's text with the tables as they are numbered here. */
static status write_schema(const struct docsnapshot *s, struct snapwriter *writer, struct framecoder *coder,
                           err *e)
{
    Pgstrand__Schema schema = *s->schema;
    OWNED(memory) Pgstrand__Table **table = calloc(s->count + 1, sizeof *table);
    if (table == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < s->count; i++)
        table[i] = &s->staged[i].table;
    schema.table = table;
    schema.n_table = s->count;
    schema.n_relation = schema.n_version = 0;
    schema.relation = NULL;
    schema.version = NULL;
    schema.has_schema_snapshot = 0;
    return sealschema_section(writer, coder, PGSTRAND__SECTION_KIND__SCHEMA, &schema.base, e);
}

static status write_rows(const struct docsnapshot *s, struct snapwriter *writer, err *e)
{
    for (enum tier tier = TIER_BUSINESS; tier <= TIER_DEVICE; tier++) {
        struct snapsection *section = NULL;
        for (size_t i = 0; i < s->count; i++) {
            const struct docstaged *staged = &s->staged[i];
            if (staged->rowfile == NULL || (enum tier)staged->table.tier != tier)
                continue;
            if (section == NULL)
                TRY(snapwriter_section(writer, tier, PGSTRAND__SECTION_KIND__ROWS, &section, e));
            TRY(snapsection_import(section, staged->rowfile, staged->table.number, e));
            s->progress->step(s->progress->context, "seal", i + 1, s->count);
        }
    }
    return DONE;
}

static status publish(const struct docsnapshot *s, struct snapwriter *writer, const char *dir,
                      struct docimport_result *out, err *e)
{
    struct signing_key key;
    uint8_t hash[SHA256_LEN];
    OWNED(text) char *name = NULL;
    PB_OWNED(Pgstrand__SnapshotCommit) *commit = NULL;
    TRY(datadir_device_key(s->d, &key, e));
    TRY(snapwriter_publish(writer, &key, hash, &name, e));
    TRY(snapcommit_load(dir, name, &commit, hash, e));
    out->size = commit->size;
    return DONE;
}

static status write_sections(const struct docsnapshot *s, const struct heading *h, const char *dir,
                             struct docimport_result *out, err *e)
{
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    OWNED(framecoder) struct framecoder *coder = NULL;
    TRY(framecoder_new(s->d->config->base_level, &coder, e));
    TRY(snapwriter_open(dir, &h->message, s->d->config->base_level, 0, &writer, e));
    TRY(write_schema(s, writer, coder, e));
    TRY(sealschema_config(writer, coder, s->d, h->server_version, s->conn, e));
    TRY(write_rows(s, writer, e));
    return publish(s, writer, dir, out, e);
}

status docsnapshot_tidy(const char *note, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    OWNED(memory) uint8_t *text = NULL;
    size_t len = 0;
    if (!io_exists(note))
        return DONE;
    TRY(io_load(note, PATH_MAX, &text, &len, e));
    OWNED(text) char *dir = strndup((const char *)text, len);
    if (dir == NULL)
        return err_no_memory(e);
    if (!io_exists(dir))
        return DONE;
    TRY(chain_tidy(dir, e));
    TRY(io_list(dir, &names, e));
    return names.count == 0 ? io_remove_tree(dir, e) : DONE;
}

status docsnapshot_write(const struct docsnapshot *s, struct docimport_result *out, err *e)
{
    struct heading h = {0};
    TRY(fill_heading(s, &h, e));
    OWNED(text) char *dir = vault_chain_dir(s->d->snapshots, &h.node, &h.incarnation);
    if (dir == NULL)
        return err_no_memory(e);
    TRY(io_store(s->note, bytes_text(dir), e));
    TRY(io_make_dir(dir, e));
    if (!write_sections(s, &h, dir, out, e).ok) {
        err ignored = ERR_INIT;
        (void)io_remove_tree(dir, &ignored)
            .ok; /* an empty chain is in the way of nothing, but says nothing either */
        return FAILED;
    }
    out->snapshot = h.snapshot;
    out->node = h.node;
    out->same_device = uuid_equal(&h.node, &s->d->identity.node);
    return DONE;
}
