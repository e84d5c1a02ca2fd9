#include "proto/relation.h"

#include "proto/tuple.h"
#include "proto/wire.h"

/* Field numbers of action.proto. */
enum {
    RELATION_VERSION = 1,
    RELATION_OID,
    RELATION_SCHEMA,
    RELATION_NAME,
    RELATION_REPLICA_IDENTITY,
    RELATION_TABLE,
    RELATION_TIER,
    RELATION_COLUMNS
};

enum { COLUMN_NAME = 1, COLUMN_TYPE, COLUMN_TYPMOD, COLUMN_KEY, COLUMN_ATTNUM };

#define SEEN(field) (1u << (field))
#define WIRE_VARINT 0
#define WIRE_BYTES 2
#define KEY_NULL UINT32_C(0xffffffff) /* the length that stands for NULL in a key */

bool relation_is_keyed(const struct relation *r)
{
    /* DEFAULT without a primary key is NOTHING: no column is a key then. */
    bool keyed = false;
    for (uint16_t i = 0; i < r->column_count; i++)
        keyed = keyed || r->columns[i].key;
    return keyed && (r->replica_identity == 'd' || r->replica_identity == 'i');
}

static bool same_column(const struct column *a, const struct column *b)
{
    return a->type == b->type && a->typmod == b->typmod && a->key == b->key && strcmp(a->name, b->name) == 0;
}

bool relation_same_shape(const struct relation *a, const struct relation *b)
{
    bool same = a->column_count == b->column_count && a->replica_identity == b->replica_identity &&
                strcmp(a->schema, b->schema) == 0 && strcmp(a->name, b->name) == 0;
    for (uint16_t i = 0; same && i < a->column_count; i++)
        same = same_column(&a->columns[i], &b->columns[i]);
    return same;
}

/*
 * The one block: struct relation, its columns, then the names with their NULs. `text` is where the next name
 * goes.
 */
struct block {
    struct relation *relation;
    char *text;
};

static status block_new(uint16_t columns, size_t text, struct block *out, err *e)
{
    size_t head = sizeof(struct relation) + columns * sizeof(struct column);
    struct relation *r = calloc(1, head + text);
    if (r == NULL)
        return err_no_memory(e);
    r->columns = (struct column *)(void *)(r + 1);
    out->relation = r;
    out->text = (char *)r + head;
    return DONE;
}

static const char *block_name(struct block *b, struct bytes name)
{
    char *start = b->text;
    if (name.len > 0)
        memcpy(start, name.data, name.len);
    b->text += name.len + 1; /* calloc wrote the NUL */
    return start;
}

status relation_copy(const struct relation *source, struct relation **out, err *e)
{
    struct block b = {0};
    size_t text = strlen(source->schema) + strlen(source->name) + 2;
    for (uint16_t i = 0; i < source->column_count; i++)
        text += strlen(source->columns[i].name) + 1;
    TRY(block_new(source->column_count, text, &b, e));
    struct column *columns = b.relation->columns;
    *b.relation = *source;
    b.relation->columns = columns;
    b.relation->schema = block_name(&b, bytes_text(source->schema));
    b.relation->name = block_name(&b, bytes_text(source->name));
    for (uint16_t i = 0; i < source->column_count; i++) {
        columns[i] = source->columns[i];
        columns[i].name = block_name(&b, bytes_text(source->columns[i].name));
    }
    *out = b.relation;
    return DONE;
}

void relation_free(struct relation *r)
{
    free(r);
}

/* A one-byte key and the varint. */
static size_t uint_size(uint64_t value)
{
    return 1 + wire_varint_size(value);
}

static void encode_column(const struct column *c, struct buf *out)
{
    struct bytes name = bytes_text(c->name);
    size_t size = uint_size(name.len) + name.len + uint_size(c->type) + uint_size(wire_zigzag(c->typmod)) +
                  uint_size(c->key) + (c->attnum == 0 ? 0 : uint_size(c->attnum));
    buf_varint(out, RELATION_COLUMNS << 3 | WIRE_BYTES);
    buf_varint(out, size);
    wire_bytes(out, COLUMN_NAME, name);
    wire_uint(out, COLUMN_TYPE, c->type);
    wire_sint(out, COLUMN_TYPMOD, c->typmod);
    wire_uint(out, COLUMN_KEY, c->key);
    if (c->attnum != 0)
        wire_uint(out, COLUMN_ATTNUM, c->attnum);
}

