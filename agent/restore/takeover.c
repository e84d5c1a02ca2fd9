#include "agent/restore/takeover.h"

#include <unistd.h>

#include "agent/pg/pgconn.h"
#include "agent/restore/plan/chainconf.h"
#include "agent/tablebook.h"
#include "proto/pbmem.h"
#include "store/handover.h"
#include "store/io.h"
#include "store/vault.h"

void takeover_fini(struct takeover *t)
{
    buf_fini(&t->message);
    if (t->handover != NULL)
        pbmem_free(&t->handover->base);
    *t = (struct takeover){0};
}

bool takeover_is_asked(const struct datadir *d, const struct restore_request *request)
{
    return request->as == RESTORE_AS_SAME && request->from != NULL && !d->has_identity && !request->dry_run;
}

/* init seals what the database lacks as deleted. */
static status check_whole(const struct restore_request *r, const struct place *place, err *e)
{
    const unsigned travels = TIER_BIT(TIER_BUSINESS) | TIER_BIT(TIER_AUDIT);
    const char *part = r->tables != NULL                                  ? "--tables"
                       : r->business != NULL                              ? "--business"
                       : r->no_demo                                       ? "--no-demo"
                       : r->skip                                          ? "--on-error skip"
                       : r->mode == RESTORE_MERGE                         ? "--mode merge"
                       : r->tiers != 0 && (r->tiers & travels) != travels ? "--tiers"
                                                                          : NULL;
    err lacks = ERR_INIT; /* a business backup: then there are no device rows to leave behind */
    if (part == NULL && r->tiers != 0 && (r->tiers & TIER_BIT(TIER_DEVICE)) == 0 &&
        place_check_device_files(place, &lacks).ok)
        part = "--tiers";
    if (part == NULL)
        return DONE;
    return err_set(
        e, ERR_USAGE,
        "a node is taken over whole, since its chain goes on with what the database holds then: leave "
        "%s out",
        part);
}

status takeover_check(const struct datadir *d, const struct restore_request *request,
                      const struct place *place, err *e)
{
    char ours[UUID_TEXT], theirs[UUID_TEXT];
    if (takeover_is_asked(d, request))
        return check_whole(request, place, e);
    if (request->as != RESTORE_AS_SAME || request->from == NULL || !d->has_identity ||
        uuid_equal(&d->identity.node, &place->node))
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "%s is node %s and cannot be node %s as well: name an empty data directory with --data, or "
        "restore with --as other",
        d->root, uuid_format(&d->identity.node, ours), uuid_format(&place->node, theirs));
}

/* ---- signing ---- */

static const struct chain_link *last_of(const struct chain *c)
{
    return &c->link[c->count - 1];
}

static status known_key(const struct place *place, const uint8_t **out, err *e)
{
    char node[UUID_TEXT];
    *out = chain_recovery_key(place->chain);
    if (*out != NULL)
        return DONE;
    return err_set(
        e, ERR_REFUSED,
        "%s carries no recovery key, so nobody can show that node %s is theirs (it was made by an "
        "older pgstrand): restore with --as other; while that machine lives, pgstrand identity certify "
        "there, then seal and ship, puts it in",
        place->chain->dir, uuid_format(&place->node, node));
}

static status recovery_key(const struct place *place, const uint8_t *secret, struct signing_key *out, err *e)
{
    const uint8_t *known = NULL;
    char node[UUID_TEXT];
    TRY(known_key(place, &known, e));
    (void)uuid_format(&place->node, node);
    if (secret == NULL)
        return err_set(
            e, ERR_REFUSED,
            "node %s is another machine's: to take it over say --as same with --recovery-key FILE, "
            "the key that was shown when the node was made",
            node);
    TRY(signing_key_from_secret(secret, out, e));
    if (memcmp(out->public, known, SIGNING_KEY_LEN) == 0)
        return DONE;
    explicit_bzero(out, sizeof *out);
    return err_set(
        e, ERR_REFUSED,
        "this is not the recovery key of node %s: take the one that was shown when the node was made", node);
}

