#include "agent/seal/seal.h"

#include <stdio.h>

#include "agent/base/base.h"
#include "agent/seal/schemaversion.h"
#include "agent/seal/sealrun.h"

static status try_tables(struct sealrun *run, err *e)
{
    const struct seal_request *request = run->request;
    const char *conninfo = request->conninfo == NULL ? run->d->config->conninfo : request->conninfo;
    if (run->conn == NULL) /* its settings are statements, too */
        TRY(pgconn_open(conninfo, PGCONN_QUERY, &run->conn, e));
    return table_list_read(run->conn, run->d->config->tiers, &run->tables, e);
}

static status read_tables(struct sealrun *run, err *e)
{
    for (int tries = 1; !try_tables(run, e).ok; tries++)
        if (!sealrun_asks_again(run, tries, e))
            return FAILED;
    return DONE;
}

/* Sealing actions needs the log alone; without the database only the sequences are missing, and the parent's
 * count. New bases of tables are not to be had without it. */
static status connect(struct sealrun *run, err *e)
{
    const struct seal_request *request = run->request;
    if (request->offline && request->type != PGSTRAND__SNAPSHOT_TYPE__FULL)
        return DONE;
    if (read_tables(run, e).ok)
        return DONE;
    pgconn_close(run->conn);
    run->conn = NULL;
    return request->table_count == 0 && sealrun_does_without(run, e) ? DONE : FAILED;
}

#define VERSION_PATIENCE_MS 3000 /* how long sealing waits for the log to have the DDL of a dump */

/* Actions behind DDL are worth more with the schema they were made under. Not a condition for sealing them:
 * the next snapshot can bring it. */
static void take_version(struct sealrun *run)
{
    err why = ERR_INIT;
    enum schemaversion_outcome outcome;
    char line[ERR_TEXT + 64];
    const struct seal_request *request = run->request;
    if (run->conn == NULL || request->type == PGSTRAND__SNAPSHOT_TYPE__FULL || run->log == NULL)
        return;
    const char *conninfo = request->conninfo == NULL ? run->d->config->conninfo : request->conninfo;
    if (schemaversion_take_behind(run->d, run->chain, conninfo, VERSION_PATIENCE_MS, &outcome, &why).ok)
        return;
    (void)snprintf(line, sizeof line, "the schema as it is now will come with a later snapshot: %s",
                   why.message);
    run->progress->say(run->progress->context, line);
}

/* Before the agent's first start there is no log, and so nothing new; a FULL waits for the log and cannot do
 * without. */
static status open_log(struct sealrun *run, struct log_state *state, err *e)
{
    OWNED(io_names) struct io_names segments = {0};
    *state = (struct log_state){0};
    if (io_exists(run->d->log))
        TRY(io_list(run->d->log, &segments, e));
    if (segments.count == 0 && run->request->type == PGSTRAND__SNAPSHOT_TYPE__FULL)
        return err_set(e, ERR_VALIDATION,
                       "nothing was captured yet: start pgstrand-agent --data %s, then seal", run->d->root);
    if (segments.count == 0)
        return DONE;
    TRY(logreader_open(run->d->log, &run->log, e));
    TRY(logreader_state(run->log, state, e));
    if (uuid_equal(&state->incarnation, &run->d->identity.incarnation))
        return DONE;
    return err_set(e, ERR_TIMEOUT,
                   "a new incarnation was being begun when the agent was interrupted: start pgstrand-agent "
                   "--data %s, which finishes it",
                   run->d->root);
}

status seal_begin(struct datadir *d, const struct seal_request *request, const struct progress *progress,
                  struct sealrun *out, err *e)
{
    if (!request->offline) /* init itself seals what an old log has, without the server */
        TRY(datadir_check_init(d, e));
    return sealrun_begin(d, request, progress, out, e);
}

status seal_run(struct sealrun *run, struct seal_result *out, err *e)
{
    const struct seal_request *request = run->request;
    struct log_state state;
    *out = (struct seal_result){0};
    if (run->chain->count == 0)
        return err_set(e, ERR_VALIDATION, "there is no base to seal after: run pgstrand init");
    TRY(base_clear(run->d, e)); /* rows that an interrupted sealing left */
    TRY(open_log(run, &state, e));
    TRY(connect(run, e));
    take_version(run);
    if (run->log != NULL)
        TRY(logreader_state(run->log, &state, e));
    if (request->type == PGSTRAND__SNAPSHOT_TYPE__FULL)
        return sealfull_run(run, out, e);
    if (request->type == PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL)
        return sealdifferential_run(run, state.position.last_seq, out, e);
    if (request->table_count > 0 && run->log != NULL)
        return sealtables_run(run, out, e);
    return sealincremental_run(run, state.position.last_seq, out, e);
}

status seal_snapshot(struct datadir *d, const struct seal_request *request, const struct progress *progress,
                     struct seal_result *out, err *e)
{
    OWNED(sealrun) struct sealrun run = {0};
    *out = (struct seal_result){0};
    TRY(seal_begin(d, request, progress, &run, e));
    return seal_run(&run, out, e);
}

status seal_reconcile(struct datadir *d, err *e)
{
    const struct seal_request request = {.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL};
    OWNED(sealrun) struct sealrun run = {0};
    return sealrun_begin(d, &request, &progress_silent, &run, e);
}
