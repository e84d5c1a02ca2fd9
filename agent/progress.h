/*
 * progress: how long operations tell whoever asked how far they are. Libraries never print.
 */
#ifndef PGSTRAND_PROGRESS_H
#define PGSTRAND_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reports to whoever asked; never NULL. Called in the caller's thread. */
struct progress {
    void *context;
    /* One line for the user. */
    void (*say)(void *context, const char *line);
    /* `done` of `total` units (total 0: unknown) of the step `what`. */
    void (*step)(void *context, const char *what, uint64_t done, uint64_t total);
    /* Should the operation give up? Asked a few times a second, from the thread that was called. NULL: never.
     */
    bool (*stopped)(void *context);
};

static inline bool progress_stopped(const struct progress *p)
{
    return p->stopped != NULL && p->stopped(p->context);
}

/* For whoever does not want to know. */
extern const struct progress progress_silent;

#endif
