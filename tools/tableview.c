#include "tools/tableview.h"

#include "tools/jsonout.h"

json_t *tableview_name(const struct table_info *t)
{
    OWNED(buf) struct buf name = {0};
    buf_printf(&name, "%s.%s", t->schema, t->name);
    return jsonout_text(buf_cstring(&name));
}

void tableview_tier(const struct table_info *t, struct buf *out)
{
    buf_text(out, tier_name(t->tier.tier));
    if (t->tier.column != NULL)
        buf_printf(out, ", else %s", tier_name(t->tier.other));
}

const char *tableview_identity(const struct table_info *t)
{
    if (t->kind == 'p')
        return "partitioned";
    if (t->replica_identity == 'f')
        return "full row";
    if (t->replica_identity == 'i' && t->has_identity)
        return "index";
    return t->replica_identity == 'd' && t->has_primary_key ? "primary key" : "none";
}

json_t *tableview_json(const struct table_info *t)
{
    json_t *o = json_object();
    jsonout_set(&o, "table", tableview_name(t));
    jsonout_set(&o, "tier", jsonout_text(tier_name(t->tier.tier)));
    jsonout_set(&o, "rule", jsonout_text(t->tier.rule));
    jsonout_set(&o, "other_tier",
                t->tier.column != NULL ? jsonout_text(tier_name(t->tier.other)) : json_null());
    jsonout_set(&o, "replica_identity", jsonout_text(tableview_identity(t)));
    jsonout_set(&o, "partitioned", json_boolean(t->kind == 'p'));
    jsonout_set(&o, "bytes", json_integer(t->bytes));
    return o;
}
