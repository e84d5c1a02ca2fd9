/* pgstrand-agent: captures one database for ever, and seals by schedule. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/agentstate.h"
#include "agent/breaks.h"
#include "agent/daemon/caretaker.h"
#include "agent/daemon/errands.h"
#include "agent/daemon/healer.h"
#include "agent/daemon/keeper.h"
#include "agent/daemon/logkeep.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/pubwatch.h"
#include "agent/daemon/records.h"
#include "agent/daemon/report.h"
#include "agent/daemon/sealer.h"
#include "agent/pg/pgconn.h"
#include "store/io.h"

/* How long a snapshot in progress may take after SIGTERM; what it left is tidied up by the next one. */
#define SEALER_PATIENCE_S 60

struct options {
    const char *data;
    const char *config;
    bool done; /* --help or --version was answered */
};

static const char usage[] =
    "usage: pgstrand-agent [--data DIR] [--config FILE] [--quiet | --verbose]\n"
    "\n"
    "Captures the database that DIR was initialised for, until SIGTERM or SIGINT.\n"
    "\n"
    "  --data DIR     data directory (PGSTRAND_DATA; default $XDG_STATE_HOME/pgstrand or /var/lib/pgstrand)\n"
    "  --config FILE  configuration (default DIR/pgstrand.conf)\n"
    "  --quiet        say problems only\n"
    "  --verbose      say details too\n"
    "  --version, --help\n";

static status read_options(int argc, char **argv, struct options *out, err *e)
{
    static const struct option known[] = {
        {"data", required_argument, NULL, 'd'},  {"config", required_argument, NULL, 'c'},
        {"quiet", no_argument, NULL, 'q'},       {"verbose", no_argument, NULL, 'v'},
        {"no-progress", no_argument, NULL, 'n'}, {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    *out = (struct options){0};
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'd':
            out->data = optarg;
            break;
        case 'c':
            out->config = optarg;
            break;
        case 'q':
            report_level(REPORT_PROBLEM);
            break;
        case 'v':
            report_level(REPORT_DETAIL);
            break;
        case 'n':
            break;
        case 'V':
            out->done = printf("pgstrand-agent " PGSTRAND_VERSION "\n") > 0;
            return DONE;
        case 'h':
            out->done = fputs(usage, stdout) >= 0;
            return DONE;
        default:
            return err_set(e, ERR_USAGE, "%s is no option, or lacks its value; see pgstrand-agent --help",
                           argv[optind - 1]);
        }
    }
    if (optind < argc)
        return err_set(e, ERR_USAGE, "%s is one argument too many; see pgstrand-agent --help", argv[optind]);
    return DONE;
}

static struct capture *running;
static volatile sig_atomic_t asked;

