#include "agent/seal/schemaversion.h"

#include "agent/base/baseschema.h"
#include "agent/base/tablemsg.h"
#include "agent/lineage.h"
#include "agent/seal/sealrecord.h"
#include "agent/seal/versionbook.h"
#include "agent/seal/versiondiff.h"
#include "agent/tablebook.h"
#include "proto/pbmem.h"
#include "store/chain.h"
#include "store/snapreader.h"

/* The newest version there is: of the catalogue, of an INCREMENTAL, or the newest FULL's. */
struct newest {
    Pgstrand__Schema *schema;           /* NULL: this incarnation has no FULL */
    const Pgstrand__Schema *of_version; /* borrowed from book or from schema */
    struct versionbook book;
    uint64_t seq;
    lsn since; /* of a FULL: commits before it are in it */
    struct schema_fingerprint at;
};

static void newest_fini(struct newest *n)
{
    pbmem_free((ProtobufCMessage *)n->schema);
    versionbook_fini(&n->book);
}
OWN_VALUE(newest, newest_fini);

static void take_over(struct newest *n, const Pgstrand__Schema *schema, uint64_t seq)
{
    n->of_version = schema;
    n->seq = seq;
    n->since = LSN_NONE;
    n->at = (struct schema_fingerprint){.counted = schema->has_ddl_rows && schema->has_ddl_sum,
                                        .rows = schema->ddl_rows,
                                        .sum = schema->ddl_sum};
}

static status read_schema(const struct chain *c, size_t link, Pgstrand__Schema **out, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    TRY(snapreader_open_known(c->link[link].dir, c->link[link].name, c->link[link].hash, &r, e));
    return snapreader_schema(r, out, e);
}

static const Pgstrand__SnapshotHeader *header_of(const struct chain *c, size_t link)
{
    return c->link[link].commit->header;
}

/* OIDs and attribute numbers of another incarnation may be another server's: there nothing can go on. */
static bool is_own(const struct datadir *d, const Pgstrand__SnapshotHeader *h)
{
    return bytes_equal(pbmem_view(h->incarnation),
                       bytes_of(d->identity.incarnation.b, sizeof d->identity.incarnation.b));
}

static status find_full(const struct datadir *d, const struct chain *c, bool any, struct newest *out,
                        size_t *full, err *e)
{
    *full = c->count;
    while (*full > 0 && header_of(c, *full - 1)->type != PGSTRAND__SNAPSHOT_TYPE__FULL)
        (*full)--;
    if (*full == 0 || (!any && !is_own(d, header_of(c, *full - 1))))
        return DONE;
    TRY(read_schema(c, *full - 1, &out->schema, e));
    take_over(out, out->schema, header_of(c, *full - 1)->last_seq);
    out->since = header_of(c, *full - 1)->last_lsn;
    return DONE;
}

/* The catalogue may have been made anew: then the links behind the FULL say. Its records tell that there is
 * nothing to be found in them. */
static status find_sealed(struct datadir *d, const struct chain *c, size_t full, struct newest *out, err *e)
{
    struct sealrecord_schema noted;
    TRY(sealrecord_schema(d, &c->link[c->count - 1], &noted, e));
    if (noted.known && noted.seq == 0)
        return DONE;
    for (size_t i = c->count; i > full; i--) {
        PB_OWNED(Pgstrand__Schema) *schema = NULL;
        if (header_of(c, i - 1)->type != PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL)
            continue;
        TRY(read_schema(c, i - 1, &schema, e));
        if (schema->n_version == 0)
            continue;
        const Pgstrand__SchemaVersion *v = schema->version[schema->n_version - 1];
        pbmem_free((ProtobufCMessage *)out->schema);
        out->schema = schema;
        schema = NULL;
        take_over(out, v->schema, versionbook_seq(v));
        return noted.known ? DONE : sealrecord_note_schema(d, &c->link[c->count - 1], out->seq, e);
    }
    return sealrecord_note_schema(d, &c->link[c->count - 1], 0, e);
}