/* The message borrows from what it is made of. */
static status sign(const struct place *place, const struct signing_key *recovery,
                   const struct signing_key *device, struct takeover *out, err *e)
{
    const struct chain_link *last = last_of(place->chain);
    Pgstrand__Handover h = PGSTRAND__HANDOVER__INIT;
    uint8_t certificate[SIGNATURE_LEN];
    char host[256] = "";
    uuid id;
    TRY(uuid_random(&id, e));
    TRY(handover_certify(recovery, pbmem_view(last->commit->header->node), bytes_of(id.b, sizeof id.b),
                         bytes_of(device->public, SIGNING_KEY_LEN), certificate, e));
    h.node = last->commit->header->node;
    h.dataset = last->commit->header->dataset;
    h.last = last->commit->header->snapshot;
    h.last_hash = pbmem_borrow(last->hash, sizeof last->hash);
    h.from_device = last->commit->header->device;
    h.from_key = last->commit->device_key;
    h.device = pbmem_uuid(&id);
    h.device_key = pbmem_borrow(device->public, SIGNING_KEY_LEN);
    h.certificate = pbmem_borrow(certificate, sizeof certificate);
    h.time = pgtime_now();
    h.hostname = gethostname(host, sizeof host - 1) == 0 ? host : NULL;
    TRY(handover_sign(&h, recovery, &out->message, out->signature, e));
    return handover_open(recovery->public, buf_view(&out->message),
                         bytes_of(out->signature, sizeof out->signature), &out->handover, e);
}

status takeover_sign(struct datadir *d, const struct place *place, const uint8_t *secret,
                     struct takeover *out, err *e)
{
    struct signing_key recovery, device;
    TRY(recovery_key(place, secret, &recovery, e));
    status done = datadir_ensure_key(d, &device, e);
    if (done.ok)
        done = sign(place, &recovery, &device, out, e);
    explicit_bzero(&recovery, sizeof recovery);
    explicit_bzero(&device, sizeof device);
    return done;
}

/* ---- one that was signed ---- */

/* The link that the hand-over goes on from; the chain may have grown since. */
static const struct chain_link *find_last(const struct place *place, const Pgstrand__Handover *h)
{
    for (size_t i = place->chain->count; i > 0; i--) {
        const struct chain_link *link = &place->chain->link[i - 1];
        if (bytes_equal(pbmem_view(h->last), pbmem_view(link->commit->header->snapshot)) &&
            bytes_equal(pbmem_view(h->last_hash), bytes_of(link->hash, sizeof link->hash)))
            return link;
    }
    return NULL;
}

static bool is_to(const struct datadir *d, const Pgstrand__Handover *h)
{
    struct signing_key device;
    err missing = ERR_INIT;
    const bool same = datadir_device_key(d, &device, &missing).ok &&
                      bytes_equal(pbmem_view(h->device_key), bytes_of(device.public, SIGNING_KEY_LEN));
    explicit_bzero(&device, sizeof device);
    return same;
}

status takeover_resume(struct datadir *d, const struct place *place, struct bytes message,
                       struct bytes signature, struct takeover *out, err *e)
{
    const uint8_t *known = NULL;
    TRY(known_key(place, &known, e));
    if (!handover_open(known, message, signature, &out->handover, e).ok)
        return err_wrap(e, "the hand-over that was signed before");
    if (find_last(place, out->handover) == NULL ||
        !bytes_equal(pbmem_view(out->handover->node), bytes_of(place->node.b, sizeof place->node.b)))
        return err_set(e, ERR_STORAGE, "%s is not the chain that the hand-over was signed for: begin anew",
                       place->chain->dir);
    if (!is_to(d, out->handover))
        return err_set(e, ERR_STORAGE,
                       "the hand-over was signed for another machine's key than the one in %s", d->root);
    memcpy(out->signature, signature.data, sizeof out->signature);
    buf_bytes(&out->message, message.data, message.len);
    return buf_done(&out->message, e);
}

/* ---- adopting ---- */

static bool has_device_file(const struct chain_link *link)
{
    OWNED(text) char *path = NULL;
    return link->commit->has_device_header_hash &&
           asprintf(&path, "%s/%s.device", link->dir, link->name) >= 0 && io_exists(path);
}

