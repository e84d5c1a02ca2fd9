#include "tools/failedlog.h"

#include "agent/glob.h"
#include "proto/pbmem.h"
#include "tools/jsonout.h"
#include "tools/output.h"

struct listing {
    const struct cli *cli;
    const char *tables;
};

static status print_json(const Pgstrand__QuarantineRecord *r, const uuid *id, const uuid *node, err *e)
{
    OWNED(json) json_t *o = json_object();
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s.%s", r->schema, r->table);
    jsonout_set(&o, "uuid", jsonout_uuid(id));
    jsonout_set(&o, "kind", jsonout_text("FAILED"));
    jsonout_set(&o, "table", jsonout_text(buf_cstring(&name)));
    jsonout_set(&o, "row", jsonout_bytes(pbmem_view(r->line)));
    jsonout_set(&o, "target", jsonout_text(r->target));
    jsonout_set(&o, "node", jsonout_uuid(node));
    jsonout_set(&o, "seq", jsonout_count(r->seq));
    jsonout_set(&o, "error", jsonout_text(r->error));
    jsonout_set(&o, "sqlstate", jsonout_text(r->sqlstate));
    jsonout_set(&o, "retries", jsonout_count(r->retries));
    jsonout_set(&o, "time", jsonout_time(r->time));
    return jsonout_print(o, JSONOUT_LINE, e);
}

static status print_line(const Pgstrand__QuarantineRecord *r, err *e)
{
    OWNED(buf) struct buf line = {0};
    OWNED(buf) struct buf clean = {0};
    char time[PGTIME_TEXT];
    buf_printf(&line, "%s FAILED %s.%s (", pgtime_format(r->time, time), r->schema, r->table);
    buf_bytes(&line, r->line.data, r->line.len);
    buf_printf(&line, "): %s; retries: %u", r->error, (unsigned)r->retries);
    TRY(buf_done(&line, e));
    output_clean(&clean, buf_view(&line));
    (void)puts(buf_cstring(&clean));
    return DONE;
}

static status print_record(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    const struct listing *l = context;
    const Pgstrand__QuarantineRecord *r = (const Pgstrand__QuarantineRecord *)(const void *)record;
    uuid id, node;
    if (l->tables != NULL && !glob_list_match(l->tables, r->schema, r->table))
        return DONE;
    TRY(uuid_from_bytes(key, "quarantine", &id, e));
    TRY(uuid_from_bytes(pbmem_view(r->node), "node", &node, e));
    return l->cli->json ? print_json(r, &id, &node, e) : print_line(r, e);
}

status failedlog_print(const struct cli *cli, struct datadir *d, const char *tables, err *e)
{
    struct listing l = {cli, tables};
    return catalog_each(d->catalog, CATALOG_QUARANTINE, print_record, &l, e);
}