/* `any`: also when the newest FULL is another incarnation's. */
static status find_newest(struct datadir *d, const struct chain *c, bool any, struct newest *out, err *e)
{
    size_t full = 0;
    TRY(find_full(d, c, any, out, &full, e));
    if (out->schema == NULL)
        return DONE;
    TRY(versionbook_load(d, &out->book, e));
    const Pgstrand__SchemaVersion *v =
        out->book.count == 0 ? NULL : out->book.record[out->book.count - 1]->version;
    if (v != NULL && versionbook_seq(v) > out->seq)
        take_over(out, v->schema, versionbook_seq(v));
    else if (v == NULL)
        return find_sealed(d, c, full, out, e);
    return DONE;
}

/* ---- where the search in the log begins: before the first DDL that no version has ---- */

struct first_open {
    uint64_t after;
    uint64_t seq; /* 0: none */
};

static status look_at_break(void *context, struct bytes key, const ProtobufCMessage *record, err *e)
{
    struct first_open *f = context;
    const Pgstrand__SchemaBreak *b = (const Pgstrand__SchemaBreak *)(const void *)record;
    (void)key;
    (void)e;
    if (b->seq > f->after && !b->has_healed_seq && !b->rows && (f->seq == 0 || b->seq < f->seq))
        f->seq = b->seq;
    return DONE;
}

static status search_start(struct datadir *d, struct logreader *log, const struct newest *n, uint64_t *after,
                           err *e)
{
    struct first_open first = {.after = n->seq};
    struct commit c;
    bool found = false;
    *after = n->seq;
    TRY(catalog_each(d->catalog, CATALOG_BREAK, look_at_break, &first, e));
    if (first.seq == 0)
        return DONE;
    TRY(logreader_commit_at(log, first.seq, &c, &found, e));
    if (found && c.first_seq > n->seq)
        *after = c.first_seq - 1;
    return DONE;
}

static status find_label(struct datadir *d, const struct newest *n, const struct schema_fingerprint *now,
                         int patience_ms, struct versionlabel *label, bool *found, bool *trimmed, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    struct versionlabel_start start = {.since = n->since, .from = n->at};
    struct log_state state;
    TRY(logreader_open(d->log, &log, e));
    TRY(search_start(d, log, n, &start.after, e));
    TRY(logreader_state(log, &state, e));
    *trimmed = state.first_seq > start.after + 1;
    return *trimmed ? DONE : versionlabel_find(log, &start, now, patience_ms, label, found, e);
}

/* ---- the version ---- */

/* A rewrite since (VACUUM FULL) writes the value into the rows and forgets it; the DDL has it. */
static void add_missing(const struct versionlabel *label, Pgstrand__Table *t)
{
    for (size_t i = 0; i < label->touches; i++) {
        for (size_t k = 0; k < label->touch[i].count; k++) {
            const struct ddl_object *o = &label->touch[i].object[k];
            for (size_t c = 0; o->oid == t->oid && c < o->count; c++)
                for (size_t n = 0; n < t->n_column; n++)
                    if (t->column[n]->attnum == o->column[c].attnum && t->column[n]->missing == NULL)
                        t->column[n]->missing = pbmem_text(o->column[c].missing);
        }
    }
}

static status fill_tables(struct datadir *d, const struct table_list *list, struct versionlabel *label,
                          Pgstrand__Schema *out, err *e)
{
    struct arena *arena = &label->arena;
    OWNED(tablebook) struct tablebook *book = NULL;
    TRY(tablebook_load(d->catalog, &d->identity.dataset, &book, e));
    out->table = arena_alloc(arena, (list->count + 1) * sizeof(Pgstrand__Table *));
    Pgstrand__Table *message = arena_alloc(arena, (list->count + 1) * sizeof *message);
    if (out->table == NULL || message == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < list->count; i++) {
        const struct table_info *t = &list->table[i];
        struct relation shape = {
            .oid = t->oid, .schema = t->schema, .name = t->name, .replica_identity = t->replica_identity};
        bool known = false;
        bool news = false;
        if (!tablemsg_has_rows(t))
            continue;
        TRY(tablebook_identify(book, &shape, NULL, &known, &news, e));
        const uint32_t number = (uint32_t)out->n_table + 1;
        TRY(tablemsg_fill(t, number, &shape.table, LSN_NONE, arena, &message[out->n_table], e));
        out->table[out->n_table] = &message[out->n_table];
        add_missing(label, &message[out->n_table]);
        out->n_table++;
    }
    return DONE;
}

