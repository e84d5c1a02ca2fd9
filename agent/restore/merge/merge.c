#include "agent/restore/merge/merge.h"

#include <inttypes.h>

#include "agent/glob.h"
#include "agent/restore/hooks.h"
#include "agent/restore/load/analyze.h"
#include "agent/restore/load/emptied.h"
#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/setsequences.h"
#include "agent/restore/load/skip.h"
#include "agent/restore/merge/ownlog.h"
#include "agent/restore/merge/stagediff.h"
#include "agent/restore/merge/touches.h"
#include "agent/restore/merge/verdict.h"
#include "agent/restore/plan/place.h"
#include "agent/restore/replace.h"

struct merge {
    struct job *job;
    struct pgconn *c;
    struct targetdb target;
    struct stage *stage;
    size_t count;
    struct place own; /* of the data directory, when it captures the target */
    uuid source;
    struct verdict_facts facts;
    struct buf oids; /* of the merged tables: "1,2" */
};

static void merge_fini(struct merge *m)
{
    for (size_t i = 0; i < m->count; i++)
        stage_fini(&m->stage[i]);
    free(m->stage);
    place_fini(&m->own);
    buf_fini(&m->oids);
}
OWN_VALUE(merge, merge_fini);

status merge_check(struct job *job, struct pgconn *c, err *e)
{
    struct targetdb t;
    TRY(replace_check(job, c, e));
    TRY(targetdb_read(c, &t, e));
    return targetdb_check_event_triggers(c, &t, e);
}

/* ---- what is known ---- */

static status read_bool(struct pgconn *c, const char *sql, const char *param, bool *out, err *e)
{
    OWNED(pgrows) struct pgrows *rows = NULL;
    const char *const params[] = {param};
    TRY(pgconn_query(c, sql, param != NULL ? 1 : 0, params, &rows, e));
    *out = pgrows_bool(rows, 0, 0);
    return DONE;
}

/* Is the target the database that this data directory captures? Its slot says so. */
static status find_own(struct merge *m, err *e)
{
    const struct restore_request own = {.as = RESTORE_AS_SAME};
    struct datadir *d = m->job->d;
    bool ours = false;
    if (!d->has_identity || d->identity.slot[0] == '\0')
        return DONE;
    TRY(read_bool(
        m->c,
        "SELECT count(*) > 0 FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND database ="
        " pg_catalog.current_database()",
        d->identity.slot, &ours, e));
    if (!ours)
        return DONE;
    TRY(place_find(d, &own, &m->own, e));
    m->facts.own = &d->identity.node;
    m->facts.own_history = true;
    m->facts.own_chain = uuid_equal(&d->identity.node, &m->source);
    return DONE;
}

static status find_facts(struct merge *m, err *e)
{
    struct replayed replayed;
    uuid incarnation;
    TRY(replayed_source(m->job, &m->source, &incarnation, e));
    m->facts.source = &m->source;
    m->facts.filtered = m->job->plan->filter != NULL;
    m->facts.base_time = m->job->plan->chain->link[0].commit->header->last_time;
    TRY(find_own(m, e));
    TRY(replayed_read(m->job, m->c, &replayed, e));
    m->facts.replayed = replayed.seq;
    TRY(read_bool(m->c,
                  "SELECT pg_catalog.current_setting('track_commit_timestamp') = 'on' AND"
                  " pg_catalog.current_setting('server_version_num')::int >= 140000",
                  NULL, &m->facts.commit_times, e));
    return read_bool(
        m->c,
        "SELECT coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('pgstrand.conflict'),"
        " 'SELECT'), false)",
        NULL, &m->facts.remembers, e);
}

/* ---- looking ---- */

static status open_stages(struct merge *m, err *e)
{
    const struct plan *p = m->job->plan;
    m->stage = calloc(p->count + 1, sizeof *m->stage);
    if (m->stage == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < p->count; i++)
        if (p->table[i].comes && !p->table[i].message->partition_root)
            TRY(stage_open(m->job, m->c, i, &m->stage[m->count++], e));
    return DONE;
}

