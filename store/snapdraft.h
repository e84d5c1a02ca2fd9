/*
 * snapdraft: a snapshot while it is written: what snapwriter.c and snapsection.c share, and nobody else.
 */
#ifndef PGSTRAND_SNAPDRAFT_H
#define PGSTRAND_SNAPDRAFT_H

#include <pthread.h>

#include "store/merkle.h"
#include "store/snapframe.h"
#include "store/snapparts.h"
#include "store/snapwriter.h"

enum draft_state { DRAFT_OPEN, DRAFT_PUBLISHING, DRAFT_PUBLISHED };

/* A frame's line of the index. */
struct draft_entry {
    uint64_t offset;
    uint64_t first_seq;
    uint64_t last_seq;
    uint32_t part;
    uint32_t stored;
    uint32_t raw;
    uint32_t table;
    uint32_t flags;
    uint8_t leaf[SHA256_LEN];
};

struct draft_digest {
    uint32_t table;
    struct table_digest digest;
};

struct snapsection {
    struct snapwriter *writer;
    uint32_t number; /* within the snapshot, from 1 */
    Pgstrand__Tier tier;
    Pgstrand__SectionKind kind;
    uint8_t salt[MERKLE_SALT_LEN];
    struct draft_entry *entry; /* by frame number */
    uint32_t count;            /* frame numbers given out */
    uint32_t room;
    uint32_t written; /* frames whose entry is filled in */
    struct draft_digest *digest;
    size_t digests;
    uint64_t actions;
    uint64_t stored; /* bytes of its data frames, headers left out */
    uint64_t raw;
    /* known once it is closed */
    uint8_t root[SHA256_LEN];
    uint32_t index_part;
    uint64_t index_offset;
    uint32_t index_length;
};

struct snapwriter {
    pthread_mutex_t lock; /* over everything below, while sections are written */
    enum draft_state state;
    bool failed; /* a frame was lost: it can only be abandoned */
    Pgstrand__SnapshotHeader *header;
    char *dir;
    char *name;
    char *base; /* DIR/NAME */
    int level;
    uint64_t rollover;
    struct snapparts file[2]; /* .snap and .device */
    struct snapsection *section[SNAP_SECTIONS_MAX];
    uint32_t sections;
    bool owned;              /* the owner is known */
    struct snap_owner owner; /* owns the hand-over's bytes */
};

/* The file that holds a role's sections; begun at the first use. */
MUST_CHECK status snapdraft_file(struct snapwriter *w, Pgstrand__FileRole role, struct snapparts **out,
                                 err *e);

/* ERR_VALIDATION unless frames may be added. */
MUST_CHECK status snapdraft_writable(const struct snapwriter *w, err *e);

/* Writes the section's index frames and computes its root. */
MUST_CHECK status snapsection_seal(struct snapsection *s, struct snapparts *file, struct framecoder *coder,
                                   err *e);

void snapsection_free(struct snapsection *s);

#endif
