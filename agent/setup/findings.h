/*
 * findings: the list that preflight fills.
 */
#ifndef PGSTRAND_FINDINGS_H
#define PGSTRAND_FINDINGS_H

#include "agent/setup/setup.h"

/* Appends one line; `class` matters for FINDING_ERROR only. */
MUST_CHECK status findings_add(struct preflight *p, err *e, enum finding_level level, enum err_class class,
                               const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
