#include "agent/document/docfacts.h"

#include <strings.h>

#include "proto/jsonread.h"

#define METADATA_MAX ((size_t)1 << 20)

void docfacts_fini(struct docfacts *f)
{
    char *const texts[] = {f->source_node, f->source_device,  f->device_name, f->hostname, f->platform,
                           f->created_by,  f->schema_version, f->business,    f->dataset};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    *f = (struct docfacts){0};
}

/* What is found on the way through the document. */
struct scan {
    struct docfacts *facts;
    struct jsonstream *stream;
    struct hasher *part;
    bool has_metadata, has_business, has_device;
    bool lists; /* a member that is a list: a table of version 1 */
    char *version, *backup_type, *business_sum, *device_sum;
    char *beside; /* a version that stands outside of the metadata, as it stands */
    uint8_t business_hash[SHA256_LEN], device_hash[SHA256_LEN];
};

static void scan_fini(struct scan *s)
{
    jsonstream_free(s->stream);
    hasher_free(s->part);
    free(s->version);
    free(s->beside);
    free(s->backup_type);
    free(s->business_sum);
    free(s->device_sum);
}
OWN_VALUE(scan, scan_fini);

/* ---- the metadata ---- */

static status bad_metadata(const char *what, err *e)
{
    return err_set(e, ERR_VALIDATION, "its metadata cannot be read: %s", what);
}

/* A text, or null. */
static status take_text(struct reader *r, const char *what, char **out, err *e)
{
    OWNED(buf) struct buf text = {0};
    if (jsonread_null(r))
        return DONE;
    if (!jsonread_string(r, &text))
        return bad_metadata(what, e);
    free(*out);
    *out = buf_take_cstring(&text);
    return *out != NULL ? DONE : err_no_memory(e);
}

/* Each member of the object at the reader's place. */
typedef status take_member(struct scan *s, const char *name, struct reader *r, err *e);

static status each_member(struct scan *s, struct reader *r, take_member *take, err *e)
{
    OWNED(buf) struct buf name = {0};
    if (!jsonread_take(r, '{'))
        return bad_metadata("no object", e);
    if (jsonread_take(r, '}'))
        return DONE;
    do {
        if (!jsonread_string(r, &name) || !jsonread_take(r, ':'))
            return bad_metadata("no member where one is wanted", e);
        TRY(buf_done(&name, e));
        TRY(take(s, buf_cstring(&name), r, e));
    } while (jsonread_take(r, ','));
    return jsonread_take(r, '}') ? DONE : bad_metadata("its end is missing", e);
}

static status skip(struct reader *r, err *e)
{
    return jsonread_skip(r) ? DONE : bad_metadata("malformed", e);
}

static status take_checksum(struct scan *s, const char *name, struct reader *r, err *e)
{
    if (strcmp(name, "businessData") == 0)
        return take_text(r, name, &s->business_sum, e);
    if (strcmp(name, "deviceData") == 0)
        return take_text(r, name, &s->device_sum, e);
    return skip(r, e);
}

static status take_filter(struct scan *s, const char *name, struct reader *r, err *e)
{
    bool demo = true;
    if (strcmp(name, "businessId") == 0)
        return take_text(r, name, &s->facts->business, e);
    if (strcmp(name, "includeDemoData") != 0)
        return skip(r, e);
    if (!jsonread_bool(r, &demo))
        return bad_metadata(name, e);
    s->facts->without_demo = !demo;
    return DONE;
}

static status take_stat(struct scan *s, const char *name, struct reader *r, err *e)
{
    int64_t count = 0;
    if (strcmp(name, "totalRecords") != 0)
        return skip(r, e);
    if (!jsonread_number(r, &count) || count < 0)
        return bad_metadata(name, e);
    s->facts->records = (uint64_t)count;
    return DONE;
}

static status take_origin(struct scan *s, const char *name, struct reader *r, err *e)
{
    return strcmp(name, "dataset") == 0 ? take_text(r, name, &s->facts->dataset, e) : skip(r, e);
}

static status take_time(struct scan *s, struct reader *r, err *e)
{
    OWNED(text) char *text = NULL;
    TRY(take_text(r, "timestamp", &text, e));
    if (text == NULL || pgtime_parse(text, &s->facts->time, e).ok)
        return DONE;
    return err_wrap(e, "its metadata's timestamp");
}

static status take_fact(struct scan *s, const char *name, struct reader *r, err *e)
{
    struct docfacts *f = s->facts;
    const struct {
        const char *name;
        char **to;
    } texts[] = {{"version", &s->version},
                 {"backupType", &s->backup_type},
                 {"sourceNodeId", &f->source_node},
                 {"sourceDeviceId", &f->source_device},
                 {"sourceDeviceName", &f->device_name},
                 {"sourceHostname", &f->hostname},
                 {"sourcePlatform", &f->platform},
                 {"createdBy", &f->created_by},
                 {"schemaVersion", &f->schema_version}};
    static const struct {
        const char *name;
        take_member *take;
    } objects[] = {{"checksums", take_checksum},
                   {"businessFilter", take_filter},
                   {"stats", take_stat},
                   {"pgstrand", take_origin}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(name, texts[i].name) == 0)
            return take_text(r, name, texts[i].to, e);
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
        if (strcmp(name, objects[i].name) == 0)
            return jsonread_null(r) ? DONE : each_member(s, r, objects[i].take, e);
    return strcmp(name, "timestamp") == 0 ? take_time(s, r, e) : skip(r, e);
}

