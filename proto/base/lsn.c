#include "proto/base/lsn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lsn_format(lsn value, char out[static LSN_TEXT])
{
    (void)snprintf(out, LSN_TEXT, "%" PRIX32 "/%" PRIX32, (uint32_t)(value >> 32), (uint32_t)value);
    return out;
}

/* One half: 1 to 8 hexadecimal digits. */
static const char *parse_half(const char *text, uint32_t *out)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (digits < 1 || digits > 8)
        return NULL;
    *out = (uint32_t)strtoul(text, NULL, 16);
    return text + digits;
}

status lsn_parse(const char *text, lsn *out, err *e)
{
    uint32_t high = 0;
    uint32_t low = 0;
    const char *rest = parse_half(text, &high);
    if (rest != NULL && *rest == '/')
        rest = parse_half(rest + 1, &low);
    else
        rest = NULL;
    if (rest == NULL || *rest != '\0')
        return err_set(e, ERR_VALIDATION, "'%s' is not an LSN (such as 16/B374D848)", text);
    *out = (lsn)high << 32 | low;
    return DONE;
}
