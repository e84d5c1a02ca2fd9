#include "agent/owner.h"
#include "agent/seal/sealassets.h"
#include "agent/seal/sealrun.h"

/* The range from the chain's end to last_seq, with the commits at its ends. */
static status find_range(struct sealrun *run, uint64_t last_seq, struct seal_range *out, err *e)
{
    const Pgstrand__SnapshotHeader *parent = run->chain->link[run->chain->count - 1].commit->header;
    struct commit first;
    struct commit last;
    bool found = false;
    *out = (struct seal_range){.first_seq = parent->last_seq + 1, .last_seq = last_seq};
    TRY(logreader_commit_at(run->log, out->first_seq, &first, &found, e));
    if (!found || first.last_seq < out->first_seq)
        return err_set(e, ERR_STORAGE, "the log no longer holds action %llu, the first that is not sealed",
                       (unsigned long long)out->first_seq);
    out->first_lsn = first.lsn;
    out->first_time = first.time;
    TRY(logreader_commit_at(run->log, last_seq, &last, &found, e));
    out->last_lsn = last.lsn;
    out->last_time = last.time;
    return DONE;
}

/* The range of a snapshot that has rows, and actions only if there are some: it ends where the rows are
 * exact. */
static status find_based_range(struct sealrun *run, uint64_t last_seq, lsn at, struct seal_range *out, err *e)
{
    const Pgstrand__SnapshotHeader *parent = run->chain->link[run->chain->count - 1].commit->header;
    if (last_seq > parent->last_seq)
        return find_range(run, last_seq, out, e);
    *out = (struct seal_range){.first_seq = parent->last_seq + 1,
                               .last_seq = parent->last_seq,
                               .first_lsn = at,
                               .last_lsn = at,
                               .first_time = parent->last_time,
                               .last_time = parent->last_time};
    return DONE;
}

/* Those that belong to this snapshot or to one before it: a version is dumped some time after its DDL. */
static status unsealed_versions(const struct sealrun *run, uint64_t last_seq, struct versionbook *out, err *e)
{
    size_t kept = 0;
    TRY(versionbook_load(run->d, out, e));
    for (size_t i = 0; i < out->count; i++) {
        Pgstrand__SchemaVersionRecord *r = out->record[i];
        if (!r->sealed && versionbook_seq(r->version) <= last_seq)
            out->record[kept++] = r;
        else
            pbmem_free(&r->base);
    }
    out->count = kept;
    return DONE;
}

static status write_sections(struct sealrun *run, struct snapwriter *writer, const struct seal_range *range,
                             const struct versionbook *versions, const struct sealstaged *rows,
                             struct sealassets *files, err *e)
{
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(sealactions) struct sealactions *actions = NULL;
    TRY(framecoder_new(run->d->config->seal_level, &coder, e));
    const struct sealactions_relations relations = sealactions_of_log(run->log);
    TRY(sealactions_new(writer, coder, &relations, &actions, e));
    const bool any = range->last_seq >= range->first_seq;
    TRY(any ? sealactions_copy(actions, run->log, range->first_seq, range->last_seq, run->progress, e)
            : sealactions_end(actions, e));
    TRY(sealschema_relations(writer, coder, actions, run->chain, versions, rows, e));
    if (run->conn != NULL)
        TRY(sealrun_sequences(run, writer, coder, e));
    if (rows != NULL)
        TRY(sealstaged_write(run->d, rows, run->progress, writer, e));
    return files == NULL ? DONE : sealassets_write(run, files, writer, coder, e);
}

static status make(struct sealrun *run, const struct seal_range *range, const struct sealstaged *rows,
                   struct sealassets *files, struct seal_result *out, err *e)
{
    struct seal_request request = *run->request;
    struct sealheader header;
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    OWNED(versionbook) struct versionbook versions = {0};
    if (request.type != PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL) {
        /* On the way to a FULL or DIFFERENTIAL: UUID and name are that one's. */
        request.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL;
        request.snapshot = NULL;
        request.name = NULL;
        request.description = NULL;
    }
    int version = run->conn == NULL ? 0 : pgconn_server_version(run->conn);
    TRY(sealheader_fill(run->d, &request, run->chain, range, version, &header, e));
    TRY(sealrun_open(run, &header.message, &writer, e));
    TRY(unsealed_versions(run, range->last_seq, &versions, e));
    if (versions.count > 0)
        run->version_seq = versionbook_seq(versions.record[versions.count - 1]->version);
    TRY(write_sections(run, writer, range, &versions, rows, files, e));
    TRY(sealrun_publish(run, writer, out, e));
    return versionbook_sealed(run->d, &versions, e);
}

status sealincremental_run(struct sealrun *run, uint64_t last_seq, struct seal_result *out, err *e)
{
    const Pgstrand__SnapshotHeader *parent = run->chain->link[run->chain->count - 1].commit->header;
    OWNED(sealassets) struct sealassets files = {0};
    struct seal_range range;
    bool owner = false; /* a link without actions tells it, too */
    if (run->log != NULL)
        TRY(owner_is_news(run->d, run->chain, &owner, e));
    /* A FULL that comes behind it has all files. */
    if (run->log != NULL && run->request->type != PGSTRAND__SNAPSHOT_TYPE__FULL)
        TRY(sealassets_look(run, false, &files, e));
    *out = (struct seal_result){.nothing_new = last_seq <= parent->last_seq && !files.any && !owner,
                                .type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL};
    if (out->nothing_new)
        return DONE;
    TRY(find_based_range(run, last_seq, parent->last_lsn, &range, e));
    return make(run, &range, NULL, &files, out, e);
}

status sealincremental_based(struct sealrun *run, uint64_t last_seq, lsn at, const struct sealstaged *rows,
                             struct seal_result *out, err *e)
{
    struct seal_range range;
    *out = (struct seal_result){.type = PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL};
    TRY(find_based_range(run, last_seq, at, &range, e));
    return make(run, &range, rows, NULL, out, e);
}
