#include "agent/heal/healtables.h"

#include <stdarg.h>

#include "agent/heal/tablediff.h"
#include "agent/pg/lockturns.h"
#include "agent/pg/schema.h"
#include "agent/restore/plan/plantable.h"
#include "agent/tablebook.h"
#include "proto/pbmem.h"

__attribute__((format(printf, 2, 3))) static void broken(struct heal_result *out, const char *format, ...)
{
    va_list args;
    if (out->broken)
        return;
    va_start(args, format);
    (void)vsnprintf(out->reason, sizeof out->reason, format, args);
    va_end(args);
    out->broken = true;
}

/* As the stream announces it. */
static void shape_of(const struct table_info *table, struct column *columns, struct relation *out)
{
    *out = (struct relation){.oid = table->oid,
                             .schema = table->schema,
                             .name = table->name,
                             .replica_identity = table->replica_identity,
                             .tier = table->tier.tier,
                             .columns = columns};
    for (uint16_t i = 0; i < table->column_count; i++) {
        const struct table_column *from = &table->columns[i];
        if (!from->generated)
            columns[out->column_count++] = (struct column){
                .name = from->name, .type = from->type, .typmod = from->typmod, .key = from->key};
    }
}

static status compare(struct healtables *h, size_t i, const struct table_info *table,
                      const struct relation *shape, err *e)
{
    const struct tablediff diff = {h->d, h->conn, h->known, h->progress};
    const struct rowdiff_sink sink = healwriter_sink(h->writer);
    uint64_t changes = 0;
    healwriter_table(h->writer, shape);
    if (!tablediff_run(&diff, i, table, &sink, &changes, e).ok)
        return err_wrap(e, "comparing %s.%s", table->schema, table->name);
    h->out->tables++;
    h->out->differ += changes > 0;
    h->out->changes += changes;
    return DONE;
}

/* The table becomes known under its OID here; `seen` counts those of the plan. */
static status look_at(struct healtables *h, struct tablebook *book, const struct table_info *table,
                      bool *seen, err *e)
{
    struct column columns[RELATION_COLUMNS_MAX];
    struct relation shape;
    char what[200];
    bool known = false, news = false;
    shape_of(table, columns, &shape);
    TRY(tablebook_identify(book, &shape, NULL, &known, &news, e));
    if (news || h->renumbered)
        TRY(tablebook_record(h->d->catalog, &shape, table->tier.tier, table->tier.rule,
                             healwriter_first_seq(h->writer) - 1, e));
    if (h->known->plan == NULL)
        return DONE;
    struct plan_table *from = plantable_find(h->known->plan, &shape.table);
    if (from == NULL) {
        broken(h->out, "table %s.%s was made meanwhile", table->schema, table->name);
        return DONE;
    }
    const size_t i = (size_t)(from - h->known->plan->table);
    seen[i] = true;
    if (!plantable_fits(from, &shape, h->renumbered, what, sizeof what)) {
        broken(h->out, "table %s.%s: %s", table->schema, table->name, what);
        return DONE;
    }
    return compare(h, i, table, &shape, e);
}

/* The smallest first, and nobody has to wait for one that is compared: whoever wants to alter a table waits
 * for no larger ones. On another server the schema's dump at the end needs them as they are. */
static status look_at_held(struct healtables *h, struct tablebook *book, bool *seen, err *e)
{
    for (size_t i = h->held_count; i-- > 0;) {
        h->progress->step(h->progress->context, "compare", h->held_count - 1 - i, h->held_count);
        TRY(look_at(h, book, h->held[i], seen, e));
        if (!h->renumbered)
            TRY(lockturns_let_go(h->conn, i, e));
    }
    return DONE;
}

static status look_at_all(struct healtables *h, struct tablebook *book, err *e)
{
    const size_t count = h->known->plan == NULL ? 0 : h->known->plan->count;
    OWNED(memory) bool *seen = calloc(count + 1, sizeof *seen);
    if (seen == NULL)
        return err_no_memory(e);
    TRY(look_at_held(h, book, seen, e));
    for (size_t i = 0; i < count; i++)
        if (!seen[i])
            broken(h->out, "table %s.%s was dropped meanwhile", h->known->plan->table[i].message->schema,
                   h->known->plan->table[i].message->name);
    return DONE;
}

static bool same_text(const char *known, struct buf *now)
{
    return strcmp(known == NULL ? "" : known, buf_cstring(now)) == 0;
}

/* Views, functions, constraints. The fingerprint is made of OIDs, so on another server only the text tells; a
 * dump of another version of pg_dump may differ without reason, which costs a FULL. */
static status same_schema(struct healtables *h, const Pgstrand__Schema *known, bool *same, err *e)
{
    OWNED(schema_text) struct schema_text text = {0};
    struct schema_fingerprint now;
    if (!h->renumbered) {
        TRY(schema_fingerprint(h->conn, &now, e));
        *same = known->has_fingerprint &&
                bytes_equal(pbmem_view(known->fingerprint), bytes_of(now.hash, sizeof now.hash));
        return DONE;
    }
    TRY(schema_dump(h->conn, h->conninfo, h->snapshot, NULL, &text, e));
    *same = same_text(known->pre_data, &text.pre_data) && same_text(known->post_data, &text.post_data);
    return DONE;
}

static status look_at_schema(struct healtables *h, err *e)
{
    const struct plan *plan = h->known->plan;
    bool same = false;
    if (plan == NULL) {
        broken(h->out, "the last known state cannot be told: %.180s", h->known->why.message);
        return DONE;
    }
    TRY(same_schema(h, plan->schema, &same, e));
    if (!same)
        broken(h->out, "the schema may have changed while the database was not captured");
    return DONE;
}

static status load_book(struct healtables *h, const struct table_list *tables, struct tablebook **out, err *e)
{
    TRY(tablebook_load(h->d->catalog, &h->d->identity.dataset, out, e));
    if (!h->renumbered)
        return DONE;
    TRY(tablebook_forget_oids(*out, h->d->catalog, e));
    for (size_t i = 0; i < tables->count; i++)
        tablebook_renumber(*out, tables->table[i].schema, tables->table[i].name, tables->table[i].oid);
    return DONE;
}

status healtables_run(struct healtables *h, err *e)
{
    OWNED(tablebook) struct tablebook *book = NULL;
    TRY(load_book(h, h->tables, &book, e));
    TRY(look_at_all(h, book, e));
    return look_at_schema(h, e);
}
