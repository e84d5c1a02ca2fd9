#include "agent/restore/plan/chainconf.h"

#include <unistd.h>

#include "proto/pbmem.h"
#include "store/io.h"
#include "store/snapreader.h"

/* inih reads files: the text lies in one for a moment. */
static status parse(const struct job *job, const char *text, struct config **out, err *e)
{
    char name[64];
    (void)snprintf(name, sizeof name, "restore-conf-%ld-0", (long)getpid());
    OWNED(text) char *path = io_join(job->d->spool, name);
    if (path == NULL)
        return err_no_memory(e);
    TRY(io_store(path, bytes_text(text), e));
    status loaded = config_load(path, out, e);
    err ignored = ERR_INIT;
    if (!loaded.ok)
        (void)io_unlink(path, &ignored).ok;
    TRY(loaded);
    return io_unlink(path, e);
}

status chainconf_load(const struct job *job, struct config **out, err *e)
{
    const struct plan *p = job->plan;
    OWNED(snapreader) struct snapreader *r = NULL;
    PB_OWNED(Pgstrand__Config) *config = NULL;
    struct snap_payload payload;
    bool found = false, end = false;
    TRY(snapreader_open(p->chain->link[p->base].dir, p->chain->link[p->base].name, &r, e));
    TRY(snapreader_section(r, TIER_BUSINESS, PGSTRAND__SECTION_KIND__CONFIG, &found, e));
    if (found)
        TRY(snapreader_next(r, 0, &payload, &end, e));
    if (found && !end)
        TRY(PB_UNPACK(config, pgstrand__config__descriptor, payload.payload, "CONFIG section", 0, e));
    return parse(job, config == NULL || config->agent_conf == NULL ? "" : config->agent_conf, out, e);
}
