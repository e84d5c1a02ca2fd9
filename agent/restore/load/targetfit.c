#include "agent/restore/load/targetfit.h"

#include <stdarg.h>

#include "agent/restore/plan/plantable.h"
#include "proto/pgtype.h"
#include "proto/relation.h"

#define FIRST_USER_OID 16384u /* FirstNormalObjectId: types below are the same everywhere */
#define ATTNUM_END 65535

struct fitting {
    struct pgconn *c;
    const Pgstrand__Table *t; /* the chain's */
    const struct table_info *there;
    /* By the chain's columns: the attribute number there, 0: not known yet; and the place among the target's
     * columns, DROPPED when it is no more. */
    int at[RELATION_COLUMNS_MAX], of[RELATION_COLUMNS_MAX];
    bool taken[RELATION_COLUMNS_MAX];  /* the target's columns that are one of the chain's */
    int dropped[RELATION_COLUMNS_MAX]; /* attribute numbers of the target that are no more; 0: used up */
    int dropped_count;
    bool dropped_read;
    struct buf story; /* what differs, for the report */
};
#define DROPPED (-1)

__attribute__((format(printf, 2, 3))) static void tell(struct fitting *f, const char *format, ...)
{
    OWNED(text) char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        line = NULL;
    va_end(arguments);
    buf_printf(&f->story, "%s%s", f->story.len > 0 ? "; " : "", line != NULL ? line : "");
}

/* ---- types ---- */

/* Does the target's column read the chain's text, and write it the same way? */
static bool reads(const struct table_column *to, const Pgstrand__Column *from)
{
    if (to->type == PGTYPE_VARCHAR || to->type == PGTYPE_TEXT)
        return from->type == PGTYPE_VARCHAR || from->type == PGTYPE_TEXT;
    if (to->type != from->type) {
        const bool integer =
            from->type == PGTYPE_INT2 || from->type == PGTYPE_INT4 || from->type == PGTYPE_INT8;
        return (integer && to->type == PGTYPE_NUMERIC && to->typmod == -1) ||
               (to->type == PGTYPE_INT8 && (from->type == PGTYPE_INT4 || from->type == PGTYPE_INT2)) ||
               (to->type == PGTYPE_INT4 && from->type == PGTYPE_INT2) ||
               (to->type >= FIRST_USER_OID && from->type >= FIRST_USER_OID);
    }
    if (to->typmod == from->typmod || to->typmod == -1 || to->type >= FIRST_USER_OID)
        return true;
    /* numeric(p,s): the scale is in the lower bits, behind the header of 4 (numeric.c) */
    return to->type == PGTYPE_NUMERIC && from->typmod != -1 &&
           ((to->typmod - 4) & 0x7ff) == ((from->typmod - 4) & 0x7ff);
}

/* ---- which is which ---- */

static void set(struct fitting *f, size_t i, int k)
{
    f->of[i] = k;
    f->at[i] = f->there->columns[k].attnum;
    f->taken[k] = true;
}

static void by_name(struct fitting *f)
{
    for (size_t i = 0; i < f->t->n_column; i++)
        for (int k = 0; k < f->there->column_count && f->at[i] == 0; k++)
            if (strcmp(f->there->columns[k].name, f->t->column[i]->name) == 0)
                set(f, i, k);
}

/* A free column of the target that may be the chain's column i: renamed. */
static bool renamed(struct fitting *f, size_t i, int k)
{
    const struct table_column *to = &f->there->columns[k];
    if (f->taken[k] || to->generated || to->type != f->t->column[i]->type ||
        to->typmod != f->t->column[i]->typmod)
        return false;
    set(f, i, k);
    tell(f, "column %s is %s there", f->t->column[i]->name, to->name);
    return true;
}

static void drop(struct fitting *f, size_t i, int d)
{
    f->of[i] = DROPPED;
    f->at[i] = f->dropped[d];
    f->dropped[d] = 0;
    tell(f, "column %s was dropped there: its values stay behind", f->t->column[i]->name);
}

/* The same table of the same database: attribute numbers last as long as the table. */
static bool by_number(struct fitting *f, size_t i)
{
    const int attnum = plantable_attnum(f->t, i);
    for (int k = 0; k < f->there->column_count; k++)
        if (f->there->columns[k].attnum == attnum && renamed(f, i, k))
            return true;
    for (int d = 0; d < f->dropped_count; d++)
        if (f->dropped[d] == attnum) {
            drop(f, i, d);
            return true;
        }
    return false;
}

