#include "agent/seal/netchanges.h"

#include "agent/seal/keepfrom.h"
#include "proto/base/array.h"
#include "proto/base/digest.h"
#include "proto/tuple.h"

struct net_table {
    uuid id;
    uint32_t version;      /* the first one noted */
    bool whole;            /* nothing of it is left out */
    uint64_t truncated_at; /* seq of its last TRUNCATE; 0: none */
};

struct netchanges {
    struct keepfrom *entities;
    struct hasher *hasher;
    struct net_table *table;
    size_t count;
    size_t *of_version; /* 1 + place in table; 0: not met */
    size_t versions;
    struct buf old_key, new_key;
};

/* The entities that an action touches. */
struct touch {
    uint8_t entity[2][KEEPFROM_ID];
    unsigned count;
    bool whole; /* afterwards their state does not depend on what was before */
};

status netchanges_new(size_t memory, struct netchanges **out, err *e)
{
    OWNED(netchanges) struct netchanges *n = calloc(1, sizeof *n);
    if (n == NULL)
        return err_no_memory(e);
    TRY(keepfrom_new(memory, &n->entities, e));
    TRY(hasher_new(&n->hasher, e));
    *out = n;
    n = NULL;
    return DONE;
}

void netchanges_free(struct netchanges *n)
{
    if (n == NULL)
        return;
    keepfrom_free(n->entities);
    hasher_free(n->hasher);
    free(n->table);
    free(n->of_version);
    buf_fini(&n->old_key);
    buf_fini(&n->new_key);
    free(n);
}

/* ---- tables ---- */

static status version_room(struct netchanges *n, uint32_t version, err *e)
{
    return array_reach(&n->of_version, version, &n->versions, sizeof *n->of_version, e);
}

static status add_table(struct netchanges *n, const struct relation *r, err *e)
{
    TRY(array_one_more(&n->table, n->count, sizeof *n->table, e));
    n->table[n->count++] = (struct net_table){.id = r->table, .version = r->version};
    return DONE;
}

/* The table of a relation; a second version of one is noticed here. */
static status table_of(struct netchanges *n, const struct relation *r, struct net_table **out, err *e)
{
    TRY(version_room(n, r->version, e));
    size_t *known = &n->of_version[r->version];
    for (size_t i = 0; *known == 0 && i < n->count; i++)
        if (memcmp(&n->table[i].id, &r->table, sizeof r->table) == 0)
            *known = i + 1;
    if (*known == 0) {
        TRY(add_table(n, r, e));
        *known = n->count;
    }
    *out = &n->table[*known - 1];
    if ((*out)->version != r->version)
        (*out)->whole = true;
    return DONE;
}

/* ---- entities ---- */

static status entity_of(struct netchanges *n, const struct relation *r, const struct buf *key,
                        uint8_t out[static KEEPFROM_ID], err *e)
{
    uint8_t hash[SHA256_LEN];
    TRY(hasher_start(n->hasher, e));
    TRY(hasher_add(n->hasher, bytes_of(r->table.b, sizeof r->table.b), e));
    TRY(hasher_add(n->hasher, buf_view(key), e));
    TRY(hasher_end(n->hasher, hash, e));
    memcpy(out, hash, KEEPFROM_ID);
    return DONE;
}

static status key_of(const struct relation *r, struct bytes tuple, struct bytes fallback, struct buf *key,
                     err *e)
{
    buf_reset(key);
    TRY(relation_key(r, tuple, fallback, key, e));
    return buf_done(key, e);
}

