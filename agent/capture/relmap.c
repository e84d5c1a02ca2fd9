#include "agent/capture/relmap.h"

#include <stdlib.h>

#define OWN_SCHEMA "pgstrand"
#define OWN_DDL_TABLE "ddl"

static void release(struct rel_entry *entry)
{
    relation_free(entry->shape);
    relation_free(entry->sent);
    free(entry->computed);
}

void relmap_fini(struct relmap *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slot[i] != NULL) {
            release(m->slot[i]);
            free(m->slot[i]);
        }
    }
    free(m->slot);
    *m = (struct relmap){0};
}

/* OIDs are handed out in a row: a multiplication (Knuth's golden ratio) spreads them. */
static size_t place_of(const struct relmap *m, uint32_t oid)
{
    size_t at = (size_t)(oid * UINT32_C(2654435769)) & (m->cap - 1);
    while (m->slot[at] != NULL && m->slot[at]->oid != oid)
        at = (at + 1) & (m->cap - 1);
    return at;
}

struct rel_entry *relmap_find(struct relmap *m, uint32_t oid)
{
    if (m->last != NULL && m->last->oid == oid)
        return m->last;
    if (m->cap == 0)
        return NULL;
    struct rel_entry *found = m->slot[place_of(m, oid)];
    if (found != NULL)
        m->last = found;
    return found;
}

static status grow(struct relmap *m, err *e)
{
    struct relmap larger = {.cap = m->cap == 0 ? 64 : m->cap * 2, .count = m->count};
    larger.slot = calloc(larger.cap, sizeof *larger.slot);
    if (larger.slot == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slot[i] != NULL)
            larger.slot[place_of(&larger, m->slot[i]->oid)] = m->slot[i];
    }
    free(m->slot);
    *m = larger;
    return DONE;
}

static status entry_for(struct relmap *m, uint32_t oid, struct rel_entry **out, err *e)
{
    *out = relmap_find(m, oid);
    if (*out != NULL)
        return DONE;
    if (m->count * 2 >= m->cap)
        TRY(grow(m, e));
    struct rel_entry *made = calloc(1, sizeof *made);
    if (made == NULL)
        return err_no_memory(e);
    made->oid = oid;
    m->slot[place_of(m, oid)] = made;
    m->count++;
    *out = made;
    return DONE;
}

static status shape_of(const struct pgoutput_message *msg, struct relation **out, err *e)
{
    OWNED(memory) struct column *columns = calloc(msg->relation.count + 1u, sizeof *columns);
    if (columns == NULL)
        return err_no_memory(e);
    for (uint16_t i = 0; i < msg->relation.count; i++) {
        const struct pgoutput_column *c = &msg->relation.columns[i];
        columns[i] = (struct column){.name = c->name, .type = c->type, .typmod = c->typmod, .key = c->key};
    }
    const struct relation shape = {
        .oid = msg->relation.oid,
        .schema = msg->relation.schema[0] != '\0' ? msg->relation.schema : "pg_catalog",
        .name = msg->relation.name,
        .replica_identity = msg->relation.replica_identity,
        .column_count = msg->relation.count,
        .columns = columns,
    };
    return relation_copy(&shape, out, e);
}

static enum rel_use use_of(const struct relation *shape, const struct table_tier *tier)
{
    if (strcmp(shape->schema, OWN_SCHEMA) == 0)
        return strcmp(shape->name, OWN_DDL_TABLE) == 0 ? REL_DDL : REL_DROPPED;
    return tier->tier == TIER_TRANSIENT && tier->other == TIER_TRANSIENT ? REL_DROPPED : REL_ROWS;
}

static bool same_relation(const struct relation *a, const struct relation *b)
{
    return strcmp(a->schema, b->schema) == 0 && strcmp(a->name, b->name) == 0 && relation_same_shape(a, b);
}

status relmap_announce(struct relmap *m, const struct pgoutput_message *relation,
                       const struct tier_rules *rules, struct rel_entry **out, err *e)
{
    struct relation *shape = NULL;
    struct rel_entry *entry = NULL;
    TRY(entry_for(m, relation->relation.oid, &entry, e));
    TRY(shape_of(relation, &shape, e));
    const struct relation *before = entry->sent != NULL ? entry->sent : entry->shape;
    if (before != NULL && same_relation(before, shape)) { /* its versions in the log stay */
        relation_free(shape);
        *out = entry;
        return DONE;
    }
    release(entry);
    *entry = (struct rel_entry){.oid = shape->oid, .shape = shape};
    TRY(tier_rules_match(rules, shape->schema, shape->name, &entry->tier, e));
    entry->use = use_of(shape, &entry->tier);
    *out = entry;
    return DONE;
}

void relmap_cut(struct relmap *m, size_t place, uint32_t numbers)
{
    for (size_t i = 0; i < m->cap; i++) {
        struct rel_entry *rel = m->slot[i];
        if (rel == NULL)
            continue;
        rel->held = rel->held && rel->held_at <= place;
        for (size_t tier = 0; tier < TIER_TRANSIENT; tier++) {
            if (rel->version[tier] > numbers)
                rel->version[tier] = 0;
        }
    }
}
