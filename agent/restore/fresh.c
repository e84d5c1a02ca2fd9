#include "agent/restore/fresh.h"

#include "agent/restore/hooks.h"
#include "agent/restore/load/analyze.h"
#include "agent/restore/load/loadtable.h"
#include "agent/restore/load/orphans.h"
#include "agent/restore/load/pieces.h"
#include "agent/restore/load/replayed.h"
#include "agent/restore/load/schemasql.h"
#include "agent/restore/load/setsequences.h"
#include "agent/restore/load/skip.h"
#include "agent/restore/load/targetdb.h"

status fresh_check(const struct plan *p, struct pgconn *c, err *e)
{
    struct targetdb t;
    TRY(targetdb_read(c, &t, e));
    TRY(targetdb_check_empty(c, e));
    TRY(targetdb_check_roles(c, p->schema, e));
    TRY(schemasql_check(p->schema, e));
    return targetdb_check_event_triggers(c, &t, e);
}

/* Rows are proven before there are indexes: the pages are still in memory, and a mistake costs nothing
 * more. */
static status build(struct job *job, struct pgconn *c, const struct targetdb *t, err *e)
{
    const Pgstrand__Schema *schema = job->plan->schema;
    OWNED(orphans) struct orphans orphans;
    orphans_init(&orphans, job, t);
    TRY(replayed_mark(job, c, t, e));
    TRY(targetdb_check_empty(c, e)); /* again: inside the transaction */
    TRY(schemasql_run(job, c, schema->pre_data, "schema", e));
    TRY(schemasql_run_phase(job, c, SCHEMASQL_STATISTICS, "schema", e));
    TRY(loadtable_all(job, c, true, e));
    TRY(setsequences_captured(job, c, e));
    TRY(schemasql_run_phase(job, c, SCHEMASQL_INDEX, "indexes", e));
    TRY(schemasql_run_phase(job, c, SCHEMASQL_ATTACH, "indexes", e));
    TRY(orphans_add_keys(&orphans, c, schema->post_data, e));
    TRY(orphans_settle(&orphans, c, e));
    TRY(schemasql_run_phase(job, c, SCHEMASQL_REST, "schema", e));
    TRY(setsequences_pass_columns(c, e));
    TRY(schemasql_refresh(job, c, e));
    TRY(schemasql_subscriptions(job, c, e));
    TRY(hooks_inside(job, c, e)); /* before there are event triggers */
    TRY(replayed_write(job, c, e));
    return schemasql_run_phase(job, c, SCHEMASQL_LAST, "schema", e);
}

status fresh_run(struct job *job, struct pgconn *c, err *e)
{
    struct targetdb t;
    uint64_t bytes, largest;
    TRY(pieces_bytes(job->plan, &bytes, &largest, e));
    TRY(targetdb_read(c, &t, e));
    TRY(pieces_index_settings(c, largest, PIECES_ALONE, e));
    TRY(replayed_announce(job, c, &t, e));
    if (targetdb_begin(c, &t, e).ok && build(job, c, &t, e).ok && skip_commit(job, c, e).ok)
        return analyze_tables(job, e);
    replayed_rollback(job, c);
    return FAILED;
}
