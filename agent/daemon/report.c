#include "agent/daemon/report.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/base/pgtime.h"

static _Atomic int most_said = REPORT_EVENT;

void report_level(enum report_level most)
{
    atomic_store(&most_said, (int)most);
}

void report_line(enum report_level level, const char *format, ...)
{
    char time[PGTIME_TEXT];
    char line[2 * ERR_TEXT];
    if ((int)level > atomic_load(&most_said))
        return;
    size_t len = (size_t)snprintf(line, sizeof line, "%s ", pgtime_format(pgtime_now(), time));
    va_list args;
    va_start(args, format);
    const int more = vsnprintf(line + len, sizeof line - len - 1, format, args);
    va_end(args);
    if (more > 0)
        len += (size_t)more < sizeof line - len - 1 ? (size_t)more : sizeof line - len - 2;
    line[len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, len); /* there is nobody to tell */
    (void)ignored;
}

static void say(void *context, const char *line)
{
    (void)context;
    report_line(REPORT_DETAIL, "%s", line);
}

static void step(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    if (done == total)
        report_line(REPORT_DETAIL, "%s: %llu", what, (unsigned long long)done);
}

static void say_event(void *context, const char *line)
{
    (void)context;
    report_line(REPORT_EVENT, "%s", line);
}

const struct progress report_progress = {.say = say, .step = step};
const struct progress report_events = {.say = say_event, .step = step};
