/*
 * snaphandle: an open snapshot: what snapreader.c and snapverify.c share, and nobody else.
 */
#ifndef PGSTRAND_SNAPHANDLE_H
#define PGSTRAND_SNAPHANDLE_H

#include "proto/base/buf.h"
#include "store/snapfile.h"
#include "store/snapreader.h"

struct snapreader {
    char *dir;
    char *name;
    Pgstrand__SnapshotCommit *commit;
    uint8_t hash[SHA256_LEN]; /* of the commit */
    struct snapfile *snap;
    struct snapfile *device; /* NULL: there is none, or it is lawfully absent */
    /* the section one is positioned on */
    struct snapfile *file;
    struct snapfile_section section;
    size_t next;       /* frame */
    struct buf joined; /* a payload of several frames */
};

/* The file that a section's root names; NULL when it is lawfully absent. */
struct snapfile *snaphandle_file(struct snapreader *r, const Pgstrand__SectionRoot *root);

#endif