/* The target's attribute numbers between which a column must lie, and what is there. */
struct gap {
    int low, high;
    size_t unknown;   /* columns of the chain */
    int slots;        /* attributes of the target that are no column of the chain's yet */
    int last_live;    /* place of the last of them that is a column; -1: none */
    int last_dropped; /* likewise, dropped */
};

static void find_gap(const struct fitting *f, size_t i, struct gap *g)
{
    size_t from = i, to = i;
    while (from > 0 && f->at[from - 1] == 0)
        from--;
    while (to + 1 < f->t->n_column && f->at[to + 1] == 0)
        to++;
    *g = (struct gap){.low = from > 0 ? f->at[from - 1] : 0,
                      .high = to + 1 < f->t->n_column ? f->at[to + 1] : ATTNUM_END,
                      .unknown = to - from + 1,
                      .last_live = -1,
                      .last_dropped = -1};
    for (int k = 0; k < f->there->column_count; k++)
        if (!f->taken[k] && f->there->columns[k].attnum > g->low && f->there->columns[k].attnum < g->high) {
            g->slots++;
            g->last_live = k;
        }
    for (int d = 0; d < f->dropped_count; d++)
        if (f->dropped[d] > g->low && f->dropped[d] < g->high) {
            g->slots++;
            g->last_dropped = d;
        }
}

/* Columns keep their order, and new ones come behind all others. So between two that are known there are only
 * the chain's; behind the last one, a column may be the target's own. The last unknown one comes first. */
static bool by_place(struct fitting *f, size_t i)
{
    struct gap g;
    find_gap(f, i, &g);
    const bool live = g.last_live >= 0 && (g.last_dropped < 0 || f->there->columns[g.last_live].attnum >
                                                                     f->dropped[g.last_dropped]);
    if (live && g.high != ATTNUM_END && g.unknown == (size_t)g.slots)
        return renamed(f, i, g.last_live);
    if (g.last_dropped < 0)
        return false;
    drop(f, i, g.last_dropped);
    return true;
}

static status read_dropped(struct fitting *f, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    char oid[16];
    (void)snprintf(oid, sizeof oid, "%u", f->there->oid);
    const char *const params[] = {oid};
    f->dropped_read = true;
    TRY(pgconn_query(f->c,
                     "SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.oid AND"
                     " attisdropped AND attnum > 0 ORDER BY attnum",
                     1, params, &rows, e));
    for (int i = 0; i < pgrows_count(rows) && i < RELATION_COLUMNS_MAX; i++)
        f->dropped[f->dropped_count++] = (int)pgrows_int(rows, i, 0);
    return DONE;
}

static status find_unknown(struct fitting *f, size_t i, err *e)
{
    const Pgstrand__Table *t = f->t;
    if (!f->dropped_read)
        TRY(read_dropped(f, e));
    if (!(f->there->oid == t->oid ? by_number(f, i) : by_place(f, i)))
        return err_set(e, ERR_SCHEMA,
                       "the snapshot is newer than the target: table %s.%s has no column %s there; bring the "
                       "target's schema up to date, choose an earlier seq, or restore into an empty database",
                       t->schema, t->name, t->column[i]->name);
    if (f->of[i] != DROPPED || !t->column[i]->key || !plantable_is_keyed(t))
        return DONE;
    return err_set(e, ERR_SCHEMA,
                   "column %s of %s.%s, part of the key of the chain's rows, was dropped on the target; "
                   "restore into an empty database (--mode fresh)",
                   t->column[i]->name, t->schema, t->name);
}

static status check_column(const struct fitting *f, size_t i, err *e)
{
    const struct table_column *to = &f->there->columns[f->of[i]];
    if (to->generated)
        return err_set(e, ERR_SCHEMA,
                       "column %s of the target's table %s.%s is generated there and takes no values; make "
                       "the schemas equal, or restore into an empty database",
                       to->name, f->t->schema, f->t->name);
    if (reads(to, f->t->column[i]))
        return DONE;
    return err_set(e, ERR_SCHEMA,
                   "column %s of the target's table %s.%s has another type; make the schemas equal, or "
                   "restore into an empty database",
                   to->name, f->t->schema, f->t->name);
}

