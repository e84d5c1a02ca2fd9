#include "tools/snapview.h"

#include "proto/pbmem.h"
#include "proto/tier.h"
#include "tools/jsonout.h"

const char *snapview_type(Pgstrand__SnapshotType type)
{
    switch (type) {
    case PGSTRAND__SNAPSHOT_TYPE__FULL:
        return "full";
    case PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL:
        return "incremental";
    case PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL:
        return "differential";
    default:
        return "unknown";
    }
}

uint64_t snapview_rows(const Pgstrand__SnapshotCommit *commit)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < commit->n_section; i++)
        rows += commit->section[i]->rows;
    return rows;
}

uint64_t snapview_actions(const Pgstrand__SnapshotCommit *commit)
{
    uint64_t actions = 0;
    for (size_t i = 0; i < commit->n_section; i++)
        actions += commit->section[i]->actions;
    return actions;
}

static json_t *id_json(protobuf_c_boolean has, ProtobufCBinaryData raw)
{
    uuid id;
    err ignored = ERR_INIT;
    if (!has || !uuid_from_bytes(pbmem_view(raw), "uuid", &id, &ignored).ok)
        return json_null();
    return jsonout_uuid(&id);
}

static void add_origin(json_t **o, const Pgstrand__SnapshotHeader *h)
{
    jsonout_set(o, "node", id_json(1, h->node));
    jsonout_set(o, "device", id_json(1, h->device));
    jsonout_set(o, "device_name", jsonout_text(h->device_name));
    jsonout_set(o, "incarnation", id_json(1, h->incarnation));
    jsonout_set(o, "dataset", id_json(1, h->dataset));
    jsonout_set(o, "hostname", jsonout_text(h->hostname));
    jsonout_set(o, "platform", jsonout_text(h->platform));
    jsonout_set(o, "agent_version", jsonout_text(h->agent_version));
    jsonout_set(o, "server_version", jsonout_text(h->server_version));
    jsonout_set(o, "app_version", jsonout_text(h->app_version));
}

static json_t *sections_json(const Pgstrand__SnapshotCommit *commit)
{
    static const char *const kinds[] = {"",         "schema",    "rows",   "actions",
                                        "entities", "sequences", "assets", "config"};
    json_t *list = json_array();
    for (size_t i = 0; i < commit->n_section; i++) {
        const Pgstrand__SectionRoot *s = commit->section[i];
        bool known = s->kind >= 1 && s->kind < sizeof kinds / sizeof kinds[0];
        json_t *o = json_object();
        jsonout_set(&o, "tier", jsonout_text(tier_name((enum tier)s->tier)));
        jsonout_set(&o, "kind", jsonout_text(known ? kinds[s->kind] : "unknown"));
        jsonout_set(&o, "rows", jsonout_count(s->rows));
        jsonout_set(&o, "actions", jsonout_count(s->actions));
        jsonout_set(&o, "stored", jsonout_count(s->stored));
        jsonout_set(&o, "raw", jsonout_count(s->raw));
        jsonout_set(&o, "root", jsonout_hex(pbmem_view(s->root)));
        jsonout_append(&list, o);
    }
    return list;
}

json_t *snapview_json(const Pgstrand__SnapshotCommit *commit, const pgtime *verified)
{
    const Pgstrand__SnapshotHeader *h = commit->header;
    json_t *o = json_object();
    jsonout_set(&o, "uuid", id_json(1, h->snapshot));
    jsonout_set(&o, "number", jsonout_count(h->number));
    jsonout_set(&o, "parent", id_json(h->has_parent, h->parent));
    jsonout_set(&o, "base", id_json(h->has_base_snapshot, h->base_snapshot));
    jsonout_set(&o, "type", jsonout_text(snapview_type(h->type)));
    jsonout_set(&o, "name", jsonout_text(h->name));
    jsonout_set(&o, "description", jsonout_text(h->description));
    jsonout_set(&o, "first_seq", jsonout_count(h->first_seq));
    jsonout_set(&o, "last_seq", jsonout_count(h->last_seq));
    jsonout_set(&o, "first_lsn", jsonout_lsn(h->first_lsn));
    jsonout_set(&o, "last_lsn", jsonout_lsn(h->last_lsn));
    jsonout_set(&o, "time", jsonout_time(h->created));
    jsonout_set(&o, "size", jsonout_count(commit->size));
    jsonout_set(&o, "rows", jsonout_count(snapview_rows(commit)));
    jsonout_set(&o, "actions", jsonout_count(snapview_actions(commit)));
    jsonout_set(&o, "verified", verified != NULL ? jsonout_time(*verified) : json_null());
    add_origin(&o, h);
    jsonout_set(&o, "device_key", jsonout_hex(pbmem_view(commit->device_key)));
    jsonout_set(&o, "recovery_key",
                commit->has_recovery_key ? jsonout_hex(pbmem_view(commit->recovery_key)) : json_null());
    jsonout_set(&o, "taken_over", json_boolean(commit->has_handover));
    jsonout_set(&o, "sections", sections_json(commit));
    return o;
}

status snapview_verified(struct catalog *c, const Pgstrand__SnapshotCommit *commit, pgtime *out, bool *found,
                         err *e)
{
    PB_OWNED(ProtobufCMessage) *message = NULL;
    uuid incarnation;

    *found = false;
    TRY(uuid_from_bytes(pbmem_view(commit->header->incarnation), "incarnation", &incarnation, e));
    struct catalog_key key = catalog_key_snapshot(&incarnation, commit->header->number);
    TRY(catalog_get(c, CATALOG_SNAPSHOT, catalog_key_bytes(&key), &message, e));
    if (message == NULL)
        return DONE;
    const Pgstrand__SnapshotRecord *record = (const Pgstrand__SnapshotRecord *)(const void *)message;
    *found = record->has_verified;
    *out = record->verified;
    return DONE;
}
