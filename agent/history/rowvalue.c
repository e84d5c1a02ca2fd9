#include "agent/history/rowvalue.h"

#include <inttypes.h>

#include "agent/glob.h"
#include "agent/history/entitykey.h"
#include "agent/history/rowstate.h"
#include "agent/restore/plan/plantable.h"
#include "proto/copytext.h"

void rowvalue_fini(struct rowvalue *v)
{
    plan_free(v->plan);
    buf_fini(&v->row);
    *v = (struct rowvalue){0};
}

/* ---- which table ---- */

static status one_table(const struct plan *p, const char *name, const Pgstrand__Table **out, err *e)
{
    OWNED(buf) struct buf names = {0};
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        const Pgstrand__Table *m = p->table[i].message;
        if (!glob_list_match(name, m->schema, m->name))
            continue;
        *out = m;
        buf_printf(&names, "%s%s.%s", count++ > 0 ? ", " : "", m->schema, m->name);
    }
    if (count == 0)
        return err_set(e, ERR_VALIDATION, "there is no table %s at seq %" PRIu64, name, p->stop_seq);
    if (count > 1)
        return err_set(e, ERR_VALIDATION, "%s may be several tables: %.600s; name one, with its schema", name,
                       buf_cstring(&names));
    return DONE;
}

static status check_table(const Pgstrand__Table *m, err *e)
{
    if (m->has_partition_root && m->partition_root)
        return err_set(e, ERR_SCHEMA,
                       "%s.%s is partitioned and has no rows of its own: name the partition that has the row",
                       m->schema, m->name);
    if (!plantable_is_keyed(m))
        return err_set(e, ERR_SCHEMA,
                       "rows of %s.%s have no identity (no primary key and no replica identity index): equal "
                       "rows are only counted, so one row has no history; give the table a primary key",
                       m->schema, m->name);
    return DONE;
}

static status check_keys(const Pgstrand__Table *m, size_t given, err *e)
{
    OWNED(buf) struct buf names = {0};
    uint16_t column[RELATION_COLUMNS_MAX];
    const uint16_t count = entitykey_columns(m, column);
    if (count == given)
        return DONE;
    for (uint16_t i = 0; i < count; i++)
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", m->column[column[i]]->name);
    return err_set(e, ERR_VALIDATION, "the key of %s.%s has %u values (%.300s), not %zu", m->schema, m->name,
                   (unsigned)count, buf_cstring(&names), given);
}

status rowvalue_find(struct history *h, const char *table, const char *const *key, size_t keys, uint64_t seq,
                     struct rowvalue *out, err *e)
{
    *out = (struct rowvalue){0};
    TRY(history_plan(h, seq, table, &out->plan, e));
    TRY(one_table(out->plan, table, &out->table, e));
    TRY(check_table(out->table, e));
    TRY(check_keys(out->table, keys, e));
    return entitykey_of_values(out->table, key, keys, &h->d->identity.dataset, &out->entity, e);
}

status rowvalue_find_entity(struct history *h, const struct relation *r, const uuid *entity, uint64_t seq,
                            struct rowvalue *out, err *e)
{
    *out = (struct rowvalue){.entity = *entity};
    TRY(history_plan(h, seq, NULL, &out->plan, e));
    const struct plan_table *t = plantable_find(out->plan, &r->table);
    if (t == NULL)
        return err_set(e, ERR_VALIDATION, "there is no table %s.%s at seq %" PRIu64, r->schema, r->name,
                       out->plan->stop_seq);
    out->table = t->message;
    return check_table(out->table, e);
}

/* ---- its value ---- */

static status take_row(void *context, const struct plan *p, const struct plan_table *t, const uuid *entity,
                       struct bytes line, err *e)
{
    struct rowvalue *v = context;
    (void)p;
    (void)t;
    (void)entity;
    v->there = true;
    buf_reset(&v->row);
    return copytext_to_tuple(line, &v->row, e);
}

static status by_folding(struct history *h, uint64_t seq, struct rowvalue *v, err *e)
{
    OWNED(rowset) struct rowset set = {0};
    OWNED(buf) struct buf name = {0};
    struct plan *plan = NULL;
    uint32_t table;
    size_t place;
    uuid id;
    TRY(entitykey_table(v->table, &id, e));
    TRY(rowset_table(&set, &id, &table, e));
    TRY(rowset_row(&set, table, &v->entity, &place, e));
    set.row[place].asked = true;
    buf_printf(&name, "%s.%s", v->table->schema, v->table->name);
    const struct rowstate_request request = {
        .seq = seq, .tables = buf_cstring(&name), .set = &set, .sink = take_row, .context = v};
    const status done = rowstate_at(h, &request, &plan, e);
    const struct plan_table *t = plan == NULL ? NULL : plantable_find(plan, &id);
    if (t != NULL) { /* the row has its columns */
        plan_free(v->plan);
        v->plan = plan;
        v->table = t->message;
    } else {
        plan_free(plan);
    }
    return done;
}

/* Columns may have changed since the event that is known. */
static status is_current(struct history *h, const struct rowevent *ev, uint64_t seq, bool *out, err *e)
{
    OWNED(seqlist) struct seqlist ddl = {0};
    const uuid name = UUID_NIL;
    TRY(history_find(h, &name, &ddl, e));
    seqlist_sort(&ddl);
    *out = !history_between(&ddl, ev->seq > 0 ? ev->seq - 1 : 0, seq);
    return DONE;
}

status rowvalue_at(struct history *h, const struct rowhistory *r, uint64_t seq, struct rowvalue *v, err *e)
{
    const struct rowevent *ev = rowhistory_at(r, &v->entity, seq);
    bool current = false;
    v->there = false;
    if (ev != NULL && !ev->base)
        TRY(is_current(h, ev, seq, &current, e));
    if (ev == NULL || !current)
        return by_folding(h, seq, v, e);
    if (ev->new.len == 0 || !uuid_equal(&ev->entity, &v->entity))
        return DONE; /* deleted, or it has another key now */
    if (!rowhistory_is_whole(ev->new))
        return by_folding(h, seq, v, e);
    v->there = true;
    v->relation = ev->relation;
    buf_reset(&v->row);
    buf_bytes(&v->row, ev->new.data, ev->new.len);
    return buf_done(&v->row, e);
}
