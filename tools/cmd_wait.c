#include "agent/waiting.h"
#include "tools/jsonout.h"
#include "tools/options.h"

static status print_waited(const struct cli *cli, const struct waited *w, err *e)
{
    if (cli->json) {
        OWNED(json) json_t *document = json_object();
        jsonout_set(&document, "seq", jsonout_count(w->seq));
        jsonout_set(&document, "lsn", jsonout_lsn(w->lsn));
        return jsonout_print(document, JSONOUT_DOCUMENT, e);
    }
    char at[LSN_TEXT];
    (void)printf("%llu\n", (unsigned long long)w->seq);
    if (cli->verbose)
        (void)fprintf(stderr, "pgstrand: everything up to %s is durable\n", lsn_format(w->lsn, at));
    return DONE;
}

status cmd_wait(struct cli *cli, err *e)
{
    const char *lsn_text = NULL;
    double timeout = 60;
    const struct option_spec specs[] = {
        {"lsn", OPTION_TEXT, &lsn_text, "LSN", "wait for this position instead of the server's current one"},
        {"timeout", OPTION_SECONDS, &timeout, "S", "give up after so many seconds (default 60)"},
    };
    OWNED(datadir) struct datadir *d = NULL;
    OWNED(pgconn) struct pgconn *c = NULL;
    struct waited waited;
    lsn target = LSN_NONE;

    TRY(options_parse(cli, specs, 2, 0, 0, e));
    if (cli->finished)
        return DONE;
    if (lsn_text != NULL)
        TRY(lsn_parse(lsn_text, &target, e));
    TRY(cli_open(cli, &d, e));
    TRY(datadir_check_init(d, e));
    status connected = pgconn_open(d->config->conninfo, PGCONN_QUERY, &c, e);
    if (!connected.ok && target == LSN_NONE)
        return FAILED;
    TRY(waiting_run(d, c, target, timeout, &cli->progress, &waited, e));
    return print_waited(cli, &waited, e);
}
