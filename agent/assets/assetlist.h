/*
 * assetlist: what lay in the configured folders at one time: files, folders and symbolic links, with what is
 * needed to put them back. Contents are told by their SHA-256.
 *
 * Ownership: assetlist_* fill, assetlist_fini releases. Threads: one.
 */
#ifndef PGSTRAND_ASSETLIST_H
#define PGSTRAND_ASSETLIST_H

#include <snapshot.pb-c.h>

#include "proto/base/digest.h"
#include "proto/tier.h"

enum asset_kind { ASSET_FILE = 1, ASSET_FOLDER = 2, ASSET_LINK = 3 };

struct asset {
    enum asset_kind kind;
    char *path;    /* below its folder; "" is the folder itself */
    uint32_t mode; /* permission bits */
    int64_t mtime; /* ns since 1970 */
    uint64_t size; /* of a file */
    char *target;  /* of a link */
    bool hashed;   /* a file whose content is known */
    uint8_t hash[SHA256_LEN];
};

struct assetfolder {
    char *path;         /* absolute */
    struct asset *item; /* by path, byte order: a folder comes before what is in it */
    size_t count;
    size_t room;
};

struct assetlist {
    enum tier tier;
    bool there; /* a list was found at all */
    struct assetfolder *folder;
    size_t count;
};

void assetlist_fini(struct assetlist *l);
OWN_VALUE(assetlist, assetlist_fini);

/* The folder of this path, a new one if there is none; a new item. Borrowed, until the next is added. */
MUST_CHECK status assetlist_folder(struct assetlist *l, const char *path, struct assetfolder **out, err *e);
MUST_CHECK status assetfolder_add(struct assetfolder *f, const char *path, size_t path_len,
                                  struct asset **out, err *e);

const struct assetfolder *assetlist_find(const struct assetlist *l, const char *path);
const struct asset *assetfolder_find(const struct assetfolder *f, const char *path);

/* Equal in all that a folder shows without being read. */
bool asset_same(const struct asset *a, const struct asset *b);
bool assetlist_same(const struct assetlist *a, const struct assetlist *b);

/* Is it a path that stays where it is put: relative, without empty parts, . and ..? */
bool asset_path_is_safe(const char *path, size_t len);
/* Is it the absolute path of a folder, without such parts, and not /? */
bool asset_folder_is_safe(const char *folder);
/* Does a link at `path` lead somewhere below its folder? What it goes through may be a link itself, so ..
 * counts only at the beginning, where it leaves real folders. */
bool asset_link_is_safe(const char *path, const char *target);

/* ---- sets of contents ---- */

struct assetset {
    uint8_t (*hash)[SHA256_LEN];
    size_t room, count;
};
void assetset_fini(struct assetset *s);
OWN_VALUE(assetset, assetset_fini);
/* *added false: it was there. */
MUST_CHECK status assetset_add(struct assetset *s, const uint8_t hash[static SHA256_LEN], bool *added,
                               err *e);
bool assetset_has(const struct assetset *s, const uint8_t hash[static SHA256_LEN]);
MUST_CHECK status assetset_fill(struct assetset *s, const struct assetlist *l, err *e);

#endif
