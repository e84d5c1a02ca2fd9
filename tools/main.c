/* pgstrand: the command. Its subcommands are one table. */
#include <string.h>

#include "agent/nearest.h"
#include "store/io.h"
#include "tools/cli.h"
#include "tools/interrupt.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/report.h"

static const struct command commands[] = {
    {"init", cmd_init, "", "prepare a database and this device, and copy the FULL base"},
    {"status", cmd_status, "", "how the agent, the slot and the log are; exit 0 healthy, 1 not"},
    {"wait", cmd_wait, "", "return when everything committed so far is durable in the log"},
    {"log", cmd_log, "", "the action log, one action a line"},
    {"entity", cmd_entity, "TABLE KEY... | UUID", "one row: what it was at a seq, and its whole history"},
    {"diff", cmd_diff, "SEQ1 SEQ2", "the rows that differ between two seqs"},
    {"revert", cmd_revert, "", "SQL that undoes a range of seqs, or does it"},
    {"tables", cmd_tables, "", "every table with its tier and why, and findings"},
    {"seal", cmd_seal, "", "make the next snapshot of the chain"},
    {"snapshots", cmd_snapshots, "[SNAPSHOT]", "the chain, or one snapshot's metadata"},
    {"verify", cmd_verify, "[SNAPSHOT...]", "check hashes, signatures, chain, frames and digests"},
    {"restore", cmd_restore, "", "rebuild a database as it was at any sequence number"},
    {"export", cmd_export, "", "the state at any sequence number as a JSON document"},
    {"import", cmd_import, "FILE", "a JSON document becomes a snapshot that restores like any other"},
    {"vault", cmd_vault, "add NAME URL | list | remove NAME", "the places that keep copies of the chain"},
    {"ship", cmd_ship, "VAULT", "push new snapshots to a vault"},
    {"prune", cmd_prune, "", "give up old snapshots that retention does not keep"},
    {"identity", cmd_identity, "[new | adopt NODE | certify]",
     "node and device identity: show, regenerate, take over; the recovery key certifies the device"},
    {"drill", cmd_drill, "", "restore into a scratch database, compare, drop it, record what is proven"},
    {"workflow", cmd_workflow, "list | show UUID | resume UUID | cancel UUID",
     "long operations: where they stand"},
    {"uninstall", cmd_uninstall, "", "remove slot, publication, triggers and settings from the database"},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_usage(FILE *to)
{
    (void)fprintf(to, "Usage: pgstrand [OPTIONS] COMMAND [ARGUMENTS]\n\n"
                      "Change capture and restore for PostgreSQL.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].description);
    (void)fprintf(to, "\nOptions of every command:\n");
    options_print_common(to);
    (void)fprintf(
        to, "\npgstrand COMMAND --help says more. Connection strings are libpq's; passwords come from its\n"
            "own places (~/.pgpass, PGPASSFILE).\n");
}

static status find_command(const char *name, const struct command **out, err *e)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, commands[i].name) == 0) {
            *out = &commands[i];
            return DONE;
        }
    }
    const char *near = nearest_close(name, names, COMMANDS);
    return err_set(e, ERR_USAGE, "there is no command \"%s\": %s%s%spgstrand --help lists them", name,
                   near != NULL ? "did you mean " : "", near != NULL ? near : "", near != NULL ? "? " : "");
}

static status run_command(struct cli *cli, err *e)
{
    bool armed = false;
    TRY(io_fault_from_env(&armed, e));
    if (armed)
        report_warning("PGSTRAND_IO_FAULT is set: file operations will fail on purpose");
    TRY(interrupt_install(e));
    report_progress(cli);
    TRY(cli->command->run(cli, e));
    return output_flush(e);
}

static status dispatch(struct cli *cli, int argc, char **argv, err *e)
{
    int at = 0;
    bool help = false;
    bool version = false;

    TRY(options_parse_common(cli, argc, argv, &at, &help, &version, e));
    if (version || (at < argc && strcmp(argv[at], "version") == 0)) {
        (void)printf("pgstrand %s\n", PGSTRAND_VERSION);
        return output_flush(e);
    }
    if (help || (at < argc && strcmp(argv[at], "help") == 0)) {
        print_usage(stdout);
        return output_flush(e);
    }
    if (at == argc)
        return err_set(e, ERR_USAGE, "which command? pgstrand --help lists them");
    TRY(find_command(argv[at], &cli->command, e));
    cli->argc = argc - at;
    cli->argv = argv + at;
    return run_command(cli, e);
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    err e = ERR_INIT;

    status done = dispatch(&cli, argc, argv, &e);
    if (interrupt_asked() && !done.ok) { /* else it came too late */
        (void)fputs("pgstrand: interrupted\n", stderr);
        return EXIT_INTERRUPTED;
    }
    if (!done.ok) {
        report_error(&e);
        return err_exit_code(e.class);
    }
    return cli.exit_code;
}
