#include "agent/history/allactions.h"

#include "agent/history/indexruns.h"

struct allactions {
    struct entityindex_place place;
    struct source *source;
    struct hasher *hasher;
};

status allactions_open(const struct entityindex_place *place, uint64_t first, const struct seqlist *only,
                       struct allactions **out, err *e)
{
    OWNED(allactions) struct allactions *a = calloc(1, sizeof *a);
    const struct source_options options = {.chain = place->chain,
                                           .base = SOURCE_ALL,
                                           .log = place->log,
                                           .tiers = ~0u,
                                           .first = first,
                                           .only = only,
                                           .recent = SOURCE_LOG_RECENT};
    if (a == NULL)
        return err_no_memory(e);
    a->place = *place;
    TRY(hasher_new(&a->hasher, e));
    TRY(source_open(&options, &a->source, e));
    *out = a;
    a = NULL;
    return DONE;
}

void allactions_close(struct allactions *a)
{
    if (a == NULL)
        return;
    source_close(a->source);
    hasher_free(a->hasher);
    free(a);
}

status allactions_next(struct allactions *a, struct source_action *out, bool *end, err *e)
{
    uuid incarnation;
    TRY(source_next(a->source, out, end, e));
    if (*end || !uuid_is_nil(&out->id))
        return DONE;
    TRY(indexruns_incarnation(&a->place, out->seq, &incarnation, e));
    return uuid_v8_action(a->hasher, &a->place.d->identity.node, &incarnation, out->commit.lsn,
                          out->seq - out->commit.first_seq, out->seq, &out->id, e);
}

status allactions_relation(struct allactions *a, uint32_t version, const struct relation **out, err *e)
{
    return source_relation(a->source, version, out, e);
}