void relation_encode(const struct relation *r, struct buf *out)
{
    wire_uint(out, RELATION_VERSION, r->version);
    wire_uint(out, RELATION_OID, r->oid);
    wire_bytes(out, RELATION_SCHEMA, bytes_text(r->schema));
    wire_bytes(out, RELATION_NAME, bytes_text(r->name));
    wire_uint(out, RELATION_REPLICA_IDENTITY, (uint8_t)r->replica_identity);
    wire_bytes(out, RELATION_TABLE, bytes_of(r->table.b, sizeof r->table.b));
    wire_uint(out, RELATION_TIER, r->tier);
    for (uint16_t i = 0; i < r->column_count; i++)
        encode_column(&r->columns[i], out);
}

/* A field that must be a varint of at most `max`; else the reader goes bad. */
static uint64_t number_of(const struct wire_field *f, uint64_t max, struct reader *r)
{
    if (f->type != WIRE_VARINT || f->value > max)
        reader_fail(r);
    return f->value;
}

/* A field that must be a name: not empty, no NUL inside. */
static struct bytes name_of(const struct wire_field *f, struct reader *r)
{
    if (f->type != WIRE_BYTES || f->bytes.len == 0 || memchr(f->bytes.data, '\0', f->bytes.len) != NULL)
        reader_fail(r);
    return f->bytes;
}

static void decode_column(struct bytes raw, struct block *b, struct column *out, struct reader *outer)
{
    const uint32_t required = SEEN(COLUMN_NAME) | SEEN(COLUMN_TYPE) | SEEN(COLUMN_TYPMOD) | SEEN(COLUMN_KEY);
    struct reader r = reader_over(raw);
    struct wire_field f;
    struct bytes name = {0};
    uint32_t seen = 0;
    while (wire_next(&r, &f)) {
        if (f.number == COLUMN_NAME)
            name = name_of(&f, &r);
        else if (f.number == COLUMN_TYPE)
            out->type = (uint32_t)number_of(&f, UINT32_MAX, &r);
        else if (f.number == COLUMN_TYPMOD)
            out->typmod = (int32_t)wire_unzigzag(number_of(&f, UINT32_MAX, &r));
        else if (f.number == COLUMN_KEY)
            out->key = number_of(&f, 1, &r) != 0;
        else if (f.number == COLUMN_ATTNUM)
            out->attnum = (uint16_t)number_of(&f, UINT16_MAX, &r);
        seen |= f.number <= COLUMN_ATTNUM ? SEEN(f.number) : 0;
    }
    if (!reader_ok(&r) || (seen & required) != required)
        reader_fail(outer);
    else
        out->name = block_name(b, name);
}

static void take_field(const struct wire_field *f, struct reader *r, struct block *b)
{
    struct relation *out = b->relation;
    switch (f->number) {
    case RELATION_VERSION:
        out->version = (uint32_t)number_of(f, UINT32_MAX, r);
        break;
    case RELATION_OID:
        out->oid = (uint32_t)number_of(f, UINT32_MAX, r);
        break;
    case RELATION_SCHEMA:
        out->schema = block_name(b, name_of(f, r));
        break;
    case RELATION_NAME:
        out->name = block_name(b, name_of(f, r));
        break;
    case RELATION_REPLICA_IDENTITY:
        out->replica_identity = (char)number_of(f, 127, r);
        break;
    case RELATION_TABLE:
        if (f->type != WIRE_BYTES || f->bytes.len != sizeof out->table.b)
            reader_fail(r);
        else
            memcpy(out->table.b, f->bytes.data, sizeof out->table.b);
        break;
    case RELATION_TIER:
        out->tier = (enum tier)number_of(f, TIER_TRANSIENT, r);
        break;
    case RELATION_COLUMNS:
        if (f->type != WIRE_BYTES)
            reader_fail(r);
        else
            decode_column(f->bytes, b, &out->columns[out->column_count++], r);
        break;
    default:
        break; /* of a later version */
    }
}

/* How many columns there are, and which fields. */
static uint32_t survey(struct reader *r, size_t *columns)
{
    struct wire_field f;
    uint32_t seen = 0;
    *columns = 0;
    while (wire_next(r, &f)) {
        seen |= f.number <= RELATION_COLUMNS ? SEEN(f.number) : 0;
        *columns += f.number == RELATION_COLUMNS;
    }
    return seen;
}

