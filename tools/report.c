#include "tools/report.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/interrupt.h"
#include "tools/output.h"

#define REDRAW_NS INT64_C(100000000)

static bool bar_shown; /* what stands on the terminal is one for the whole process */

static void clear_bar(void)
{
    if (bar_shown)
        (void)fputs("\r\033[K", stderr);
    bar_shown = false;
}

static void print_line(const char *prefix, const char *format, va_list values)
{
    OWNED(text) char *raw = NULL;
    OWNED(buf) struct buf line = {0};
    int len = vasprintf(&raw, format, values);
    if (len < 0) {
        raw = NULL;
        return; /* memory is out: what comes of it is reported by whoever needs it next */
    }
    output_clean(&line, bytes_of(raw, (size_t)len));
    clear_bar();
    (void)fprintf(stderr, "pgstrand: %s%s\n", prefix, buf_cstring(&line));
}

void report_note(const struct cli *cli, const char *format, ...)
{
    va_list values;
    if (cli->quiet)
        return;
    va_start(values, format);
    print_line("", format, values);
    va_end(values);
}

void report_warning(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line("warning: ", format, values);
    va_end(values);
}

__attribute__((format(printf, 2, 3))) static void print_formatted(const char *prefix, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line(prefix, format, values);
    va_end(values);
}

void report_error(const err *e)
{
    print_formatted("", "%s", e->message[0] != '\0' ? e->message : "failed without a reason");
}

void report_bar(const char *what, uint64_t done, uint64_t total, unsigned width, struct buf *out)
{
    char done_text[OUTPUT_TEXT], total_text[OUTPUT_TEXT];
    if (total == 0) {
        buf_printf(out, "%s  %s", what, output_count(done, done_text));
        return;
    }
    if (done > total)
        done = total;
    double part = (double)done / (double)total;
    unsigned room = width > 60 ? 30 : 10;
    unsigned full = (unsigned)(part * room);
    buf_printf(out, "%-20.40s [", what);
    for (unsigned i = 0; i < room; i++)
        buf_u8(out, i < full ? '#' : '.');
    buf_printf(out, "] %3u%%  %s of %s", (unsigned)(part * 100), output_count(done, done_text),
               output_count(total, total_text));
}

static unsigned terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void on_say(void *context, const char *line)
{
    report_note(context, "%s", line);
}

static void on_step(void *context, const char *what, uint64_t done, uint64_t total)
{
    static int64_t last;
    static char finished[40]; /* a step that ended tells so only once */
    struct timespec now;
    OWNED(buf) struct buf line = {0};
    const struct cli *cli = context;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    bool whole = total > 0 && done >= total;
    if (cli->quiet || cli->no_progress || isatty(STDERR_FILENO) == 0 || (!whole && ns - last < REDRAW_NS) ||
        (whole && strncmp(finished, what, sizeof finished - 1) == 0))
        return;
    last = ns;
    (void)snprintf(finished, sizeof finished, "%s", whole ? what : "");
    report_bar(what, done, total, terminal_width(), &line);
    clear_bar();
    (void)fputs(buf_cstring(&line), stderr);
    bar_shown = !whole;
    if (whole)
        (void)fputc('\n', stderr);
}

static bool is_stopped(void *context)
{
    (void)context;
    return interrupt_asked();
}

void report_progress(struct cli *cli)
{
    cli->progress = (struct progress){.context = cli, .say = on_say, .step = on_step, .stopped = is_stopped};
}
