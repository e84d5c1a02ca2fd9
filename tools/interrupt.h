/*
 * interrupt: Ctrl-C and SIGTERM. What the server is doing for this process is cancelled, the command unwinds
 * and cleans up behind itself, and main ends with 130. A command that does not unwind in time is ended: every
 * file operation survives that (nothing exists before it is published), and the server rolls back.
 */
#ifndef PGSTRAND_INTERRUPT_H
#define PGSTRAND_INTERRUPT_H

#include "proto/base/err.h"

#define EXIT_INTERRUPTED 130

/* Once, at the start of main. */
MUST_CHECK status interrupt_install(err *e);

/* Was it asked for? Loops that wait look here. */
bool interrupt_asked(void);

/* ERR_INTERRUPTED when it was. */
MUST_CHECK status interrupt_check(err *e);

#endif
