/*
 * snapindex: the form of a section list and of a section's index, checked before anything is believed of
 * them. Pure.
 */
#ifndef PGSTRAND_SNAPINDEX_H
#define PGSTRAND_SNAPINDEX_H

#include "proto/base/err.h"
#include <snapshot.pb-c.h>

/* Sections of this role, each tier and kind once, in parts that exist. */
MUST_CHECK status snapindex_list_check(const Pgstrand__SectionList *list, Pgstrand__FileRole role,
                                       uint32_t parts, err *e);

/* Frames numbered from 0, lengths within limits, payloads that begin and end, digests of 32 bytes. */
MUST_CHECK status snapindex_check(const Pgstrand__SectionIndex *index, const Pgstrand__SectionEntry *entry,
                                  uint32_t parts, err *e);

#endif