/* ---- columns of the target alone ---- */

static status check_extra(const struct fitting *f, const struct table_column *extra, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    char oid[16], attnum[16];
    (void)snprintf(oid, sizeof oid, "%u", f->there->oid);
    (void)snprintf(attnum, sizeof attnum, "%u", extra->attnum);
    const char *const params[] = {oid, attnum};
    TRY(pgconn_query(f->c,
                     "SELECT attnotnull AND NOT atthasdef AND attidentity = '' FROM pg_catalog.pg_attribute"
                     " WHERE attrelid = $1::pg_catalog.oid AND attnum = $2::int2",
                     2, params, &rows, e));
    if (pgrows_count(rows) == 0 || !pgrows_bool(rows, 0, 0))
        return DONE;
    return err_set(e, ERR_SCHEMA,
                   "column %s of the target's table %s.%s is new there, NOT NULL and without a default: rows "
                   "from before it cannot have it; give it a default first",
                   extra->name, f->t->schema, f->t->name);
}

static status add_extras(struct fitting *f, struct plan_table *to, err *e)
{
    for (int k = 0; k < f->there->column_count; k++) {
        const struct table_column *extra = &f->there->columns[k];
        if (f->taken[k] || extra->generated)
            continue;
        TRY(check_extra(f, extra, e));
        tell(f, "column %s is new there: restored rows get its default", extra->name);
        if (!extra->identity)
            TRY(plantable_extra(to, extra->name, e));
    }
    return DONE;
}

/* ---- a table ---- */

static status put_columns(const struct fitting *f, struct plan_table *to, err *e)
{
    bool same = true;
    const char *name[RELATION_COLUMNS_MAX];
    for (size_t i = 0; i < f->t->n_column; i++) {
        name[i] = f->of[i] == DROPPED ? NULL : f->there->columns[f->of[i]].name;
        same = same && name[i] != NULL && strcmp(name[i], f->t->column[i]->name) == 0;
    }
    return same ? DONE : plantable_fit(to, name, e);
}

static status fit_table(struct job *job, struct pgconn *c, struct plan_table *to,
                        const struct table_info *there, err *e)
{
    OWNED(memory) struct fitting *f = calloc(1, sizeof *f);
    OWNED(buf) struct buf story = {0};
    if (f == NULL)
        return err_no_memory(e);
    *f = (struct fitting){.c = c, .t = to->sealed, .there = there};
    by_name(f);
    status done = DONE;
    for (size_t i = f->t->n_column; i > 0 && done.ok; i--)
        if (f->at[i - 1] == 0)
            done = find_unknown(f, i - 1, e);
    for (size_t i = 0; i < f->t->n_column && done.ok; i++)
        if (f->of[i] != DROPPED)
            done = check_column(f, i, e);
    if (done.ok)
        done = add_extras(f, to, e);
    if (done.ok)
        done = put_columns(f, to, e);
    story = f->story;
    TRY(done);
    if (story.len == 0 || to->message->partition_root)
        return DONE;
    job->migrated = true;
    return job_warn(job, e, "%s.%s is newer on the target: %s", to->message->schema, to->message->name,
                    buf_cstring(&story));
}

static const struct table_info *find(const struct table_list *l, const Pgstrand__Table *t)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->table[i].schema, t->schema) == 0 && strcmp(l->table[i].name, t->name) == 0)
            return &l->table[i];
    return NULL;
}

status targetfit_tables(struct job *job, struct pgconn *c, const struct table_list *there, err *e)
{
    for (size_t i = 0; i < job->plan->count; i++) {
        struct plan_table *t = &job->plan->table[i];
        const struct table_info *info = find(there, t->sealed);
        if (!t->comes || (info == NULL && t->sealed->partition_root))
            continue;
        if (info == NULL || (info->kind != 'r' && !t->sealed->partition_root))
            return err_set(e, ERR_SCHEMA,
                           "the target has no table %s.%s; restore into an empty database (--mode fresh)",
                           t->sealed->schema, t->sealed->name);
        TRY(fit_table(job, c, t, info, e));
    }
    return DONE;
}
