#include "agent/daemon/logkeep.h"

#include <stdio.h>
#include <sys/stat.h>

#include "store/actionlog.h"
#include "store/io.h"
#include "store/logbulk.h"
#include "store/logname.h"

static uint64_t file_size(const char *dir, const char *name)
{
    struct stat facts;
    OWNED(text) char *path = io_join(dir, name);
    return path != NULL && stat(path, &facts) == 0 ? (uint64_t)facts.st_size : 0;
}

status logkeep_through(const struct datadir *d, uint64_t sealed_seq, uint64_t *through, err *e)
{
    OWNED(io_names) struct io_names names = {0};
    uint64_t segments = 0;
    *through = 0;
    TRY(io_list(d->log, &names, e));
    /* Sorted by name, so by seq: from the newest backwards until enough is kept. */
    for (size_t i = names.count; i-- > 0;) {
        uint64_t first = 0;
        if (!logname_parse(names.name[i], LOGNAME_SEGMENT, &first))
            continue;
        uint64_t bulk = 0; /* large transactions in files of their own, from this segment on */
        TRY(logbulk_bytes(d->log, first, &bulk, e));
        segments += file_size(d->log, names.name[i]);
        if (segments + bulk < d->config->log_keep_bytes)
            continue;
        *through = first > 0 ? first - 1 : 0;
        break;
    }
    if (*through > sealed_seq)
        *through = sealed_seq;
    return DONE;
}

static bool has_segments(const struct datadir *d)
{
    OWNED(io_names) struct io_names names = {0};
    err ignored = ERR_INIT;
    uint64_t first;
    if (!io_list(d->log, &names, &ignored).ok)
        return false;
    for (size_t i = 0; i < names.count; i++) {
        if (logname_parse(names.name[i], LOGNAME_SEGMENT, &first))
            return true;
    }
    return false;
}

status logkeep_find_ddl(const struct datadir *d, uint64_t after, uint64_t recorded,
                        const struct capture_observer *observer, err *e)
{
    OWNED(logreader) struct logreader *log = NULL;
    struct log_state state;
    uint64_t told = 0;
    if (!has_segments(d))
        return DONE;
    TRY(logreader_open(d->log, &log, e));
    TRY(logreader_state(log, &state, e));
    if (recorded > after && recorded <= state.position.last_seq)
        after = recorded;
    TRY(logreader_seek(log, after + 1 > state.first_seq ? after + 1 : state.first_seq, e));
    for (;;) {
        struct log_entry entry;
        bool end = false;
        TRY(logreader_next(log, &entry, &end, e));
        if (end)
            return DONE;
        if (entry.action.kind != ACTION_DDL || entry.commit->last_seq == told)
            continue;
        char what[100];
        (void)snprintf(what, sizeof what, "%.*s", (int)entry.action.prefix.len,
                       (const char *)entry.action.prefix.data);
        told = entry.commit->last_seq;
        observer->schema_changed(observer->context, told, entry.commit->lsn, what);
    }
}
