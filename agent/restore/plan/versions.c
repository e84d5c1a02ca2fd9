#include "agent/restore/plan/versions.h"

#include <stdlib.h>

#include "proto/base/array.h"
#include "store/snapreader.h"

/* What a message of so many bytes may take in memory: columns are small, their structs are not. */
#define UNPACKED(len) ((len)*32 + ((size_t)1 << 20))

void versions_fini(struct versions *v)
{
    for (size_t i = 0; i < v->count; i++)
        pbmem_free(&v->version[i]->base);
    for (size_t i = 0; i < v->bases; i++)
        pbmem_free(&v->base[i].table->base);
    free(v->base);
    free(v->version);
    *v = (struct versions){0};
}

/* Takes it over, also when it fails. One that was sealed twice, or lies before the base, is left out. */
static status add(struct versions *v, uint64_t after, Pgstrand__SchemaVersion *version, err *e)
{
    PB_OWNED(Pgstrand__SchemaVersion) *mine = version;
    const uint64_t seq = versionbook_seq(mine);
    const uint64_t newest = v->count == 0 ? after : versionbook_seq(v->version[v->count - 1]);
    if (mine->n_change == 0 || mine->schema->pre_data == NULL)
        return err_set(e, ERR_STORAGE,
                       "a version of the schema without its text or place; run pgstrand verify");
    if (seq <= newest)
        return DONE;
    TRY(array_one_more(&v->version, v->count, sizeof(Pgstrand__SchemaVersion *), e));
    v->version[v->count++] = mine;
    mine = NULL;
    return DONE;
}

/* Takes the tables over. */
static status add_bases(struct versions *v, const struct chain *chain, size_t link, Pgstrand__Schema *schema,
                        err *e)
{
    for (size_t i = 0; i < schema->n_based; i++) {
        TRY(array_one_more(&v->base, v->bases, sizeof *v->base, e));
        v->base[v->bases++] =
            (struct version_base){schema->based[i], link, chain->link[link].commit->header->last_seq};
        schema->based[i] = NULL;
    }
    return DONE;
}

static status add_sealed(struct versions *v, const struct chain *chain, size_t link, uint64_t after, err *e)
{
    OWNED(snapreader) struct snapreader *r = NULL;
    PB_OWNED(Pgstrand__Schema) *schema = NULL;
    TRY(snapreader_open_known(chain->link[link].dir, chain->link[link].name, chain->link[link].hash, &r, e));
    TRY(snapreader_schema(r, &schema, e));
    TRY(add_bases(v, chain, link, schema, e));
    while (schema->n_version > 0) {
        Pgstrand__SchemaVersion *taken = schema->version[0];
        schema->n_version--;
        memmove(schema->version, schema->version + 1, schema->n_version * sizeof *schema->version);
        if (!add(v, after, taken, e).ok)
            return err_wrap(e, "%s", chain->link[link].name);
    }
    return DONE;
}

static status add_unsealed(struct versions *v, const struct versionbook *book, uint64_t after, err *e)
{
    for (size_t i = 0; i < book->count; i++) {
        OWNED(buf) struct buf packed = {0};
        Pgstrand__SchemaVersion *copy = NULL;
        TRY(pbmem_pack(&book->record[i]->version->base, &packed, e));
        TRY(PB_UNPACK(copy, pgstrand__schema_version__descriptor, buf_view(&packed), "a schema version",
                      UNPACKED(packed.len), e));
        TRY(add(v, after, copy, e));
    }
    return DONE;
}

status versions_load(const struct chain *chain, size_t base, const struct versionbook *unsealed,
                     struct versions *out, err *e)
{
    OWNED(versions) struct versions v = {0};
    const uint64_t after = chain->link[base].commit->header->last_seq;
    for (size_t i = base + 1; i < chain->count; i++)
        if (chain->link[i].commit->header->type == PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL)
            TRY(add_sealed(&v, chain, i, after, e));
    if (unsealed != NULL)
        TRY(add_unsealed(&v, unsealed, after, e));
    *out = v;
    v = (struct versions){0};
    return DONE;
}

const struct version_base *versions_base(const struct versions *v, uint32_t oid, uint64_t seq)
{
    for (size_t i = v->bases; i > 0; i--)
        if (v->base[i - 1].table->oid == oid && v->base[i - 1].seq <= seq)
            return &v->base[i - 1];
    return NULL;
}

const Pgstrand__RowsRetold *versions_retold(const struct versions *v, uint32_t oid, uint64_t seq)
{
    const Pgstrand__RowsRetold *last = NULL;
    for (size_t i = 0; i < v->count && versionbook_seq(v->version[i]) <= seq; i++)
        for (size_t k = 0; k < v->version[i]->n_rows_retold; k++)
            if (v->version[i]->rows_retold[k]->oid == oid)
                last = v->version[i]->rows_retold[k];
    return last;
}

Pgstrand__SchemaVersion *versions_at(const struct versions *v, uint64_t seq, uint64_t *last)
{
    Pgstrand__SchemaVersion *in_force = NULL;
    *last = seq;
    for (size_t i = 0; i < v->count; i++) {
        const Pgstrand__SchemaChange *first = v->version[i]->change[0];
        if (first->last_seq > seq)
            break;
        if (versionbook_seq(v->version[i]) > seq) {
            *last = first->first_seq - 1;
            break;
        }
        in_force = v->version[i];
    }
    return in_force;
}

void versions_drop_texts(struct versions *v, const Pgstrand__SchemaVersion *but)
{
    for (size_t i = 0; i < v->count; i++) {
        Pgstrand__Schema *s = v->version[i]->schema;
        if (v->version[i] == but)
            continue;
        free(s->pre_data);
        free(s->post_data);
        s->pre_data = s->post_data = NULL;
    }
}

const Pgstrand__Table *versions_table(const Pgstrand__Schema *schema, uint32_t oid)
{
    for (size_t i = 0; i < schema->n_table; i++)
        if (schema->table[i]->oid == oid)
            return schema->table[i];
    return NULL;
}

const char *versions_missing(const struct versions *v, uint32_t oid, uint32_t attnum)
{
    for (size_t i = 0; i < v->count; i++) {
        const Pgstrand__Table *t = versions_table(v->version[i]->schema, oid);
        for (size_t c = 0; t != NULL && c < t->n_column; c++)
            if (t->column[c]->attnum == attnum && t->column[c]->missing != NULL)
                return t->column[c]->missing;
    }
    return NULL;
}
