/*
 * options: the command line, by getopt_long: long options, in any order, values after = or as the next word.
 *
 * What cannot be understood is ERR_USAGE: an unknown option or word names the nearest known one.
 * Ownership: texts are borrowed from argv.
 */
#ifndef PGSTRAND_OPTIONS_H
#define PGSTRAND_OPTIONS_H

#include "tools/cli.h"

enum option_kind {
    OPTION_FLAG,   /* bool * */
    OPTION_TEXT,   /* const char ** */
    OPTION_TEXTS,  /* struct option_texts *: may be given several times */
    OPTION_NUMBER, /* struct option_number * */
    OPTION_SECONDS /* double *, fractions allowed */
};

#define OPTION_TEXTS_MAX 64
struct option_texts {
    const char *text[OPTION_TEXTS_MAX];
    size_t count;
};

struct option_number {
    bool given;
    uint64_t value;
};

struct option_spec {
    const char *name; /* without the dashes */
    enum option_kind kind;
    void *value;
    const char *argument; /* what the value is called in the help; NULL for flags */
    const char *help;
};

/* The common options before the command's name; *rest is the index of that name in argv (argc: there is
 * none). help and version are set when they are asked for. */
MUST_CHECK status options_parse_common(struct cli *cli, int argc, char **argv, int *rest, bool *help,
                                       bool *version, err *e);

/* The command's own options and the common ones behind its name; between `least` and `most` (-1: any number)
 * positional arguments stay in cli->args. --help prints the command's help and sets cli->finished. */
MUST_CHECK status options_parse(struct cli *cli, const struct option_spec *specs, size_t count, int least,
                                int most, err *e);

/* One of several words, as for --type; ERR_USAGE names the nearest. `what`: "--type". */
MUST_CHECK status options_choice(const char *what, const char *word, const char *const *known, size_t count,
                                 size_t *out, err *e);

/* The common options' lines, for the usage. */
void options_print_common(FILE *to);

#endif