static status touched(struct netchanges *n, const struct source_action *s, struct touch *out, err *e)
{
    const struct action *a = &s->action;
    const struct relation *r = s->relation;
    *out = (struct touch){.whole = a->old_kind == 'O' || !tuple_has_unchanged(a->new)};
    if (a->old_kind != 0)
        TRY(key_of(r, a->old, (struct bytes){0}, &n->old_key, e));
    if (a->kind == ACTION_DELETE) {
        if (a->old_kind == 0)
            return err_set(e, ERR_STORAGE, "DELETE of %s.%s does not tell the old row; run pgstrand verify",
                           r->schema, r->name);
        out->whole = true;
        out->count = 1;
        return entity_of(n, r, &n->old_key, out->entity[0], e);
    }
    TRY(key_of(r, a->new, a->old, &n->new_key, e));
    TRY(entity_of(n, r, &n->new_key, out->entity[0], e));
    out->count = 1;
    if (a->old_kind != 0 && !bytes_equal(buf_view(&n->old_key), buf_view(&n->new_key)))
        TRY(entity_of(n, r, &n->old_key, out->entity[out->count++], e));
    return DONE;
}

/* ---- the two passes ---- */

static bool is_row_change(const struct action *a)
{
    return a->kind == ACTION_CREATE || a->kind == ACTION_UPDATE || a->kind == ACTION_DELETE;
}

static status note_truncate(struct netchanges *n, struct source *from, const struct source_action *a, err *e)
{
    struct reader versions = reader_over(a->action.truncated);
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        struct net_table *t = NULL;
        TRY(source_relation(from, v, &r, e));
        TRY(table_of(n, r, &t, e));
        t->truncated_at = a->seq;
    }
    return DONE;
}

static status note_row(struct netchanges *n, const struct source_action *a, err *e)
{
    struct net_table *t = NULL;
    struct touch touch;
    TRY(table_of(n, a->relation, &t, e));
    if (!is_row_change(&a->action))
        t->whole = true; /* a kind that is not taken apart here */
    if (t->whole || !relation_is_keyed(a->relation))
        return DONE;
    TRY(touched(n, a, &touch, e));
    for (unsigned i = 0; i < touch.count; i++) {
        if (touch.whole)
            TRY(keepfrom_raise(n->entities, touch.entity[i], a->seq, e));
        else if (touch.count > 1)
            TRY(keepfrom_pin(n->entities, touch.entity[i], e));
    }
    return DONE;
}

status netchanges_note(struct netchanges *n, struct source *from, const struct source_action *a, err *e)
{
    status done = DONE;
    if (a->action.kind == ACTION_TRUNCATE)
        done = note_truncate(n, from, a, e);
    else if (a->relation != NULL)
        done = note_row(n, a, e);
    return done.ok ? DONE : err_wrap(e, "seq %llu", (unsigned long long)a->seq);
}

static status needs_truncate(struct netchanges *n, struct source *from, const struct source_action *a,
                             bool *needed, err *e)
{
    struct reader versions = reader_over(a->action.truncated);
    *needed = false;
    for (uint32_t v = action_next_truncated(&versions); v != 0; v = action_next_truncated(&versions)) {
        const struct relation *r = NULL;
        struct net_table *t = NULL;
        TRY(source_relation(from, v, &r, e));
        TRY(table_of(n, r, &t, e));
        *needed = *needed || t->whole || a->seq >= t->truncated_at;
    }
    return DONE;
}

static status needs_row(struct netchanges *n, const struct source_action *a, bool *needed, err *e)
{
    struct net_table *t = NULL;
    struct touch touch;
    TRY(table_of(n, a->relation, &t, e));
    *needed = t->whole || a->seq > t->truncated_at;
    if (t->whole || !*needed || !relation_is_keyed(a->relation))
        return DONE;
    TRY(touched(n, a, &touch, e));
    *needed = false;
    for (unsigned i = 0; i < touch.count; i++)
        *needed = *needed || a->seq >= keepfrom_seq(n->entities, touch.entity[i]);
    return DONE;
}

status netchanges_needs(struct netchanges *n, struct source *from, const struct source_action *a,
                        bool *needed, err *e)
{
    if (a->action.kind == ACTION_TRUNCATE)
        return needs_truncate(n, from, a, needed, e);
    if (a->relation != NULL)
        return needs_row(n, a, needed, e);
    *needed = a->action.kind != ACTION_MESSAGE;
    return DONE;
}