/* Also what no restore needs any more: history and restores to earlier seqs live on. */
static status bring_chain(const struct job *job, const struct place *place, const struct chain_link *last,
                          err *e)
{
    OWNED(vault) struct vault *own = NULL;
    const size_t count = (size_t)(last - place->chain->link) + 1;
    TRY(vault_open(job->d->snapshots, true, &own, e));
    for (size_t i = 0; i < count; i++) {
        const struct chain_link *link = &place->chain->link[i];
        uuid incarnation;
        uint64_t sent = 0;
        TRY(uuid_from_bytes(pbmem_view(link->commit->header->incarnation), link->name, &incarnation, e));
        const status put =
            link->pruned ? vault_put_pruned(own, link->dir, &place->node, &incarnation, link->name, &sent, e)
                         : vault_put(own, link->dir, &place->node, &incarnation, link->name,
                                     has_device_file(link), &sent, e);
        if (!put.ok)
            return err_wrap(e, "bringing the chain into %s", job->d->snapshots);
        job->progress->step(job->progress->context, "chain", i + 1, count);
    }
    return DONE;
}

/* The node's own rules for what goes where; without them device rows would count as business. */
static status bring_conf(const struct job *job, const struct pgconn *c, err *e)
{
    OWNED(config) struct config *conf = NULL;
    OWNED(text) char *path = io_join(job->d->root, "pgstrand.conf");
    OWNED(buf) struct buf text = {0};
    if (path == NULL)
        return err_no_memory(e);
    if (io_exists(path))
        return DONE;
    TRY(chainconf_load(job, &conf, e));
    free(conf->conninfo);
    conf->conninfo = NULL;
    TRY(c != NULL ? pgconn_stored_conninfo(c, job->request->conninfo, &conf->conninfo, e)
                  : pgconn_without_password(job->request->conninfo, &conf->conninfo, e));
    TRY(config_format(conf, &text, e));
    return io_store(path, buf_view(&text), e);
}

/* Tables keep their UUIDs under whatever name they have now. */
static status bring_tables(const struct job *job, err *e)
{
    for (size_t i = 0; i < job->plan->count; i++) {
        const Pgstrand__Table *t = job->plan->table[i].sealed;
        struct relation shape = {.oid = t->oid,
                                 .schema = t->schema,
                                 .name = t->name,
                                 .replica_identity = (char)t->replica_identity};
        TRY(uuid_from_bytes(pbmem_view(t->table), "table", &shape.table, e));
        TRY(tablebook_record(job->d->catalog, &shape, (enum tier)t->tier, t->rule != NULL ? t->rule : "", 0,
                             e));
    }
    return DONE;
}

static status become(const struct job *job, const struct place *place, const struct takeover *t,
                     const struct chain_link *last, err *e)
{
    uuid incarnation;
    TRY(uuid_from_bytes(pbmem_view(last->commit->header->incarnation), "incarnation", &incarnation, e));
    const struct datadir_handover from = {.handover = t->handover,
                                          .message = buf_view(&t->message),
                                          .signature = t->signature,
                                          .recovery_key = chain_recovery_key(place->chain),
                                          .incarnation = &incarnation,
                                          .device_name = last->commit->header->device_name};
    return datadir_take_over(job->d, &from, e);
}

status takeover_adopt(struct job *job, const struct place *place, struct takeover *t, const struct pgconn *c,
                      err *e)
{
    const struct chain_link *last = find_last(place, t->handover);
    char node[UUID_TEXT];
    if (last == NULL)
        return err_set(e, ERR_STORAGE, "%s: the snapshot that was handed over is gone", place->chain->dir);
    TRY(bring_chain(job, place, last, e));
    TRY(bring_conf(job, c, e));
    TRY(bring_tables(job, e));
    TRY(become(job, place, t, last, e));
    job->out->taken_over = true;
    return job_warn(job, e,
                    "this machine is node %s from now on: the one before must not be used as it any more; "
                    "pgstrand init --data %s goes on with its chain",
                    uuid_format(&place->node, node), job->d->root);
}
