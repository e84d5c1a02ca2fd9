#include "proto/base/pgtime.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EPOCH_DELTA INT64_C(946684800) /* seconds from 1970-01-01 to 2000-01-01 */
#define MICROS INT64_C(1000000)
#define DAYS_TO_2000 INT64_C(730425) /* from 0000-03-01 */
#define PERIOD_YEARS 400             /* after so many years the calendar repeats itself */
#define PERIOD_DAYS 146097

pgtime pgtime_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec - EPOCH_DELTA) * MICROS + now.tv_nsec / 1000;
}

const char *pgtime_format(pgtime value, char out[static PGTIME_TEXT])
{
    int64_t seconds = value / MICROS;
    int64_t micros = value % MICROS;
    if (micros < 0) {
        micros += MICROS;
        seconds -= 1;
    }
    time_t unix_seconds = (time_t)(seconds + EPOCH_DELTA);
    struct tm parts;
    (void)gmtime_r(&unix_seconds, &parts);
    size_t used = strftime(out, PGTIME_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + used, PGTIME_TEXT - used, ".%06" PRId64 "Z", micros);
    return out;
}

/* Up to `width` digits; moves *at behind them. -1 when there is none. */
static int digits(const char **at, int width)
{
    int value = -1;
    for (int i = 0; i < width && **at >= '0' && **at <= '9'; i++, (*at)++)
        value = (value < 0 ? 0 : value) * 10 + (**at - '0');
    return value;
}

/* timegm would silently turn February 30 into March 2. Months count from 0. */
static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month] + (month == 1 && leap);
}

static bool clock_part(const char **at, struct tm *parts, int64_t *micros)
{
    parts->tm_hour = digits(at, 2);
    if (parts->tm_hour < 0 || parts->tm_hour > 24 || *(*at)++ != ':')
        return false;
    parts->tm_min = digits(at, 2);
    if (parts->tm_min < 0 || parts->tm_min > 59)
        return false;
    if (**at != ':')
        return true;
    (*at)++;
    parts->tm_sec = digits(at, 2);
    if (parts->tm_sec < 0 || parts->tm_sec > 60)
        return false;
    if (**at != '.')
        return true;
    (*at)++;
    int64_t unit = MICROS / 10;
    for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        *micros += unit * (**at - '0');
    return true;
}

/* Seconds east of UTC. */
static bool offset_part(const char **at, int64_t *seconds)
{
    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        return true;
    }
    if (**at != '+' && **at != '-')
        return true;
    int64_t sign = *(*at)++ == '-' ? -1 : 1;
    int hours = digits(at, 2);
    if (**at == ':')
        (*at)++;
    int minutes = digits(at, 2);
    if (hours < 0 || hours > 15 || minutes > 59) /* 15:59 is also PostgreSQL's limit */
        return false;
    *seconds = sign * (hours * 3600 + (minutes < 0 ? 0 : minutes) * 60);
    return true;
}

static bool parse(const char *text, pgtime *out)
{
    const char *at = text;
    struct tm parts = {0};
    int64_t micros = 0;
    int64_t offset = 0;
    int year = digits(&at, 4);
    if (year < 0 || *at++ != '-')
        return false;
    parts.tm_year = year - 1900;
    parts.tm_mon = digits(&at, 2) - 1;
    if (parts.tm_mon < 0 || parts.tm_mon > 11 || *at++ != '-')
        return false;
    parts.tm_mday = digits(&at, 2);
    if (parts.tm_mday < 1 || parts.tm_mday > 31)
        return false;
    if (*at == ' ' || *at == 'T' || *at == 't') {
        at++;
        if (!clock_part(&at, &parts, &micros) || !offset_part(&at, &offset))
            return false;
    }
    if (*at != '\0' || (parts.tm_hour == 24 && (parts.tm_min > 0 || parts.tm_sec > 0 || micros > 0)))
        return false;
    if (parts.tm_mday > days_of_month(year, parts.tm_mon))
        return false;
    *out = ((int64_t)timegm(&parts) - offset - EPOCH_DELTA) * MICROS + micros;
    return true;
}

status pgtime_parse(const char *text, pgtime *out, err *e)
{
    if (!parse(text, out))
        return err_set(e, ERR_VALIDATION, "'%s' is not a time (such as 2026-11-22T14:30:00Z)", text);
    return DONE;
}

/* Years begin in March here, so that the leap day is the last one. */
int64_t pgtime_days(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t period = (year >= 0 ? year : year - (PERIOD_YEARS - 1)) / PERIOD_YEARS;
    int64_t of_period = year - period * PERIOD_YEARS;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return period * PERIOD_DAYS + of_period * 365 + of_period / 4 - of_period / 100 + of_year - DAYS_TO_2000;
}

struct pgtime_date pgtime_date_of(int64_t days)
{
    days += DAYS_TO_2000;
    int64_t period = (days >= 0 ? days : days - (PERIOD_DAYS - 1)) / PERIOD_DAYS;
    int64_t day = days - period * PERIOD_DAYS; /* of the period */
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100; /* of the year */
    int64_t month = (5 * day + 2) / 153;       /* 0: March */
    struct pgtime_date out = {.year = period * PERIOD_YEARS + year + (month >= 10),
                              .month = (unsigned)(month + (month < 10 ? 3 : -9)),
                              .day = (unsigned)(day - (153 * month + 2) / 5 + 1)};
    return out;
}
