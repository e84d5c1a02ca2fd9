#include "agent/restore/load/orphans.h"

#include <inttypes.h>

#include "agent/restore/load/ddltext.h"
#include "agent/restore/load/orphansweep.h"
#include "agent/restore/load/schemasql.h"
#include "proto/base/array.h"
#include "proto/sqlsplit.h"

#define FOREIGN_KEY_VIOLATION "23503"
#define NAMED 3 /* foreign keys in an error */

void orphans_init(struct orphans *o, struct job *job, const struct targetdb *target)
{
    *o = (struct orphans){.job = job, .target = target};
    (void)pthread_mutex_init(&o->lock, NULL);
}

void orphans_fini(struct orphans *o)
{
    free(o->failed);
    (void)pthread_mutex_destroy(&o->lock);
    o->failed = NULL;
}

/* ---- before ---- */

static const struct plan_table *planned(const struct plan *p, struct bytes name)
{
    for (size_t i = 0; i < p->count; i++)
        if (ddltext_names(name, p->table[i].message->schema, p->table[i].message->name))
            return &p->table[i];
    return NULL;
}

static const char *fate(enum restore_orphans choice)
{
    return choice == ORPHANS_REFUSE   ? "the restore is refused if rows need it"
           : choice == ORPHANS_REPORT ? "rows that need it are kept and reported"
                                      : "rows that need it are deleted";
}

status orphans_foresee(struct job *job, err *e)
{
    const char *text = job->plan->schema->post_data;
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    struct bytes s;
    while (sqlsplit_next(&rest, &s)) {
        struct ddltext_key key;
        if (schemasql_phase_of(s) != SCHEMASQL_FOREIGN || !ddltext_foreign_key(s, &key))
            continue;
        const struct plan_table *from = planned(job->plan, key.table);
        const struct plan_table *to = planned(job->plan, key.parent);
        if (from == NULL || to == NULL || !from->comes || to->comes)
            continue;
        TRY(job_warn(job, e, "foreign key %.*s of %s.%s leads to %s.%s, which does not come: %s",
                     (int)key.constraint.len, (const char *)key.constraint.data, from->message->schema,
                     from->message->name, to->message->schema, to->message->name,
                     fate(job->request->orphans)));
    }
    return DONE;
}

/* ---- adding ---- */

static status remember(struct orphans *o, struct bytes statement, err *e)
{
    (void)pthread_mutex_lock(&o->lock);
    const status room = array_one_more(&o->failed, o->failed_count, sizeof *o->failed, e);
    if (room.ok)
        o->failed[o->failed_count++] = statement;
    (void)pthread_mutex_unlock(&o->lock);
    return room;
}

static status add_inside(struct pgconn *c, struct bytes statement, bool *orphans, err *e)
{
    TRY(pgconn_exec(c, "SAVEPOINT pgstrand_key", e));
    if (schemasql_statement(c, statement, e).ok)
        return pgconn_exec(c, "RELEASE SAVEPOINT pgstrand_key", e);
    *orphans = strcmp(e->sqlstate, FOREIGN_KEY_VIOLATION) == 0;
    if (!*orphans)
        return FAILED;
    *e = ERR_INIT;
    return pgconn_exec(c, "ROLLBACK TO SAVEPOINT pgstrand_key; RELEASE SAVEPOINT pgstrand_key", e);
}

status orphans_add_key(struct orphans *o, struct pgconn *c, struct bytes statement, enum orphans_where where,
                       err *e)
{
    bool orphans = false;
    if (where == ORPHANS_IN_TRANSACTION) {
        TRY(add_inside(c, statement, &orphans, e));
    } else if (!schemasql_statement(c, statement, e).ok) {
        if (strcmp(e->sqlstate, FOREIGN_KEY_VIOLATION) != 0)
            return FAILED;
        orphans = true;
        *e = ERR_INIT;
    }
    return orphans ? remember(o, statement, e) : DONE;
}

status orphans_add_keys(struct orphans *o, struct pgconn *c, const char *text, err *e)
{
    struct reader rest = reader_over(bytes_text(text == NULL ? "" : text));
    struct bytes s;
    while (sqlsplit_next(&rest, &s))
        if (schemasql_phase_of(s) == SCHEMASQL_FOREIGN)
            TRY(orphans_add_key(o, c, s, ORPHANS_IN_TRANSACTION, e));
    return DONE;
}