static status lock_tables(struct merge *m, err *e)
{
    OWNED(buf) struct buf sql = {0};
    buf_text(&sql, "LOCK TABLE ");
    for (size_t i = 0; i < m->count; i++) {
        buf_text(&sql, i > 0 ? ", " : "");
        stage_target(&sql, &m->stage[i]);
    }
    buf_text(&sql, " IN SHARE ROW EXCLUSIVE MODE");
    TRY(buf_done(&sql, e));
    return m->count == 0 ? DONE : pgconn_exec(m->c, buf_cstring(&sql), e);
}

/* Nobody writes to the tables any more: what was written before counts, whether it was captured yet or not.
 */
static status catch_up(struct merge *m, err *e)
{
    if (!m->facts.own_history || m->job->request->newer == MERGE_TAKE)
        return DONE;
    return ownlog_catch_up(m->job->d, m->job->request, m->c, m->job->progress, e);
}

static status load_histories(struct merge *m, err *e)
{
    const struct plan *p = m->job->plan;
    const struct history source = {p->chain, p->log, p->seq, VERDICT_SOURCE, true};
    TRY(touches_load(&source, m->stage, m->count, m->c, e));
    if (!m->facts.own_history)
        return DONE;
    const struct history own = {m->own.chain, m->own.log, UINT64_MAX, VERDICT_OWN, false};
    return touches_load(&own, m->stage, m->count, m->c, e);
}

static status judge(struct merge *m, struct stage *s, err *e)
{
    const struct restore_request *r = m->job->request;
    struct table_proof *proof = &m->job->proof[s->table];
    TRY(stage_load(s, m->job, m->c, e));
    TRY(verdict_make(s, &m->facts, m->c, e));
    TRY(verdict_count(s, r, m->c, &proof->changes, e));
    proof->compared = true;
    if (r->diff != NULL && glob_list_match(r->diff, s->message->schema, s->message->name))
        TRY(stagediff_tell(s, m->job, m->c, false, e));
    return DONE;
}

static status look(struct merge *m, err *e)
{
    TRY(load_histories(m, e));
    for (size_t i = 0; i < m->count; i++) {
        const Pgstrand__Table *t = m->stage[i].message;
        m->job->progress->step(m->job->progress->context, "compare", i, m->count);
        if (!judge(m, &m->stage[i], e).ok)
            return err_wrap(e, "comparing %s.%s", t->schema, t->name);
    }
    return DONE;
}

/* ---- doing ---- */

static status apply(struct merge *m, err *e)
{
    for (size_t i = 0; i < m->count; i++) {
        const Pgstrand__Table *t = m->stage[i].message;
        m->job->progress->step(m->job->progress->context, "merge", i, m->count);
        if (!verdict_apply(&m->stage[i], m->job, m->c, e).ok)
            return err_wrap(e, "nothing was changed: merging %s.%s", t->schema, t->name);
    }
    m->job->progress->step(m->job->progress->context, "merge", m->count, m->count);
    return DONE;
}

static status find_oids(struct merge *m, err *e)
{
    for (size_t i = 0; i < m->count; i++) {
        OWNED(buf) struct buf sql = {0};
        OWNED(buf) struct buf name = {0};
        OWNED(text) char *oid = NULL;
        loadtable_name(&name, m->stage[i].message);
        buf_text(&sql, "SELECT ");
        pgconn_quote_literal(&sql, buf_cstring(&name));
        buf_text(&sql, "::regclass::oid");
        TRY(buf_done(&sql, e));
        TRY(pgconn_value(m->c, buf_cstring(&sql), &oid, e));
        buf_printf(&m->oids, "%s%s", i > 0 ? "," : "", oid);
    }
    if (m->count == 0)
        buf_text(&m->oids, "0");
    return buf_done(&m->oids, e);
}

static status apply_as_replica(struct merge *m, struct orphans *o, err *e)
{
    TRY(apply(m, e));
    return orphans_settle_standing(o, m->c, buf_cstring(&m->oids), e);
}

static status apply_as_owner(struct merge *m, struct orphans *o, err *e)
{
    OWNED(buf) struct buf triggers = {0};
    OWNED(buf) struct buf keys = {0};
    const char *oids = buf_cstring(&m->oids);
    TRY(emptied_silence_triggers_of(m->c, oids, &triggers, e));
    TRY(emptied_drop_foreign_keys_of(m->c, oids, &keys, e));
    TRY(apply(m, e));
    TRY(orphans_add_keys(o, m->c, buf_cstring(&keys), e));
    TRY(orphans_settle(o, m->c, e));
    return triggers.len == 0 ? DONE : pgconn_exec(m->c, buf_cstring(&triggers), e);
}

