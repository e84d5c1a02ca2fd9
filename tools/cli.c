#include "tools/cli.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

status cli_open(const struct cli *cli, struct datadir **out, err *e)
{
    OWNED(datadir) struct datadir *d = NULL;
    TRY(datadir_open(cli->data, cli->config, DATADIR_EXISTING, &d, e));
    if (!d->has_identity)
        return err_set(e, ERR_VALIDATION, "the data directory %s has no identity yet: run pgstrand init",
                       d->root);
    *out = d;
    d = NULL;
    return DONE;
}

status cli_confirm(const struct cli *cli, const char *question, bool *yes, err *e)
{
    char answer[16] = "";
    *yes = cli->yes;
    if (cli->yes)
        return DONE;
    if (isatty(STDIN_FILENO) == 0)
        return err_set(e, ERR_REFUSED, "%s There is no terminal to ask on: say --yes", question);
    (void)fprintf(stderr, "pgstrand: %s [y/N] ", question);
    if (fgets(answer, sizeof answer, stdin) == NULL)
        return DONE;
    answer[strcspn(answer, "\r\n")] = '\0';
    *yes = strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
    return DONE;
}
