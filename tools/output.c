#include "tools/output.h"

#include <errno.h>

#include "proto/base/array.h"

const char *output_size(uint64_t bytes, char out[static OUTPUT_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        (void)snprintf(out, OUTPUT_TEXT, "%u B", (unsigned)bytes);
        return out;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, OUTPUT_TEXT, "%.*f %s", value < 9.95 ? 1 : 0, value, units[unit]);
    return out;
}

const char *output_count(uint64_t count, char out[static OUTPUT_TEXT])
{
    char plain[24];
    int digits = snprintf(plain, sizeof plain, "%llu", (unsigned long long)count);
    char *to = out;
    for (int i = 0; i < digits; i++) {
        if (i > 0 && (digits - i) % 3 == 0)
            *to++ = ',';
        *to++ = plain[i];
    }
    *to = '\0';
    return out;
}

const char *output_duration(double seconds, char out[static OUTPUT_TEXT])
{
    unsigned long long whole = seconds < 0 ? 0 : (unsigned long long)(seconds + 0.5);
    if (seconds < 9.95)
        (void)snprintf(out, OUTPUT_TEXT, "%.1f s", seconds < 0 ? 0 : seconds);
    else if (whole < 60)
        (void)snprintf(out, OUTPUT_TEXT, "%llu s", whole);
    else if (whole < 3600)
        (void)snprintf(out, OUTPUT_TEXT, "%llu min %llu s", whole / 60, whole % 60);
    else if (whole < 86400)
        (void)snprintf(out, OUTPUT_TEXT, "%llu h %llu min", whole / 3600, whole % 3600 / 60);
    else
        (void)snprintf(out, OUTPUT_TEXT, "%llu d %llu h", whole / 86400, whole % 86400 / 3600);
    return out;
}

/* The length of the UTF-8 character at `at` (RFC 3629), 0 when it is none. */
static size_t character(const uint8_t *at, size_t left)
{
    size_t len = at[0] < 0x80   ? 1
                 : at[0] < 0xC2 ? 0
                 : at[0] < 0xE0 ? 2
                 : at[0] < 0xF0 ? 3
                 : at[0] < 0xF5 ? 4
                                : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0;
    return len;
}

static bool is_control(const uint8_t *at, size_t len)
{
    return (len == 1 && (at[0] < 0x20 || at[0] == 0x7F)) || (len == 2 && at[0] == 0xC2 && at[1] < 0xA0);
}

void output_clean(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        size_t len = character(text.data + i, text.len - i);
        if (len == 0 || is_control(text.data + i, len))
            buf_u8(out, '?');
        else
            buf_bytes(out, text.data + i, len);
        i += len > 0 ? len : 1;
    }
}

status output_flush(err *e)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return err_errno(e, errno != 0 ? errno : EIO, "cannot write to standard output");
    return DONE;
}

/* ---- tables ---- */

void output_table_fini(struct output_table *t)
{
    for (size_t i = 0; i < t->cells; i++)
        free(t->cell[i]);
    free(t->cell);
    t->cell = NULL;
    t->cells = 0;
    t->room = 0;
}

void output_cell(struct output_table *t, const char *format, ...)
{
    OWNED(text) char *raw = NULL;
    OWNED(buf) struct buf clean = {0};
    va_list values;

    va_start(values, format);
    int len = vasprintf(&raw, format, values);
    va_end(values);
    if (len < 0) {
        raw = NULL;
        t->bad = true;
        return;
    }
    output_clean(&clean, bytes_of(raw, (size_t)len));
    char *text = buf_take_cstring(&clean);
    err no_room = ERR_INIT;
    if (text == NULL || !array_room(&t->cell, t->cells, &t->room, sizeof *t->cell, &no_room).ok) {
        free(text);
        t->bad = true;
        return;
    }
    t->cell[t->cells++] = text;
}

/* Characters, not bytes; wide ones of East Asia count as one, which only costs beauty. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void print_cell(const struct output_column *column, const char *text, size_t width, bool last,
                       FILE *to)
{
    size_t room = width - width_of(text);
    if (column->align == OUTPUT_RIGHT)
        (void)fprintf(to, "%*s%s", (int)room, "", text);
    else
        (void)fprintf(to, "%s%*s", text, last ? 0 : (int)room, "");
    (void)fputs(last ? "\n" : "  ", to);
}

status output_table_print(const struct output_table *t, FILE *to, err *e)
{
    size_t width[OUTPUT_COLUMNS] = {0};
    if (t->bad)
        return err_no_memory(e);
    if (t->cells == 0)
        return DONE;
    for (size_t c = 0; c < t->columns; c++)
        width[c] = width_of(t->column[c].title);
    for (size_t i = 0; i < t->cells; i++) {
        size_t w = width_of(t->cell[i]);
        if (w > width[i % t->columns])
            width[i % t->columns] = w;
    }
    for (size_t c = 0; c < t->columns; c++)
        print_cell(&t->column[c], t->column[c].title, width[c], c + 1 == t->columns, to);
    for (size_t i = 0; i < t->cells; i++) {
        size_t c = i % t->columns;
        print_cell(&t->column[c], t->cell[i], width[c], c + 1 == t->columns, to);
    }
    return DONE;
}