static status take_metadata(struct scan *s, err *e)
{
    struct bytes raw;
    if (s->has_metadata)
        return err_set(e, ERR_VALIDATION, "it has two metadata");
    s->has_metadata = true;
    TRY(jsonstream_value(s->stream, &raw, e));
    if (raw.len > METADATA_MAX)
        return bad_metadata("it is too large", e);
    struct reader r = reader_over(raw);
    return each_member(s, &r, take_fact, e);
}

/* ---- the members of the document ---- */

/* Over a part, with the hash of it. */
static status hash_part(struct scan *s, bool *there, uint8_t hash[static SHA256_LEN], err *e)
{
    if (*there)
        return err_set(e, ERR_VALIDATION, "a part of it is there twice");
    *there = true;
    TRY(hasher_start(s->part, e));
    jsonstream_hash(s->stream, s->part);
    TRY(jsonstream_skip(s->stream, e));
    jsonstream_hash(s->stream, NULL);
    return hasher_end(s->part, hash, e);
}

static status take_top(struct scan *s, const char *name, err *e)
{
    bool list = false;
    if (strcmp(name, "metadata") == 0)
        return take_metadata(s, e);
    if (strcmp(name, "businessData") == 0)
        return hash_part(s, &s->has_business, s->business_hash, e);
    if (strcmp(name, "deviceData") == 0)
        return hash_part(s, &s->has_device, s->device_hash, e);
    if (strcmp(name, "version") == 0) {
        struct bytes raw;
        TRY(jsonstream_value(s->stream, &raw, e));
        free(s->beside);
        s->beside = bytes_strndup(raw);
        return s->beside != NULL ? DONE : err_no_memory(e);
    }
    TRY(jsonstream_at(s->stream, '[', &list, e));
    s->lists |= list;
    return jsonstream_skip(s->stream, e);
}

static status scan_all(struct scan *s, err *e)
{
    OWNED(buf) struct buf name = {0};
    bool first = true;
    TRY(jsonstream_expect(s->stream, '{', e));
    for (;;) {
        bool any = false;
        TRY(jsonstream_member(s->stream, &first, &name, &any, e));
        if (!any)
            return jsonstream_end(s->stream, e);
        TRY(take_top(s, buf_cstring(&name), e));
    }
}

/* ---- the verdict ---- */

/* "sha256-<hex>", or the digits alone. */
static status check_sum(const char *what, const char *sum, const uint8_t found[static SHA256_LEN], err *e)
{
    char text[SHA256_TEXT];
    if (sum == NULL)
        return err_set(e, ERR_VALIDATION, "its metadata has no checksum of %s", what);
    const char *digits =
        strncasecmp(sum, "sha256-", 7) == 0 || strncasecmp(sum, "sha256:", 7) == 0 ? sum + 7 : sum;
    if (strcasecmp(digits, sha256_format(found, text)) == 0)
        return DONE;
    return err_set(
        e, ERR_VALIDATION,
        "the checksum of its %s is wrong: the file was changed or damaged (metadata says %.80s, the data "
        "has %s)",
        what, digits, text);
}

static status judge_v2(struct scan *s, err *e)
{
    const char *version = s->version != NULL ? s->version : "none";
    s->facts->version = DOCFACTS_V2;
    if (strcmp(version, "2.0") != 0 && strcmp(version, "2") != 0)
        return err_set(e, ERR_VALIDATION, "it is of version %.40s; known are 2.0, and 1 without metadata",
                       version);
    if (!s->has_business)
        return err_set(e, ERR_VALIDATION, "it has no businessData");
    if (s->backup_type == NULL ||
        (strcmp(s->backup_type, "business") != 0 && strcmp(s->backup_type, "full-device") != 0))
        return err_set(e, ERR_VALIDATION, "its backupType is neither business nor full-device");
    s->facts->full_device = strcmp(s->backup_type, "full-device") == 0;
    if (s->has_device != s->facts->full_device)
        return err_set(e, ERR_VALIDATION,
                       s->has_device ? "it is a business backup and has deviceData"
                                     : "it is a full-device backup and has no deviceData");
    TRY(check_sum("businessData", s->business_sum, s->business_hash, e));
    return s->has_device ? check_sum("deviceData", s->device_sum, s->device_hash, e) : DONE;
}

/* A version may stand beside the tables of version 1, in quotes or as a number. */
static status judge_v1(struct scan *s, err *e)
{
    const char *v = s->beside != NULL ? s->beside : "1";
    s->facts->version = DOCFACTS_V1;
    if (s->has_business || s->has_device)
        return err_set(e, ERR_VALIDATION, "it has businessData and no metadata: it is incomplete");
    if (v[v[0] == '"' ? 1 : 0] != '1')
        return err_set(e, ERR_VALIDATION, "it is of version %.40s; known are 2.0, and 1 without metadata", v);
    return s->lists ? DONE : err_set(e, ERR_VALIDATION, "it has no table: it is no backup");
}

static status read_all(struct scan *s, err *e)
{
    TRY(scan_all(s, e));
    return s->has_metadata ? judge_v2(s, e) : judge_v1(s, e);
}

status docfacts_read(const struct jsonstream_source *source, struct docfacts *out, err *e)
{
    OWNED(scan) struct scan s = {.facts = out};
    *out = (struct docfacts){.records = UINT64_MAX, .time = pgtime_now()};
    TRY(jsonstream_new(source, DOCFACTS_VALUE_MAX, &s.stream, e));
    TRY(hasher_new(&s.part, e));
    if (read_all(&s, e).ok)
        return DONE;
    docfacts_fini(out);
    return FAILED;
}