static status remember(struct merge *m, err *e)
{
    bool remembers = false;
    TRY(hooks_inside(m->job, m->c, e));
    TRY(replayed_write(m->job, m->c, e));
    TRY(read_bool(
        m->c,
        "SELECT coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('pgstrand.conflict'),"
        " 'INSERT, DELETE'), false)",
        NULL, &remembers, e));
    for (size_t i = 0; remembers && i < m->count; i++)
        TRY(verdict_remember(&m->stage[i], &m->facts, m->job->request, m->c, e));
    return DONE;
}

static status change(struct merge *m, err *e)
{
    OWNED(orphans) struct orphans orphans;
    orphans_init(&orphans, m->job, &m->target);
    TRY(find_oids(m, e));
    TRY(m->target.replica ? apply_as_replica(m, &orphans, e) : apply_as_owner(m, &orphans, e));
    TRY(remember(m, e));
    return setsequences_pass_columns(m->c, e); /* last: no rollback takes setval back */
}

/* ---- telling ---- */

static status say_table(struct merge *m, const struct stage *s, err *e)
{
    const struct row_changes *n = &m->job->proof[s->table].changes;
    const struct restore_request *r = m->job->request;
    const char *schema = s->message->schema, *name = s->message->name;
    OWNED(text) char *keys = NULL;
    if (n->newer > 0)
        TRY(job_warn(
            m->job, e, "%s.%s: rows that are newer on the target: %" PRIu64 ", %s", schema, name, n->newer,
            r->newer == MERGE_TAKE ? "replaced by the chain's" : "kept (--newer replace takes the chain's)"));
    if (n->left > 0)
        TRY(job_warn(m->job, e,
                     "%s.%s: rows that the source deleted, still there: %" PRIu64
                     " (--deleted delete removes them)",
                     schema, name, n->left));
    if (n->conflicts == 0)
        return DONE;
    TRY(verdict_name_conflicts(s, m->c, &keys, e));
    return job_warn(m->job, e, "%s.%s: rows that both devices made under one key: %" PRIu64 ", %s: %s%s",
                    schema, name, n->conflicts,
                    r->conflicts == MERGE_TAKE
                        ? "replaced by the chain's"
                        : "the target's are kept (--conflicts replace takes the chain's)",
                    keys != NULL ? keys : "", n->conflicts > 5 ? ", ..." : "");
}

static status say(struct merge *m, uint64_t *all, err *e)
{
    uint64_t changed = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct row_changes *n = &m->job->proof[m->stage[i].table].changes;
        TRY(say_table(m, &m->stage[i], e));
        changed += n->changed;
        *all += n->added + n->changed + n->removed;
    }
    if (changed == 0 || m->facts.own_history || m->facts.commit_times)
        return DONE;
    return job_warn(
        m->job, e,
        "whether rows are newer on the target is not known here (this data directory does not capture it, "
        "and its track_commit_timestamp is off): %" PRIu64 " changed rows become the chain's",
        changed);
}

static status run(struct merge *m, uint64_t *all, err *e)
{
    TRY(find_facts(m, e));
    TRY(open_stages(m, e));
    if (!m->job->request->dry_run) {
        TRY(replayed_mark(m->job, m->c, &m->target, e));
        TRY(lock_tables(m, e));
        TRY(catch_up(m, e));
    }
    TRY(look(m, e));
    TRY(say(m, all, e));
    return m->job->request->dry_run ? DONE : change(m, e);
}

status merge_run(struct job *job, struct pgconn *c, err *e)
{
    OWNED(merge) struct merge m = {.job = job, .c = c};
    const bool dry = job->request->dry_run;
    uint64_t all = 0;
    TRY(targetdb_read(c, &m.target, e));
    if (!dry)
        TRY(replayed_announce(job, c, &m.target, e));
    if (!targetdb_begin(c, &m.target, e).ok || !run(&m, &all, e).ok || (!dry && !skip_commit(job, c, e).ok)) {
        replayed_rollback(job, c);
        return FAILED;
    }
    if (dry)
        return pgconn_exec(c, "ROLLBACK", e);
    return all > 0 ? analyze_tables(job, e) : DONE;
}
