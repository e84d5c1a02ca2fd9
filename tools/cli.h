/*
 * cli: what every subcommand is given, and what it must be.
 *
 * A subcommand is one function in one file cmd_NAME.c and one line in main.c's table. It parses its own
 * options (options.h), does its work through the libraries, prints its result on stdout (output.h, jsonout.h)
 * and returns; main prints the error line and turns the class into the exit code.
 */
#ifndef PGSTRAND_CLI_H
#define PGSTRAND_CLI_H

#include "agent/datadir.h"
#include "agent/progress.h"
#include "proto/base/err.h"

#define EXIT_UNHEALTHY 1 /* not healthy, or damage found */

struct cli;

struct command {
    const char *name;
    status (*run)(struct cli *cli, err *e);
    const char *arguments; /* positional ones, for the usage */
    const char *description;
};

struct cli {
    const struct command *command;
    int argc; /* argv[0] is the command's name */
    char **argv;

    /* common options */
    const char *data;   /* NULL: as datadir_open says */
    const char *config; /* NULL: DATA/pgstrand.conf */
    bool json;
    bool quiet;
    bool verbose;
    bool no_progress;
    bool yes;

    /* filled by options_parse */
    char **args; /* positional arguments */
    int arg_count;
    bool finished; /* --help was asked for and given */

    int exit_code;            /* of a command that did not fail */
    struct progress progress; /* to stderr, as the options want it */
};

/* Opens the data directory that the options name; it must exist, and with it an identity. */
MUST_CHECK status cli_open(const struct cli *cli, struct datadir **out, err *e);

/* A yes-or-no question on the terminal. --yes answers it; without a terminal and without --yes ERR_REFUSED.
 */
MUST_CHECK status cli_confirm(const struct cli *cli, const char *question, bool *yes, err *e);

/* The commands. */
status cmd_init(struct cli *cli, err *e);
status cmd_status(struct cli *cli, err *e);
status cmd_wait(struct cli *cli, err *e);
status cmd_log(struct cli *cli, err *e);
status cmd_entity(struct cli *cli, err *e);
status cmd_diff(struct cli *cli, err *e);
status cmd_revert(struct cli *cli, err *e);
status cmd_tables(struct cli *cli, err *e);
status cmd_seal(struct cli *cli, err *e);
status cmd_snapshots(struct cli *cli, err *e);
status cmd_verify(struct cli *cli, err *e);
status cmd_restore(struct cli *cli, err *e);
status cmd_export(struct cli *cli, err *e);
status cmd_import(struct cli *cli, err *e);
status cmd_vault(struct cli *cli, err *e);
status cmd_ship(struct cli *cli, err *e);
status cmd_prune(struct cli *cli, err *e);
status cmd_identity(struct cli *cli, err *e);
status cmd_drill(struct cli *cli, err *e);
status cmd_workflow(struct cli *cli, err *e);
status cmd_uninstall(struct cli *cli, err *e);

#endif
