#include "tools/diskusage.h"

#include <fts.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/own.h"

uint64_t diskusage_of(const char *path)
{
    uint64_t bytes = 0;
    OWNED(text) char *root = strdup(path);
    char *const roots[] = {root, NULL};

    FTS *walk = root != NULL ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
    if (walk == NULL)
        return 0;
    for (FTSENT *at; (at = fts_read(walk)) != NULL;)
        if (at->fts_info == FTS_F)
            bytes += (uint64_t)at->fts_statp->st_blocks * 512; /* st_blocks is in these units, stat(3type) */
    (void)fts_close(walk);
    return bytes;
}
