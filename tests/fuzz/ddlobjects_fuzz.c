/*
 * Input: the content of a DDL action, as a row of pgstrand.ddl brings it: whoever may write there may write
 * anything.
 */
#include "agent/ddlobjects.h"
#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWNED(arena) struct arena arena = {0};
    struct ddl_object *object = NULL;
    size_t count = 0;
    bool sound = false;
    err e = ERR_INIT;
    HOLDS(ddlobjects_parse(bytes_of(data, size), &arena, &object, &count, &sound, &e).ok);
    HOLDS(sound || count == 0);
    for (size_t i = 0; i < count; i++) {
        HOLDS(object[i].type != NULL && object[i].identity != NULL);
        for (size_t k = 0; k < object[i].count; k++)
            HOLDS(object[i].column[k].name != NULL && object[i].column[k].attnum > 0);
    }
    return 0;
}