/* Pointers to each of a row of messages, as protobuf-c wants them. */
#define POINTERS(arena, list, count, out, e)                       \
    do {                                                           \
        (out) = arena_alloc(arena, ((count) + 1) * sizeof *(out)); \
        if ((out) == NULL)                                         \
            return err_no_memory(e);                               \
        for (size_t pointer_ = 0; pointer_ < (count); pointer_++)  \
            (out)[pointer_] = &(list)[pointer_];                   \
    } while (0)

static status keep(struct datadir *d, const struct newest *n, struct schema_text *text,
                   struct versionlabel *label, err *e)
{
    Pgstrand__Schema schema;
    Pgstrand__SchemaVersion v = PGSTRAND__SCHEMA_VERSION__INIT;
    struct versiondiff diff;
    baseschema_message(text, &schema);
    TRY(fill_tables(d, text->tables, label, &schema, e));
    TRY(versiondiff_find(label, n->of_version, &schema, &text->uses, &diff, e));
    v.schema = &schema;
    v.n_change = label->count;
    v.n_rows_changed = diff.changes;
    v.n_rows_retold = diff.retolds;
    POINTERS(&label->arena, label->change, label->count, v.change, e);
    POINTERS(&label->arena, diff.changed, diff.changes, v.rows_changed, e);
    POINTERS(&label->arena, diff.retold, diff.retolds, v.rows_retold, e);
    return versionbook_keep(d, &v, e);
}

static bool same(const struct schema_fingerprint *a, const struct schema_fingerprint *b)
{
    return a->rows == b->rows && a->sum == b->sum;
}

static status take(struct datadir *d, struct pgconn *c, const char *conninfo, const struct newest *n,
                   int patience_ms, enum schemaversion_outcome *out, err *e)
{
    OWNED(schema_text) struct schema_text text = {0};
    OWNED(versionlabel) struct versionlabel label = {0};
    bool found = false;
    bool trimmed = false;
    TRY(schema_dump(c, conninfo, NULL, d->config->tiers, &text, e));
    *out = SCHEMAVERSION_CURRENT;
    if (same(&text.fingerprint, &n->at))
        return DONE;
    TRY(find_label(d, n, &text.fingerprint, patience_ms, &label, &found, &trimmed, e));
    *out = trimmed ? SCHEMAVERSION_IMPOSSIBLE : SCHEMAVERSION_LATER;
    if (!found)
        return DONE;
    TRY(keep(d, n, &text, &label, e));
    *out = SCHEMAVERSION_TAKEN;
    return DONE;
}

status schemaversion_take(struct datadir *d, const char *conninfo, int patience_ms,
                          enum schemaversion_outcome *out, err *e)
{
    OWNED(chain) struct chain *loaded = NULL;
    TRY(datadir_load_identity(d, e)); /* an incarnation may have begun since it was opened */
    TRY(lineage_load(d, &loaded, e));
    return schemaversion_take_behind(d, loaded, conninfo, patience_ms, out, e);
}

status schemaversion_take_behind(struct datadir *d, const struct chain *chain, const char *conninfo,
                                 int patience_ms, enum schemaversion_outcome *out, err *e)
{
    OWNED(newest) struct newest n = {0};
    OWNED(pgconn) struct pgconn *c = NULL;
    struct schema_fingerprint now;
    *out = SCHEMAVERSION_IMPOSSIBLE;
    TRY(find_newest(d, chain, false, &n, e));
    if (n.schema == NULL || !n.at.counted)
        return DONE;
    TRY(pgconn_open(conninfo, PGCONN_QUERY, &c, e));
    TRY(schema_fingerprint(c, &now, e));
    if (!now.counted)
        return DONE;
    *out = SCHEMAVERSION_CURRENT;
    return same(&now, &n.at) ? versionbook_heal(d, n.seq, e) : take(d, c, conninfo, &n, patience_ms, out, e);
}

