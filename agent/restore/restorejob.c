#include "agent/restore/restorejob.h"

#include "agent/pg/pgconn.h"
#include "proto/pbmem.h"

/* A new member of the request has to be kept, too: without it a restore that goes on after a kill would be
 * another one. Add it to RestoreJob (catalog.proto), to pack and unpack below, then correct this number. */
_Static_assert(sizeof(struct restore_request) == 216,
               "restorejob.c does not know every member of the request");

static void put_uuid(const uuid *id, protobuf_c_boolean *has, ProtobufCBinaryData *out)
{
    *has = id != NULL;
    if (id != NULL)
        *out = pbmem_uuid(id);
}

static void put_target(const struct restore_target *t, Pgstrand__RestoreJob *j)
{
    j->target_kind = (uint32_t)t->kind;
    j->has_target_seq = t->kind == TARGET_SEQ;
    j->target_seq = t->seq;
    j->has_target_time = t->kind == TARGET_TIME;
    j->target_time = t->time;
    j->has_target_lsn = t->kind == TARGET_LSN;
    j->target_lsn = t->lsn;
    j->target_snapshot = pbmem_text(t->snapshot);
}

static void put_choices(const struct restore_request *r, Pgstrand__RestoreJob *j)
{
    j->mode = (uint32_t)r->mode;
    j->as = (uint32_t)r->as;
    j->orphans = (uint32_t)r->orphans;
    j->newer = (uint32_t)r->newer;
    j->conflicts = (uint32_t)r->conflicts;
    j->deleted = (uint32_t)r->deleted;
    j->skip = r->skip;
    j->again = r->again;
    j->tiers = r->tiers;
    j->tables = pbmem_text(r->tables);
    j->business = pbmem_text(r->business);
    j->files = pbmem_text(r->files);
    j->has_no_demo = r->no_demo;
    j->no_demo = r->no_demo;
    j->jobs = (uint32_t)r->jobs;
    j->has_drop_old = r->drop_old;
    j->drop_old = r->drop_old;
    j->memory = r->memory;
    j->no_analyze = r->no_analyze;
    j->has_read_back = r->read_back;
    j->read_back = r->read_back;
    j->has_no_tablespaces = r->no_tablespaces;
    j->no_tablespaces = r->no_tablespaces;
}

/* An owned copy of one that borrows. */
static status copy(const Pgstrand__RestoreJob *from, Pgstrand__RestoreJob **out, err *e)
{
    OWNED(buf) struct buf raw = {0};
    TRY(pbmem_pack(&from->base, &raw, e));
    return PB_UNPACK(*out, pgstrand__restore_job__descriptor, buf_view(&raw), "a restore's request", 0, e);
}

status restorejob_pack(const struct restore_request *r, Pgstrand__RestoreJob **out, err *e)
{
    Pgstrand__RestoreJob j = PGSTRAND__RESTORE_JOB__INIT;
    OWNED(text) char *conninfo = NULL;
    OWNED(memory) Pgstrand__RestoreJob__Role *role = calloc(r->role_count + 1, sizeof(*role));
    OWNED(memory) Pgstrand__RestoreJob__Role **roles = calloc(r->role_count + 1, sizeof(*roles));
    if (role == NULL || roles == NULL)
        return err_no_memory(e);
    TRY(pgconn_without_password(r->conninfo, &conninfo, e));
    for (size_t i = 0; i < r->role_count; i++) {
        pgstrand__restore_job__role__init(&role[i]);
        role[i].from = pbmem_text(r->role[i].from);
        role[i].to = pbmem_text(r->role[i].to);
        roles[i] = &role[i];
    }
    j.conninfo = conninfo;
    j.from = pbmem_text(r->from);
    put_uuid(r->node, &j.has_node, &j.node);
    put_uuid(r->incarnation, &j.has_incarnation, &j.incarnation);
    put_target(&r->target, &j);
    put_choices(r, &j);
    j.role = roles;
    j.n_role = r->role_count;
    return copy(&j, out, e);
}

void restorejob_fini(struct restorejob *j)
{
    free(j->role);
    *j = (struct restorejob){0};
}

static status take_uuid(ProtobufCBinaryData from, uuid *held, const uuid **out, err *e)
{
    if (from.len == 0)
        return DONE;
    TRY(uuid_from_bytes(pbmem_view(from), "the request", held, e));
    *out = held;
    return DONE;
}

static struct restore_target target_of(const Pgstrand__RestoreJob *j)
{
    return (struct restore_target){.kind = (enum target_kind)j->target_kind,
                                   .seq = j->target_seq,
                                   .time = j->target_time,
                                   .lsn = j->target_lsn,
                                   .snapshot = j->target_snapshot};
}

status restorejob_unpack(const Pgstrand__RestoreJob *j, struct restorejob *out, err *e)
{
    struct restore_request *r = &out->request;
    *out = (struct restorejob){0};
    out->role = calloc(j->n_role + 1, sizeof(*out->role));
    if (out->role == NULL)
        return err_no_memory(e);
    for (size_t i = 0; i < j->n_role; i++)
        out->role[i] = (struct role_pair){j->role[i]->from, j->role[i]->to};
    TRY(take_uuid(j->node, &out->node, &r->node, e));
    TRY(take_uuid(j->incarnation, &out->incarnation, &r->incarnation, e));
    r->conninfo = j->reach != NULL ? j->reach : j->conninfo;
    r->from = j->from;
    r->target = target_of(j);
    r->mode = (enum restore_mode)j->mode;
    r->as = (enum restore_as)j->as;
    r->orphans = (enum restore_orphans)j->orphans;
    r->role = out->role;
    r->role_count = j->n_role;
    r->newer = (enum merge_choice)j->newer;
    r->conflicts = (enum merge_choice)j->conflicts;
    r->deleted = (enum merge_choice)j->deleted;
    r->skip = j->skip;
    r->again = j->again;
    r->tiers = j->tiers;
    r->tables = j->tables;
    r->business = j->business;
    r->no_demo = j->no_demo;
    r->files = j->files;
    r->jobs = (int)j->jobs;
    r->drop_old = j->drop_old;
    r->memory = j->memory;
    r->no_analyze = j->no_analyze;
    r->read_back = j->read_back;
    r->no_tablespaces = j->no_tablespaces;
    return DONE;
}
