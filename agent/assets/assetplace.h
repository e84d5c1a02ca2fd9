/*
 * assetplace: one folder that files return to: what is there, contents staged beside it, the exchange.
 *
 * States: open -> want, stage -> complete -> exchange. Ownership: assetplace_open -> caller ->
 * assetplace_fini, which removes what is staged. The folder's list is borrowed.
 */
#ifndef PGSTRAND_ASSETPLACE_H
#define PGSTRAND_ASSETPLACE_H

#include "agent/assets/assetread.h"
#include "store/io.h"

struct assetplace {
    const struct assetfolder *folder;
    char *root;    /* where it lies */
    char *staging; /* a folder in it */
    struct assetset wanted, staged;
    struct io_file *file; /* of the content that comes in */
    char *file_path;
    uint8_t hash[SHA256_LEN];
    uint64_t at;
    struct hasher *hasher;
};

/* `dir` NULL: at its own path. Makes the folder and an empty staging folder. ERR_REFUSED when a symbolic link
 * lies in the way. */
MUST_CHECK status assetplace_open(struct assetplace *p, const char *dir, const struct assetfolder *folder,
                                  err *e);
void assetplace_fini(struct assetplace *p);

/* Is this file there with this content? */
MUST_CHECK status assetplace_check(struct assetplace *p, const struct asset *a, bool *equal, err *e);
MUST_CHECK status assetplace_want(struct assetplace *p, const struct asset *a, err *e);
MUST_CHECK status assetplace_stage(struct assetplace *p, const struct asset_piece *piece, err *e);
/* Is everything staged that is wanted? ERR_STORAGE naming a file otherwise. */
MUST_CHECK status assetplace_complete(const struct assetplace *p, err *e);

struct assetplace_report {
    uint64_t changed, bytes, left;
};
MUST_CHECK status assetplace_exchange(struct assetplace *p, struct assetplace_report *report, err *e);

#endif