static bool identity_is_known(char identity)
{
    return identity == 'd' || identity == 'n' || identity == 'f' || identity == 'i';
}

status relation_decode(struct bytes raw, struct relation **out, err *e)
{
    const uint32_t required = SEEN(RELATION_COLUMNS) - SEEN(RELATION_VERSION); /* all but the columns */
    struct reader r = reader_over(raw);
    struct block b = {0};
    struct wire_field f;
    size_t columns;
    uint32_t seen = survey(&r, &columns);
    TRY(reader_done(&r, "a relation", e));
    if ((seen & required) != required)
        return err_set(e, ERR_STORAGE, "a relation lacks a field that it must have");
    if (columns > RELATION_COLUMNS_MAX)
        return err_set(e, ERR_STORAGE, "a relation has %zu columns, more than the %d there can be", columns,
                       RELATION_COLUMNS_MAX);
    /* Each name has its field's key and length in the input, so its NUL fits in a copy of the input's size.
     */
    TRY(block_new((uint16_t)columns, raw.len, &b, e));
    OWNED(relation) struct relation *decoded = b.relation;
    r = reader_over(raw);
    while (wire_next(&r, &f))
        take_field(&f, &r, &b);
    TRY(reader_done(&r, "a relation", e));
    if (!identity_is_known(decoded->replica_identity) || decoded->tier == TIER_NONE)
        return err_set(e, ERR_STORAGE, "relation %s has an unknown replica identity or tier", decoded->name);
    *out = decoded;
    decoded = NULL;
    return DONE;
}

static status append_key_value(struct value v, struct buf *out, err *e)
{
    if (v.kind == VALUE_UNCHANGED)
        return err_set(e, ERR_STORAGE, "a key column's value was not sent");
    if (v.kind == VALUE_BINARY)
        return err_set(e, ERR_STORAGE, "a key column is in binary format; only text makes a key");
    buf_u32(out, v.kind == VALUE_NULL ? KEY_NULL : (uint32_t)v.text.len);
    buf_bytes(out, v.text.data, v.text.len);
    return DONE;
}

static status is_tuple(const struct tuple *t, err *e)
{
    return reader_ok(&t->rest) ? DONE : err_set(e, ERR_STORAGE, "a row is too short for its column count");
}

status relation_key(const struct relation *r, struct bytes tuple, struct bytes fallback, struct buf *out,
                    err *e)
{
    struct tuple t = tuple_open(tuple);
    struct tuple old = tuple_open(fallback);
    struct value v;
    struct value previous;
    bool all = !relation_is_keyed(r);
    bool has_old = fallback.len > 0;
    TRY(is_tuple(&t, e));
    if (has_old)
        TRY(is_tuple(&old, e));
    if (t.count != r->column_count || (has_old && old.count != r->column_count))
        return err_set(e, ERR_SCHEMA, "a row of %s.%s does not have the %u columns of its relation",
                       r->schema, r->name, r->column_count);
    for (const struct column *c = r->columns; tuple_next(&t, &v); c++) {
        bool got_old = has_old && tuple_next(&old, &previous);
        if (v.kind == VALUE_UNCHANGED && got_old)
            v = previous;
        if ((all || c->key) && !append_key_value(v, out, e).ok)
            return err_wrap(e, "%s.%s, column %s", r->schema, r->name, c->name);
    }
    if (has_old)
        TRY(reader_done(&old.rest, "an old row", e));
    TRY(reader_done(&t.rest, "a row", e));
    return buf_done(out, e);
}

status relation_entity(const uuid *dataset, const uuid *table, struct bytes key, uuid *out, err *e)
{
    uint8_t prefix[2 * sizeof dataset->b];
    uint8_t hash[SHA1_LEN];
    memcpy(prefix, dataset->b, sizeof dataset->b);
    memcpy(prefix + sizeof dataset->b, table->b, sizeof table->b);
    TRY(sha1_pair(bytes_of(prefix, sizeof prefix), key, hash, e));
    *out = uuid_v5_of_hash(hash);
    return DONE;
}

status relation_table_uuid(const uuid *dataset, const char *schema, const char *name, uuid *out, err *e)
{
    OWNED(buf) struct buf full = {0};
    buf_text(&full, schema);
    buf_u8(&full, '\0');
    buf_text(&full, name);
    TRY(buf_done(&full, e));
    return uuid_v5(dataset, buf_view(&full), out, e);
}
