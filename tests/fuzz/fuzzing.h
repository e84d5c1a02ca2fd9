/*
 * fuzzing: what every fuzz target includes. A property that does not hold ends the run.
 */
#ifndef PGSTRAND_FUZZING_H
#define PGSTRAND_FUZZING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(property)                                              \
    do {                                                             \
        if (!(property)) {                                           \
            (void)fprintf(stderr, "does not hold: %s\n", #property); \
            abort();                                                 \
        }                                                            \
    } while (0)

/* Reads every byte, so that the sanitizers see a view that is not there. */
static inline unsigned touch(struct bytes view)
{
    unsigned sum = 0;
    for (size_t i = 0; i < view.len; i++)
        sum += view.data[i];
    return sum;
}

#endif
