#include "agent/document/docmeta.h"

#include <ctype.h>
#include <inttypes.h>

#include "proto/jsonwrite.h"
#include "proto/pbmem.h"

#define VERSION "2.0"

status docmeta_schema_version(const Pgstrand__Schema *schema, char out[static DOCMETA_SCHEMA_TEXT], err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    uint8_t hash[SHA256_LEN];
    char text[SHA256_TEXT];
    TRY(hasher_new(&h, e));
    TRY(hasher_start(h, e));
    TRY(hasher_add(h, bytes_text(schema->pre_data != NULL ? schema->pre_data : ""), e));
    TRY(hasher_add(h, bytes_text(schema->post_data != NULL ? schema->post_data : ""), e));
    TRY(hasher_end(h, hash, e));
    (void)snprintf(out, DOCMETA_SCHEMA_TEXT, "%u-%.12s", schema->server_version_num / 10000,
                   sha256_format(hash, text));
    return DONE;
}

static void text_member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\n  \"%s\": ", name);
    jsonwrite_text(out, value);
}

static status id_member(struct buf *out, const char *name, const ProtobufCBinaryData *raw, err *e)
{
    uuid id;
    char text[UUID_TEXT];
    TRY(uuid_from_bytes(pbmem_view(*raw), name, &id, e));
    text_member(out, name, uuid_format(&id, text));
    return DONE;
}

/* "Linux x86_64" as "linux". */
static void platform_member(struct buf *out, const char *platform)
{
    char word[32] = "";
    for (size_t i = 0; platform != NULL && i + 1 < sizeof word && isalnum((unsigned char)platform[i]); i++)
        word[i] = (char)tolower((unsigned char)platform[i]);
    text_member(out, "sourcePlatform", word);
}

static void time_member(struct buf *out, pgtime at)
{
    char text[PGTIME_TEXT];
    (void)pgtime_format(at, text);
    memcpy(text + 23, "Z", 2); /* milliseconds are what the format has */
    text_member(out, "timestamp", text);
}

static void filter_member(struct buf *out, const struct restore_request *what)
{
    buf_text(out, ",\n  \"businessFilter\": {");
    if (what->business != NULL) {
        buf_text(out, "\"businessId\": ");
        jsonwrite_text(out, what->business);
        buf_text(out, ", ");
    }
    buf_printf(out, "\"includeDemoData\": %s}", what->no_demo ? "false" : "true");
}

static void checksum_member(struct buf *out, const char *name, const struct docpart_facts *part)
{
    char text[SHA256_TEXT];
    buf_printf(out, "\"%s\": \"sha256-%s\"", name, sha256_format(part->hash, text));
}

static void stats_member(struct buf *out, const struct docpart_facts *business,
                         const struct docpart_facts *device)
{
    const struct docpart_facts none = {0};
    const struct docpart_facts *d = device != NULL ? device : &none;
    buf_printf(out,
               ",\n  \"stats\": {\"totalRecords\": %" PRIu64 ", \"totalTables\": %" PRIu64
               ", \"businessRecords\": %" PRIu64 ", \"deviceRecords\": %" PRIu64
               ", \"uncompressedSize\": %" PRIu64 ", \"compressedSize\": 0}",
               business->records + d->records, business->tables + d->tables, business->records, d->records,
               business->bytes + d->bytes);
    buf_text(out, ",\n  \"checksums\": {");
    checksum_member(out, "businessData", business);
    if (device != NULL) {
        buf_text(out, ", ");
        checksum_member(out, "deviceData", device);
    }
    buf_u8(out, '}');
}

/* What no other program needs, and a person may want to know: where in the chain this is. */
static status origin_member(struct buf *out, const struct job *job, const Pgstrand__SnapshotHeader *h, err *e)
{
    buf_text(out, ",\n  \"pgstrand\": {\"version\": \"" PGSTRAND_VERSION "\"");
    buf_printf(out, ", \"seq\": %" PRIu64, job->plan->seq);
    TRY(id_member(out, "dataset", &h->dataset, e));
    TRY(id_member(out, "incarnation", &h->incarnation, e));
    TRY(id_member(out, "snapshot", &h->snapshot, e));
    buf_u8(out, '}');
    return DONE;
}

status docmeta_put(const struct job *job, const struct docexport_request *request,
                   const struct docpart_facts *business, const struct docpart_facts *device, struct buf *out,
                   err *e)
{
    const struct plan *p = job->plan;
    const Pgstrand__SnapshotHeader *h = p->chain->link[plan_last_link(p, p->seq)].commit->header;
    char schema[DOCMETA_SCHEMA_TEXT];
    buf_text(out, "{\n  \"version\": \"" VERSION "\"");
    TRY(id_member(out, "sourceNodeId", &h->node, e));
    TRY(id_member(out, "sourceDeviceId", &h->device, e));
    text_member(out, "sourceDeviceName", h->device_name != NULL ? h->device_name : "");
    text_member(out, "sourceHostname", h->hostname != NULL ? h->hostname : "");
    platform_member(out, h->platform);
    time_member(out, pgtime_now());
    text_member(out, "createdBy", request->created_by != NULL ? request->created_by : "system");
    text_member(out, "backupType", device != NULL ? "full-device" : "business");
    filter_member(out, &request->what);
    stats_member(out, business, device);
    TRY(docmeta_schema_version(p->schema, schema, e));
    text_member(out, "schemaVersion", schema);
    TRY(origin_member(out, job, h, e));
    buf_text(out, "\n}");
    return buf_done(out, e);
}
