/*
 * versiontypes: does text that was written under one version of the schema mean the same under a later one,
 * as far as types go?
 *
 * Pure.
 */
#ifndef PGSTRAND_VERSIONTYPES_H
#define PGSTRAND_VERSIONTYPES_H

#include "agent/seal/versionlabel.h"

struct versiontype {
    uint32_t oid; /* of pg_type */
    int32_t typmod;
};

/* Does the text of a value of one type mean the same in a column of the other, and is it printed the same
 * there? */
bool versiontypes_follow(struct versiontype from, struct versiontype to);

/* Holds this type something else after its ALTER TYPE: were labels renamed? A type that either text does not
 * know by this name was renamed, moved or dropped meanwhile: nothing shows what happened to its labels, if it
 * has any. */
bool versiontypes_changed(const struct versionlabel *label, const Pgstrand__Schema *before,
                          const Pgstrand__Schema *now, const struct ddl_object *o);

#endif