/* ---- rules that changed ---- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const Pgstrand__Table *named(const Pgstrand__Schema *schema, const struct table_info *t)
{
    for (size_t i = 0; i < schema->n_table; i++)
        if (strcmp(schema->table[i]->schema, t->schema) == 0 && strcmp(schema->table[i]->name, t->name) == 0)
            return schema->table[i];
    return NULL;
}

/* Tables whose rows are not kept are in no version. */
static bool has_other_tier(const Pgstrand__Table *was, const struct table_info *is)
{
    const struct table_tier *t = &is->tier;
    if (is->kind != 'r' || is->persistence != 'p')
        return false;
    if (was == NULL)
        return tablemsg_has_rows(is);
    return (int)was->tier != (int)t->tier || !same_text(was->tier_column, t->column) ||
           !same_text(was->tier_value, t->value) ||
           (t->column != NULL && (int)was->other_tier != (int)t->other);
}

/* A role without superuser captures a list of tables: what is in it and in no version was not kept. The
 * server looks through the whole list for it. */
static status is_captured(const struct datadir *d, struct pgconn *c, const struct table_info *t, bool *out,
                          err *e)
{
    const char *const params[] = {d->identity.publication, t->schema, t->name};
    OWNED(pgrows) struct pgrows *rows = NULL;
    TRY(pgconn_query(c,
                     "SELECT EXISTS (SELECT FROM pg_catalog.pg_publication_tables"
                     " WHERE pubname = $1 AND schemaname = $2 AND tablename = $3)",
                     3, params, &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

status schemaversion_tiers_changed(struct datadir *d, struct pgconn *c, bool *out, err *e)
{
    OWNED(newest) struct newest n = {0};
    OWNED(chain) struct chain *chain = NULL;
    OWNED(table_list) struct table_list *list = NULL;
    struct schema_fingerprint now;
    *out = false;
    TRY(datadir_load_identity(d, e));
    TRY(lineage_load(d, &chain, e));
    TRY(find_newest(d, chain, true, &n, e));
    TRY(table_list_read(c, d->config->tiers, &list, e));
    TRY(schema_fingerprint(c, &now, e)); /* behind the list: what was made before is in a version */
    if (n.of_version == NULL || (now.counted && !same(&now, &n.at)))
        return DONE;
    for (size_t i = 0; i < list->count && !*out; i++) {
        const struct table_info *is = &list->table[i];
        const Pgstrand__Table *was = named(n.of_version, is);
        *out = has_other_tier(was, is);
        if (*out && was == NULL && !now.counted) /* without triggers nobody tells of tables that were made */
            TRY(is_captured(d, c, is, out, e));
    }
    return DONE;
}

/* ---- what is kept ---- */

static status hash_both(struct bytes pre_data, struct bytes post_data, uint8_t out[static SHA256_LEN], err *e)
{
    OWNED(hasher) struct hasher *h = NULL;
    OWNED(buf) struct buf both = {0};
    buf_bytes(&both, pre_data.data, pre_data.len);
    buf_bytes(&both, post_data.data, post_data.len);
    TRY(buf_done(&both, e));
    TRY(hasher_new(&h, e));
    return hasher_once(h, buf_view(&both), out, e);
}

status schemaversion_hash(const struct schema_text *s, uint8_t out[static SHA256_LEN], err *e)
{
    return hash_both(buf_view(&s->pre_data), buf_view(&s->post_data), out, e);
}

static struct bytes text_of(const char *text)
{
    return bytes_text(text != NULL ? text : "");
}

status schemaversion_newest(struct datadir *d, struct schemaversion_kept *out, err *e)
{
    OWNED(newest) struct newest n = {0};
    OWNED(chain) struct chain *chain = NULL;
    *out = (struct schemaversion_kept){0};
    TRY(datadir_load_identity(d, e));
    TRY(lineage_load(d, &chain, e));
    TRY(find_newest(d, chain, true, &n, e));
    const Pgstrand__Schema *s = n.of_version;
    if (s == NULL || !s->has_fingerprint || s->fingerprint.len != sizeof out->fingerprint)
        return DONE;
    memcpy(out->fingerprint, s->fingerprint.data, sizeof out->fingerprint);
    out->known = true;
    return hash_both(text_of(s->pre_data), text_of(s->post_data), out->text, e);
}
