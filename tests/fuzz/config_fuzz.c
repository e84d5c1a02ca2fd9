/*
 * Input: a configuration file. One that is accepted is written out in full and read again, to the same.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "agent/config.h"
#include "tests/fuzz/fuzzing.h"

/* The configuration of a text, or NULL; through a file in memory. */
static struct config *load(struct bytes text)
{
    struct config *c = NULL;
    char path[64];
    err e = ERR_INIT;
    const int fd = memfd_create("config", MFD_CLOEXEC);
    HOLDS(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!config_load(path, &c, &e).ok) {
        HOLDS(e.message[0] != '\0');
        c = NULL;
    }
    (void)close(fd);
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(buf) struct buf once = {0};
    OWNED(buf) struct buf twice = {0};
    OWNED(config) struct config *first = load(bytes_of(data, size));
    err e = ERR_INIT;
    if (first == NULL)
        return 0;
    if (!config_format(first, &once, &e).ok) { /* a value over several lines, which is not written again */
        HOLDS(e.class == ERR_VALIDATION);
        return 0;
    }
    OWNED(config) struct config *second = load(buf_view(&once));
    HOLDS(second != NULL);
    HOLDS(config_format(second, &twice, &e).ok);
    HOLDS(bytes_equal(buf_view(&once), buf_view(&twice)));
    return 0;
}
