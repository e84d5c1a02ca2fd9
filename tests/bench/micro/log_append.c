/*
 * log_append: how fast the action log takes and gives back actions of 100 bytes, flushed every 10,000, and
 * how much private memory that needs. Not a test: prints one line a figure.
 *
 *     log_append [FOLDER [ACTIONS]]     a new folder below FOLDER (default /tmp) is made and removed
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/actionlog.h"
#include "store/io.h"

#define FLUSH_EVERY 10000
#define PER_TRANSACTION 100
#define ROW 100 /* bytes */

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long rss_anon_kib(void)
{
    OWNED(stream) FILE *f = fopen("/proc/self/status", "r");
    char line[128];
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            return strtol(line + 8, NULL, 10);
    return -1;
}

struct timing {
    double wall;
    clock_t processor;
};

static struct timing begin(void)
{
    return (struct timing){now(), clock()};
}

/* Wall time is what counts; the processor's tells how much of it was waiting for the disk or for other
 * programs. */
static void print(const char *what, uint64_t actions, struct timing from)
{
    double wall = now() - from.wall;
    double processor = (double)(clock() - from.processor) / CLOCKS_PER_SEC;
    (void)printf("%s: %.0f actions/s (%.0f a second of processor), RssAnon %ld KiB\n", what,
                 (double)actions / wall, (double)actions / processor, rss_anon_kib());
}

static status fill(struct logwriter *w, uint64_t actions, uint64_t per_transaction, err *e)
{
    static uint8_t row[ROW];
    uint32_t version = 0;
    struct column column = {.name = "id", .type = 23, .typmod = -1, .key = true};
    struct relation r = {.oid = 1,
                         .schema = "public",
                         .name = "t",
                         .replica_identity = 'd',
                         .tier = TIER_BUSINESS,
                         .column_count = 1,
                         .columns = &column};
    TRY(logwriter_relation(w, &r, &version, e));
    lsn at = logwriter_position(w)->commit_lsn + 1000;
    for (uint64_t i = 0; i < actions; i++) {
        struct action a = {.kind = ACTION_CREATE, .relation = version, .new = bytes_of(row, sizeof row)};
        memcpy(row, &i, sizeof i);
        TRY(logwriter_put(w, &a, at, e));
        if ((i + 1) % per_transaction == 0 || i + 1 == actions) {
            struct commit c = {.lsn = at, .end_lsn = at + 8, .time = (pgtime)i, .xid = 1};
            TRY(logwriter_commit(w, &c, e));
            at += 1000;
        }
        if ((i + 1) % FLUSH_EVERY == 0)
            TRY(logwriter_flush(w, e));
    }
    return logwriter_flush(w, e);
}

static status read_all(const char *dir, uint64_t *actions, err *e)
{
    OWNED(logreader) struct logreader *r = NULL;
    struct log_entry entry;
    bool end = false;
    TRY(logreader_open(dir, &r, e));
    while (logreader_next(r, &entry, &end, e).ok) {
        if (end)
            return DONE;
        ++*actions;
    }
    return FAILED;
}

static status run(const char *dir, uint64_t actions, err *e)
{
    OWNED(logwriter) struct logwriter *w = NULL;
    const struct log_options options = {.node = {{1}}, .incarnation = {{2}}};
    TRY(logwriter_open(dir, &options, &w, e));
    struct timing from = begin();
    TRY(fill(w, actions, PER_TRANSACTION, e));
    print("append", actions, from);
    from = begin();
    TRY(fill(w, actions, actions, e));
    print("append, one transaction", actions, from);
    from = begin();
    TRY(fill(w, actions / 10, 1, e));
    print("append, one action a transaction", actions / 10, from);
    uint64_t seen = 0;
    from = begin();
    TRY(read_all(dir, &seen, e));
    print("read", seen, from);
    return DONE;
}

int main(int argc, char **argv)
{
    char dir[512];
    err e = ERR_INIT;
    uint64_t actions = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000;
    (void)snprintf(dir, sizeof dir, "%s/log-append-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return EXIT_FAILURE;
    }
    status done = run(dir, actions, &e);
    if (!done.ok)
        (void)fprintf(stderr, "%s\n", e.message);
    err ignored = ERR_INIT;
    (void)!io_remove_tree(dir, &ignored).ok;
    return done.ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
