#include "tools/recoverykey.h"

#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "store/io.h"
#include "tools/output.h"

#define TEXT_MAX 4096

const char *recoverykey_format(const uint8_t secret[static SIGNING_KEY_LEN],
                               char out[static RECOVERYKEY_TEXT])
{
    char *at = out;
    for (size_t i = 0; i < SIGNING_KEY_LEN; i++) {
        if (i > 0 && i % 4 == 0)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", secret[i]);
    }
    return out;
}

void recoverykey_print(const uint8_t secret[static SIGNING_KEY_LEN])
{
    char text[RECOVERYKEY_TEXT];
    (void)printf(
        "\nRecovery key (kept nowhere else: write it down and keep it away from this machine; it can sign\n"
        "this node's hand-over to a new machine)\n\n    %s\n",
        recoverykey_format(secret, text));
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

status recoverykey_parse(struct bytes text, uint8_t out[static SIGNING_KEY_LEN], err *e)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];
        const int value = digit_of(c);
        if (value < 0 && c != '-' && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return err_set(e, ERR_USAGE, "a recovery key is 64 hex digits, in groups or not: this is none");
        if (value < 0)
            continue;
        if (digits < 2 * SIGNING_KEY_LEN)
            out[digits / 2] = (uint8_t)(digits % 2 == 0 ? value << 4 : out[digits / 2] | value);
        digits++;
    }
    return digits == 2 * SIGNING_KEY_LEN
               ? DONE
               : err_set(e, ERR_USAGE, "a recovery key is 64 hex digits, this has %zu", digits);
}

static status parse_and_forget(char *text, size_t len, uint8_t out[static SIGNING_KEY_LEN], err *e)
{
    const status parsed = recoverykey_parse(bytes_of(text, len), out, e);
    explicit_bzero(text, len);
    return parsed;
}

status recoverykey_load(const char *path, uint8_t out[static SIGNING_KEY_LEN], err *e)
{
    OWNED(text) char *content = NULL;
    char typed[TEXT_MAX];
    size_t len = 0;
    if (strcmp(path, "-") == 0) {
        bool asked = false;
        TRY(recoverykey_ask("recovery key:", out, &asked, e));
        if (asked)
            return DONE;
        (void)setvbuf(stdin, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
        len = fread(typed, 1, sizeof typed, stdin);
        return parse_and_forget(typed, len, out, e);
    }
    TRY(io_load(path, TEXT_MAX, (uint8_t **)(void *)&content, &len, e));
    if (!parse_and_forget(content, len, out, e).ok)
        return err_wrap(e, "%s", path);
    return DONE;
}

status recoverykey_ask(const char *question, uint8_t out[static SIGNING_KEY_LEN], bool *asked, err *e)
{
    struct termios shown, hidden;
    char typed[TEXT_MAX] = "";
    *asked = isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &shown) == 0;
    if (!*asked)
        return DONE;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)fprintf(stderr, "pgstrand: %s ", question);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) != 0)
        return err_errno(e, errno, "cannot ask without showing what is typed: say --recovery-key FILE");
    const bool read = fgets(typed, sizeof typed, stdin) != NULL;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    (void)fputc('\n', stderr);
    if (!read)
        return err_set(e, ERR_REFUSED, "no recovery key was given: nothing was changed");
    return parse_and_forget(typed, strlen(typed), out, e);
}

status recoverykey_shown(const struct datadir *d, err *e)
{
    TRY(output_flush(e));
    return datadir_recovery_shown(d, e);
}
