#include "tools/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>

#include "agent/nearest.h"

#define SPECS_MAX 64
#define COMMON_COUNT 9
#define FIRST_VALUE 1000 /* what getopt_long returns for the first option: no character */

struct option_set {
    struct option_spec spec[SPECS_MAX];
    struct option getopt[SPECS_MAX + 1];
    int count;
};

static void add_specs(struct option_set *set, const struct option_spec *specs, size_t count)
{
    for (size_t i = 0; i < count && set->count < SPECS_MAX; i++) {
        set->spec[set->count] = specs[i];
        set->getopt[set->count] =
            (struct option){specs[i].name, specs[i].kind == OPTION_FLAG ? no_argument : required_argument,
                            NULL, FIRST_VALUE + set->count};
        set->count++;
    }
    set->getopt[set->count] = (struct option){0};
}

static void add_common(struct option_set *set, struct cli *cli, bool *help, bool *version)
{
    const struct option_spec common[COMMON_COUNT] = {
        {"data", OPTION_TEXT, &cli->data, "DIR", "data directory (PGSTRAND_DATA, else the state folder)"},
        {"config", OPTION_TEXT, &cli->config, "FILE", "configuration (default DIR/pgstrand.conf)"},
        {"json", OPTION_FLAG, &cli->json, NULL, "one JSON document on stdout, nothing else"},
        {"quiet", OPTION_FLAG, &cli->quiet, NULL, "no messages but errors"},
        {"verbose", OPTION_FLAG, &cli->verbose, NULL, "say more"},
        {"no-progress", OPTION_FLAG, &cli->no_progress, NULL, "no progress bars on the terminal"},
        {"yes", OPTION_FLAG, &cli->yes, NULL, "answer every question with yes"},
        {"help", OPTION_FLAG, help, NULL, "this text"},
        {"version", OPTION_FLAG, version, NULL, "the version"},
    };
    add_specs(set, common, COMMON_COUNT);
}

/* ---- values ---- */

static status parse_number(const struct option_spec *spec, const char *text, err *e)
{
    struct option_number *number = spec->value;
    char *end = NULL;
    errno = 0;
    number->value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0)
        return err_set(e, ERR_USAGE, "--%s wants a whole number, not \"%s\"", spec->name, text);
    number->given = true;
    return DONE;
}

static status parse_seconds(const struct option_spec *spec, const char *text, err *e)
{
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > 1e9)
        return err_set(e, ERR_USAGE, "--%s wants seconds, not \"%s\"", spec->name, text);
    *(double *)spec->value = seconds;
    return DONE;
}

static status add_text(const struct option_spec *spec, const char *text, err *e)
{
    struct option_texts *all = spec->value;
    if (all->count == OPTION_TEXTS_MAX)
        return err_set(e, ERR_USAGE, "--%s can be given %d times", spec->name, OPTION_TEXTS_MAX);
    all->text[all->count++] = text;
    return DONE;
}

static status set_value(const struct option_spec *spec, const char *text, err *e)
{
    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)spec->value = true;
        return DONE;
    case OPTION_TEXT:
        *(const char **)spec->value = text;
        return DONE;
    case OPTION_TEXTS:
        return add_text(spec, text, e);
    case OPTION_NUMBER:
        return parse_number(spec, text, e);
    case OPTION_SECONDS:
        return parse_seconds(spec, text, e);
    }
    return DONE;
}

/* ---- parsing ---- */

static status unknown_option(const struct option_set *set, const char *word, err *e)
{
    const char *names[SPECS_MAX];
    char bare[64];
    const char *from = word + strspn(word, "-");
    (void)snprintf(bare, sizeof bare, "%.*s", (int)strcspn(from, "="), from);
    for (int i = 0; i < set->count; i++)
        names[i] = set->spec[i].name;
    return err_set(e, ERR_USAGE, "unknown option %.*s: did you mean --%s?", (int)strcspn(word, "="), word,
                   nearest_word(bare, names, (size_t)set->count));
}

/* `flags`: getopt's, "+" stops at the first word that is no option. */
static status parse(const struct option_set *set, const char *flags, int argc, char **argv, err *e)
{
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    for (;;) {
        int at = optind > 0 ? optind : 1;
        optopt = 0;
        int got = getopt_long(argc, argv, flags, set->getopt, NULL);
        if (got == -1)
            return DONE;
        const char *word = argv[optind > at ? optind - 1 : at];
        if (got >= FIRST_VALUE)
            TRY(set_value(&set->spec[got - FIRST_VALUE], optarg, e));
        else if (got == ':')
            return err_set(e, ERR_USAGE, "%s wants a value", word);
        else if (optopt >= FIRST_VALUE)
            return err_set(e, ERR_USAGE, "%.*s takes no value", (int)strcspn(word, "="), word);
        else
            return unknown_option(set, word, e);
    }
}

status options_parse_common(struct cli *cli, int argc, char **argv, int *rest, bool *help, bool *version,
                            err *e)
{
    struct option_set set = {0};
    add_common(&set, cli, help, version);
    TRY(parse(&set, "+:", argc, argv, e));
    *rest = optind;
    return DONE;
}

static void print_specs(FILE *to, const struct option_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", specs[i].name, specs[i].argument != NULL ? " " : "",
                       specs[i].argument != NULL ? specs[i].argument : "");
        (void)fprintf(to, "  %-26s %s\n", left, specs[i].help);
    }
}

void options_print_common(FILE *to)
{
    struct option_set set = {0};
    struct cli unused = {0};
    bool help, version;
    add_common(&set, &unused, &help, &version);
    print_specs(to, set.spec, COMMON_COUNT);
}

static void print_help(const struct cli *cli, const struct option_spec *specs, size_t count)
{
    (void)printf("Usage: pgstrand %s [OPTIONS]%s%s\n\n%s\n", cli->command->name,
                 cli->command->arguments[0] != '\0' ? " " : "", cli->command->arguments,
                 cli->command->description);
    if (count > 0) {
        (void)printf("\nOptions:\n");
        print_specs(stdout, specs, count);
    }
    (void)printf("\nCommon options:\n");
    options_print_common(stdout);
}

status options_parse(struct cli *cli, const struct option_spec *specs, size_t count, int least, int most,
                     err *e)
{
    struct option_set set = {0};
    bool help = false;
    bool version = false;

    add_specs(&set, specs, count); /* first: a command's --config or --json has the same name and meaning */
    add_common(&set, cli, &help, &version);
    TRY(parse(&set, ":", cli->argc, cli->argv, e));
    if (help) {
        print_help(cli, specs, count);
        cli->finished = true;
        return DONE;
    }
    cli->args = cli->argv + optind;
    cli->arg_count = cli->argc - optind;
    if (cli->arg_count < least)
        return err_set(e, ERR_USAGE, "something is missing: pgstrand %s %s", cli->command->name,
                       cli->command->arguments);
    if (most >= 0 && cli->arg_count > most)
        return err_set(e, ERR_USAGE, "\"%s\" is one word too many: see pgstrand %s --help", cli->args[most],
                       cli->command->name);
    return DONE;
}

status options_choice(const char *what, const char *word, const char *const *known, size_t count, size_t *out,
                      err *e)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, known[i]) == 0) {
            *out = i;
            return DONE;
        }
    }
    return err_set(e, ERR_USAGE, "%s knows no \"%s\": did you mean %s?", what, word,
                   nearest_word(word, known, count));
}
