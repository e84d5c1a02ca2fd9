#include "store/io_place.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 64  /* callers that are told apart */
#define ROWS_MAX 1024 /* rows of callers in one run; more are no places */
#define SEEN_MAX 4096 /* places in a file */
#define PATH_MAX_LEN 512

static struct {
    char file[PATH_MAX_LEN];
    struct io_place_share share;
    uint64_t seen[SEEN_MAX];
    size_t seen_count;
    struct {
        uint64_t callers;
        uint64_t times;
    } row[ROWS_MAX];
    size_t rows;
} places;

void io_place_begin(const char *file, struct io_place_share share)
{
    places.rows = 0;
    places.share = share;
    places.seen_count = 0;
    places.file[0] = '\0';
    strncat(places.file, file, sizeof places.file - 1);
    FILE *f = fopen(file, "re");
    if (f == NULL)
        return;
    while (places.seen_count < SEEN_MAX && fscanf(f, "%" SCNx64, &places.seen[places.seen_count]) == 1)
        places.seen_count++;
    (void)fclose(f);
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Addresses differ from run to run, distances from where a program or library begins do not. */
static uint64_t callers(enum io_call call)
{
    void *at[DEPTH_MAX];
    const int depth = backtrace(at, DEPTH_MAX);
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &call, sizeof call);
    for (int i = 0; i < depth; i++) {
        Dl_info where = {0};
        const uintptr_t base = dladdr(at[i], &where) != 0 ? (uintptr_t)where.dli_fbase : 0;
        const uint64_t distance = (uint64_t)((uintptr_t)at[i] - base);
        hash = mix(hash, &distance, sizeof distance);
    }
    return hash;
}

/* How often, with this time; 0: there is no room to count it. */
static uint64_t times(uint64_t row)
{
    size_t i = 0;
    while (i < places.rows && places.row[i].callers != row)
        i++;
    if (i == ROWS_MAX)
        return 0;
    if (i == places.rows) {
        places.row[places.rows].callers = row;
        places.row[places.rows++].times = 0;
    }
    return ++places.row[i].times;
}

uint64_t io_place_of(enum io_call call)
{
    const uint64_t row = callers(call);
    const uint64_t n = times(row);
    if (n == 0 || (n & (n - 1)) != 0)
        return IO_PLACE_NONE;
    const uint64_t place = mix(row, &n, sizeof n);
    if (place % places.share.of != places.share.mine)
        return IO_PLACE_NONE;
    for (size_t i = 0; i < places.seen_count; i++)
        if (places.seen[i] == place)
            return IO_PLACE_NONE;
    return place;
}

/* Not by the shim, whose calls this is about. One write: a line is whole or not there. */
void io_place_note(uint64_t place)
{
    char line[32];
    const int len = snprintf(line, sizeof line, "%016" PRIx64 "\n", place);
    const int fd = open(places.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    (void)!write(fd, line, (size_t)len);
    (void)close(fd);
}
