#include "agent/setup/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/array.h"

status findings_add(struct preflight *p, err *e, enum finding_level level, enum err_class class,
                    const char *format, ...)
{
    TRY(array_one_more(&p->finding, p->finding_count, sizeof *p->finding, e));
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return err_no_memory(e);
    p->finding[p->finding_count++] = (struct finding){level, class, text};
    return DONE;
}

status preflight_verdict(const struct preflight *p, err *e)
{
    for (size_t i = 0; i < p->finding_count; i++)
        if (p->finding[i].level == FINDING_ERROR)
            return err_set(e, p->finding[i].class, "%s", p->finding[i].text);
    return DONE;
}

void preflight_free(struct preflight *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->finding_count; i++)
        free(p->finding[i].text);
    free(p->finding);
    table_list_free(p->tables);
    free(p);
}