/* The first signal: finish the batch and stop. The second: at once; everything durable stays so. */
static void on_signal(int number)
{
    (void)number;
    if (asked != 0)
        _exit(130);
    asked = 1;
    if (running != NULL)
        capture_stop(running);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* The threads around capture. */
struct agent {
    const struct options *options;
    struct datadir *data; /* capture's */
    struct board board;
    struct capture *capture;
    struct keeper keeper;
    struct sealer sealer;
    struct caretaker caretaker;
    struct pubwatch pubwatch;
    struct errands errands;
};

static status start_helpers(struct agent *a, err *e)
{
    const char *root = a->data->root;
    TRY(datadir_open(root, a->options->config, DATADIR_EXISTING, &a->keeper.data, e));
    TRY(datadir_open(root, a->options->config, DATADIR_EXISTING, &a->sealer.data, e));
    TRY(datadir_open(root, a->options->config, DATADIR_EXISTING, &a->caretaker.data, e));
    TRY(datadir_open(root, a->options->config, DATADIR_EXISTING, &a->pubwatch.data, e));
    TRY(datadir_open(root, a->options->config, DATADIR_EXISTING, &a->errands.data, e));
    a->errands.board = &a->board;
    a->pubwatch.board = &a->board;
    a->keeper.board = &a->board;
    a->keeper.capture = a->capture;
    a->sealer.board = &a->board;
    a->caretaker.board = &a->board;
    TRY(keeper_start(&a->keeper, e));
    TRY(pubwatch_start(&a->pubwatch, e));
    TRY(sealer_start(&a->sealer, e));
    TRY(errands_start(&a->errands, e));
    return caretaker_start(&a->caretaker, e);
}

/* Up to where the changes of the schema are in the catalogue, or no longer matter. With triggers sealing
 * keeps the schema that DDL led to; one that was inferred is healed by a FULL alone. */
static status find_known_ddl(struct agent *a, uint64_t *seq, err *e)
{
    PB_OWNED(Pgstrand__SetupRecord) *setup = NULL;
    size_t open = 0;
    uint64_t settled = 0;
    pgtime ignored = 0;
    TRY(agentstate_setup(a->data, &setup, e));
    TRY(breaks_open(a->data->catalog, &open, seq, e));
    TRY(setup != NULL && setup->event_trigger ? records_sealed_seq(a->data, &settled, e)
                                              : records_full(a->data, &settled, &ignored, e));
    if (*seq < settled)
        *seq = settled;
    return DONE;
}

static status find_lost_ddl(struct agent *a, err *e)
{
    const struct capture_observer observer = board_observer(&a->board);
    uint64_t known = 0;
    uint64_t recorded = 0;
    TRY(find_known_ddl(a, &known, e));
    TRY(records_recorded_seq(a->data, &recorded, e));
    return logkeep_find_ddl(a->data, known, recorded, &observer, e);
}

static status run_all(struct agent *a, err *e)
{
    const struct capture_observer observer = board_observer(&a->board);
    TRY(healer_settle(a->data, e));
    TRY(capture_new(a->data, a->data->config->conninfo, &observer, &a->capture, e));
    TRY(find_lost_ddl(a, e));
    TRY(start_helpers(a, e));
    running = a->capture;
    if (asked != 0) /* before `running` was there */
        capture_stop(a->capture);
    notify_send("READY=1\nSTATUS=connecting");
    const status ran = healer_run(a->data, a->capture, &a->board, e);
    notify_send("STOPPING=1\nSTATUS=%s", ran.ok ? "stopping" : e->message);
    return ran;
}

/* An INCREMENTAL by schedule that is in progress is finished. What may wait for the server (new bases, behind
 * an old transaction) is given up, and the next start makes it. */
static bool stop_sealer(struct agent *a)
{
    for (int waited = 0; waited < SEALER_PATIENCE_S; waited++) {
        if (caretaker_join(&a->caretaker, 1) && errands_join(&a->errands, 1) && sealer_join(&a->sealer, 1))
            return true;
        pgconn_cancel_all();
    }
    return false;
}

/* The board is stopped first: keeper and sealer end by themselves. `code`: what the process ends with where
 * they do not. */
static void stop_all(struct agent *a, bool clean, int code)
{
    board_stop(&a->board);
    if (!stop_sealer(a)) {
        report_line(REPORT_PROBLEM, "a snapshot in progress was given up");
        _exit(code);
    }
    if (clean && a->sealer.data != NULL)
        sealer_last(&a->sealer);
    keeper_join(&a->keeper);
    pubwatch_join(&a->pubwatch);
    running = NULL;
    capture_free(a->capture);
    datadir_close(a->keeper.data);
    datadir_close(a->sealer.data);
    datadir_close(a->caretaker.data);
    datadir_close(a->errands.data);
    datadir_close(a->pubwatch.data);
    board_fini(&a->board);
}

/* `pgstrand status` holds the lock for an instant to see whether an agent runs: a start beside it tries
 * again. */
static status lock_data(const char *root, struct io_lock **out, err *e)
{
    OWNED(text) char *path = io_join(root, "agent.lock");
    const struct timespec pause = {0, 50 * 1000000L};
    if (path == NULL)
        return err_no_memory(e);
    status locked = io_lock(path, false, out, e);
    for (int again = 0; !locked.ok && e->class == ERR_REFUSED && again < 20; again++) {
        (void)nanosleep(&pause, NULL);
        locked = io_lock(path, false, out, e);
    }
    return locked.ok ? DONE : err_wrap(e, "another pgstrand-agent runs on %s", root);
}

/* *said: the failure was reported already, by capture. */
static status run_agent(const struct options *options, bool *said, err *e)
{
    OWNED(datadir) struct datadir *data = NULL;
    OWNED(io_lock) struct io_lock *lock = NULL;
    TRY(datadir_open(options->data, options->config, DATADIR_EXISTING, &data, e));
    TRY(lock_data(data->root, &lock, e));
    TRY(datadir_check_init(data, e));
    struct agent a = {.options = options, .data = data};
    board_init(&a.board);
    report_line(REPORT_EVENT, "pgstrand-agent " PGSTRAND_VERSION " on %s", data->root);
    const status ran = run_all(&a, e);
    *said = !ran.ok && strcmp(a.board.facts.problem, e->message) == 0;
    stop_all(&a, ran.ok, ran.ok ? 0 : err_exit_code(e->class));
    if (ran.ok)
        report_line(REPORT_EVENT, "stopped");
    return ran;
}

int main(int argc, char **argv)
{
    err e = ERR_INIT;
    struct options options;
    bool armed = false;
    bool said = false;
    notify_begin();
    catch_signals();
    status ran = read_options(argc, argv, &options, &e);
    if (ran.ok && options.done)
        return 0;
    if (ran.ok)
        ran = io_fault_from_env(&armed, &e);
    if (ran.ok && armed)
        report_line(REPORT_PROBLEM, "PGSTRAND_IO_FAULT is set: file writes will fail on purpose");
    if (ran.ok)
        ran = run_agent(&options, &said, &e);
    if (ran.ok)
        return 0;
    if (!said)
        report_line(REPORT_PROBLEM, "%s", e.message);
    return err_exit_code(e.class);
}
