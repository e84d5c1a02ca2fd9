#include "agent/seal/netchanges.h"
#include "agent/seal/sealrun.h"
#include "store/snapreader.h"

#define ENTITY_MEMORY ((size_t)32 << 20) /* what is remembered of entities: about 900,000 of them */
#define TELL_EVERY 100000                /* actions between two reports of progress */

/* The actions to be reduced: the sealed ones since the base, twice. */
struct reduction {
    struct sealrun *run;
    size_t base;     /* number of the FULL */
    size_t shortcut; /* of the DIFFERENTIAL before, which already stands for a part of them; 0: none */
    struct netchanges *net;
    pgtime latest; /* of all commits since the base */
};

static void reduction_fini(struct reduction *r)
{
    netchanges_free(r->net);
}
OWN_VALUE(reduction, reduction_fini);

static const Pgstrand__SnapshotHeader *header_of(const struct sealrun *run, size_t link)
{
    return run->chain->link[link].commit->header;
}

/* The newest FULL, and the newest DIFFERENTIAL behind it. */
static status find_base(struct reduction *r, err *e)
{
    r->base = r->run->chain->count;
    for (size_t i = r->run->chain->count; i > 0; i--) {
        const Pgstrand__SnapshotHeader *h = header_of(r->run, i - 1);
        if (h->type == PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL && r->shortcut == 0)
            r->shortcut = i - 1;
        if (h->type != PGSTRAND__SNAPSHOT_TYPE__FULL)
            continue;
        r->base = i - 1;
        return DONE;
    }
    return err_set(e, ERR_STORAGE, "%s has no FULL; run pgstrand verify", r->run->chain->dir);
}

/* Elsewhere a device file may be missing; where it was made, its rows would be lost from the DIFFERENTIAL. */
static status check_device_files(const struct reduction *r, err *e)
{
    for (size_t i = r->base + 1; i < r->run->chain->count; i++) {
        const struct chain_link *link = &r->run->chain->link[i];
        OWNED(snapreader) struct snapreader *reader = NULL;
        if (!link->commit->has_device_header_hash)
            continue;
        TRY(snapreader_open(link->dir, link->name, &reader, e));
        if (!snapreader_has_device(reader))
            return err_set(e, ERR_STORAGE,
                           "%s.device is missing from the own chain, so a DIFFERENTIAL would lack this "
                           "device's rows; put it back, or run pgstrand seal --type full",
                           link->name);
    }
    return DONE;
}

static status open_source(const struct reduction *r, struct source **out, err *e)
{
    const struct source_options options = {
        .chain = r->run->chain, .base = r->base, .tiers = ~0u, .shortcut = r->shortcut};
    return source_open(&options, out, e);
}

static void tell(const struct reduction *r, const char *what, uint64_t n, uint64_t seq)
{
    const struct progress *progress = r->run->progress;
    uint64_t first = header_of(r->run, r->base)->last_seq;
    uint64_t last = header_of(r->run, r->run->chain->count - 1)->last_seq;
    if (n % TELL_EVERY == 0)
        progress->step(progress->context, what, seq - first, last - first);
}

/* The first pass: what makes which actions superfluous. */
static status note_all(struct reduction *r, err *e)
{
    OWNED(source) struct source *from = NULL;
    if (r->shortcut != 0)
        r->latest = header_of(r->run, r->shortcut)->last_time;
    TRY(netchanges_new(ENTITY_MEMORY, &r->net, e));
    TRY(open_source(r, &from, e));
    for (uint64_t n = 0;; n++) {
        struct source_action a;
        bool end = false;
        TRY(source_next(from, &a, &end, e));
        if (end)
            return DONE;
        TRY(netchanges_note(r->net, from, &a, e));
        if (a.commit.time > r->latest)
            r->latest = a.commit.time;
        tell(r, "reduce", n, a.seq);
    }
}

static status find_relation(void *context, uint32_t version, const struct relation **out, err *e)
{
    return source_relation(context, version, out, e);
}

/* The second pass: those that are left. */
static status copy_needed(struct reduction *r, struct source *from, struct sealactions *to, err *e)
{
    for (uint64_t n = 0;; n++) {
        struct source_action a;
        bool end = false, needed = false;
        TRY(source_next(from, &a, &end, e));
        if (end)
            return sealactions_end(to, e);
        tell(r, "seal", n, a.seq);
        TRY(netchanges_needs(r->net, from, &a, &needed, e));
        if (!needed)
            continue;
        const struct sealactions_item item = {a.seq, &a.commit, &a.action, a.relation};
        TRY(sealactions_put(to, &item, e));
    }
}

static status write_sections(struct reduction *r, struct snapwriter *writer, err *e)
{
    struct sealrun *run = r->run;
    OWNED(framecoder) struct framecoder *coder = NULL;
    OWNED(source) struct source *from = NULL;
    OWNED(sealactions) struct sealactions *actions = NULL;
    TRY(framecoder_new(run->d->config->seal_level, &coder, e));
    TRY(open_source(r, &from, e));
    const struct sealactions_relations relations = {from, find_relation};
    TRY(sealactions_new(writer, coder, &relations, &actions, e));
    TRY(copy_needed(r, from, actions, e));
    TRY(sealschema_relations(writer, coder, actions, run->chain, NULL, NULL, e));
    if (run->conn != NULL)
        TRY(sealrun_sequences(run, writer, coder, e));
    return DONE;
}

/* From the base's end to the chain's; last_time is the latest, since a limit in time is judged by it. */
static void fill_range(const struct reduction *r, struct seal_range *out)
{
    const Pgstrand__SnapshotHeader *first = header_of(r->run, r->base + 1);
    const Pgstrand__SnapshotHeader *last = header_of(r->run, r->run->chain->count - 1);
    *out = (struct seal_range){.first_seq = first->first_seq,
                               .last_seq = last->last_seq,
                               .first_lsn = first->first_lsn,
                               .last_lsn = last->last_lsn,
                               .first_time = first->first_time,
                               .last_time = r->latest};
}

static status write_differential(struct sealrun *run, struct seal_result *out, err *e)
{
    OWNED(reduction) struct reduction r = {.run = run, .latest = INT64_MIN};
    OWNED(snapwriter) struct snapwriter *writer = NULL;
    struct seal_range range;
    struct sealheader header;
    int version = run->conn == NULL ? 0 : pgconn_server_version(run->conn);
    TRY(find_base(&r, e));
    TRY(check_device_files(&r, e));
    TRY(note_all(&r, e));
    fill_range(&r, &range);
    TRY(sealheader_fill(run->d, run->request, run->chain, &range, version, &header, e));
    TRY(sealrun_open(run, &header.message, &writer, e));
    TRY(write_sections(&r, writer, e));
    return sealrun_publish(run, writer, out, e);
}

status sealdifferential_run(struct sealrun *run, uint64_t last_seq, struct seal_result *out, err *e)
{
    size_t newest = run->chain->count - 1;
    while (newest > 0 && header_of(run, newest)->type == PGSTRAND__SNAPSHOT_TYPE__INCREMENTAL)
        newest--;
    const Pgstrand__SnapshotHeader *end = header_of(run, run->chain->count - 1);
    uint64_t known = header_of(run, newest)->last_seq;
    *out = (struct seal_result){.nothing_new = last_seq <= known && end->last_seq <= known,
                                .type = PGSTRAND__SNAPSHOT_TYPE__DIFFERENTIAL};
    if (out->nothing_new)
        return DONE;
    TRY(sealincremental_run(run, last_seq, out, e));
    seal_result_fini(out);
    return write_differential(run, out, e);
}
