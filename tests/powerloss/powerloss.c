/*
 * powerloss RECORD FOLDER STEP SEED [synced]: cuts the power at every STEP-th point of a record (iorecord.c),
 * from a chance one on, makes in FOLDER what the disk may then hold (diskmodel.h), in several ways, and lets
 * pgstrand's own code open it (leftover.h). Prints what was wrong and where; exit 0 when nothing was.
 * synced: only what was synced is there, for long records. That changes with a sync alone: cut before every
 * STEP-th of them, and wherever somebody was just told something.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/io.h"
#include "tests/powerloss/diskmodel.h"
#include "tests/powerloss/leftover.h"

#define WAYS 4        /* for each cut: nothing kept, everything, and by chance */
#define COMPLAINTS 10 /* after so many it is clear */

struct event {
    struct iorecord r;
    struct bytes path;
    struct bytes data;
};

struct run {
    struct event *event;
    size_t count;
    const char *folder;
    uint64_t seed;
    struct leftover_reference reference;
    struct leftover_promise promise; /* up to the cut */
    bool synced;                     /* this way alone */
    size_t syncs;                    /* seen */
    unsigned tried;
    unsigned wrong;
};

static void stop(const char *what, const char *about)
{
    (void)fprintf(stderr, "powerloss: %s %s\n", what, about);
    exit(2);
}

static void read_record(struct run *run, const char *path)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    err e = ERR_INIT;
    if (!io_load(path, SIZE_MAX / 2, &raw, &len, &e).ok)
        stop(e.message, "");
    for (size_t at = 0; at + sizeof(struct iorecord) <= len;) {
        struct event x;
        memcpy(&x.r, raw + at, sizeof x.r);
        at += sizeof x.r;
        if (x.r.path_len > len - at || x.r.data_len > len - at - x.r.path_len)
            stop("the record ends in the middle:", path);
        x.path = bytes_of(raw + at, x.r.path_len);
        x.data = bytes_of(raw + at + x.r.path_len, x.r.data_len);
        at += x.r.path_len + x.r.data_len;
        run->event = reallocarray(run->event, run->count + 1, sizeof *run->event);
        if (run->event == NULL)
            stop("out of memory", "");
        run->event[run->count++] = x;
    }
    if (run->count == 0)
        stop("nothing is recorded in", path);
}

static void make_folder(const struct run *run)
{
    err e = ERR_INIT;
    if (!io_remove_tree(run->folder, &e).ok || mkdir(run->folder, 0700) != 0)
        stop("cannot make", run->folder);
}

