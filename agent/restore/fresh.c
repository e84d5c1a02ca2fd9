#include "agent/restore/fresh.h"

#include "agent/restore/analyze.h"
#include "agent/restore/loadtable.h"
#include "agent/restore/schemasql.h"
#include "agent/restore/setsequences.h"
#include "agent/restore/targetdb.h"

status fresh_check(const struct plan *p, struct pgconn *c, err *e)
{
    struct targetdb t;
    TRY(targetdb_read(c, &t, e));
    TRY(targetdb_check_empty(c, e));
    TRY(targetdb_check_roles(c, p->schema, e));
    return targetdb_check_event_triggers(c, &t, e);
}

/* Rows are proven before there are indexes: the pages are still in memory, and a mistake costs nothing
 * more. */
static status build(struct job *job, struct pgconn *c, err *e)
{
    const Pgstrand__Schema *schema = job->plan->schema;
    TRY(targetdb_check_empty(c, e)); /* again: inside the transaction */
    TRY(schemasql_run(job, c, schema->pre_data, "schema", e));
    TRY(loadtable_all(job, c, e));
    TRY(setsequences_captured(job, c, e));
    TRY(schemasql_run(job, c, schema->post_data, "indexes", e));
    TRY(setsequences_pass_columns(c, e));
    return schemasql_refresh(job, c, e);
}

status fresh_run(struct job *job, struct pgconn *c, err *e)
{
    struct targetdb t;
    TRY(targetdb_read(c, &t, e));
    TRY(targetdb_begin(c, &t, e));
    if (!build(job, c, e).ok) {
        targetdb_rollback(c);
        return FAILED;
    }
    TRY(pgconn_exec(c, "COMMIT", e));
    return analyze_tables(job, e);
}
