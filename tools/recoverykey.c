#include "tools/recoverykey.h"

#include <stdio.h>

#include "tools/output.h"

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

status recoverykey_shown(const struct datadir *d, err *e)
{
    TRY(output_flush(e));
    return datadir_recovery_shown(d, e);
}