/* In a child, as the environments of another image may have the same file numbers. */
static bool judge(struct run *run, size_t cut, const char *way)
{
    err e = ERR_INIT;
    int how = 0;
    const pid_t child = fork();
    if (child < 0)
        stop("cannot fork", "");
    if (child == 0) {
        if (leftover_check(run->folder, &run->promise, &run->reference, &e).ok)
            _exit(0);
        (void)fprintf(stderr, "power lost after step %zu, %s (op %u): %s\n", cut, way,
                      cut == 0 ? 0 : run->event[cut - 1].r.op, e.message);
        _exit(1);
    }
    if (waitpid(child, &how, 0) != child)
        stop("cannot wait", "");
    if (WIFSIGNALED(how))
        (void)fprintf(stderr, "power lost after step %zu, %s: ended by signal %d\n", cut, way, WTERMSIG(how));
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

static void try_cut(struct run *run, const struct diskmodel *m, size_t cut)
{
    static const char *const name[WAYS] = {"only what was synced is there", "everything is there",
                                           "some of the rest is there", "some of the rest is there (2)"};
    for (unsigned way = 0; way < (run->synced ? 1 : WAYS); way++) {
        const enum diskmodel_loss loss = way == 0   ? DISKMODEL_WORST
                                         : way == 1 ? DISKMODEL_NONE
                                                    : DISKMODEL_SOME;
        make_folder(run);
        run->promise.confirmed = diskmodel_confirmed(m);
        diskmodel_find(m, loss, run->seed * UINT64_C(1000003) + cut * WAYS + way, run->folder);
        run->tried++;
        if (!judge(run, cut, name[way]))
            run->wrong++;
    }
}

static bool is_promise(const struct event *x)
{
    static const char sealed[] = "/sealed.", shipped[] = "/shipped.";
    return x->r.op == IORECORD_CREATE &&
           ((x->path.len > sizeof sealed && memcmp(x->path.data, sealed, sizeof sealed - 1) == 0) ||
            (x->path.len > sizeof shipped && memcmp(x->path.data, shipped, sizeof shipped - 1) == 0));
}

/* Is the power to be cut before event i? */
static bool is_cut(struct run *run, size_t i, size_t step)
{
    if (i == run->count)
        return true;
    if (!run->synced)
        return (i + run->seed) % step == 0;
    const struct event *x = &run->event[i];
    if (i > 0 && (x[-1].r.op == IORECORD_CONFIRM || is_promise(&x[-1])))
        return true;
    const bool sync = x->r.op == IORECORD_SYNC || x->r.op == IORECORD_SYNC_DIR ||
                      (x->r.op == IORECORD_WRITE && (x->r.flags & IORECORD_DSYNC) != 0);
    return sync && ++run->syncs % step == 0;
}

/* A file /sealed.N or /shipped.N is made when a command has ended well and N links are there. */
static void hear_promise(struct run *run, const struct event *x)
{
    char name[64];
    if (x->r.op != IORECORD_CREATE)
        return;
    (void)snprintf(name, sizeof name, "%.*s", (int)x->path.len, (const char *)x->path.data);
    (void)sscanf(name, "/sealed.%u", &run->promise.sealed);
    (void)sscanf(name, "/shipped.%u", &run->promise.shipped);
}

static void read_log(struct run *run, const struct diskmodel *m)
{
    err e = ERR_INIT;
    make_folder(run);
    diskmodel_find(m, DISKMODEL_NONE, 0, run->folder);
    if (!leftover_read(run->folder, &run->reference, &e).ok)
        stop("the run cannot be read:", e.message);
}

static bool trims_log(const struct event *x)
{
    static const char log[] = "/data/log/";
    static const char part[] = ".part";
    return x->r.op == IORECORD_UNLINK && x->path.len > sizeof log &&
           memcmp(x->path.data, log, sizeof log - 1) == 0 &&
           memmem(x->path.data, x->path.len, part, sizeof part - 1) == NULL;
}

static void read_reference(struct run *run)
{
    struct diskmodel *m = diskmodel_new();
    for (size_t i = 0; i < run->count; i++) {
        if (trims_log(&run->event[i]))
            read_log(run, m);
        diskmodel_apply(m, &run->event[i].r, run->event[i].path, run->event[i].data);
    }
    read_log(run, m);
    diskmodel_free(m);
}

int main(int argc, char **argv)
{
    struct run run = {0};
    if (argc < 5 || argc > 6 || (argc == 6 && strcmp(argv[5], "synced") != 0))
        stop("usage: powerloss RECORD FOLDER STEP SEED [synced]", "");
    const size_t step = strtoul(argv[3], NULL, 10);
    run.folder = argv[2];
    run.seed = strtoull(argv[4], NULL, 10);
    run.synced = argc == 6;
    run.syncs = (size_t)run.seed;
    if (step == 0)
        stop("STEP is a number from 1:", argv[3]);
    read_record(&run, argv[1]);
    read_reference(&run);
    struct diskmodel *m = diskmodel_new();
    for (size_t i = 0; i <= run.count && run.wrong < COMPLAINTS; i++) {
        if (is_cut(&run, i, step))
            try_cut(&run, m, i);
        if (i == run.count)
            break;
        hear_promise(&run, &run.event[i]);
        diskmodel_apply(m, &run.event[i].r, run.event[i].path, run.event[i].data);
    }
    char confirmed[LSN_TEXT];
    const lsn told = diskmodel_confirmed(m);
    diskmodel_free(m);
    free(run.reference.action);
    if (told == 0)
        stop("the record has nothing that was confirmed to the server:", argv[1]);
    if (run.wrong == 0 && (run.promise.sealed == 0 || run.promise.shipped == 0))
        stop("the record does not say what was sealed and shipped:", argv[1]);
    (void)printf(
        "%zu steps, %u states of the disk, %u wrong; %llu actions, confirmed up to %s, %u sealed, %u "
        "shipped\n",
        run.count, run.tried, run.wrong, (unsigned long long)run.reference.count, lsn_format(told, confirmed),
        run.promise.sealed, run.promise.shipped);
    return run.wrong == 0 ? 0 : 1;
}