/* ---- what becomes of them ---- */

static status refuse(const struct orphansweep *s, err *e)
{
    OWNED(buf) struct buf line = {0};
    size_t named = 0, more = 0;
    for (size_t i = 0; i < s->keys.count; i++) {
        const struct foreignkey *k = &s->keys.key[i];
        if (s->of[i].found == 0)
            continue;
        if (named == NAMED) {
            more++;
            continue;
        }
        buf_printf(&line, "%sforeign key %s of %s: %" PRIu64 " row%s without %s parent in %s",
                   named++ > 0 ? "; " : "", k->name, k->table, s->of[i].found, s->of[i].found == 1 ? "" : "s",
                   s->of[i].found == 1 ? "its" : "their", k->parent);
    }
    if (more > 0)
        buf_printf(&line, "; and %zu more foreign keys", more);
    return err_set(
        e, ERR_SCHEMA,
        "%s; nothing was changed; restore those tables as well, or choose --orphans report or delete",
        buf_cstring(&line));
}

static status enter(struct job *job, const struct foreignkey *k, uint64_t rows, const char *action, err *e)
{
    struct restore_result *out = job->out;
    TRY(array_one_more(&out->orphan, out->orphan_count, sizeof *out->orphan, e));
    struct restored_orphans *to = &out->orphan[out->orphan_count++];
    *to = (struct restored_orphans){strdup(k->name), strdup(k->table), strdup(k->parent), rows, action};
    return to->constraint == NULL || to->table == NULL || to->parent == NULL ? err_no_memory(e) : DONE;
}

static const char *text_of(const char *action)
{
    return strcmp(action, "kept") == 0      ? "are kept, and the foreign key is NOT VALID"
           : strcmp(action, "deleted") == 0 ? "were deleted"
                                            : "lost that reference (ON DELETE SET NULL)";
}

static status report(struct job *job, const struct foreignkey *k, uint64_t rows, const char *action, err *e)
{
    if (rows == 0)
        return DONE;
    TRY(enter(job, k, rows, action, e));
    return job_warn(job, e, "%" PRIu64 " row%s of %s without parent in %s (foreign key %s) %s", rows,
                    rows == 1 ? "" : "s", k->table, k->parent, k->name, text_of(action));
}

static status report_all(struct job *job, const struct orphansweep *s, err *e)
{
    bool kept = job->request->orphans == ORPHANS_REPORT;
    for (size_t i = 0; i < s->keys.count; i++) {
        const struct foreignkey *k = &s->keys.key[i];
        if (kept)
            TRY(report(job, k, s->of[i].found, "kept", e));
        else
            TRY(report(job, k, s->of[i].removed, k->clear != NULL ? "cleared" : "deleted", e));
    }
    return DONE;
}

status orphans_settle(struct orphans *o, struct pgconn *c, err *e)
{
    OWNED(orphansweep) struct orphansweep s = {.job = o->job, .c = c, .replica = o->target->replica};
    if (o->failed_count == 0)
        return DONE;
    TRY(orphansweep_learn(&s, o->failed, o->failed_count, e));
    if (o->job->request->orphans == ORPHANS_REFUSE)
        return refuse(&s, e);
    if (o->job->request->orphans == ORPHANS_REPORT)
        TRY(orphansweep_keep(&s, o->failed, o->failed_count, e));
    else
        TRY(orphansweep_delete(&s, o->failed, o->failed_count, e));
    return report_all(o->job, &s, e);
}

status orphans_settle_standing(struct orphans *o, struct pgconn *c, const char *oids, err *e)
{
    OWNED(orphansweep) struct orphansweep s = {.job = o->job, .c = c, .replica = o->target->replica};
    bool any = false;
    TRY(orphansweep_look(&s, oids, &any, e));
    if (!any)
        return DONE;
    if (o->job->request->orphans == ORPHANS_REFUSE)
        return refuse(&s, e);
    if (o->job->request->orphans == ORPHANS_REPORT)
        TRY(orphansweep_keep_standing(&s, e));
    else
        TRY(orphansweep_delete(&s, NULL, 0, e));
    return report_all(o->job, &s, e);
}
